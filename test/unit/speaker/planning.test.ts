import { describe, expect, it } from "vitest";
import type { PlanChange } from "../../../src/plan/change.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import type { Input } from "../../../src/plan/facts.ts";
import { Planner } from "../../../src/plan/planner.ts";
import { Planning } from "../../../src/speaker/planning.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** A planner that counts: every input is one Service to decide. */
class CountingPlanner extends Planner {
  noted = 0;
  waiting = 0;
  slow = 0;

  constructor() {
    super({ node: "node-a", ...DEFAULT_PLANNER_OPTIONS });
  }

  override note(inputs: readonly Input[]): void {
    this.noted += inputs.length;
    this.waiting += inputs.length;
  }

  override decide(limit = Number.POSITIVE_INFINITY): PlanChange {
    const start = performance.now();
    while (performance.now() - start < this.slow);
    this.waiting = Math.max(0, this.waiting - limit);
    return { routes: [], peers: [], transitions: [], transitionsOmitted: 0, probes: [], wakeAtMillis: null, pending: this.waiting };
  }
}

const FACT: Input = { input: "fact", fact: { name: "drain", reason: null } };

function rig(coalesceMillis: number) {
  const clock = new FakeClock({ now: 100 });
  const planner = new CountingPlanner();
  const rounds: { readonly at: number; readonly decidedAt: number; readonly noted: number }[] = [];
  const planning: Planning = new Planning({
    clock,
    planner,
    coalesceMillis: () => coalesceMillis,
    changed: () => {
      if (!planning.holding) throw new Error("wishes of a round that is half-way could leave");
    },
    decided: ({ at }) => {
      if (planning.holding) throw new Error("wishes are held although all is decided");
      rounds.push({ at, decidedAt: clock.now(), noted: planner.noted });
    },
  });
  return { clock, planner, planning, rounds };
}

async function settled(planning: Planning): Promise<void> {
  while (!planning.complete) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("planning in rounds", () => {
  it("decides nothing from part of the inputs", () => {
    const { planning, planner, rounds } = rig(0);
    planning.add([FACT, FACT], 1);
    planning.add([FACT], 2);
    expect([planner.noted, rounds.length, planning.complete]).toEqual([3, 0, false]);
    planning.sync();
    expect(rounds).toEqual([{ at: 1, decidedAt: 100, noted: 3 }]);
    expect(planning.complete).toBe(true);
  });

  it("takes what comes within the coalescing window together, timed from the first of it", () => {
    const { planning, clock, rounds } = rig(5);
    planning.sync();
    rounds.length = 0;
    planning.add([FACT], 100);
    clock.advance(3);
    planning.add([FACT], 103);
    expect(rounds).toEqual([]);
    clock.advance(2);
    expect(rounds).toEqual([{ at: 100, decidedAt: 105, noted: 2 }]);
    clock.advance(100);
    expect(rounds).toHaveLength(1);
    planning.add([FACT], 205);
    clock.advance(5);
    expect(rounds[1]).toEqual({ at: 205, decidedAt: 210, noted: 3 });
  });

  it("does not wait without a window, nor with facts", () => {
    const { planning, rounds } = rig(0);
    planning.sync();
    rounds.length = 0;
    planning.add([FACT], 100);
    expect(rounds).toHaveLength(1);
    const coalescing = rig(5);
    coalescing.planning.sync();
    coalescing.rounds.length = 0;
    coalescing.planning.add([FACT], 100);
    coalescing.planning.state({ name: "drain", reason: null });
    expect(coalescing.rounds).toEqual([{ at: 100, decidedAt: 100, noted: 2 }]);
    coalescing.clock.advance(50);
    expect(coalescing.rounds).toHaveLength(1);
  });

  it("lets the event loop turn during a big round, which still is one", async () => {
    const { planning, planner, rounds } = rig(0);
    planner.slow = 2;
    planning.sync();
    await settled(planning);
    rounds.length = 0;
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    planning.add(
      Array.from({ length: 2000 }, () => FACT),
      100,
    );
    expect(rounds).toEqual([]);
    // Comes while the round is under way and is decided with it.
    planning.add([FACT], 100);
    await settled(planning);
    clearInterval(counting);
    expect(rounds).toEqual([{ at: 100, decidedAt: 100, noted: 2001 }]);
    expect(turns).toBeGreaterThan(3);
  });

  it("does nothing more once it was stopped", () => {
    const { planning, clock, rounds } = rig(5);
    planning.sync();
    rounds.length = 0;
    planning.add([FACT], 100);
    planning.stop();
    clock.advance(100);
    expect(rounds).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
