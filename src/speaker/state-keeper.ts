/**
 * When the state file is written. A throttle: the first change after a quiet time at once, later ones at most {@link SPACING} after the write before. What is
 * written is the state of one moment, so an announcement never reaches the disk ahead of an earlier withdrawal. Between changes the file's time is
 * refreshed, four times within its greatest age.
 */

import type { Clock, Timer } from "../clock.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Log } from "../log.ts";
import { renderRoute, renderState, type SavedRoute, type StateHeader } from "./state-file.ts";

export interface StateKeeperPorts {
  readonly clock: Clock;
  readonly log: Log;
  maxAgeMillis(): number;
  /** All but the routes, as of now; null = there is nothing to say yet. */
  header(): StateHeader | null;
  /** Every prefix that some peer is to have. In parts: null = a moment at which the event loop may turn, and things may change. */
  routes(): Iterable<SavedRoute | null>;
  /** One prefix as of now; null = no peer is to have it. */
  route(prefix: Prefix): SavedRoute | null;
  write(pieces: Iterable<string | null>): Promise<void>;
}

/** Least time between two writes: sooner where something was withdrawn, which must not come back. */
const SPACING = { announcement: 500, withdrawal: 100 } as const;
/** After a failure: a full disk does not get better by trying. */
const RETRY_MILLIS = 5_000;

type Urgency = keyof typeof SPACING;

export class StateKeeper {
  readonly #ports: StateKeeperPorts;
  #timer: { readonly at: number; readonly timer: Timer } | null = null;
  #writing: Promise<void> | null = null;
  #unsaved: Urgency | null = null;
  #lastStart = Number.NEGATIVE_INFINITY;
  #failed = false;
  #stopped = false;
  /** Prefixes that changed since they were looked at. */
  #changed = new Map<string, Prefix>();
  /** Each route as it stands in the file, by prefix; null = to be looked at as a whole. */
  #lines: Map<string, string> | null = null;

  constructor(ports: StateKeeperPorts) {
    this.#ports = ports;
  }

  /** A peer is to have something else for the prefix. {@link settled} has to follow. */
  changed(prefix: Prefix, withdrawn: boolean): void {
    this.#changed.set(prefix.key, prefix);
    if (this.#unsaved !== "withdrawal") this.#unsaved = withdrawn ? "withdrawal" : "announcement";
  }

  /** The wishes so far are complete. */
  settled(): void {
    if (this.#unsaved !== null) this.#plan(this.#lastStart + SPACING[this.#unsaved]);
    else if (this.#lastStart === Number.NEGATIVE_INFINITY) this.#plan(this.#ports.clock.now());
  }

  /** Something else of the state changed: who is peered with. */
  touch(): void {
    this.#unsaved ??= "announcement";
  }

  /** Writes what is unsaved and ends; at most for so long. */
  async finish(patienceMillis: number): Promise<void> {
    const { clock } = this.#ports;
    let timer: Timer | null = null;
    const patience = new Promise<void>((resolve) => {
      timer = clock.setTimer(patienceMillis, resolve);
    });
    const last = async (): Promise<void> => {
      await this.#writing;
      if (!this.#stopped && this.#unsaved !== null) await this.#start();
      this.stop();
    };
    await Promise.race([last(), patience]);
    (timer as Timer | null)?.cancel();
    this.stop();
  }

  /** Ends without writing. A write under way is waited for by {@link idle}. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.timer.cancel();
    this.#timer = null;
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** Writes at `at`, or as soon as that is past. */
  #plan(at: number): void {
    if (this.#stopped || this.#writing !== null) return;
    if (this.#timer !== null) {
      if (this.#timer.at <= at) return;
      this.#timer.timer.cancel();
    }
    const { clock } = this.#ports;
    const timer = clock.setTimer(Math.max(0, at - clock.now()), () => {
      this.#timer = null;
      void this.#start();
    });
    this.#timer = { at, timer };
  }

  async #start(): Promise<void> {
    if (this.#writing !== null) return;
    this.#timer?.timer.cancel();
    this.#timer = null;
    this.#writing = this.#write();
    await this.#writing;
    this.#writing = null;
    if (this.#failed) this.#plan(this.#ports.clock.now() + RETRY_MILLIS);
    else if (this.#unsaved !== null) this.#plan(this.#lastStart + SPACING[this.#unsaved]);
    else this.#plan(this.#ports.clock.now() + this.#ports.maxAgeMillis() / 4);
  }

  async #write(): Promise<void> {
    const { log, clock } = this.#ports;
    this.#lastStart = clock.now();
    // A refresh also brings up to date what changes no route: who else wants it.
    if (this.#unsaved === null) this.#lines = null;
    try {
      const lines = await this.#collect();
      const header = this.#ports.header();
      // Whatever changes from here on is the next write's.
      this.#unsaved = null;
      if (header !== null) await this.#ports.write(renderState(header, lines));
      if (this.#failed) log({ event: "state.written" });
      this.#failed = false;
    } catch (error) {
      this.#unsaved ??= "withdrawal";
      if (!this.#failed) log({ event: "state.unwritable", why: error instanceof Error ? error.message : String(error) });
      this.#failed = true;
    }
  }

  /** All routes as of the moment it resolves at: a copy, which later changes leave alone. */
  async #collect(): Promise<readonly string[]> {
    if (this.#lines === null) {
      const lines = new Map<string, string>();
      this.#changed.clear();
      for (const route of this.#ports.routes()) {
        if (route === null) await new Promise<void>((resolve) => this.#ports.clock.immediate(resolve));
        else lines.set(route.prefix.key, renderRoute(route));
      }
      this.#lines = lines;
    }
    for (const [key, prefix] of this.#changed) {
      const route = this.#ports.route(prefix);
      if (route === null) this.#lines.delete(key);
      else this.#lines.set(key, renderRoute(route));
    }
    this.#changed.clear();
    return [...this.#lines.values()];
  }
}
