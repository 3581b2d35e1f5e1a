/** A stop during a drain waits for the end of the grace period. Whoever cannot wait says so, and only the wait is given up: what has to be withdrawn still is. */

import type { Clock } from "../clock.ts";

export class GraceWait {
  readonly #clock: Clock;
  #end: (() => void) | null = null;
  #givenUp = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get givenUp(): boolean {
    return this.#givenUp;
  }

  /** Resolves with {@link over} or {@link giveUp}, and after `patienceMillis` in any case. */
  async wait(patienceMillis: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(patienceMillis, resolve);
      this.#end = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#end = null;
  }

  /** The grace period is over, and its withdrawals are decided. */
  over(): void {
    this.#end?.();
  }

  /** False = nobody waits, or nobody does any longer. */
  giveUp(): boolean {
    if (this.#end === null || this.#givenUp) return false;
    this.#givenUp = true;
    this.#end();
    return true;
  }
}
