import { describe, expect, it } from "vitest";
import { runSeeds } from "./run.ts";

/** Test files that share the seeds, so that as many workers play them. */
export const SHARDS = 4;

const ONE = process.env["HERALD_SIMULATION_SEED"];
const SEEDS = Number(process.env["HERALD_SIMULATION_SEEDS"] ?? 2000);
/** From so many on everything that can happen must have happened. */
const MANY = 200;

/**
 * One part of `HERALD_SIMULATION_SEEDS` (2,000 by default), or `HERALD_SIMULATION_SEED` alone in the first.
 * @param shard 1..{@link SHARDS}
 */
export function seedsTest(shard: number): void {
  const each = Math.ceil(SEEDS / SHARDS);
  const isOne = ONE !== undefined;
  const first = isOne ? Number(ONE) : 1 + (shard - 1) * each;
  const count = isOne ? 1 : Math.min(each, SEEDS - first + 1);
  describe.skipIf(isOne && shard !== 1)("the promises of docs/ARCHITECTURE.md", () => {
    it(`hold in the simulated worlds ${first} to ${first + count - 1}`, async () => {
      const tally = await runSeeds(first, count);
      expect(tally.events).toBeGreaterThan(100 * count);
      if (count < MANY) return;
      const { sessions, moves, resets, restarts, crashes, powerLosses, cuts, outages, compared, collisions, kept, restored, completed } =
        tally;
      expect([sessions > 5 * count, moves > 50 * count, compared > 3 * count]).toEqual([true, true, true]);
      const often = { resets, restarts, crashes, powerLosses, cuts, outages, collisions, kept, restored, completed };
      expect(Object.entries(often).filter(([, times]) => times < count / 10)).toEqual([]);
      const { notifications, refusals, hardResets, bfdDowns, limited, blindStarts, clockSteps } = tally;
      const { unwritable, unremovable, slowWrites, damagedFiles } = tally;
      const faults = { notifications, refusals, hardResets, bfdDowns, limited, blindStarts, clockSteps };
      const seldom = { ...faults, unwritable, unremovable, slowWrites, damagedFiles };
      expect(Object.entries(seldom).filter(([, times]) => times < count / 250)).toEqual([]);
    });
  });
}
