import { describe, expect, it } from "vitest";
import { REASON_CHECK } from "../../../src/plan/reasons.ts";
import { REMEDIES } from "../../../src/plan/remedies.ts";

describe("a reason", () => {
  it("has a remedy of one line", () => {
    const remedies = Object.values(REMEDIES);
    expect(remedies).toHaveLength(Object.keys(REASON_CHECK).length);
    for (const remedy of remedies) expect(remedy).toMatch(/^[^\n]{5,120}$/);
  });
});
