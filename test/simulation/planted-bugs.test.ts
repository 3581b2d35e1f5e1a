import { describe, expect, it } from "vitest";
import { PLANTED_BUGS } from "./world/planted-bugs.ts";
import { runSeed } from "./world/run.ts";

/** As many as CI plays: what they do not find, CI would not have found. */
const MOST_SEEDS = 2000;

/** Promises that each bug breaks first: by whichever of them it is found, it is found for what it is. */
const FOUND_AS: Readonly<Record<string, readonly string[]>> = {
  "End-of-RIB leaves ahead of the routes": ["no End-of-RIB before its time", "a restart loses no route"],
  "an announcement leaves again after its withdrawal": ["no false route", "nothing twice", "no flap without a cause"],
  "a collision closes both connections": ["a collision leaves one connection", "no session ends without a cause"],
  "a stale state file wins": ["nothing withdrawn comes back", "no flap without a cause"],
  "a drain forgets one peer": ["no false route", "no flap without a cause"],
};

describe("the simulation", () => {
  it("knows five bugs that speakers have had", () => {
    expect(Object.keys(PLANTED_BUGS)).toEqual(Object.keys(FOUND_AS));
    expect(Object.keys(PLANTED_BUGS)).toHaveLength(5);
  });

  it.each(Object.entries(PLANTED_BUGS))("finds within 2,000 seeds that %s", async (name, plant) => {
    let found = "nothing";
    for (let seed = 1; seed <= MOST_SEEDS && found === "nothing"; seed++) {
      const { violation } = await runSeed(seed, plant());
      if (violation !== null) found = violation.promise;
    }
    expect(FOUND_AS[name]).toContain(found);
  });

  it("plays the same seed twice alike, line by line", async () => {
    const seeds = [3, 4, 5];
    for (const seed of seeds) {
      const [one, other] = [await runSeed(seed), await runSeed(seed)];
      expect(one.world.timeline.lines.length).toBeGreaterThan(100);
      expect(other.world.timeline.lines).toEqual(one.world.timeline.lines);
    }
    expect.assertions(2 * seeds.length);
  });
});
