import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "../../../src/text/duration.ts";

describe("durations", () => {
  const good = [
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1500],
    ["250ms", 250],
    ["0s", 0],
    ["0", 0],
    ["1h0m0.5s", 3_600_500],
    ["100us", 0.1],
  ] as const;

  it("are read as Go and Kubernetes write them", () => {
    for (const [text, millis] of good) expect(parseDuration(text), text).toBeCloseTo(millis, 9);
    expect(good.length).toBe(8);
  });

  it("need a unit, a number and nothing else", () => {
    const bad = ["", "90", "s", "1h 30m", "-5s", "+5s", "1d", "5S", "1.s", ".5s", "1e3s", "ten seconds", "9".repeat(80)];
    expect(bad.filter((text) => parseDuration(text) !== undefined)).toEqual([]);
  });

  it("are written in the shortest form", () => {
    expect([0, 90_000, 5_400_000, 250, 3_600_000, 61_001].map(formatDuration)).toEqual(["0s", "1m30s", "1h30m", "250ms", "1h", "1m1s1ms"]);
  });

  it("come back as they were written", () => {
    fc.assert(
      fc.property(fc.nat(10_000_000_000), (millis) => parseDuration(formatDuration(millis)) === millis),
      { seed: 1, numRuns: 500 },
    );
  });
});
