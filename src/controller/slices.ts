import type { Clock } from "../clock.ts";
import type { Paused } from "../plan/pauses.ts";

/** Longest stretch before the event loop gets its turn. */
const SLICE_MILLIS = 4;

/** The result of long work, and the time that went into it, turns of others left out; null = the signal aborted before its end. */
export async function runInSlices<T>(
  work: Paused<T>,
  clock: Pick<Clock, "now" | "immediate">,
  signal: AbortSignal,
): Promise<{ readonly result: T; readonly millis: number } | null> {
  for (let millis = 0; !signal.aborted; ) {
    const startedAt = clock.now();
    for (let spent = 0; spent < SLICE_MILLIS; ) {
      const step = work.next();
      spent = clock.now() - startedAt;
      if (step.done === true) return { result: step.value, millis: millis + spent };
    }
    millis += clock.now() - startedAt;
    await new Promise<void>((resolve) => clock.immediate(resolve));
  }
  return null;
}
