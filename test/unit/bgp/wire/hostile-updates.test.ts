import { describe, expect, it } from "vitest";
import type { UpdateContext } from "../../../../src/bgp/wire/messages.ts";
import { AS_PATH, attribute, EBGP, IBGP, NEXT_HOP, NLRI, ORIGIN } from "../../../support/update-octets.ts";
import { ACCEPT, DISCARD, outcome, WITHDRAW, withAttribute } from "../../../support/update-outcome.ts";

const OLD: UpdateContext = { ...EBGP, asn4: false };

describe("messages that brought others down", () => {
  it("NLRI with no attributes at all (CVE-2023-41358)", () => {
    expect(outcome({ nlri: NLRI })).toBe(WITHDRAW);
  });

  it("only an unknown transitive attribute (CVE-2023-46753)", () => {
    expect(outcome({ attributes: "c06302abcd" })).toBe("accept");
    expect(outcome({ attributes: "c06302abcd", nlri: NLRI })).toBe(WITHDRAW);
  });

  it("a malformed End-of-RIB (CVE-2023-47235)", () => {
    for (const attributes of ["800f02000202", "800f00", "900f0002 0002"]) expect(outcome({ attributes })).toBe("reset 3/9");
    expect(outcome({ attributes: "800f03000201 4001" })).toBe("reset 3/1");
  });

  it("corrupted attributes 22, 23, 25, 28, 29 and 40 keep the session (CVE-2023-38802, CVE-2024-44070)", () => {
    let tried = 0;
    for (const code of [22, 23, 25, 28, 29, 40]) {
      for (const value of ["", "00", "ff", "ffff", "00000000", "01ffff00", "ff".repeat(40)]) {
        for (const flags of [0x80, 0xc0, 0xe0]) {
          expect([ACCEPT, WITHDRAW, DISCARD]).toContain(withAttribute(attribute(flags, code, value)));
          tried += 1;
        }
      }
    }
    expect(tried).toBe(126);
  });

  it("conversion to a withdrawal with nothing to withdraw, and an empty AS_PATH (GHSA-frrj)", () => {
    expect(outcome({ attributes: `40010109${AS_PATH}${NEXT_HOP}` })).toBe("reset 3/6");
    expect(outcome({ attributes: `${ORIGIN}400200${NEXT_HOP}c00803abcdef`, nlri: NLRI })).toBe(WITHDRAW);
  });
});

describe("no attribute resets a session but those that must (VU#347067)", () => {
  /** A length at which the value of a known attribute is sound. */
  const SOUND: Readonly<Record<number, number>> = {
    1: 1,
    2: 6,
    3: 4,
    4: 4,
    5: 4,
    6: 0,
    7: 8,
    8: 4,
    9: 4,
    10: 4,
    14: 21,
    15: 3,
    16: 8,
    17: 6,
    18: 8,
    25: 20,
    26: 11,
    32: 12,
    35: 4,
    128: 4,
  };
  const FLAGS = [0x00, 0x40, 0x80, 0xc0, 0xe0, 0xf0, 0x4f, 0x8f, 0xcf, 0xff];
  const RECOGNISED = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 25, 26, 29, 32, 35, 40, 128]);

  it.each([
    ["external", EBGP],
    ["internal", IBGP],
    ["two-octet", OLD],
  ] as const)("whatever code, flags and length from an %s peer", (_title, context) => {
    let tried = 0;
    const unexpected: string[] = [];
    for (let code = 0; code < 256; code++) {
      const sound = SOUND[code] ?? 4;
      for (const flags of FLAGS) {
        for (const length of new Set([0, 1, Math.max(0, sound - 1), sound, sound + 1, 255, 256])) {
          if (length > 255 && (flags & 0x10) === 0) continue;
          const result = withAttribute(attribute(flags, code, "01".repeat(length)), context);
          const mayReset = code === 14 || code === 15 || ((flags & 0x80) === 0 && code !== 0 && !RECOGNISED.has(code));
          if (result.startsWith("reset") && !mayReset) unexpected.push(`${flags.toString(16)} ${code} ${length}: ${result}`);
          tried += 1;
        }
      }
    }
    expect(unexpected).toEqual([]);
    expect(tried).toBeGreaterThan(12_000);
  });
});
