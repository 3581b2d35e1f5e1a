import { existsSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatPrefix } from "../../../src/ip/format.ts";
import type { PlanChange, PlannerOptions } from "../../../src/plan/change.ts";
import { Planner } from "../../../src/plan/planner.ts";
import { loadPaths } from "../../../src/source/directory/files.ts";
import { HERALD_NAMESPACE } from "../../support/cluster-objects.ts";
import { reportFailure } from "../../support/histories/failure-report.ts";
import { type Failure, type Played, play } from "../../support/histories/play.ts";
import { type History, randomHistory } from "../../support/histories/random-history.ts";
import { shrink } from "../../support/histories/shrink.ts";
import { planned, prefixes } from "../../support/plan-outcome.ts";

const UNLUCKY = "203.0.113.2/32";

/** A planner whose changes go wrong on their way out. */
function broken(spoil: (change: PlanChange) => PlanChange): (options: PlannerOptions) => Played {
  return (options) => {
    const planner = new Planner(options);
    return {
      note: (inputs) => planner.note(inputs),
      decide: (limit) => spoil(planner.decide(limit)),
      services: (filter) => planner.services(filter),
      explain: (subject) => planner.explain(subject),
      peerRoutes: () => planner.peerRoutes(),
      decisions: () => planner.decisions(),
    };
  };
}

const neverAnnounces = broken((change) => ({
  ...change,
  routes: change.routes.filter(({ prefix }) => formatPrefix(prefix) !== UNLUCKY),
}));
const forgetsWithdrawals = broken((change) => ({
  ...change,
  routes: change.routes.filter(({ prefix, attributes }) => attributes !== null || formatPrefix(prefix) !== UNLUCKY),
}));

/** The first seed whose history of many steps fails. */
function firstFailure(makePlanner: (options: PlannerOptions) => Played): { seed: number; history: History; failure: Failure } {
  for (let seed = 1; seed < 1000; seed++) {
    const history = randomHistory(seed, { newRules: false });
    const failure = play(history, makePlanner);
    if (failure !== null && failure.step > 5) return { seed, history, failure };
  }
  throw new Error("no history fails");
}

function inputsOf({ steps }: History): number {
  return steps.reduce((sum, { inputs }) => sum + inputs.length, 0);
}

describe("a history that fails", () => {
  it("shrinks to one step with the objects it takes, which herald plan shows from the file", async () => {
    const { seed, history, failure } = firstFailure(neverAnnounces);
    expect(failure.subject).toBe("routes");
    const report = reportFailure(seed + 1_000_000, history, failure, neverAnnounces);
    const path = /herald plan (\S+) --node n1$/m.exec(report)?.[1] ?? "";
    try {
      expect(report).toContain(`shrunk to 1: routes: they differ\n  the naive one alone: tor1 ${UNLUCKY}`);
      expect(report).toContain("options: the defaults\nstep 1:\n");
      expect(report).toContain("facts: []");
      const { objects, findings } = await loadPaths([path], { heraldNamespace: HERALD_NAMESPACE });
      expect(findings).toEqual([]);
      expect(objects.map(({ kind }) => kind).sort()).toEqual(["BGPAdvertisement", "BGPPeer", "EndpointSlice", "Service"]);
      expect(prefixes(planned(objects))).toEqual([UNLUCKY]);
    } finally {
      if (existsSync(path)) rmSync(path);
    }
  });

  it("keeps the steps that the failure takes", () => {
    const { history, failure } = firstFailure(forgetsWithdrawals);
    const fails = (candidate: History) => play(candidate, forgetsWithdrawals)?.subject === failure.subject;
    const shrunk = shrink(history, fails);
    expect(fails(shrunk)).toBe(true);
    expect(shrunk.steps).toHaveLength(2);
    expect(inputsOf(shrunk)).toBeLessThanOrEqual(6);
    expect(inputsOf(history)).toBeGreaterThan(20);
  });

  it("is left as it is when attempts run out", () => {
    const { history, failure } = firstFailure(forgetsWithdrawals);
    let asked = 0;
    const shrunk = shrink(
      history,
      (candidate) => {
        asked++;
        return play(candidate, forgetsWithdrawals)?.subject === failure.subject;
      },
      20,
    );
    expect(asked).toBe(20);
    expect(play(shrunk, forgetsWithdrawals)?.subject).toBe(failure.subject);
  });
});
