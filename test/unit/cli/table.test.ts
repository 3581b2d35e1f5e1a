import { describe, expect, it } from "vitest";
import { type Column, formatTable, orNone, printable, TABLE_COLUMNS } from "../../../src/cli/table.ts";

interface Row {
  readonly name: string;
  readonly text: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: "NAME", value: ({ name }) => name },
  { header: "EXTRA", wide: true, value: () => "extra" },
  { header: "TEXT", shrinks: true, value: ({ text }) => text },
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

  it("never cut names and addresses: the row is longer instead", () => {
    const name = "n".repeat(120);
    expect(formatTable(COLUMNS, [{ name, text: "x".repeat(50) }], { wide: false })).toContain(name);
  });

  it("print nothing at all without rows", () => {
    expect(formatTable(COLUMNS, [], { wide: false })).toBe("");
  });

  it("keep control characters of a name away from the terminal", () => {
    const control = "\u001b";
    expect(formatTable(COLUMNS, [{ name: `a${control}[2Jb\nc`, text: "" }], { wide: false })).toBe("NAME       TEXT\na [2Jb c\n");
    expect(printable(`safe${control}]0;title\u0007`)).toBe("safe ]0;title ");
  });

  it("write <none> for what is empty", () => {
    expect([orNone(null), orNone(undefined), orNone(""), orNone("x")]).toEqual(["<none>", "<none>", "<none>", "x"]);
  });
});
