import { describe, expect, it } from "vitest";
import type { ProbeAnswer } from "../../../src/plan/facts.ts";
import { PLACES, ProbePool, type Question } from "../../../src/speaker/probe-pool.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const NO: ProbeAnswer = { answer: "status", status: 503 };

/** A question that notes when it is asked; the test answers. */
class FakeQuestion implements Question {
  readonly urgent: boolean;
  readonly askedAt: number[] = [];
  readonly told: ProbeAnswer[] = [];
  cancelled = 0;
  enough = false;
  /** Of the exchange under way. */
  answer: ((answer: ProbeAnswer) => void) | null = null;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock, urgent = false) {
    this.#clock = clock;
    this.urgent = urgent;
  }

  ask(answered: (answer: ProbeAnswer) => void): { cancel(): void } {
    this.askedAt.push(this.#clock.now());
    this.answer = (answer) => {
      this.answer = null;
      answered(answer);
    };
    return {
      cancel: () => {
        this.cancelled++;
        this.answer = null;
      },
    };
  }

  answered(answer: ProbeAnswer): boolean {
    this.told.push(answer);
    return this.enough;
  }
}

/** `random` 0.5 is no jitter. */
function rig(random: () => number = () => 0.5) {
  const clock = new FakeClock();
  const pool = new ProbePool({ clock, random });
  const question = (urgent = false): FakeQuestion => new FakeQuestion(clock, urgent);
  return { clock, pool, question };
}

/** Answers NO at once whenever it is asked, until `end` of the clock. */
function refuseUntil(clock: FakeClock, questions: readonly FakeQuestion[], end: number): void {
  for (;;) {
    for (const question of questions) question.answer?.(NO);
    const next = clock.nextAt;
    if (next === undefined || next > end) break;
    clock.advance(next - clock.now());
  }
}

/** Times between one turn and the next, to the millisecond. */
function pauses({ askedAt }: FakeQuestion): number[] {
  return askedAt.slice(1).map((at, i) => Math.round(at - (askedAt[i] ?? 0)));
}

describe("asking again", () => {
  it("is at once, then after a quarter of a second, doubling up to five", () => {
    const { clock, pool, question } = rig();
    const one = question();
    pool.start(one);
    refuseUntil(clock, [one], 30_000);
    expect(one.askedAt[0]).toBe(0);
    expect(pauses(one)).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
    expect(one.told).toHaveLength(10);
  });

  it("strays by up to a fifth, so that nodes and Services do not keep step", () => {
    const early = rig(() => 0);
    const late = rig(() => 1 - Number.EPSILON);
    const [first, second] = [early.question(), late.question()];
    early.pool.start(first);
    late.pool.start(second);
    refuseUntil(early.clock, [first], 20_000);
    refuseUntil(late.clock, [second], 20_000);
    expect(pauses(first).slice(0, 6)).toEqual([200, 400, 800, 1600, 3200, 4000]);
    expect(pauses(second).slice(0, 6)).toEqual([300, 600, 1200, 2400, 4800, 6000]);
  });

  it("counts the pause from the end of the exchange, and two seconds without an answer as silence", () => {
    const { clock, pool, question } = rig();
    const one = question();
    pool.start(one);
    clock.advance(1999);
    expect(one.cancelled).toBe(0);
    clock.advance(1);
    expect([one.cancelled, one.told, pool.size]).toEqual([1, [], { probes: 1, exchanges: 0 }]);
    clock.advance(250);
    expect(one.askedAt).toEqual([0, 2250]);
    one.answer?.(NO);
    clock.advance(500);
    expect(one.askedAt).toEqual([0, 2250, 2750]);
  });

  it("ends when the answer is enough, and leaves nothing", () => {
    const { clock, pool, question } = rig();
    const one = question();
    one.enough = true;
    pool.start(one);
    one.answer?.(NO);
    expect([pool.size, clock.pending]).toEqual([{ probes: 0, exchanges: 0 }, 0]);
    clock.advance(60_000);
    expect(one.askedAt).toEqual([0]);
  });

  it("ends when it is cancelled: before its turn, in line, while it is asked, and from inside an answer", () => {
    const { clock, pool, question } = rig();
    const early = question();
    pool.start(early, 50).cancel();
    const asked = question();
    const asking = pool.start(asked);
    asking.cancel();
    asking.cancel();
    expect(asked.cancelled).toBe(1);
    const others = Array.from({ length: PLACES }, () => question());
    const holders = others.map((other) => pool.start(other));
    const waiting = question();
    pool.start(waiting).cancel();
    const inside = question();
    const insideAsking = pool.start(inside);
    inside.answered = (answer) => {
      inside.told.push(answer);
      insideAsking.cancel();
      return false;
    };
    holders[0]?.cancel();
    expect(inside.askedAt).toHaveLength(1);
    inside.answer?.(NO);
    for (const holder of holders) holder.cancel();
    expect([pool.size, clock.pending]).toEqual([{ probes: 0, exchanges: 0 }, 0]);
    clock.advance(60_000);
    expect([early.askedAt, waiting.askedAt, inside.told.length, inside.askedAt.length]).toEqual([[], [], 1, 1]);
  });
});

