import type { Clock, Timer } from "../clock.ts";

/** What became of one attempt. */
export type Attempt =
  | { readonly done: true }
  /** Again later; `afterMillis` where the server said when. */
  | { readonly done: false; readonly afterMillis: number | null };

export interface WriteQueueOptions {
  /** Writes under way at once. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  /** Writes the newest wish for a key. Never rejects for what a server says. */
  write(key: string): Promise<Attempt>;
}

/** Pauses of one key that fails again and again. Milliseconds, with full jitter. */
const BACKOFF = { first: 500, most: 30_000 } as const;

/** Keys with something to write, in the order they came; at most one write per key and so many in all are under way. */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #pending = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  #stopped = false;
  #fault: { readonly error: unknown } | null = null;
  #idle: () => void = () => {};

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** There is something to write for the key, perhaps anew. */
  push(key: string): void {
    if (this.#stopped) return;
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#pending.add(key);
    this.#start();
  }

  /** Begins nothing more; resolves when nothing is under way. Rejects with what a write rejected with. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pending.clear();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    if (this.#fault !== null) throw this.#fault.error;
  }

  #start(): void {
    for (const key of this.#pending) {
      if (this.#stopped || this.#running.size >= this.#options.concurrency) return;
      this.#pending.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    try {
      this.#after(key, await this.#options.write(key));
    } catch (error) {
      // A bug: the duty ends with it.
      this.#fault ??= { error };
    }
    this.#running.delete(key);
    if (this.#again.delete(key) && !this.#stopped) this.#pending.add(key);
    this.#start();
    if (this.#running.size === 0) this.#idle();
  }

  #after(key: string, attempt: Attempt): void {
    if (attempt.done) {
      this.#failures.delete(key);
      return;
    }
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    if (this.#stopped || this.#again.has(key)) return;
    const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** Math.min(failures - 1, 10));
    const pause = attempt.afterMillis ?? most * (0.5 + 0.5 * this.#options.random());
    this.#timers.set(
      key,
      this.#options.clock.setTimer(pause, () => {
        this.#timers.delete(key);
        this.push(key);
      }),
    );
  }
}
