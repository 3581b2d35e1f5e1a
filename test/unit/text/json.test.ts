import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DUPLICATE_KEY_LIMIT, parseJson } from "../../../src/text/json.ts";

const TEXT = `{
  "kind": "List",
  "items": [
    { "kind": "Service", "metadata": { "name": "a" } },
    {
      "kind": "Node",
      "metadata": {"name": "b\\"{[", "labels": {"x.y/z": "1"}}
    }
  ],
  "last": 1
}`;

describe("JSON with positions", () => {
  const [document] = parseJson(TEXT).documents;
  const at = (...path: (string | number)[]) => document?.locate(path);

  it("has the value of JSON.parse", () => {
    expect(document?.value).toEqual(JSON.parse(TEXT));
  });

  it("finds values by line and column, through lists and quoted braces", () => {
    expect(at()).toEqual({ line: 1, column: 1 });
    expect(at("kind")).toEqual({ line: 2, column: 11 });
    expect(at("items", 0, "metadata", "name")).toEqual({ line: 4, column: 48 });
    expect(at("items", 1)).toEqual({ line: 5, column: 5 });
    expect(at("items", 1, "metadata", "labels", "x.y/z")).toEqual({ line: 7, column: 57 });
    expect(at("last")).toEqual({ line: 10, column: 11 });
  });

  it("finds keys", () => {
    expect(document?.locate(["items", 1, "kind"], "key")).toEqual({ line: 6, column: 7 });
    expect(document?.locate(["last"], "key")).toEqual({ line: 10, column: 3 });
  });

  it("points at the key of the deepest part that exists when a field is missing", () => {
    expect(at("items", 1, "metadata", "nothing", "more")).toEqual({ line: 7, column: 7 });
    expect(at("items", 9, "kind")).toEqual({ line: 3, column: 3 });
    expect(at("kind", "deeper")).toEqual({ line: 2, column: 3 });
    expect(at("nowhere")).toEqual({ line: 1, column: 1 });
  });

  it("takes the last of a repeated key of a large text, as JSON.parse does", () => {
    const text = `{"a": 1, "pad": "${"x".repeat(DUPLICATE_KEY_LIMIT)}",\n"a": 2}`;
    const [large] = parseJson(text).documents;
    expect(large?.value).toMatchObject({ a: 2 });
    expect(large?.locate(["a"])).toEqual({ line: 2, column: 6 });
  });

  it("takes a byte order mark", () => {
    expect(parseJson("\uFEFF[1]").documents[0]?.value).toEqual([1]);
  });
});

describe("broken JSON", () => {
  const cases = [
    ["", 1, 1, /end of the text/],
    ['{"a": 1,\n "b": }', 2, 7, /value was expected, not "}"/],
    ['{"a": 1\n "b": 2}', 2, 2, /"," or "}" was expected/],
    ['{"a": [1, 2', 1, 12, /"," or "]" was expected, not the end/],
    ['{"a": 1,}', 1, 9, /key in double quotes/],
    ["{'a': 1}", 1, 2, /double quotes/],
    ['{"a" 1}', 1, 6, /":" was expected/],
    ['{"a": "x\ny"}', 1, 9, /does not end on its line/],
    ['{"a": "\\q"}', 1, 8, /not allowed in a string/],
    ['{"a": "half', 1, 7, /does not end/],
    ["{} {}", 1, 4, /one JSON value was expected/],
    ['{"a": 01}', 1, 8, /"," or "}"/],
    ['{"a": nul}', 1, 7, /value was expected/],
    ['{"a": {"b": 1,\n  "b": 2}}', 2, 3, /"b" stands here twice/],
    [`${"[".repeat(200)}${"]".repeat(200)}`, 1, 102, /nested deeper/],
  ] as const;

  it("gives one error with its line and column", () => {
    for (const [text, line, column, message] of cases) {
      const { documents, problems } = parseJson(text);
      expect(documents, text).toEqual([]);
      expect(problems, text).toHaveLength(1);
      expect(problems[0], text).toMatchObject({ line, column });
      expect(problems[0]?.message).toMatch(message);
    }
    expect(cases.length).toBe(15);
  });

  it("is refused exactly where JSON.parse refuses it", () => {
    const mutated = fc.tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ maxLength: 3 })).map(([text, at, insert]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + insert + text.slice(position + 1);
    });
    fc.assert(
      fc.property(mutated, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const { documents, problems } = parseJson(text);
        const duplicate = problems.some(({ code }) => code === "duplicateKey");
        expect(documents.length === 1 || duplicate).toBe(valid);
        expect(documents.length + problems.length).toBe(1);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });
});
