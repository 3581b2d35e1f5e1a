import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { SpeakerError } from "../errors.ts";

/** An event of a speaker's log: `event` and its fields. */
export interface SpeakerEvent {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const STOP_MILLIS = 5000;

/**
 * A speaker as a process of its own. Its standard input is a pipe that nobody writes to: when this process ends, however it ends, the pipe
 * closes and the speaker stops.
 */
export class SpeakerProcess {
  readonly node: string;
  readonly #child: ChildProcess;
  readonly #events: SpeakerEvent[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #exited: Promise<void>;
  #lastWords = "";

  /** `program`: the bundle. */
  constructor(program: string, node: string, configuration: string, directory: string) {
    this.node = node;
    // Of a session of its own: Ctrl-C in a terminal is for this process, which stops the speaker once.
    this.#child = spawn(process.execPath, [program, "speaker", "--config", configuration, "--directory", directory, "--while-stdin"], {
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "", NODE_NAME: "", POD_NAMESPACE: "" },
    });
    this.#exited = new Promise((resolve) => this.#child.once("close", () => resolve()));
    this.#child.once("error", (error) => {
      this.#lastWords = error.message;
    });
    // A speaker that ends early breaks the pipe; its exit is what counts.
    this.#child.stdin?.on("error", () => {});
    if (this.#child.stderr !== null) createInterface({ input: this.#child.stderr }).on("line", (line) => this.#onLine(line));
    void this.#exited.then(() => this.#wake());
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last line it wrote that was no event: why it ended. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** Events so far. */
  get events(): readonly SpeakerEvent[] {
    return this.#events;
  }

  /** Calls back after every event, and when the process has ended. Returns what stops that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first event for which `pick` gives something, past or to come. @throws {SpeakerError} when the speaker ends before, or with the signal */
  waitFor<T>(what: string, pick: (event: SpeakerEvent) => T | undefined, signal: AbortSignal, from = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      let next = from;
      const look = (): void => {
        for (; next < this.#events.length; next++) {
          const event = this.#events[next];
          const found = event === undefined ? undefined : pick(event);
          if (found === undefined) continue;
          done();
          resolve(found);
          return;
        }
        if (signal.aborted) {
          done();
          reject(new SpeakerError("UNREACHABLE", `the speaker of ${this.node}: ${what}: not in time`));
        } else if (!this.running) {
          done();
          reject(new SpeakerError("UNREACHABLE", `the speaker of ${this.node} ended: ${this.#lastWords.replace(/^herald: /, "")}`));
        }
      };
      const unsubscribe = this.subscribe(look);
      signal.addEventListener("abort", look, { once: true });
      const done = (): void => {
        unsubscribe();
        signal.removeEventListener("abort", look);
      };
      look();
    });
  }

  /** SIGTERM, and SIGKILL where that takes too long. Resolves when it has ended. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.#child.kill("SIGTERM");
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MILLIS);
    await this.#exited;
    clearTimeout(killer);
  }

  #onLine(line: string): void {
    const fields = parseEvent(line);
    if (fields === null) {
      if (line.trim() !== "") this.#lastWords = line.trim();
      return;
    }
    const event = fields["event"];
    this.#events.push({ event: typeof event === "string" ? event : "", fields });
    this.#wake();
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function parseEvent(line: string): Readonly<Record<string, unknown>> | null {
  if (!line.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null; // A line of another writer that happens to begin with a brace.
  }
}
