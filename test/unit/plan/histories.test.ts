/**
 * Random histories, played to the planner and to one that looks at everything anew: after every step both must say the same. Histories run by
 * seed, the same on every machine. More of them, or one alone:
 *
 *     HERALD_HISTORIES=10000 npm run test:unit -- histories
 *     HERALD_SEED=7 npm run test:unit -- histories
 *
 * A history that fails is shrunk and printed, and its objects are written to a file that `herald plan` reads.
 */

import { describe, expect, it } from "vitest";
import { REASON_CHECK } from "../../../src/plan/reasons.ts";
import { reportFailure } from "../../support/histories/failure-report.ts";
import { emptyTally, play } from "../../support/histories/play.ts";
import { randomHistory } from "../../support/histories/random-history.ts";

const SEED = process.env["HERALD_SEED"];
const FIRST_SEED = Number(SEED ?? 1);
const HISTORIES = Number(process.env["HERALD_HISTORIES"] ?? (SEED === undefined ? 300 : 1));
const VARIETY = { newRules: true };
/** From so many on every reason must have come up. */
const MANY = 300;

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
    if (HISTORIES < MANY) return;
    expect(
      Object.keys(REASON_CHECK).filter((reason) => !tally.verdicts.has(reason)),
      "reasons that no history met",
    ).toEqual([]);
    expect([tally.wakes > 50, tally.probes > 1_000]).toEqual([true, true]);
  });
});
