/**
 * From inputs to wishes. Planning runs in slices, so that a cluster's worth of objects never holds the event loop, and yet what leaves is whole: routes are
 * held back while a round is under way (`holding`), and go out together at its end. Small changes, the rule, are one slice without a detour. What comes while a
 * round is under way joins it, unless that has gone on for so long that what is decided has to leave first.
 *
 * Every round has one time, stated before its inputs. A round may say when time alone would change a decision: then the next one comes by itself.
 */

import type { Clock, Timer } from "../clock.ts";
import type { PlanChange } from "../plan/change.ts";
import type { Fact, Input } from "../plan/facts.ts";
import type { Planner } from "../plan/planner.ts";
import type { Round } from "./timeline.ts";

export interface PlanningPorts {
  readonly clock: Clock;
  readonly planner: Planner;
  /** Measures work, in milliseconds: only differences mean something. */
  meter(): number;
  /** Changes that come within this time of each other go together; 0 = at once. */
  coalesceMillis(): number;
  /** Part of a round: wishes to note, not to send. */
  changed(change: PlanChange, round: Round): void;
  /** Everything so far is decided; wishes may leave. `millis`: time spent deciding. */
  decided(round: Round, millis: number): void;
}

/** Longest stretch before the event loop gets its turn. */
const SLICE_MILLIS = 4;
/** A moment that has passed already, or that a timer meets a fraction too early, must not keep the event loop busy. */
const LEAST_SLEEP_MILLIS = 1;
/** A round that is longer than this takes nothing more in: a withdrawal must not wait for ever because something else keeps changing. */
const ROUND_MILLIS = 100;
/** Inputs between two looks at the time. */
const NOTE_CHUNK = 64;
/**
 * Services decided in one call: between these, by how long the last call took. One may have one address or a hundred. The first call of all takes in peers and
 * advertisements alone, as code that never ran takes its time.
 */
const DECIDE_CHUNK = { least: 1, first: 0, most: 1024, shortMillis: 0.5, longMillis: 2 } as const;

export class Planning {
  readonly #ports: PlanningPorts;
  #inputs: Input[] = [];
  #next = 0;
  /** What was stated while a round is under way: it never waits for the next one. */
  #facts: Input[] = [];
  #timer: Timer | null = null;
  #running = false;
  #resuming = false;
  #synced = false;
  #undecided = false;
  #stopped = false;
  /** The round that is under way or being prepared has its time. */
  #timed = false;
  #alarm: Timer | null = null;
  #roundAt = Number.POSITIVE_INFINITY;
  #round: Round | null = null;
  #roundBegan = 0;
  #spent = 0;
  #chunk: number = DECIDE_CHUNK.first;

  constructor(ports: PlanningPorts) {
    this.#ports = ports;
  }

  /** A round is half-way: nothing of it may leave yet. */
  get holding(): boolean {
    return this.#undecided;
  }

  /** True once the first round over everything is done. */
  get complete(): boolean {
    return this.#synced && !this.#undecided && this.#round === null && !this.#waits;
  }

