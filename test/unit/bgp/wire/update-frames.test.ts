import { describe, expect, it } from "vitest";
import { decodeUpdate } from "../../../../src/bgp/wire/update.ts";
import {
  announceCapacity,
  announceLength,
  endOfRibLength,
  frameAnnounce,
  frameMpAnnounce,
  frameMpWithdraw,
  frameWithdraw,
  mpAnnounceCapacity,
  mpAnnounceLength,
  mpWithdrawCapacity,
  mpWithdrawLength,
  withdrawCapacity,
  withdrawLength,
  writeEndOfRib,
} from "../../../../src/bgp/wire/update-frames.ts";
import { AS_PATH, EBGP, MANDATORY, ORIGIN } from "../../../support/update-octets.ts";
import { hex } from "../../../support/vector.ts";

/** Every limit at which one- and two-octet length fields meet, and the two of the protocol. */
const LIMITS = [...Array.from({ length: 400 }, (_, i) => 60 + i), 4096, 65535];

describe("how many octets of prefixes fit (RFC 7606 §5.1, RFC 8654 §4)", () => {
  const kinds: readonly (readonly [string, (limit: number) => number, (nlri: number) => number])[] = [
    ["classic announcement", (limit) => announceCapacity(limit, 20), (nlri) => announceLength(20, nlri)],
    ["MP announcement, 16-octet next hop", (limit) => mpAnnounceCapacity(limit, 16, 13), (nlri) => mpAnnounceLength(16, 13, nlri)],
    ["MP announcement, 32-octet next hop", (limit) => mpAnnounceCapacity(limit, 32, 13), (nlri) => mpAnnounceLength(32, 13, nlri)],
    ["classic withdrawal", withdrawCapacity, withdrawLength],
    ["MP withdrawal", mpWithdrawCapacity, mpWithdrawLength],
  ];
  it.each(kinds)("is never too many and never one too few: %s", (_title, capacity, length) => {
    let tried = 0;
    for (const limit of LIMITS) {
      const fits = capacity(limit);
      if (fits < 0) continue;
      expect(length(fits), `at a limit of ${limit}`).toBeLessThanOrEqual(limit);
      expect(length(fits + 1), `at a limit of ${limit}`).toBeGreaterThan(limit);
      tried += 1;
    }
    expect(tried).toBeGreaterThan(350);
  });

  it("is 810 IPv4 and 237 IPv6 host routes with minimal attributes", () => {
    expect(Math.floor(announceCapacity(4096, hex(MANDATORY).length) / 5)).toBe(810);
    expect(Math.floor(mpAnnounceCapacity(4096, 16, hex(ORIGIN + AS_PATH).length) / 17)).toBe(237);
  });
});

describe("frames in a shared buffer", () => {
  it("fill exactly their length, one behind the other, and leave the rest alone", () => {
    const target = new Uint8Array(4096).fill(0xaa);
    const short = hex("20c0000201");
    const long = hex(`80${"20".repeat(16)}`.repeat(20));
    const attributes = hex(ORIGIN + AS_PATH);
    const via = hex("20".repeat(16));
    let at = 7;
    const ends: number[] = [];
    const add = (position: number, octets: Uint8Array, length: number) => {
      target.set(octets, position);
      at += length;
      ends.push(at);
    };
    add(frameAnnounce(target, at, hex(MANDATORY), short.length), short, announceLength(20, short.length));
    add(frameMpAnnounce(target, at, "IPv6", via, attributes, long.length), long, mpAnnounceLength(16, 13, long.length));
    add(frameWithdraw(target, at, short.length), short, withdrawLength(short.length));
    add(frameMpWithdraw(target, at, "IPv6", long.length), long, mpWithdrawLength(long.length));
    for (const family of ["IPv4", "IPv6"] as const) {
      expect(writeEndOfRib(target, at, family)).toBe(at + endOfRibLength(family));
      at += endOfRibLength(family);
      ends.push(at);
    }

    const counts: number[] = [];
    let start = 7;
    for (const end of ends) {
      expect((target[start + 16] ?? 0) * 256 + (target[start + 17] ?? 0)).toBe(end - start);
      const update = decodeUpdate(target.subarray(start + 19, end), EBGP);
      expect(update.action).toBe("accept");
      counts.push([...update.announced, ...update.withdrawn].reduce((sum, block) => sum + block.count, 0));
      start = end;
    }
    expect(counts).toEqual([1, 20, 1, 20, 0, 0]);
    expect(target.subarray(0, 7).every((octet) => octet === 0xaa)).toBe(true);
    expect(target.subarray(at).every((octet) => octet === 0xaa)).toBe(true);
  });
});
