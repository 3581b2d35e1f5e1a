import type { TimerRef } from "../bgp/fsm/session.ts";
import type { Clock, Timer } from "../clock.ts";

interface Armed {
  readonly ref: TimerRef;
  due: number;
  /** When the clock calls back: never later than `due`. */
  wakeAt: number;
  timer: Timer;
}

/**
 * The timers of one peer: all in one map, so that a session that ends leaves none behind. A deadline that only moves away, as those of hold and
 * keepalive do with every message, costs no timer: the one that is armed finds on waking that it is not due and sleeps on.
 */
export class SessionTimers {
  readonly #clock: Clock;
  readonly #fire: (ref: TimerRef) => void;
  readonly #armed = new Map<string, Armed>();

  constructor(clock: Clock, fire: (ref: TimerRef) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** `at`: monotonic milliseconds of the clock. */
  set(ref: TimerRef, at: number): void {
    const key = keyOf(ref);
    const known = this.#armed.get(key);
    if (known !== undefined && known.wakeAt <= at) {
      known.due = at;
      return;
    }
    known?.timer.cancel();
    // What asks for a timer may say more than which it is.
    const bare: TimerRef = ref.slot === null ? { slot: null, timer: ref.timer } : { slot: ref.slot, timer: ref.timer };
    const armed: Armed = { ref: bare, due: at, wakeAt: at, timer: NEVER };
    this.#armed.set(key, armed);
    this.#sleep(key, armed);
  }

  clear(ref: TimerRef): void {
    const key = keyOf(ref);
    this.#armed.get(key)?.timer.cancel();
    this.#armed.delete(key);
  }

  /** True while the timer is armed and its time has come. */
  isDue(ref: TimerRef): boolean {
    const armed = this.#armed.get(keyOf(ref));
    return armed !== undefined && armed.due <= this.#clock.now();
  }

  clearAll(): void {
    for (const { timer } of this.#armed.values()) timer.cancel();
    this.#armed.clear();
  }

  get size(): number {
    return this.#armed.size;
  }

  #sleep(key: string, armed: Armed): void {
    armed.wakeAt = armed.due;
    armed.timer = this.#clock.setTimer(Math.max(0, armed.due - this.#clock.now()), () => {
      if (this.#armed.get(key) !== armed) return;
      // Node's timers may be early by a fraction of a millisecond: that counts as due.
      if (armed.due - this.#clock.now() > 0.999) {
        this.#sleep(key, armed);
        return;
      }
      armed.due = Math.min(armed.due, this.#clock.now());
      // Stays in the map until the owner has looked (see `expire`), but nothing will wake it any more.
      armed.wakeAt = Number.POSITIVE_INFINITY;
      this.#fire(armed.ref);
    });
  }

  /** Takes a due timer off; false when it was moved or cleared since it fired. */
  expire(ref: TimerRef): boolean {
    if (!this.isDue(ref)) return false;
    this.clear(ref);
    return true;
  }
}

const NEVER: Timer = { cancel: () => {} };

function keyOf(ref: TimerRef): string {
  return ref.slot === null ? ref.timer : `${ref.slot} ${ref.timer}`;
}
