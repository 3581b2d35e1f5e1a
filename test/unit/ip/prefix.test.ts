import { describe, expect, it } from "vitest";
import { addressFromOctets, compareAddresses } from "../../../src/ip/address.ts";
import { formatPrefix } from "../../../src/ip/format.ts";
import { parseAddress, parsePrefix } from "../../../src/ip/parse.ts";
import { comparePrefixes, containsAddress, containsPrefix, hostPrefix, prefixOf } from "../../../src/ip/prefix.ts";

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function prefix(text: string) {
  const parsed = parsePrefix(text, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

describe("prefixes", () => {
  it("contain what lies in them, of their own family only", () => {
    expect(containsPrefix(prefix("192.0.2.0/24"), prefix("192.0.2.128/25"))).toBe(true);
    expect(containsPrefix(prefix("192.0.2.128/25"), prefix("192.0.2.0/24"))).toBe(false);
    expect(containsPrefix(prefix("192.0.2.0/24"), prefix("192.0.2.0/24"))).toBe(true);
    expect(containsAddress(prefix("2001:db8::/33"), address("2001:db8:7fff::1"))).toBe(true);
    expect(containsAddress(prefix("2001:db8::/33"), address("2001:db8:8000::1"))).toBe(false);
    expect(containsAddress(prefix("0.0.0.0/0"), address("::"))).toBe(false);
    expect(containsAddress(prefix("0.0.0.0/0"), address("255.255.255.255"))).toBe(true);
  });

  it("sort IPv4 before IPv6, by number, short before long", () => {
    const texts = ["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "200.0.0.0/8", "::/0", "2001:db8::/32"];
    const shuffled = [texts[5], texts[1], texts[3], texts[0], texts[4], texts[2]].map((text) => prefix(text ?? ""));
    expect(shuffled.sort(comparePrefixes).map(formatPrefix)).toEqual(texts);
    expect(compareAddresses(address("255.0.0.0"), address("::"))).toBeLessThan(0);
  });

  it("have equal keys exactly when they are equal", () => {
    expect(prefix("192.0.2.0/24").key).toBe(prefixOf(address("192.0.2.77"), 24).key);
    expect(prefix("192.0.2.0/24").key).not.toBe(prefix("192.0.2.0/25").key);
    expect(hostPrefix(address("::1")).length).toBe(128);
    expect(() => prefixOf(address("192.0.2.1"), 33)).toThrow("does not fit IPv4");
    expect(() => addressFromOctets(new Uint8Array(5))).toThrow("not 5");
  });
});
