import type { Clock, Timer } from "../clock.ts";

/** Resolves after `millis` of the clock, or when the signal says so; never rejects. */
export function wait(clock: Clock, millis: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.setTimer(millis, done);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** `work`, or `timeout`'s error when it takes longer than `millis`. */
export function within<T>(clock: Clock, millis: number, work: Promise<T>, timeout: () => Error): Promise<T> {
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = clock.setTimer(millis, () => reject(timeout()));
  });
  return Promise.race([work, deadline]).finally(() => timer?.cancel());
}
