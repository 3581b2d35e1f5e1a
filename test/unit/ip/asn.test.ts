import { describe, expect, it } from "vitest";
import { SpeakerError } from "../../../src/errors.ts";
import { asn, parseAsn } from "../../../src/ip/asn.ts";

describe("AS numbers (RFC 6793, RFC 7607)", () => {
  it("are whole numbers from 1 to 4294967295", () => {
    expect(asn(1)).toBe(1);
    expect(asn(4294967295)).toBe(4294967295);
    for (const bad of [0, -1, 1.5, 4294967296, Number.NaN]) expect(() => asn(bad)).toThrow(SpeakerError);
  });

  const texts: readonly (readonly [string, number | string])[] = [
    ["65000", 65000],
    ["4294967295", 4294967295],
    ["0", "AS number 0 is outside 1..4294967295"],
    ["4294967296", "AS number 4294967296 is outside 1..4294967295"],
    ["64086.59904", 'AS number "64086.59904" is in dotted notation: write 4200000000'],
    ["99999.1", 'AS number "99999.1" is in dotted notation'],
    ["065000", 'AS number "065000" has a leading zero'],
    ["AS65000", 'AS number "AS65000" is not a decimal number'],
    ["", 'AS number "" is not a decimal number'],
    ["1e3", 'AS number "1e3" is not a decimal number'],
  ];
  it.each(texts)("reads %j as %s", (text, expected) => {
    const parsed = parseAsn(text);
    expect(parsed.ok ? parsed.value : parsed.why).toBe(expected);
  });
});
