import { describe, expect, it } from "vitest";
import { check, ours } from "../../support/raw-objects.ts";
import { BEYOND_THE_SCHEMA, SPEC_CASES } from "../../support/spec-cases.ts";

describe("specs that the API server judges too", () => {
  it("are judged as the table says", () => {
    const wrong = SPEC_CASES.filter(({ kind, spec, right }) => (check(ours(kind, spec)).result === "object") !== right);
    expect(wrong).toEqual([]);
    expect(SPEC_CASES.length).toBeGreaterThan(200);
    for (const { case: one } of BEYOND_THE_SCHEMA) expect(check(ours(one.kind, one.spec)).result, JSON.stringify(one)).toBe("refused");
  });
});
