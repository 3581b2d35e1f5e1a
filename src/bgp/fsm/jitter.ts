/**
 * Random numbers as data: a generator whose whole state is one number, so that a session steps to the same timers again when it is
 * replayed with its seed (mulberry32; its spread is ample for timers, it is no source of secrets).
 */

/** State of the generator: unsigned 32 bits. */
export type Seed = number;

/** Draws of one step. Mutable, but it lives no longer than the step: `seed()` goes back into the state. */
export interface Draws {
  /** Uniform in [0, 1). */
  next(): number;
  seed(): Seed;
}

export function drawsFrom(seed: Seed): Draws {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
    },
    seed: () => state,
  };
}

/** A value spread evenly over `low`..`high` times `millis`; whole milliseconds. */
export function spread(draws: Draws, millis: number, low: number, high: number): number {
  return Math.round(millis * (low + (high - low) * draws.next()));
}

/** RFC 4271 §10: 0.75 to 1.0 of the configured value, never longer. */
export function jittered(draws: Draws, millis: number): number {
  return spread(draws, millis, 0.75, 1);
}