describe("the places of the pool", () => {
  it("are sixteen, however many ask, and go to those who waited longest", () => {
    const { clock, pool, question } = rig();
    const all = Array.from({ length: 100 }, () => question());
    for (const one of all) pool.start(one);
    expect(all.filter(({ askedAt }) => askedAt.length > 0)).toEqual(all.slice(0, PLACES));
    // Nobody answers: every two seconds the next sixteen have their turn, those that were silent behind all others.
    for (let turn = 1; turn * PLACES < all.length; turn++) {
      clock.advance(2000);
      expect(pool.size.exchanges).toBe(PLACES);
      expect(all.filter(({ askedAt }) => askedAt.length > 0)).toEqual(all.slice(0, (turn + 1) * PLACES));
    }
    expect(all.map(({ askedAt }) => askedAt.length).filter((times) => times !== 1 && times !== 2)).toEqual([]);
    expect(all.filter(({ askedAt }) => askedAt.length === 2)).toEqual(all.slice(0, 7 * PLACES - 100));
  });

  it("go on to the next one when an answer comes, a question is cancelled or falls silent", () => {
    const { clock, pool, question } = rig();
    const all = Array.from({ length: PLACES + 3 }, () => question());
    const askings = all.map((one) => pool.start(one));
    const asked = (): number => all.filter(({ askedAt }) => askedAt.length > 0).length;
    all[0]?.answer?.(NO);
    expect(asked()).toBe(PLACES + 1);
    askings[1]?.cancel();
    expect(asked()).toBe(PLACES + 2);
    clock.advance(2000);
    expect(asked()).toBe(PLACES + 3);
  });

  it("go to an urgent question first, even when its time comes while another one is told", () => {
    const { pool, question } = rig();
    const all = Array.from({ length: PLACES + 10 }, () => question());
    for (const one of all) pool.start(one);
    const urgent = question(true);
    pool.start(urgent);
    expect(urgent.askedAt).toEqual([]);
    all[0]?.answer?.(NO);
    expect(urgent.askedAt).toHaveLength(1);
    const second = question(true);
    const [, teller] = all;
    if (teller === undefined) throw new Error("no such question");
    teller.answered = () => {
      pool.start(second);
      return true;
    };
    teller.answer?.(NO);
    expect(second.askedAt).toHaveLength(1);
    expect(all.filter(({ askedAt }) => askedAt.length > 0)).toHaveLength(PLACES);
  });

  it("serve ten thousand questions in turn: each once before any of them twice", () => {
    const { clock, pool, question } = rig();
    const all = Array.from({ length: 10_000 }, () => question());
    for (const one of all) pool.start(one);
    let most = 0;
    const order: FakeQuestion[] = [];
    while (order.length < all.length) {
      const asked = all.slice(order.length, order.length + PLACES);
      most = Math.max(most, pool.size.exchanges);
      for (const one of asked) {
        order.push(one);
        if (one.answer === null) throw new Error(`question ${order.length} was passed over`);
        one.answer(NO);
      }
    }
    expect(most).toBe(PLACES);
    expect(all.every(({ askedAt }) => askedAt.length === 1)).toBe(true);
    pool.stop();
    expect([pool.size, clock.pending]).toEqual([{ probes: 0, exchanges: 0 }, 0]);
  });

  it("are all free, and no timer is left, when the pool is stopped in the middle", () => {
    const { clock, pool, question } = rig();
    const all = Array.from({ length: 40 }, () => question());
    for (const one of all) pool.start(one);
    all[0]?.answer?.(NO);
    pool.start(question(), 50);
    pool.stop();
    expect([pool.size, clock.pending]).toEqual([{ probes: 0, exchanges: 0 }, 0]);
    expect(all.filter(({ cancelled }) => cancelled === 1)).toHaveLength(PLACES);
    clock.advance(60_000);
    expect(all.filter(({ askedAt }) => askedAt.length > 0)).toHaveLength(PLACES + 1);
  });
});
