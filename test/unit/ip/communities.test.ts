import { describe, expect, it } from "vitest";
import {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  sortCommunities,
  sortExtendedCommunities,
  sortLargeCommunities,
  WELL_KNOWN_COMMUNITIES,
  wellKnownName,
} from "../../../src/ip/communities.ts";

describe("communities as people write them (RFC 1997, RFC 8092)", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["65000:1", "standard 65000:1"],
    ["0:0", "standard 0:0"],
    ["no-export", "standard 65535:65281"],
    ["no-advertise", "standard 65535:65282"],
    ["graceful-shutdown", "standard 65535:0"],
    ["blackhole", "standard 65535:666"],
    ["no-llgr", "standard 65535:7"],
    ["large:1:2:3", "large 1:2:3"],
    ["large:4294967295:0:4294967295", "large 4294967295:0:4294967295"],
    ["65536:1", 'community "65536:1": "65536" is not a decimal number in 0..65535'],
    ["65000:-1", 'community "65000:-1": "-1" is not a decimal number in 0..65535'],
    ["65000:01", 'community "65000:01": "01" is not a decimal number in 0..65535'],
    ["large:1:2", 'large community "large:1:2" needs three numbers, like large:1:2:3'],
    ["large:1:2:4294967296", 'community "large:1:2:4294967296": "4294967296" is not a decimal number in 0..4294967295'],
    ["1:2:3", 'community "1:2:3" is neither 65000:1, large:1:2:3 nor a well-known name: a large community is written large:1:2:3'],
    ["gold", 'community "gold" is neither 65000:1, large:1:2:3 nor a well-known name'],
    ["toString", 'community "toString" is neither 65000:1, large:1:2:3 nor a well-known name'],
  ];
  it.each(cases)("reads %s as %s", (text, expected) => {
    const parsed = parseCommunity(text);
    const shown = !parsed.ok
      ? parsed.why
      : `${parsed.kind} ${parsed.kind === "large" ? formatLargeCommunity(parsed.value) : formatCommunity(parsed.value)}`;
    expect(shown).toBe(expected);
  });

  it("names every well-known one and no other", () => {
    const names = Object.entries(WELL_KNOWN_COMMUNITIES);
    for (const [name, value] of names) expect(wellKnownName(value)).toBe(name);
    expect(names.length).toBe(9);
    expect(wellKnownName(0xfde80001)).toBeUndefined();
  });

  it("takes extended ones as 0x and 16 hex digits (RFC 4360)", () => {
    const parsed = parseExtendedCommunity("0x0002FDE80000000A");
    expect(parsed).toEqual({ ok: true, value: "0002fde80000000a" });
    expect(formatExtendedCommunity("0002fde80000000a")).toBe("0x0002fde80000000a");
    for (const bad of ["0002fde80000000a", "0x1", "0x0002fde80000000g", "0x0002fde80000000a0"]) {
      expect(parseExtendedCommunity(bad).ok).toBe(false);
    }
  });

  it("sorts by number and keeps each once, so that equal sets are equal octets", () => {
    expect(sortCommunities([0xffffff01, 1, 0xffffff01, 2])).toEqual([1, 2, 0xffffff01]);
    expect(sortExtendedCommunities(["40", "00", "40"])).toEqual(["00", "40"]);
    const large = sortLargeCommunities([
      [2, 0, 0],
      [1, 2, 3],
      [1, 2, 2],
      [1, 2, 3],
      [1, 1, 9],
    ]);
    expect(large).toEqual([
      [1, 1, 9],
      [1, 2, 2],
      [1, 2, 3],
      [2, 0, 0],
    ]);
  });
});
