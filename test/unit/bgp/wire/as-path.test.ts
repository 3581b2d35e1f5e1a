import { describe, expect, it } from "vitest";
import { as4PathFor, asPathLength, decodeAsPath, encodeAsPath, mergeAs4Path } from "../../../../src/bgp/wire/as-path.ts";
import type { AsPath } from "../../../../src/bgp/wire/messages.ts";
import { answerTo, hex, toHex, vector } from "../../../support/vector.ts";

const wide = { decode: (octets: Uint8Array) => decodeAsPath(octets, true), encode: (path: AsPath) => encodeAsPath(path, true) };
const narrow = { decode: (octets: Uint8Array) => decodeAsPath(octets, false), encode: (path: AsPath) => encodeAsPath(path, false) };

/** No octets at all are a path, too. */
const notEmpty = { refusesAt: (length: number) => length > 0 };

function sequence(...asns: number[]) {
  return { type: "sequence", asns } as const;
}
function set(...asns: number[]) {
  return { type: "set", asns } as const;
}

describe("AS_PATH (RFC 4271 §4.3)", () => {
  vector("one sequence, four octets", "0201 fa56ea01", [sequence(4200000001)], wide, notEmpty);
  vector("one sequence, two octets", "0202 fde8 fde9", [sequence(65000, 65001)], narrow, notEmpty);
  vector("a set behind a sequence", "0201 0000fde8 0102 00000001 00000002", [sequence(65000), set(1, 2)], wide, {
    refusesAt: (length) => length !== 0 && length !== 6,
  });

  it("is empty between internal peers", () => {
    expect(decodeAsPath(hex(""), true)).toEqual([]);
    expect(toHex(encodeAsPath([], true))).toBe("");
  });

  it("splits a segment of more than 255", () => {
    const asns = Array.from({ length: 300 }, (_, i) => i + 1);
    const octets = encodeAsPath([sequence(...asns)], true);
    expect([octets[1], octets[2 + 255 * 4 + 1]]).toEqual([255, 45]);
    expect(decodeAsPath(octets, true).flatMap((segment) => segment.asns)).toEqual(asns);
  });

  const broken = [
    "00",
    "02",
    "0200",
    "0501 00000001",
    "0001 00000001",
    "0201 000000",
    "0201 00000001 02",
    "0201 00000000",
    "0202 00000001 00000000",
  ];
  it.each(broken)("refuses %s with 3/11, severity withdraw", (value) => {
    expect(answerTo(() => decodeAsPath(hex(value), true))).toBe("3/11");
  });

  it("counts a set once and confederation segments not at all", () => {
    const confederation = { type: "confedSequence", asns: [9, 9] } as const;
    expect(asPathLength([confederation, sequence(1, 2), set(3, 4, 5)])).toBe(3);
  });
});

describe("AS4_PATH (RFC 6793 §4.2)", () => {
  it("goes beside AS_TRANS towards a two-octet speaker, golden bytes", () => {
    const path = [sequence(4200000001)];
    expect(toHex(encodeAsPath(path, false))).toBe("02015ba0");
    expect(toHex(encodeAsPath(as4PathFor(path) ?? [], true))).toBe("0201fa56ea01");
  });

  it("is left out where two octets say it all", () => {
    expect(as4PathFor([sequence(65535, 1)])).toBeNull();
    expect(as4PathFor([])).toBeNull();
  });

  it("has no confederation segments", () => {
    expect(as4PathFor([{ type: "confedSequence", asns: [70000] }, sequence(70001)])).toEqual([sequence(70001)]);
  });

  const merges: readonly (readonly [string, AsPath, AsPath, AsPath])[] = [
    ["replaces a path of equal length", [sequence(23456)], [sequence(70000)], [sequence(70000)]],
    ["keeps what stands in front", [sequence(1, 2, 23456)], [sequence(70000)], [sequence(1, 2, 70000)]],
    ["is ignored where it is longer", [sequence(23456)], [sequence(70000, 70001)], [sequence(23456)]],
    ["keeps a set in front as one", [set(1, 2), sequence(23456)], [sequence(70000)], [set(1, 2), sequence(70000)]],
    ["replaces a set behind", [sequence(1), set(2, 23456)], [set(2, 70000)], [sequence(1), set(2, 70000)]],
    ["that is empty leaves the path as it is", [sequence(1, 2)], [], [sequence(1, 2)]],
    ["stands for an empty path only when empty", [], [sequence(70000)], []],
  ];
  it.each(merges)("%s", (_title, path, as4Path, expected) => {
    expect(mergeAs4Path(path, as4Path)).toEqual(expected);
  });
});
