import { describe, expect, it } from "vitest";
import { type Column, formatTable, orNone, TABLE_COLUMNS } from "../../../src/cli/table.ts";
import { textWidth } from "../../../src/cli/terminal-text.ts";

interface Row {
  readonly name: string;
  readonly text: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: "NAME", value: ({ name }) => name },
  { header: "EXTRA", only: "wide", value: () => "extra" },
  { header: "TEXT", fit: "cut", value: ({ text }) => text },
];

const WRAPPING: readonly Column<Row>[] = [
  { header: "NAME", value: ({ name }) => name },
  { header: "TEXT", fit: "wrap", value: ({ text }) => text },
];

describe("tables for people", () => {
  it("align columns under upper-case headers, without trailing spaces", () => {
    const rows = [
      { name: "a", text: "one" },
      { name: "longer", text: "two" },
    ];
    expect(formatTable(COLUMNS, rows, { wide: false })).toBe("NAME     TEXT\na        one\nlonger   two\n");
  });

  it("show more columns with -o wide and cut nothing there", () => {
    const text = "x".repeat(200);
    expect(formatTable(COLUMNS, [{ name: "a", text }], { wide: true })).toBe(`NAME   EXTRA   TEXT\na      extra   ${text}\n`);
  });

  it("fit 100 columns by cutting the text that may be cut", () => {
    const lines = formatTable(COLUMNS, [{ name: "n".repeat(40), text: "x".repeat(200) }], { wide: false })
      .trimEnd()
      .split("\n");
    expect(lines.map(({ length }) => length)).toEqual([47, TABLE_COLUMNS]);
    expect(lines[1]?.endsWith("…")).toBe(true);
  });

  it("fit 100 columns by going on in the next line, where every word counts", () => {
    const text = "word ".repeat(50).trim();
    const lines = formatTable(WRAPPING, [{ name: "a", text }], { wide: false })
      .trimEnd()
      .split("\n");
    expect(lines.length).toBe(4);
    expect(lines.filter((line) => line.length > TABLE_COLUMNS)).toEqual([]);
    expect(lines[2]).toMatch(/^ {7}word/);
    expect(formatTable(WRAPPING, [{ name: "a", text }], { wide: true })).toBe(`NAME   TEXT\na      ${text}\n`);
  });

  it("put lines of one cell below each other, and behind each other with -o wide", () => {
    const columns: readonly Column<Row>[] = [
      { header: "TEXT", value: () => ["one", "two"] },
      { header: "NAME", value: ({ name }) => name },
    ];
    expect(formatTable(columns, [{ name: "a", text: "" }], { wide: false })).toBe("TEXT   NAME\none    a\ntwo\n");
    expect(formatTable(columns, [{ name: "a", text: "" }], { wide: true })).toBe("TEXT       NAME\none; two   a\n");
  });

  it("leave a column out that says nothing, except with -o wide", () => {
    const columns: readonly Column<Row>[] = [
      { header: "NAME", value: ({ name }) => name },
      { header: "TEXT", optional: true, value: ({ text }) => orNone(text) },
    ];
    const silent = { name: "a", text: "" };
    expect(formatTable(columns, [silent], { wide: false })).toBe("NAME\na\n");
    expect(formatTable(columns, [silent], { wide: true })).toBe("NAME   TEXT\na      <none>\n");
    expect(formatTable(columns, [silent, { name: "b", text: "x" }], { wide: false })).toBe("NAME   TEXT\na      <none>\nb      x\n");
  });

  it("never cut what does not say that it may be cut: the row is longer instead", () => {
    const name = "n".repeat(120);
    expect(formatTable(COLUMNS, [{ name, text: "x".repeat(50) }], { wide: false })).toContain(name);
  });

  it("stop cutting where a column would say nothing any more", () => {
    const columns: readonly Column<Row>[] = [
      { header: "NAME", fit: "cut", least: 8, value: ({ name }) => name },
      { header: "TEXT", value: ({ text }) => text },
    ];
    const [, line] = formatTable(columns, [{ name: "a-rather-long-name", text: "x".repeat(99) }], { wide: false }).split("\n");
    expect(line).toBe(`a-rathe…   ${"x".repeat(99)}`);
  });

  it("print nothing at all without rows", () => {
    expect(formatTable(COLUMNS, [], { wide: false })).toBe("");
  });

  it("stay aligned and safe with names of any characters", () => {
    const names = ["plain", "日本語", "👩‍👩‍👧-family", "gro\u0308ße", "a\u001b[2Jb\nc", "שלום\u202e", "x\ud800y", "\u200b"];
    const rows = names.map((name) => ({ name, text: "|" }));
    const lines = formatTable(COLUMNS, rows, { wide: false }).trimEnd().split("\n");
    expect(lines).toHaveLength(names.length + 1);
    const [header = "", ...others] = lines;
    for (const line of others) expect([line, textWidth(line.slice(0, line.lastIndexOf("|")))]).toEqual([line, header.indexOf("TEXT")]);
    expect(lines.join("")).not.toMatch(/[\p{Cc}\u202e\u200b]/u);
  });

  it("survive a name of a hundred thousand characters", () => {
    const text = formatTable(COLUMNS, [{ name: "a", text: "é".repeat(100_000) }], { wide: false });
    expect(textWidth(text.split("\n")[1] ?? "")).toBe(TABLE_COLUMNS);
  });

  it("are plain ASCII, and aligned, where the terminal shows nothing else", () => {
    const rows = [
      { name: "✓", text: "one" },
      { name: "日本…", text: "x".repeat(200) },
    ];
    const text = formatTable(COLUMNS, rows, { wide: false, ascii: true });
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    expect(text.split("\n").map((line) => line.slice(0, 12))).toEqual(["NAME    TEXT", "ok      one", "??...   xxxx", ""]);
    expect(text).toMatch(/x\.\.\.\n$/);
  });

  it("write <none> for what is empty", () => {
    expect([orNone(null), orNone(undefined), orNone(""), orNone("x")]).toEqual(["<none>", "<none>", "<none>", "x"]);
  });
});
