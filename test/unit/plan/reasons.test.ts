import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CHECKS, REASON_CHECK } from "../../../src/plan/reasons.ts";
import { REMEDIES } from "../../../src/plan/remedies.ts";

const page = readFileSync(new URL("../../../docs/decisions.md", import.meta.url), "utf8");
const rows = page.split("\n").filter((line) => /^\| \d+ \|/.test(line));

describe("docs/decisions.md", () => {
  it("lists every check by number and name", () => {
    expect(
      rows.map((row) =>
        row
          .split("|")
          .slice(1, 3)
          .map((cell) => cell.trim()),
      ),
    ).toEqual(CHECKS.map((name, i) => [String(i + 1), name]));
  });

  it("gives every reason to its check and knows no other", () => {
    const listed = rows.flatMap((row, i) => {
      const reasons = row.split("|").at(-2) ?? "";
      return [...reasons.matchAll(/`(\w+)`/g)].map(([, reason]) => [reason, i + 1]);
    });
    // Check 5 gives the reason of check 6.
    const expected = [["noMatchingAdvertisement", 5], ...Object.entries(REASON_CHECK)];
    expect(listed.map(String).sort()).toEqual(expected.map(String).sort());
  });
});

describe("a reason", () => {
  it("has a remedy of one line", () => {
    const remedies = Object.values(REMEDIES);
    expect(remedies).toHaveLength(Object.keys(REASON_CHECK).length);
    for (const remedy of remedies) expect(remedy).toMatch(/^[^\n]{5,120}$/);
  });
});
