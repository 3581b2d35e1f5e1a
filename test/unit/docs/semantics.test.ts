import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FINDING_CODES } from "../../../src/objects/findings.ts";
import { rank } from "../../../src/plan/announcers.ts";
import { PLAN_FINDING_CODES } from "../../../src/plan/findings.ts";
import { CHECKS, REASON_CHECK } from "../../../src/plan/reasons.ts";

const DOCS = new URL("../../../docs/", import.meta.url);
const PAGE = readFileSync(new URL("semantics.md", DOCS), "utf8");

/** Rows of the table under a heading, by cell. */
function tableUnder(heading: string): string[][] {
  const from = PAGE.indexOf(`\n${heading}\n`);
  const body = PAGE.slice(from + heading.length + 2);
  const section = body.slice(0, /^#/m.exec(body)?.index ?? body.length);
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Words in code style that could be a code: no path, setting or command. */
function codeWords(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word);
}

describe("docs/semantics.md", () => {
  it("names the seventeen checks in their order", () => {
    const rows = tableUnder("## Why is my address (not) announced");
    expect(rows.map(([number, name]) => [Number(number), name])).toEqual(CHECKS.map((name, i) => [i + 1, name]));
  });

  it("has every reason once, with its check, what to look at and what to do, and no other code in that table", () => {
    const rows = tableUnder("### Reasons");
    // Check 5 gives the reason of check 6.
    const checkOf = (cell: string) => Number(cell.split(", ").at(-1));
    expect(rows.map(([check = "", reason = ""]) => [reason, checkOf(check)])).toEqual(
      Object.entries(REASON_CHECK).map(([reason, check]) => [`\`${reason}\``, check]),
    );
    expect(codeWords(rows.flat().join(" "))).toEqual(Object.keys(REASON_CHECK));
    for (const row of rows) expect(row.map((cell) => cell.length > 0)).toEqual([true, true, true, true]);
  });

  it("has every finding that the planner makes, once", () => {
    const rows = tableUnder("## Findings");
    expect(rows.map(([code = ""]) => codeWords(code)[0])).toEqual([...PLAN_FINDING_CODES]);
    for (const [, severity = "", means = "", remedy = ""] of rows) {
      expect(["error", "warning"]).toContain(severity);
      expect(Math.min(means.length, remedy.length)).toBeGreaterThan(5);
    }
  });

  it("knows every code of a finding that stands in src/plan, and its severity", () => {
    const sources = new URL("../../../src/plan/", import.meta.url);
    const severities = new Map<string, Set<string>>();
    const files = readdirSync(sources);
    for (const file of files) {
      const text = readFileSync(new URL(file, sources), "utf8");
      const made = [...text.matchAll(/findingOf\(\s*"(\w+)",\s*"(\w+)"/g), ...text.matchAll(/severity: "(\w+)",\s*code: "(\w+)"/g)];
      for (const [, severity = "", code = ""] of made) severities.set(code, (severities.get(code) ?? new Set()).add(severity));
    }
    expect(files.length).toBeGreaterThan(40);
    const rows = tableUnder("## Findings").map(([code = "", severity = ""]) => [codeWords(code)[0], [severity]]);
    expect(rows.sort()).toEqual([...severities].map(([code, said]) => [code, [...said]]).sort());
  });

  it("has every other finding, once", () => {
    const rows = tableUnder("### Found while reading");
    const others = Object.keys(FINDING_CODES).filter((code) => !PLAN_FINDING_CODES.some((one) => one === code));
    expect(rows.map(([code = ""]) => codeWords(code)[0])).toEqual(others);
    expect(others.length).toBeGreaterThan(15);
  });

  it("gives the very function by which nodes are ranked", async () => {
    const code = /```js\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? "";
    const published: unknown = await import(`data:text/javascript,${encodeURIComponent(`${code}export { rank };`)}`);
    const addresses = ["203.0.113.1", "2001:db8::1", "10.0.0.255"];
    const nodes = ["node-1", "a", "worker-17.example.org", "knötchen"];
    let compared = 0;
    for (const address of addresses) {
      for (const node of nodes) {
        expect(published).toHaveProperty("rank");
        expect(callRank(published, address, node)).toBe(rank(address, node));
        compared++;
      }
    }
    expect(compared).toBe(12);
    const [, address = "", node = "", value] = /`rank\("([^"]+)", "([^"]+)"\)` is (\d+)/.exec(PAGE) ?? [];
    expect(rank(address, node)).toBe(Number(value));
  });

  it("links only to what is there: files, and headings of its own and of other pages", () => {
    let links = 0;
    for (const file of readdirSync(DOCS).filter((name) => name.endsWith(".md"))) {
      const text = readFileSync(new URL(file, DOCS), "utf8");
      for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = "", heading] = target.split("#");
        const linked = path === "" ? new URL(file, DOCS) : new URL(path, DOCS);
        expect(existsSync(linked), `${file} → ${target}`).toBe(true);
        if (heading !== undefined) expect(anchors(readFileSync(linked, "utf8")), `${file} → ${target}`).toContain(heading);
        links++;
      }
    }
    expect(links).toBeGreaterThan(20);
  });
});

function callRank(published: unknown, address: string, node: string): unknown {
  if (typeof published !== "object" || published === null || !("rank" in published) || typeof published.rank !== "function")
    throw new Error("the page has no function rank");
  return published.rank(address, node);
}

/** As GitHub makes them of headings. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
