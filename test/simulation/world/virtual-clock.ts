/** The time of a simulated world: moves from one event to the next, and every process has its own clock on it, which ends with the process. */

import type { Clock, Timer } from "../../../src/clock.ts";

interface Entry {
  readonly at: number;
  readonly order: number;
  /** null = cancelled. */
  callback: (() => void) | null;
}

/** Milliseconds since the world began. Events of the same moment come in the order in which they were asked for. */
export class VirtualClock {
  #now = 0;
  #order = 0;
  /** A binary heap, earliest first. */
  readonly #heap: Entry[] = [];

  get now(): number {
    return this.#now;
  }

  at(moment: number, callback: () => void): Timer {
    const entry: Entry = { at: Math.max(moment, this.#now), order: this.#order++, callback };
    this.#push(entry);
    return {
      cancel: () => {
        entry.callback = null;
      },
    };
  }

  after(millis: number, callback: () => void): Timer {
    return this.at(this.#now + Math.max(0, millis), callback);
  }

  /** Lets the next event happen if it is due by `until`; otherwise time is `until`, and it says false. */
  advance(until: number): boolean {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      const { callback } = next;
      if (callback === null) continue;
      this.#now = next.at;
      next.callback = null;
      callback();
      return true;
    }
    this.#now = Math.max(this.#now, until);
    return false;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const above = (i - 1) >> 1;
      const other = heap[above];
      if (other === undefined || isBefore(other, entry)) break;
      heap[i] = other;
      i = above;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let smaller = left;
      if (right !== undefined && isBefore(right, left)) {
        smaller = right;
        child++;
      }
      if (isBefore(last, smaller)) break;
      heap[i] = smaller;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** The time of day when a world begins. */
const EPOCH = Date.UTC(2026, 0, 1);

/** The clock of one process: begins at zero with it. After {@link ProcessClock.end} nothing calls back any more. */
export class ProcessClock implements Clock {
  readonly #world: VirtualClock;
  readonly #startedAt: number;
  readonly #wallOffsetMillis: () => number;
  readonly #timers = new Set<Timer>();
  #ended = false;

  /** @param wallOffsetMillis how far the machine's time of day is from the right one. */
  constructor(world: VirtualClock, wallOffsetMillis: () => number = () => 0) {
    this.#world = world;
    this.#wallOffsetMillis = wallOffsetMillis;
    this.#startedAt = world.now;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The process is gone. */
  get ended(): boolean {
    return this.#ended;
  }

  now(): number {
    return this.#world.now - this.#startedAt;
  }

  wall(): Date {
    return new Date(EPOCH + this.#world.now + this.#wallOffsetMillis());
  }

  setTimer(delayMillis: number, callback: () => void): Timer {
    const timer = this.#world.after(delayMillis, () => {
      this.#timers.delete(cancelling);
      if (!this.#ended) callback();
    });
    const cancelling: Timer = {
      cancel: () => {
        this.#timers.delete(cancelling);
        timer.cancel();
      },
    };
    this.#timers.add(cancelling);
    return cancelling;
  }

  immediate(callback: () => void): void {
    this.#world.after(0, () => {
      if (!this.#ended) callback();
    });
  }

  /** The process goes. */
  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) timer.cancel();
  }
}
