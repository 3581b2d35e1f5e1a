import type { Clock, Timer } from "../../src/clock.ts";

/** A clock that moves only when told. Timers due at the same moment fire in the order they were set. */
export class FakeClock implements Clock {
  #now: number;
  readonly #epoch: number;
  readonly #timers = new Set<Pending>();
  #order = 0;

  /** Starts at monotonic `now`, with `wall` as time of day. */
  constructor(options: { readonly now?: number; readonly wall?: Date } = {}) {
    this.#now = options.now ?? 0;
    this.#epoch = (options.wall ?? new Date("2026-01-01T00:00:00.000Z")).getTime() - this.#now;
  }

  now(): number {
    return this.#now;
  }

  wall(): Date {
    return new Date(this.#epoch + this.#now);
  }

  setTimer(delayMillis: number, callback: () => void): Timer {
    const timer = { at: this.#now + Math.max(delayMillis, 0), order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** The event loop is the real one: only time stands still. */
  immediate(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves on by `millis`, firing what falls due on the way, each at its own moment. */
  advance(millis: number): void {
    const end = this.#now + millis;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  /** Pending timers. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moment of the next timer; undefined = none. */
  get nextAt(): number | undefined {
    return this.#next(Number.POSITIVE_INFINITY)?.at;
  }

  #next(until: number): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}
