import { describe, expect, it } from "vitest";
import type { NlriBlock } from "../../../../src/bgp/wire/messages.ts";
import { countNlri, forEachPrefix, nlriBlock, prefixesOf } from "../../../../src/bgp/wire/nlri.ts";
import { decodeUpdate } from "../../../../src/bgp/wire/update.ts";
import type { Family } from "../../../../src/ip/address.ts";
import { formatPrefix } from "../../../../src/ip/format.ts";
import { parsePrefix } from "../../../../src/ip/parse.ts";
import { EBGP, MANDATORY, updateBody } from "../../../support/update-octets.ts";
import { hex, toHex } from "../../../support/vector.ts";

function prefix(text: string) {
  const parsed = parsePrefix(text, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function block(family: Family, ...prefixes: string[]): NlriBlock {
  return nlriBlock(family, prefixes.map(prefix));
}

function texts(list: NlriBlock): string[] {
  return [...prefixesOf(list)].map(formatPrefix);
}

describe("NLRI (RFC 4271 §4.3)", () => {
  it("has its host bits masked, not refused", () => {
    const update = decodeUpdate(updateBody({ attributes: MANDATORY, nlri: "14c0a8ff 19c00002ff" }), EBGP);
    expect(update.announced.map(texts)).toEqual([["192.168.240.0/20", "192.0.2.128/25"]]);
  });

  it("is read without a value per prefix", () => {
    const seen: string[] = [];
    forEachPrefix(block("IPv4", "0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32"), (octets, position, length) => {
      seen.push(`${toHex(octets.subarray(position, position + Math.ceil(length / 8)))}/${length}`);
    });
    expect(seen).toEqual(["/0", "0a/8", "c0000201/32"]);
  });

  it("counts, or says that it is broken", () => {
    expect(countNlri(hex(""), "IPv4")).toBe(0);
    expect(countNlri(hex("00 00 00"), "IPv4")).toBe(3);
    expect(countNlri(hex("21c000020100"), "IPv4")).toBe(-1);
    expect(countNlri(hex("20c00002"), "IPv4")).toBe(-1);
    expect(countNlri(hex(`81${"00".repeat(17)}`), "IPv6")).toBe(-1);
  });

  it("does not mix families", () => {
    expect(() => block("IPv4", "2001:db8::/32")).toThrow("IPv6");
  });
});
