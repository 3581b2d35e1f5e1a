import { describe, expect, it } from "vitest";
import { expectedPaths } from "../../support/rack-expectation.ts";
import { RackHistory } from "../../support/rack-history.ts";

const ISLANDS = [0, 1, 2, 3, 4, 5] as const;
const STEPS = 12;

describe("histories of a rack", () => {
  it("give island by island what the naive planner says of the whole cluster", () => {
    const history = new RackHistory(3, ISLANDS.length, 3);
    let prefixes = 0;
    for (let step = 0; step < STEPS; step++) {
      const apart = new Map(ISLANDS.flatMap((island) => [...expectedPaths(history, [island])]));
      expect(Object.fromEntries(expectedPaths(history, ISLANDS))).toEqual(Object.fromEntries(apart));
      prefixes += apart.size;
      history.next();
    }
    expect(prefixes).toBeGreaterThan(10 * STEPS);
  });

  it("are the same for the same seed, and others for another", () => {
    const told = (seed: number): string => {
      const history = new RackHistory(seed, 4, 4);
      const steps = Array.from({ length: 40 }, () => history.next().what);
      return JSON.stringify([steps, history.files.map((file) => history.contents(file))]);
    };
    expect(told(1)).toBe(told(1));
    expect(told(1)).not.toBe(told(2));
  });
});
