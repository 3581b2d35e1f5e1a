import { describe, expect, it } from "vitest";
import type { TimerRef } from "../../../src/bgp/fsm/session.ts";
import { SessionTimers } from "../../../src/speaker/session-timers.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const HOLD: TimerRef = { slot: "outgoing", timer: "hold" };
const OTHER_HOLD: TimerRef = { slot: "incoming", timer: "hold" };
const RETRY: TimerRef = { slot: null, timer: "connectRetry" };

function timers() {
  const clock = new FakeClock();
  const fired: { readonly ref: TimerRef; readonly at: number }[] = [];
  const made = new SessionTimers(clock, (ref) => {
    if (made.expire(ref)) fired.push({ ref, at: clock.now() });
  });
  return { clock, fired, made };
}

describe("the timers of a peer (RFC 4271 §10)", () => {
  it("fire once, each slot's apart from the other's", () => {
    const { clock, fired, made } = timers();
    made.set(HOLD, 1000);
    made.set(OTHER_HOLD, 2000);
    made.set(RETRY, 3000);
    clock.advance(10_000);
    expect(fired).toEqual([
      { ref: HOLD, at: 1000 },
      { ref: OTHER_HOLD, at: 2000 },
      { ref: RETRY, at: 3000 },
    ]);
    expect(made.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("move away without a new timer, and fire at the newest time", () => {
    const { clock, fired, made } = timers();
    for (let at = 0; at < 100; at++) made.set(HOLD, 1000 + at * 10);
    expect(clock.pending).toBe(1);
    clock.advance(1980);
    expect(fired).toEqual([]);
    clock.advance(10);
    expect(fired).toEqual([{ ref: HOLD, at: 1990 }]);
  });

  it("move closer", () => {
    const { clock, fired, made } = timers();
    made.set(HOLD, 5000);
    made.set(HOLD, 1000);
    clock.advance(1000);
    expect(fired).toEqual([{ ref: HOLD, at: 1000 }]);
    expect(clock.pending).toBe(0);
  });

  it("count as not due when they were moved after they fired", () => {
    const clock = new FakeClock();
    const looked: boolean[] = [];
    const made = new SessionTimers(clock, (ref) => {
      if (looked.length === 0) made.set(ref, clock.now() + 500);
      looked.push(made.expire(ref));
    });
    made.set(HOLD, 1000);
    clock.advance(1000);
    expect(looked).toEqual([false]);
    clock.advance(500);
    expect(looked).toEqual([false, true]);
  });

  it("stop when cleared", () => {
    const { clock, fired, made } = timers();
    made.set(HOLD, 1000);
    made.set(RETRY, 1000);
    made.clear(HOLD);
    made.clearAll();
    clock.advance(5000);
    expect(fired).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
