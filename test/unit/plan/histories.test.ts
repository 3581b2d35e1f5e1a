/**
 * Random histories, played to the planner and to one that looks at everything anew: after every step both must say the same. Histories run by
 * seed, the same on every machine. More of them, or one alone:
 *
 *     HERALD_HISTORIES=10000 npm run test:unit -- histories
 *     HERALD_SEED=7 HERALD_HISTORIES=1 npm run test:unit -- histories
 *
 * A history that fails is shrunk and printed, and its objects are written to a file that `herald plan` reads.
 */

import { describe, expect, it } from "vitest";
import { REASON_CHECK } from "../../../src/plan/reasons.ts";
import { reportFailure } from "../../support/histories/failure-report.ts";
import { emptyTally, play } from "../../support/histories/play.ts";
import { randomHistory } from "../../support/histories/random-history.ts";

const HISTORIES = Number(process.env["HERALD_HISTORIES"] ?? 300);
const FIRST_SEED = Number(process.env["HERALD_SEED"] ?? 1);
const VARIETY = { newRules: process.env["HERALD_NEW"] === "1" };
const OF_NEW_RULES = ["dataplaneNotReady", "announcerLimit", "heldDown", "announceLimit"];

describe("the incremental planner", () => {
  it("announces and says the same as a planner that looks at everything anew, after every step of random histories", {
    timeout: 3_600_000,
  }, () => {
    const tally = emptyTally();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
      const history = randomHistory(seed, VARIETY);
      const failure = play(history, undefined, tally);
      if (failure !== null) expect.fail(reportFailure(seed, history, failure));
    }
    expect(tally.comparisons).toBeGreaterThanOrEqual(HISTORIES * 5);
    if (HISTORIES < 300) return;
    const never = Object.keys(REASON_CHECK).filter((reason) => !tally.verdicts.has(reason));
    expect(never, "reasons that no history met").toEqual(VARIETY.newRules ? [] : OF_NEW_RULES);
    if (VARIETY.newRules) expect([tally.wakes > 100, tally.probes > 1000]).toEqual([true, true]);
  });
});
