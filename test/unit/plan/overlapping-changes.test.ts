import { describe, expect, it } from "vitest";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import type { Input } from "../../../src/plan/facts.ts";
import { Planner } from "../../../src/plan/planner.ts";
import { set } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { compare, decisionsOf, Follower } from "../../support/histories/follower.ts";
import { enact, type History, randomHistory } from "../../support/histories/random-history.ts";

const HISTORIES = Number(process.env["HERALD_HISTORIES"] ?? 300);

/** Without a memory what is decided follows from the objects and the sessions alone. Time, gates and drains remember. */
function isForgetful(input: Input): boolean {
  return input.input === "object" || input.fact.name === "session" || input.fact.name === "sessionForgotten";
}

/** Plays a history with changes that come while earlier ones are still being looked for. */
function playOverlapping(seed: number, { options, steps }: History) {
  const dice = new Dice(seed);
  const planner = new Planner(options);
  const told = new Follower();
  let overlaps = 0;
  let pending = 0;
  for (const { inputs } of steps) {
    if (pending > 0) overlaps++;
    planner.note(inputs);
    for (let calls = dice.below(3); calls >= 0; calls--) {
      const change = planner.decide(dice.pick([0, 1, 1, 2]));
      told.take(change);
      pending = change.pending;
      if (pending === 0) break;
    }
  }
  told.take(planner.decide());
  return { planner, told, overlaps };
}

describe("changes that come while earlier ones are being looked for", () => {
  it("lead to what one look at everything leads to, in random histories without a memory", { timeout: 600_000 }, () => {
    let overlaps = 0;
    let routes = 0;
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const { options, steps } = randomHistory(seed, { newRules: false });
      const kept = steps.map((step) => ({ ...step, inputs: step.inputs.filter(isForgetful) }));
      const played = playOverlapping(seed, { options, steps: kept });
      const objects = new Map<string, ClusterObject>();
      for (const { inputs } of kept) enact(objects, inputs);
      const facts = kept.flatMap(({ inputs }) => inputs.filter(({ input }) => input === "fact"));
      const fresh = new Planner(options);
      const told = new Follower();
      told.take(fresh.apply([...[...objects.values()].map(set), ...facts]));
      compare(`decisions of seed ${seed}`, decisionsOf(played.planner.services()), decisionsOf(fresh.services()));
      compare(`routes of seed ${seed}`, played.told.routes, told.routes);
      overlaps += played.overlaps;
      routes += told.routes.size;
    }
    expect(overlaps).toBeGreaterThan(HISTORIES);
    expect(routes).toBeGreaterThan(HISTORIES);
  });

  it("leave routers with the routes that are listed, also where time, gates and drains hold them back", { timeout: 600_000 }, () => {
    let overlaps = 0;
    let routes = 0;
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const played = playOverlapping(seed, randomHistory(seed, { newRules: true }));
      const listed = played.planner.peerRoutes().map(({ peer, prefix }) => `${peer} ${prefix}`);
      expect([seed, [...played.told.routes.keys()].sort()]).toEqual([seed, listed.sort()]);
      overlaps += played.overlaps;
      routes += listed.length;
    }
    expect(overlaps).toBeGreaterThan(HISTORIES);
    expect(routes).toBeGreaterThan(HISTORIES);
  });
});
