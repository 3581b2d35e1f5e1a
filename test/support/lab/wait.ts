import { setTimeout as sleep } from "node:timers/promises";

/** Asks again and again until `check` gives a value; a real daemon offers no event to wait for. @throws after `timeoutMillis`, with the last answer. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false>, timeoutMillis = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMillis;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMillis} ms; last: ${String(last)}`);
    await sleep(20);
  }
}
