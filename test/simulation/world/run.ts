/** Plays worlds by seed, and says all one needs to see again what went wrong. */

import { play } from "./history.ts";
import { Violation } from "./violation.ts";
import { type Plant, type Tally, World } from "./world.ts";

/** Steps of one history: enough for sessions to come up, be lost and come back some times. */
const STEPS = 40;

export interface Outcome {
  readonly world: World;
  readonly violation: Violation | null;
}

export async function runSeed(seed: number, plant?: Plant): Promise<Outcome> {
  const world = new World(seed, STEPS, plant === undefined ? {} : { plant });
  try {
    await play(world);
    return { world, violation: null };
  } catch (error) {
    if (error instanceof Violation) return { world, violation: error };
    throw new Error(report(seed, world, error instanceof Error ? (error.stack ?? error.message) : String(error)), { cause: error });
  }
}

/** @throws {Error} with the timeline of the first seed that breaks a promise. */
export async function runSeeds(first: number, count: number): Promise<Tally> {
  const total = new Map<string, number>();
  let tally: Tally | null = null;
  for (let seed = first; seed < first + count; seed++) {
    const { world, violation } = await runSeed(seed);
    if (violation !== null) throw new Error(report(seed, world, violation.message));
    for (const [name, value] of Object.entries(world.tally)) total.set(name, (total.get(name) ?? 0) + value);
    tally = { ...world.tally, ...Object.fromEntries(total) };
  }
  if (tally === null) throw new Error("no seed was played");
  return tally;
}

function report(seed: number, world: World, what: string): string {
  const { nodes, routers, ...rest } = world.setting;
  return [
    `seed ${seed}: ${what}`,
    `setting: ${nodes.join(", ")} and ${routers.map(({ name, asn }) => `${name} (AS ${asn})`).join(", ")}, ${JSON.stringify(rest)}`,
    ...world.timeline.lines,
    `seed ${seed}: ${what}`,
    `again: npm run test:simulation -- --seed ${seed}`,
  ].join("\n");
}
