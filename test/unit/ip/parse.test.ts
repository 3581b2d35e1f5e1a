import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { describe, expect, it } from "vitest";
import { addressFromOctets } from "../../../src/ip/address.ts";
import { formatAddress, formatPrefix } from "../../../src/ip/format.ts";
import { parseAddress, parsePrefix, parseRange } from "../../../src/ip/parse.ts";

function address(text: string): string {
  const parsed = parseAddress(text);
  return parsed.ok ? formatAddress(parsed.value) : parsed.why;
}

function prefix(text: string, hostBits: "refuse" | "mask" = "refuse"): string {
  const parsed = parsePrefix(text, { hostBits });
  return parsed.ok ? formatPrefix(parsed.value) : parsed.why;
}

function range(text: string): string {
  const parsed = parseRange(text);
  return parsed.ok ? `${formatAddress(parsed.value.first)} to ${formatAddress(parsed.value.last)}` : parsed.why;
}

describe("an address as people write it", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::", "::"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["010.0.0.1", '"010.0.0.1" has a leading zero: some programs would read it as octal'],
    ["10.0.0.00", '"10.0.0.00" has a leading zero: some programs would read it as octal'],
    ["fe80::1%eth0", '"fe80::1%eth0" has a zone ID, which means nothing on another node'],
    ["192.0.2.1/32", '"192.0.2.1/32" is a prefix where an address is expected'],
    [" 192.0.2.1", '" 192.0.2.1" has white space around the address'],
    ["[::1]", '"[::1]" is in brackets'],
    ["", "an IP address is missing"],
    ["192.0.2", '"192.0.2" is not an IP address'],
    ["192.0.2.256", '"192.0.2.256" is not an IP address'],
    ["192.0.2.1.", '"192.0.2.1." is not an IP address'],
    ["3221225985", '"3221225985" is not an IP address'],
    ["0xc0.0.2.1", '"0xc0.0.2.1" is not an IP address'],
    ["1::2::3", '"1::2::3" is not an IP address'],
    ["12345::", '"12345::" is not an IP address'],
    ["2001:db8::g", '"2001:db8::g" is not an IP address'],
    ["example.net", '"example.net" is not an IP address'],
  ];
  it.each(cases)("reads %j as %s", (text, expected) => {
    expect(address(text)).toBe(expected);
  });

  it("agrees with the library on every text made of digits and dots", () => {
    const texts = fc.array(fc.constantFrom("0", "1", "2", "5", "9", ".", "25", "255", "256"), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(texts, (parts) => {
        const text = parts.join("");
        expect(parseAddress(text).ok).toBe(Address4.isValid(text));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});

describe("canonical text (RFC 5952 §4)", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["0:0:0:0:0:0:0:1", "::1"],
  ];
  it.each(cases)("writes %s as %s", (text, expected) => {
    expect(address(text)).toBe(expected);
  });

  it("reads back every address it writes, as the library writes it", () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(octets, (value) => {
        // IPv4-mapped ones read back as IPv4, which has its own case above.
        fc.pre(value.length === 4 || value.subarray(0, 10).some((octet) => octet !== 0));
        const text = formatAddress(addressFromOctets(value));
        const parsed = parseAddress(text);
        expect(parsed).toEqual({ ok: true, value: addressFromOctets(value) });
        expect(text).toBe(value.length === 4 ? new Address4(text).correctForm() : new Address6(text).correctForm());
      }),
      { seed: 2, numRuns: 1000 },
    );
  });
});

describe("a prefix as people write it", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["192.0.2.0/24", "192.0.2.0/24"],
    ["192.0.2.7", "192.0.2.7/32"],
    ["2001:db8::1", "2001:db8::1/128"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::ffff:192.0.2.0/120", "192.0.2.0/24"],
    ["192.0.2.1/24", '"192.0.2.1/24" has host bits: did you mean 192.0.2.0/24?'],
    ["::ffff:0.0.0.0/95", '"::ffff:0.0.0.0/95" covers more than the IPv4-mapped addresses'],
    ["::ffff:0.0.0.0/96", "0.0.0.0/0"],
    ["::ffff:192.0.2.0/64", '"::ffff:192.0.2.0/64" covers more than the IPv4-mapped addresses'],
    ["192.0.2.0/33", '"192.0.2.0/33" has a length over 32'],
    ["2001:db8::/129", '"2001:db8::/129" has a length over 128'],
    ["192.0.2.0/024", '"192.0.2.0/024" needs a plain number after the slash'],
    ["192.0.2.0/", '"192.0.2.0/" needs a plain number after the slash'],
    ["192.0.2.0/255.255.255.0", '"192.0.2.0/255.255.255.0" needs a plain number after the slash: netmasks are not accepted'],
    ["192.0.2.0/8/8", '"192.0.2.0/8/8" needs a plain number after the slash'],
    ["/24", "an IP address is missing"],
  ];
  it.each(refused)("reads %s as %s", (text, expected) => {
    expect(prefix(text)).toBe(expected);
  });

  it("makes host bits zero where that is asked for", () => {
    expect(prefix("192.0.2.130/25", "mask")).toBe("192.0.2.128/25");
    expect(prefix("2001:db8::ffff/33", "mask")).toBe("2001:db8::/33");
  });
});

describe("a range as people write it", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.10-192.0.2.20", "192.0.2.10 to 192.0.2.20"],
    ["2001:db8::1 - 2001:db8::ff", "2001:db8::1 to 2001:db8::ff"],
    ["192.0.2.20-192.0.2.10", '"192.0.2.20-192.0.2.10" runs backwards: write 192.0.2.10-192.0.2.20'],
    ["192.0.2.1-2001:db8::1", '"192.0.2.1-2001:db8::1" mixes IPv4 and IPv6'],
    ["192.0.2.1", '"192.0.2.1" is not a range like 192.0.2.10-192.0.2.20'],
    ["192.0.2.1-192.0.2.2-192.0.2.3", '"192.0.2.1-192.0.2.2-192.0.2.3" is not a range like 192.0.2.10-192.0.2.20'],
    ["192.0.2.1-x", '"x" is not an IP address'],
  ];
  it.each(cases)("reads %s as %s", (text, expected) => {
    expect(range(text)).toBe(expected);
  });
});
