/**
 * Check 16: a prefix that comes and goes is held back before it is announced again; a withdrawal never waits. The third withdrawal within a
 * minute delays the next announcement by 5 s, each further one doubles that up to 60 s, and five quiet minutes forget it. Where no other
 * node's endpoints count, holding back would make the address unreachable: then nothing is.
 */

const WINDOW_MILLIS = 60_000;
const WITHDRAWALS = 3;
const FIRST_DELAY_MILLIS = 5_000;
const LONGEST_DELAY_MILLIS = 60_000;
const FORGOTTEN_MILLIS = 300_000;

/** What is remembered of the withdrawals. */
interface Memory {
  /** Within the window, oldest first. */
  readonly withdrawals: readonly number[];
  readonly delayMillis: number;
  readonly lastMillis: number;
  /** The next announcement has to wait. */
  readonly owing: boolean;
  /** When the wait ends, once it began. */
  readonly untilMillis: number | null;
}

const CLEAN: Memory = { withdrawals: [], delayMillis: 0, lastMillis: Number.NEGATIVE_INFINITY, owing: false, untilMillis: null };

/** The history of one prefix. Times are monotonic milliseconds; `step` numbers the rounds of planning. */
export class HoldDown {
  #memory = CLEAN;
  /** Before the withdrawal of the present step: one that the same step takes back is none. */
  #undo: { readonly step: number; readonly memory: Memory } | null = null;

  withdrawn(nowMillis: number, step: number): void {
    const before = this.#undo?.step === step ? this.#undo.memory : this.#memory;
    this.#undo = { step, memory: before };
    const known = nowMillis - before.lastMillis >= FORGOTTEN_MILLIS ? 0 : before.delayMillis;
    const withdrawals = [...before.withdrawals.filter((at) => at > nowMillis - WINDOW_MILLIS), nowMillis].slice(-WITHDRAWALS);
    const first = withdrawals.length >= WITHDRAWALS ? FIRST_DELAY_MILLIS : 0;
    const delayMillis = known > 0 ? Math.min(2 * known, LONGEST_DELAY_MILLIS) : first;
    const owing = delayMillis > 0;
    this.#memory = { withdrawals, delayMillis, lastMillis: nowMillis, owing, untilMillis: null };
  }

  /** Somebody is to hear of the prefix: until when it is held back, null = not at all. `elsewhere`: another node's endpoints count. */
  wanted(nowMillis: number, step: number, elsewhere: boolean): number | null {
    if (this.#undo?.step === step) {
      this.#memory = this.#undo.memory;
      this.#undo = null;
    }
    if (!this.#memory.owing) return null;
    const untilMillis = this.#memory.untilMillis ?? nowMillis + this.#memory.delayMillis;
    const over = !elsewhere || nowMillis >= untilMillis;
    this.#memory = { ...this.#memory, owing: !over, untilMillis: over ? null : untilMillis };
    return over ? null : untilMillis;
  }

  /** Until when it is held back at present; null = it is not. */
  get untilMillis(): number | null {
    return this.#memory.untilMillis;
  }

  /** From when on nothing of it matters any more; infinite while an announcement is owed its wait. */
  get forgottenAtMillis(): number {
    const { owing, delayMillis, lastMillis } = this.#memory;
    return owing ? Number.POSITIVE_INFINITY : lastMillis + (delayMillis > 0 ? FORGOTTEN_MILLIS : WINDOW_MILLIS);
  }
}
