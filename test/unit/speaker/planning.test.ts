import { describe, expect, it } from "vitest";
import { formatPrefix } from "../../../src/ip/format.ts";
import type { PlanChange } from "../../../src/plan/change.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import type { Input } from "../../../src/plan/facts.ts";
import { Planner } from "../../../src/plan/planner.ts";
import { Planning } from "../../../src/speaker/planning.ts";
import { advertisement, endpoint, gone, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** A planner that counts: every input but the time is one Service to decide. */
class CountingPlanner extends Planner {
  noted = 0;
  waiting = 0;
  /** What a slice of decisions costs, in milliseconds, and what was spent so far. */
  slow = 0;
  spent = 0;
  /** When the next change by time alone is due, as the planner sees it at `now`. */
  wakeAt: (now: number) => number | null = () => null;
  /** What came, in order: times as numbers, other inputs as "input", a slice of decisions as "decide". */
  readonly log: (number | "input" | "decide")[] = [];

  constructor() {
    super({ node: "node-a", ...DEFAULT_PLANNER_OPTIONS });
  }

  override note(inputs: readonly Input[]): void {
    for (const input of inputs) {
      if (input.input === "fact" && input.fact.name === "time") {
        this.log.push(input.fact.nowMillis);
        continue;
      }
      this.log.push("input");
      this.noted++;
      this.waiting++;
    }
  }

  /** The log, with slices of decisions in a row as one. */
  get steps(): (number | "input" | "decide")[] {
    return this.log.filter((entry, i) => entry !== "decide" || this.log[i - 1] !== "decide");
  }

  get times(): number[] {
    return this.log.filter((entry) => typeof entry === "number");
  }

  override decide(limit = Number.POSITIVE_INFINITY): PlanChange {
    this.spent += this.slow;
    this.log.push("decide");
    this.waiting = Math.max(0, this.waiting - limit);
    const wakeAtMillis = this.wakeAt(this.times.at(-1) ?? Number.NaN);
    return {
      routes: [],
      peers: [],
      transitions: [],
      transitionsOmitted: 0,
      probes: [],
      wakeAtMillis,
      awaitsGates: false,
      drain: "none",
      pending: this.waiting,
    };
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
    meter: () => planner.spent,
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
    let counting = true;
    const count = (): void => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    planning.add(
      Array.from({ length: 2000 }, () => FACT),
      100,
    );
    expect(rounds).toEqual([]);
    // Comes while the round is under way and is decided with it.
    planning.add([FACT], 100);
    await settled(planning);
    counting = false;
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

describe("the time of a round", () => {
  it("is stated before the inputs that it decides", () => {
    const { planning, planner, clock } = rig(5);
    planning.sync();
    planner.log.length = 0;
    planning.add([FACT, FACT], 100);
    clock.advance(5);
    expect(planner.steps).toEqual([105, "input", "input", "decide"]);
    clock.advance(10);
    planning.state({ name: "drain", reason: null });
    expect(planner.steps.slice(4)).toEqual([115, "input", "decide"]);
  });

  it("is known with what is stated before the first sync, and taken anew for the first decisions", () => {
    const { planning, planner, clock } = rig(5);
    planning.state({ name: "drain", reason: null });
    clock.advance(60_000);
    planning.add([FACT], clock.now());
    clock.advance(60_000);
    planning.sync();
    expect(planner.steps).toEqual([100, "input", 60_100, "input", 120_100, "decide"]);
  });

  it("is one for all slices of a big round, and for what comes while it is under way", async () => {
    const { planning, planner, clock } = rig(0);
    planning.sync();
    planner.log.length = 0;
    planner.slow = 2;
    planning.add(
      Array.from({ length: 300 }, () => FACT),
      100,
    );
    clock.advance(50);
    planning.add([FACT], 150);
    await settled(planning);
    expect(planner.log.filter((entry) => entry === "decide").length).toBeGreaterThan(1);
    expect(planner.times).toEqual([100]);
    expect(planner.noted).toBe(301);
  });
});

describe("a round that goes on for long", () => {
  /** 100 Services to decide, 2 ms each, and `during` what happens as each call of the planner ends. */
  function longRound(during: (decided: number, made: ReturnType<typeof rig>) => void) {
    const made = rig(0);
    const { planning, planner } = made;
    planning.sync();
    made.rounds.length = 0;
    planner.log.length = 0;
    const decide = planner.decide.bind(planner);
    let calls = 0;
    planner.slow = 2;
    planner.decide = () => {
      const change = decide(1);
      during(++calls, made);
      return change;
    };
    planning.add(
      Array.from({ length: 100 }, () => FACT),
      100,
    );
    return made;
  }

  it("takes in what comes within 100 ms, and lets the rest wait for its end, so that what is decided leaves", async () => {
    const { planning, planner, rounds } = longRound((calls, { planning: under }) => {
      // Something changes with every call: for ever, as far as the round can know.
      if (calls <= 500) under.add([FACT], 1000 + calls);
    });
    await settled(planning);
    expect(rounds.length).toBeGreaterThan(3);
    expect(rounds[0]).toMatchObject({ at: 100 });
    // So many calls of 2 ms, and a change that joined with each.
    expect(rounds[0]?.noted).toBe(100 + 50);
    // The second one is timed from the first change that waited.
    expect(rounds[1]?.at).toBe(1000 + 51);
    expect(planner.noted).toBe(600);
  });

  it("takes in facts to its end: whoever waits for its decisions has been heard", async () => {
    let heard = 0;
    const { planning, planner, rounds } = longRound((calls, { planning: under, planner: asked }) => {
      if (calls === 80) under.add([FACT, FACT, FACT], 1080);
      if (calls === 90) under.state({ name: "drain", reason: null });
      if (calls === 100) heard = asked.noted;
    });
    await settled(planning);
    expect(heard).toBe(101);
    expect(rounds.map(({ noted }) => noted)).toEqual([101, 104]);
    expect(planner.waiting).toBe(0);
  });
});

describe("a cluster that keeps changing", () => {
  it("lets a withdrawal leave, although an advertisement of every Service changes faster than they can be looked through", async () => {
    let now = 0;
    let waits: string[] = [];
    const left: { readonly prefix: string; readonly afterMed: number }[] = [];
    const planner = new Planner({ node: "n1", ...DEFAULT_PLANNER_OPTIONS });
    let med = 0;
    const planning: Planning = new Planning({
      clock: new FakeClock(),
      planner,
      // Every look at the time is a tenth of a millisecond of work.
      meter: () => (now += 0.1),
      coalesceMillis: () => 0,
      changed: ({ routes }) => {
        for (const { prefix, attributes } of routes) if (attributes === null) waits.push(formatPrefix(prefix));
        if (med === 0 || med >= 1000) return;
        planning.add([set(advertisement("all", { med: ++med }))], now);
        if (med === 20) planning.add([gone(slice("s50", []))], now);
      },
      decided: () => {
        for (const prefix of waits) left.push({ prefix, afterMed: med });
        waits = [];
      },
    });
    const addressOf = (i: number) => `203.0.113.${i}`;
    planning.add([set(node("n1")), set(peer("tor")), set(advertisement("all"))], 0);
    for (let i = 0; i < 60; i++) {
      planning.add([set(service(`s${i}`, { loadBalancerIPs: [ip(addressOf(i))] })), set(slice(`s${i}`, [endpoint("10.1.0.1", "n1")]))], 0);
    }
    planning.sync();
    await settled(planning);
    expect(planner.routes()).toHaveLength(60);
    med = 1;
    planning.add([set(advertisement("all", { med }))], now);
    await settled(planning);
    expect(med).toBe(1000);
    expect(left.map(({ prefix }) => prefix)).toEqual([`${addressOf(50)}/32`]);
    expect(left[0]?.afterMed).toBeLessThan(500);
  });
});

describe("a round by time alone", () => {
  it("comes when the last one said, with nothing but the time, and its clock starts then", () => {
    const { planning, planner, clock, rounds } = rig(5);
    planner.wakeAt = (now) => (now < 5100 ? 5100 : null);
    planning.sync();
    planner.log.length = 0;
    rounds.length = 0;
    clock.advance(4999);
    expect(rounds).toEqual([]);
    clock.advance(1);
    expect(planner.log).toEqual([5100, "decide"]);
    expect(rounds).toEqual([{ at: 5100, decidedAt: 5100, noted: 0 }]);
    expect(clock.pending).toBe(0);
  });

  it("gives way to what the next round says", () => {
    const { planning, planner, clock, rounds } = rig(0);
    planner.wakeAt = () => 5100;
    planning.sync();
    expect(clock.nextAt).toBe(5100);
    planner.wakeAt = () => 2000;
    planning.add([FACT], 100);
    expect([clock.nextAt, clock.pending]).toEqual([2000, 1]);
    planner.wakeAt = () => null;
    planning.add([FACT], 100);
    expect(clock.pending).toBe(0);
    rounds.length = 0;
    clock.advance(10_000);
    expect(rounds).toEqual([]);
  });

  it("follows the last slice of a big round, and never comes in the middle of one", async () => {
    const { planning, planner, clock, rounds } = rig(0);
    planner.wakeAt = () => 200;
    planning.sync();
    planner.log.length = 0;
    rounds.length = 0;
    planner.slow = 2;
    let slices = 0;
    planner.wakeAt = () => (++slices === 1 ? 300 : 400);
    planning.add(
      Array.from({ length: 300 }, () => FACT),
      100,
    );
    // Decisions are being made: the alarm of before is off, and what an earlier slice says is of no account.
    while (slices === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    clock.advance(250);
    await settled(planning);
    expect(slices).toBeGreaterThan(1);
    expect(planner.times).toEqual([100]);
    expect(rounds).toEqual([{ at: 100, decidedAt: 350, noted: 300 }]);
    expect(clock.nextAt).toBe(400);
  });

  it("is a millisecond away at least, even when its moment has passed, so that the process never spins", () => {
    const { planning, planner, clock, rounds } = rig(0);
    planner.wakeAt = (now) => now - 1000;
    planning.sync();
    rounds.length = 0;
    clock.advance(10);
    expect(rounds.map(({ at }) => at)).toEqual([101, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
  });

  it("takes along what waits to be coalesced", () => {
    const { planning, planner, clock, rounds } = rig(5);
    planner.wakeAt = (now) => (now < 102 ? 102 : null);
    planning.sync();
    rounds.length = 0;
    planning.add([FACT], 100);
    clock.advance(50);
    expect(rounds).toEqual([{ at: 100, decidedAt: 102, noted: 1 }]);
  });

  it("does not come once planning was stopped", () => {
    const { planning, planner, clock, rounds } = rig(0);
    planner.wakeAt = () => 5100;
    planning.sync();
    planning.stop();
    expect(clock.pending).toBe(0);
    clock.advance(10_000);
    expect(rounds).toHaveLength(1);
  });
});
