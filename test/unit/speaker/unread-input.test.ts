import { describe, expect, it } from "vitest";
import { onceRead } from "../../../src/speaker/unread-input.ts";

/** An event loop that makes one turn when told: sockets are looked at between two immediates. */
function loop() {
  let waiting: (() => void)[] = [];
  return {
    immediate: (callback: () => void) => void waiting.push(callback),
    turn: () => {
      const now = waiting;
      waiting = [];
      for (const callback of now) callback();
    },
    get idle() {
      return waiting.length === 0;
    },
  };
}

describe("a hold timer that is due while input may be unread", () => {
  it("lets the sockets be looked at once before it counts", () => {
    const events = loop();
    let expired = 0;
    onceRead(
      events,
      () => false,
      () => expired++,
    );
    events.turn();
    expect(expired).toBe(0);
    events.turn();
    expect(expired).toBe(1);
    expect(events.idle).toBe(true);
  });

  it("waits on while a flood is being read, and counts after it", () => {
    const events = loop();
    let unread = true;
    let expired = 0;
    onceRead(
      events,
      () => unread,
      () => expired++,
    );
    for (let turn = 0; turn < 20; turn++) events.turn();
    expect(expired).toBe(0);
    unread = false;
    for (let turn = 0; turn < 2; turn++) events.turn();
    expect(expired).toBe(1);
    expect(events.idle).toBe(true);
  });

  it("counts at last when the flood never ends", () => {
    const events = loop();
    let looked = 0;
    let expired = 0;
    const unread = () => {
      looked++;
      return true;
    };
    onceRead(events, unread, () => expired++, 3);
    for (let turn = 0; !events.idle && turn < 100; turn++) events.turn();
    expect([expired, looked]).toEqual([1, 4]);
  });
});
