/** Milliseconds, as client-go has them. */
const FIRST = 800;
const LONGEST = 30_000;

/** Pauses between attempts: full jitter below a ceiling that doubles, so that a fleet that lost one server does not come back as one. */
export class Backoff {
  readonly #random: () => number;
  #ceiling = FIRST;

  /** `random`: 0 ≤ value < 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const pause = this.#random() * this.#ceiling;
    this.#ceiling = Math.min(this.#ceiling * 2, LONGEST);
    return pause;
  }

  reset(): void {
    this.#ceiling = FIRST;
  }
}