  /** Object changes, seen by the source at `at` (monotonic milliseconds). */
  add(inputs: readonly Input[], at: number): void {
    for (const input of inputs) this.#inputs.push(input);
    this.#roundAt = Math.min(this.#roundAt, at);
    const wait = this.#ports.coalesceMillis();
    // Before the first sync nothing is decided, so there is nothing to wait for.
    if (!this.#synced || wait === 0) this.run();
    else if (this.#timer === null && !this.#running && !this.#resuming) {
      this.#timer = this.#ports.clock.setTimer(wait, () => {
        this.#timer = null;
        this.run();
      });
    }
  }

  /** Facts are never waited with: those that come in a round are decided with it. */
  state(fact: Fact): void {
    if (this.#round !== null) this.#facts.push({ input: "fact", fact });
    else {
      this.#inputs.push({ input: "fact", fact });
      this.#roundAt = Math.min(this.#roundAt, this.#ports.clock.now());
    }
    this.run();
  }

  /** The inputs are complete for the first time: from now on decisions are made. */
  sync(): void {
    this.#synced = true;
    this.#undecided = true;
    this.run();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#alarm?.cancel();
    this.#alarm = null;
  }

  /** Works for at most one slice; goes on by itself in later turns of the event loop. */
  run(): void {
    if (this.#running || this.#resuming || this.#stopped) return;
    this.#running = true;
    const start = this.#ports.meter();
    let more = true;
    try {
      while (more && this.#ports.meter() - start < SLICE_MILLIS) more = this.#work();
    } finally {
      this.#running = false;
    }
    if (!more) return;
    this.#resuming = true;
    this.#ports.clock.immediate(() => {
      this.#resuming = false;
      this.run();
    });
  }

  /** One step; false when there is nothing to do. */
  #work(): boolean {
    if (this.#stopped) return false;
    if (this.#facts.length > 0) {
      this.#noteFacts();
      return true;
    }
    if (this.#waits && !this.#mustEnd) {
      this.#note();
      return true;
    }
    if (!this.#synced || !this.#undecided) return false;
    const round = this.#round ?? this.#begin();
    const start = this.#ports.meter();
    const change = this.#ports.planner.decide(this.#chunk);
    this.#spent += this.#ports.meter() - start;
    this.#ports.changed(change, round);
    this.#adapt(this.#ports.meter() - start, change.pending > 0);
    if (change.pending > 0 || this.#facts.length > 0 || (this.#waits && !this.#mustEnd)) return true;
    this.#undecided = false;
    this.#round = null;
    this.#timed = false;
    const spent = this.#spent;
    this.#spent = 0;
    this.#sleepUntil(change.wakeAtMillis);
    this.#ports.decided(round, spent);
    return true;
  }

  get #waits(): boolean {
    return this.#next < this.#inputs.length;
  }

  /** The round has gone on for long: objects that change now wait for its end. */
  get #mustEnd(): boolean {
    return this.#round !== null && this.#ports.meter() - this.#roundBegan > ROUND_MILLIS;
  }

  #begin(): Round {
    if (!this.#timed) this.#tellTime();
    // It says anew when to come back.
    this.#alarm?.cancel();
    this.#alarm = null;
    const at = this.#roundAt === Number.POSITIVE_INFINITY ? this.#ports.clock.now() : this.#roundAt;
    this.#roundAt = Number.POSITIVE_INFINITY;
    this.#round = { at, handedAfter: new Map() };
    this.#roundBegan = this.#ports.meter();
    return this.#round;
  }

  #tellTime(): void {
    this.#ports.planner.note([{ input: "fact", fact: { name: "time", nowMillis: this.#ports.clock.now() } }]);
    // Before the first sync inputs come for as long as they take, and the first round decides by its own time.
    this.#timed = this.#synced;
  }

  #sleepUntil(wakeAtMillis: number | null): void {
    if (wakeAtMillis === null || this.#stopped) return;
    const { clock } = this.#ports;
    const sleep = Math.max(LEAST_SLEEP_MILLIS, Math.ceil(wakeAtMillis - clock.now()));
    this.#alarm = clock.setTimer(sleep, () => {
      this.#alarm = null;
      this.#undecided = true;
      this.#roundAt = Math.min(this.#roundAt, clock.now());
      this.run();
    });
  }

  #note(): void {
    if (!this.#timed) this.#tellTime();
    const end = Math.min(this.#inputs.length, this.#next + NOTE_CHUNK);
    const chunk = this.#next === 0 && end === this.#inputs.length ? this.#inputs : this.#inputs.slice(this.#next, end);
    this.#next = end;
    if (end === this.#inputs.length) {
      this.#inputs = [];
      this.#next = 0;
      // Decided with the round that is under way.
      if (this.#round !== null) this.#roundAt = Number.POSITIVE_INFINITY;
    }
    this.#tell(chunk);
  }

  #noteFacts(): void {
    const facts = this.#facts;
    this.#facts = [];
    this.#tell(facts);
  }

  #tell(inputs: readonly Input[]): void {
    const start = this.#ports.meter();
    this.#ports.planner.note(inputs);
    this.#spent += this.#ports.meter() - start;
    this.#undecided = true;
  }

  #adapt(millis: number, wasFull: boolean): void {
    if (millis > DECIDE_CHUNK.longMillis || this.#chunk === 0) this.#chunk = Math.max(DECIDE_CHUNK.least, this.#chunk >> 1);
    else if (wasFull && millis < DECIDE_CHUNK.shortMillis) this.#chunk = Math.min(DECIDE_CHUNK.most, this.#chunk << 1);
  }
}
