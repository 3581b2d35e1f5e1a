import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ListSplitter } from "../../../src/kube/list-splitter.ts";

/** Splits a text given in pieces of `size` octets. */
function split(text: string, size: number): { readonly items: readonly unknown[]; readonly around: unknown } {
  const splitter = new ListSplitter();
  const octets = Buffer.from(text);
  const items: unknown[] = [];
  for (let start = 0; start < octets.length; start += size)
    for (const item of splitter.push(octets.subarray(start, start + size))) items.push(JSON.parse(item));
  return { items, around: splitter.finish() };
}

const CASES: Readonly<Record<string, string>> = {
  "an empty list": '{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":[]}',
  "items before the metadata": '{"items":[{"a":1},{"b":[1,2,{"c":"]"}]}],"metadata":{"resourceVersion":"7"}}',
  "brackets, quotes and the word items inside texts":
    '{"note":"\\"items\\":[","items":[{"a":"}]{\\"[","items":[{"x":"\\\\"}]},{"b":"\\\\\\""}],"z":1}',
  "a list elsewhere with the same name": '{"metadata":{"items":[{"not":"one"}]},"items":[{"one":1}]}',
  "white space between everything": '{ "items" : [ {"a" : 1} , \n {"b" : 2} ] , "metadata" : { } }',
  "letters of several octets": '{"items":[{"ä":"€"},{"😀":"ü"}],"metadata":{"x":"ö"}}',
  "items null, as Go writes an empty list": '{"items":null,"metadata":{"resourceVersion":"7"}}',
};

describe("a list taken apart while it arrives", () => {
  it("gives the items and what is around them, whole or octet by octet", () => {
    let compared = 0;
    for (const [name, text] of Object.entries(CASES)) {
      const { items, ...around } = JSON.parse(text);
      for (const size of [1, 2, 7, text.length * 4]) {
        const found = split(text, size);
        expect(found.items, name).toEqual(items ?? []);
        expect(found.around, name).toEqual({ ...around, items: items === null ? null : [] });
        compared++;
      }
    }
    expect(compared).toBe(28);
  });

  it("agrees with JSON.parse on any list, in pieces of any size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.integer({ min: 1, max: 40 }),
        (items, metadata, size) => {
          const found = split(JSON.stringify({ kind: "List", metadata, items }), size);
          expect(found.items).toEqual(JSON.parse(JSON.stringify(items)));
          expect(found.around).toEqual(JSON.parse(JSON.stringify({ kind: "List", metadata, items: [] })));
        },
      ),
    );
  });

  it("refuses a list that was cut anywhere", () => {
    const text = CASES["items before the metadata"] ?? "";
    let cuts = 0;
    for (let length = 0; length < text.length; length++) {
      expect(() => split(text.slice(0, length), 5), text.slice(0, length)).toThrow(SyntaxError);
      cuts++;
    }
    expect(cuts).toBe(text.length);
  });
});
