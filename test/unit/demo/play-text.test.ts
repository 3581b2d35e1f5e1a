import { describe, expect, it } from "vitest";
import type { StepResult } from "../../../src/demo/play.ts";
import { formatStep, formatStepJson, formatTotals } from "../../../src/demo/play-text.ts";

const table = [{ prefix: "203.0.113.20/32", paths: [{ nextHop: "10.0.0.1", weight: 1 }] }];
const right: StepResult = {
  step: 2,
  name: "endpoint-gone",
  change: "a pod goes",
  table,
  expected: table,
  milliseconds: 21,
  result: "right",
  outcome: "203.0.113.20/32 via 10.0.0.1",
};

describe("what herald demo --once prints", () => {
  it("is a line per step with change, table, time and judgement", () => {
    expect(formatStep(right)).toBe("step 2/7 endpoint-gone: a pod goes -> 203.0.113.20/32 via 10.0.0.1 in 21 ms: right\n");
  });

  it("says under a wrong step what was expected and what the router has, only where they differ", () => {
    const both = [...table, { prefix: "203.0.113.30/32", paths: [{ nextHop: "10.0.0.3", weight: 1 }] }];
    const wrong: StepResult = { ...right, expected: both, result: "wrong" };
    expect(formatStep(wrong)).toBe(
      [
        "step 2/7 endpoint-gone: a pod goes -> 203.0.113.20/32 via 10.0.0.1 in 21 ms: wrong",
        "  expected 203.0.113.30/32 via 10.0.0.3",
        "  got nothing",
        "",
      ].join("\n"),
    );
  });

  it("keeps the number of a step that was not run", () => {
    const notRun: StepResult = { ...right, step: 5, name: "drain", change: "node-1 is drained", milliseconds: null, result: "notRun" };
    expect(formatStep(notRun)).toBe("step 5/7 drain: node-1 is drained -> not run\n");
  });

  it("has exactly the promised keys as JSON, on one line", () => {
    const line = formatStepJson(right);
    expect(line.split("\n")).toEqual([expect.any(String), ""]);
    expect(Object.keys(JSON.parse(line))).toEqual(["step", "name", "change", "table", "expected", "milliseconds", "result"]);
  });

  it("ends with the totals", () => {
    expect(formatTotals({ right: 7, wrong: 0, notRun: 0, complete: true })).toBe("demo: 7 right, 0 wrong, 0 not run\n");
  });
});
