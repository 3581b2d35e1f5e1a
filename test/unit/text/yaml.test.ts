import { describe, expect, it } from "vitest";
import { MAX_YAML_LENGTH, parseYaml, splitYaml, stringifyYaml } from "../../../src/text/yaml.ts";

const TEXT = `# comment
kind: Service
metadata:
  name: web
  labels: { "a.b/c": x }
spec:
  list:
    - 10.0.0.1
    - key: value
  empty:
---
kind: Node
`;

describe("YAML with positions", () => {
  const { documents, problems } = parseYaml(TEXT);
  const at = (...path: (string | number)[]) => documents[0]?.locate(path);

  it("reads every document", () => {
    expect(problems).toEqual([]);
    expect(documents.map(({ value }) => value)).toEqual([
      { kind: "Service", metadata: { name: "web", labels: { "a.b/c": "x" } }, spec: { list: ["10.0.0.1", { key: "value" }], empty: null } },
      { kind: "Node" },
    ]);
  });

  it("finds values and keys by line and column", () => {
    expect(at("kind")).toEqual({ line: 2, column: 7 });
    expect(documents[0]?.locate(["kind"], "key")).toEqual({ line: 2, column: 1 });
    expect(at("metadata", "labels", "a.b/c")).toEqual({ line: 5, column: 22 });
    expect(at("spec", "list", 0)).toEqual({ line: 8, column: 7 });
    expect(at("spec", "list", 1, "key")).toEqual({ line: 9, column: 12 });
    expect(documents[1]?.locate(["kind"])).toEqual({ line: 12, column: 7 });
  });

  it("points at the deepest key there is when a field is missing", () => {
    expect(at("spec", "other")).toEqual({ line: 6, column: 1 });
    expect(at("metadata", "labels", "nope", "x")).toEqual({ line: 5, column: 3 });
    expect(at("spec", "list", 7)).toEqual({ line: 7, column: 3 });
  });

  it("keeps what people write as text: times, communities, on and off", () => {
    const [document] = parseYaml("at: 2026-01-01T00:00:00Z\ncommunity: 65000:1\nnode: on\nquoted: '1'\nnumber: 1\n").documents;
    expect(document?.value).toEqual({ at: "2026-01-01T00:00:00Z", community: "65000:1", node: "on", quoted: "1", number: 1 });
  });

  it("resolves aliases and merges", () => {
    const [document] = parseYaml("base: &b { a: 1, b: 2 }\nuse: *b\nmore: { <<: *b, b: 3 }\nlist: { <<: [*b, { c: 4 }] }\n").documents;
    expect(document?.value).toEqual({ base: { a: 1, b: 2 }, use: { a: 1, b: 2 }, more: { b: 3, a: 1 }, list: { a: 1, b: 2, c: 4 } });
  });

  it("makes a key called __proto__ a key like any other", () => {
    const [document] = parseYaml("__proto__: { polluted: true }\n").documents;
    expect(Object.keys(Object(document?.value))).toEqual(["__proto__"]);
    expect(Object.hasOwn(Object(document?.value), "polluted")).toBe(false);
    expect("polluted" in Object(document?.value)).toBe(false);
  });

  it("skips documents without content", () => {
    expect(parseYaml("").documents).toEqual([]);
    expect(parseYaml("# nothing\n---\n---\nkind: A\n---\n").documents.map(({ value }) => value)).toEqual([{ kind: "A" }]);
  });
});

describe("broken YAML", () => {
  const cases = [
    ["a: 1\nb: [1, 2\n", 3, 1, /./],
    ["a: 1\n\tb: 2\n", 2, 1, /./],
    ["a:\n\t- 1\n", 2, 1, /[Tt]ab/],
    ["a: 1\nb: 2\na: 3\n", 3, 1, /"a" stands here twice/],
    ['a: "half', 1, 9, /quote/],
    ["a: *nowhere\n", 1, 4, /./],
    ["a: &a [*a]\n", 1, 8, /no anchor before it/],
    ["? [1, 2]\n: x\n", 1, 3, /plain word/],
    ["a: b: c\n", 1, 4, /./],
    ["spec:\n  a: 1\n b: 2\n", 3, 1, /./],
  ] as const;

  it("gives one error with its line and column", () => {
    for (const [text, line, column, message] of cases) {
      const { documents, problems } = parseYaml(text);
      expect(documents, text).toEqual([]);
      expect(problems, text).toHaveLength(1);
      expect({ text, line: problems[0]?.line, column: problems[0]?.column }).toEqual({ text, line, column });
      expect(problems[0]?.message).toMatch(message);
      expect(problems[0]?.message).not.toContain("\n");
    }
    expect(cases.length).toBe(10);
  });

  it("leaves out the broken document alone", () => {
    const { documents, problems } = parseYaml("kind: A\n---\nkind: A\nkind: B\n---\nkind: C\n");
    expect(documents.map(({ value }) => value)).toEqual([{ kind: "A" }, { kind: "C" }]);
    expect(problems).toMatchObject([{ code: "duplicateKey", line: 4, column: 1 }]);
  });

  it("refuses aliases that stand for millions of values", () => {
    const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [*l${i}, *l${i}, *l${i}, *l${i}]`);
    const { documents, problems } = parseYaml(`l0: &l0 [x, x, x, x]\n${levels.join("\n")}\n`);
    expect(documents).toEqual([]);
    expect(problems).toMatchObject([{ code: "tooLarge" }]);
  });

  it("refuses absurd nesting without a stack overflow", () => {
    for (const text of ["[".repeat(50_000), `${"[".repeat(5000)}${"]".repeat(5000)}`, `${"{a: ".repeat(300)}1${"}".repeat(300)}`]) {
      expect(parseYaml(text).documents).toEqual([]);
      expect(parseYaml(text).problems).toHaveLength(1);
    }
  });

  it("refuses a text that is larger than anybody writes, in words", () => {
    expect(parseYaml(" ".repeat(MAX_YAML_LENGTH + 1)).problems).toMatchObject([
      { code: "tooLarge", message: expect.stringContaining("JSON") },
    ]);
  });
});

describe("cutting a multi-document text", () => {
  it("cuts at --- lines and counts the lines before", () => {
    expect(splitYaml("a: 1\n---\nb: 2\n--- # c\nd: 3\n")).toEqual([
      { text: "a: 1\n", linesBefore: 0 },
      { text: "---\nb: 2\n", linesBefore: 1 },
      { text: "--- # c\nd: 3\n", linesBefore: 3 },
    ]);
    expect(splitYaml("---\na: 1\n")).toEqual([{ text: "---\na: 1\n", linesBefore: 0 }]);
  });

  it("does not cut at dashes inside a line, nor texts with directives", () => {
    expect(splitYaml("a: |\n  ---\nb: ---x\n----\n")).toHaveLength(1);
    expect(splitYaml("%YAML 1.2\n---\na: 1\n---\nb: 2\n")).toHaveLength(1);
  });
});

describe("YAML output", () => {
  it("comes back as the same value, quoted where YAML needs it", () => {
    const value = { text: "on: off", number: "1", address: "2001:db8::1", list: [{ a: null }, []], long: "x ".repeat(200), same: [1, 2] };
    expect(parseYaml(stringifyYaml(value)).documents[0]?.value).toEqual(value);
    const shared = { a: 1 };
    expect(stringifyYaml({ x: shared, y: shared })).toBe("x:\n  a: 1\ny:\n  a: 1\n");
  });
});
