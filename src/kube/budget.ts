import type { Clock } from "../clock.ts";
import { wait } from "./waiting.ts";

/**
 * The cap on requests that this process sends, and the pause that a server asks for. A bucket of `burst` requests that fills at `perSecond`; while
 * held, nothing leaves at all. In order: who asks first goes first.
 */
export class RequestBudget {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #slack: number;
  /** Moment at which the bucket is full again. */
  #fullAt = Number.NEGATIVE_INFINITY;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock, { perSecond = 20, burst = 40 }: { readonly perSecond?: number; readonly burst?: number } = {}) {
    this.#clock = clock;
    this.#interval = 1000 / perSecond;
    this.#slack = (burst - 1) * this.#interval;
  }

  /** Resolves when one more request may leave, or at once when the signal says that it is not wanted any more. */
  take(signal: AbortSignal): Promise<void> {
    const turn = this.#last.then(() => this.#take(signal));
    this.#last = turn;
    return turn;
  }

  /** Retry-After: nothing leaves for so long. */
  hold(millis: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#clock.now() + millis);
  }

  async #take(signal: AbortSignal): Promise<void> {
    // A hold may come while one waits.
    for (let at = this.#nextAt(); at > this.#clock.now() && !signal.aborted; at = this.#nextAt())
      await wait(this.#clock, at - this.#clock.now(), signal);
    if (!signal.aborted) this.#fullAt = Math.max(this.#fullAt, this.#clock.now()) + this.#interval;
  }

  #nextAt(): number {
    return Math.max(this.#heldUntil, this.#fullAt - this.#slack);
  }
}
