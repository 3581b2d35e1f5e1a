import { readFileSync } from "node:fs";

/** The event loop looked at every millisecond: how late it was, and, where asked, how much of that was the process's own work. */
export class Stalls {
  readonly #timer: NodeJS.Timeout;
  readonly #asksCpu: boolean;
  #wall = performance.now();
  #cpu = cpuMillis();
  #thread = threadMillis();
  worstMillis = 0;
  /** CPU time of the whole process in the turn that had the most of it: on a machine that others load too, this is what the code costs. */
  worstCpuMillis = 0;
  /**
   * CPU time of the event loop's own thread in the turn that had the most of it: what it worked itself. Others wait at
   * least that long: while it waits for the collector's threads it works nothing.
   */
  worstThreadMillis: number | null = null;

  /** Asking the system for CPU time takes a tenth of a busy loop's time: leave it out where the whole is measured. */
  constructor({ asksCpu }: { readonly asksCpu: boolean }) {
    this.#asksCpu = asksCpu;
    this.#timer = setInterval(() => this.#look(), 1);
  }

  stop(): void {
    this.#look();
    clearInterval(this.#timer);
  }

  #look(): void {
    const wall = performance.now();
    this.worstMillis = Math.max(this.worstMillis, wall - this.#wall - 1);
    this.#wall = wall;
    if (!this.#asksCpu) return;
    const [cpu, thread] = [cpuMillis(), threadMillis()];
    this.worstCpuMillis = Math.max(this.worstCpuMillis, cpu - this.#cpu);
    if (thread !== null && this.#thread !== null) this.worstThreadMillis = Math.max(this.worstThreadMillis ?? 0, thread - this.#thread);
    this.#cpu = cpu;
    this.#thread = thread;
  }
}

/** User and system, all threads. */
export function cpuMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Time on a CPU of the process's first thread; null where the system does not tell (Linux does). */
function threadMillis(): number | null {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return null; // Another system, or a kernel without these statistics.
  }
}

/** Does the work and prints what it took as one line of JSON. */
export async function measured(work: () => Promise<void>, more: () => object = () => ({})): Promise<void> {
  globalThis.gc?.();
  const rssBefore = Math.round(process.memoryUsage().rss / 1_048_576);
  const stalls = new Stalls({ asksCpu: false });
  const [cpu, began] = [cpuMillis(), performance.now()];
  await work();
  const millis = performance.now() - began;
  stalls.stop();
  say({
    ...more(),
    millis: Math.round(millis),
    cpuMillis: Math.round(cpuMillis() - cpu),
    worstTurnMillis: rounded(stalls.worstMillis),
    rssMiBBefore: rssBefore,
    rssMiBPeak: Math.round(process.resourceUsage().maxRSS / 1024),
  });
}

export function say(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
