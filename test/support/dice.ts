/** mulberry32: the same throws on every machine. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0..n-1. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  /** Of a list that may be empty. */
  any<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)];
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  /** At most `most` different ones. */
  some<T>(values: readonly [T, ...T[]], most: number): T[] {
    return [...new Set(Array.from({ length: this.below(most + 1) }, () => this.pick(values)))];
  }

  shuffled<T>(values: readonly T[]): T[] {
    const rest = [...values];
    return values.flatMap(() => rest.splice(this.below(rest.length), 1));
  }
}
