/**
 * Questions that are asked again until somebody is content with the answer. All of them share a few places: whose time has come waits in line, so that
 * neither thousands of them nor a server that hangs keep the others from their turn, the event loop busy, or sockets open.
 */

import type { Clock, Timer } from "../clock.ts";
import type { ProbeAnswer } from "../plan/facts.ts";

/** Asking once, under way. Holds one socket at most, and none once it was answered or cancelled. */
export interface Exchange {
  cancel(): void;
}

export interface Question {
  /** Goes before all that are not. */
  readonly urgent: boolean;
  /**
   * Asks once. Calls back once, never before it has returned; not at all after `cancel`. How long an answer may take is the pool's business, which
   * cancels.
   */
  ask(answered: (answer: ProbeAnswer) => void): Exchange;
  /** Takes an answer; true = it is enough, do not ask again. */
  answered(answer: ProbeAnswer): boolean;
}

/** A question that is being asked. Cancelled, it calls nobody any more. */
export interface Asking {
  cancel(): void;
}

export interface ProbePoolPorts {
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  random(): number;
}

/** Exchanges at once, of all questions together. */
export const PLACES = 16;

/** From the dial to the headers of the answer. What takes longer is silence: nobody is told. */
const ANSWER_MILLIS = 2000;
/** From the end of one exchange to the next of the same question: doubled each time, ± `jitter`. */
const PAUSE = { first: 250, longest: 5000, jitter: 0.2 } as const;

interface Probe {
  readonly question: Question;
  pause: number;
  /** Until its next turn, or until the answer is overdue. */
  timer: Timer | null;
  exchange: Exchange | null;
  ended: boolean;
}

export class ProbePool {
  readonly #ports: ProbePoolPorts;
  readonly #probes = new Set<Probe>();
  readonly #urgent = new Line();
  readonly #others = new Line();
  #exchanges = 0;

  constructor(ports: ProbePoolPorts) {
    this.#ports = ports;
  }

  /** Begins to ask, after `delayMillis`. */
  start(question: Question, delayMillis = 0): Asking {
    const probe: Probe = { question, pause: PAUSE.first, timer: null, exchange: null, ended: false };
    this.#probes.add(probe);
    if (delayMillis === 0) this.#queue(probe);
    else this.#sleep(probe, delayMillis);
    return { cancel: () => this.#end(probe) };
  }

  /** Ends all of it: no socket and no timer is left. */
  stop(): void {
    for (const probe of this.#probes) probe.ended = true;
    for (const probe of this.#probes) this.#release(probe);
    this.#probes.clear();
  }

  /** Questions that are being asked, and exchanges under way. */
  get size(): { readonly probes: number; readonly exchanges: number } {
    return { probes: this.#probes.size, exchanges: this.#exchanges };
  }

  #sleep(probe: Probe, millis: number): void {
    probe.timer = this.#ports.clock.setTimer(millis, () => {
      probe.timer = null;
      this.#queue(probe);
    });
  }

  #queue(probe: Probe): void {
    (probe.question.urgent ? this.#urgent : this.#others).join(probe);
    this.#serve();
  }

  /** Gives free places to those in line. */
  #serve(): void {
    while (this.#exchanges < PLACES) {
      const probe = this.#urgent.next() ?? this.#others.next();
      if (probe === undefined) return;
      this.#ask(probe);
    }
  }

  #ask(probe: Probe): void {
    this.#exchanges++;
    probe.exchange = probe.question.ask((answer) => this.#settle(probe, answer));
    probe.timer = this.#ports.clock.setTimer(ANSWER_MILLIS, () => {
      probe.exchange?.cancel();
      this.#settle(probe, null);
    });
  }

  /** `answer` null = there was none. */
  #settle(probe: Probe, answer: ProbeAnswer | null): void {
    this.#leave(probe);
    const enough = answer !== null && probe.question.answered(answer);
    // The one who was told may have cancelled.
    if (enough) this.#end(probe);
    else if (!probe.ended) {
      this.#sleep(probe, probe.pause * (1 - PAUSE.jitter + 2 * PAUSE.jitter * this.#ports.random()));
      probe.pause = Math.min(PAUSE.longest, 2 * probe.pause);
    }
    this.#serve();
  }

  #end(probe: Probe): void {
    probe.ended = true;
    this.#probes.delete(probe);
    this.#release(probe);
    this.#serve();
  }

  #release(probe: Probe): void {
    probe.exchange?.cancel();
    this.#leave(probe);
  }

  /** Gives up its timer and its place, where it has them. */
  #leave(probe: Probe): void {
    probe.timer?.cancel();
    probe.timer = null;
    if (probe.exchange === null) return;
    probe.exchange = null;
    this.#exchanges--;
  }
}

/** First come, first served. Who has ended meanwhile is passed over. */
class Line {
  #waiting: Probe[] = [];
  #first = 0;

  join(probe: Probe): void {
    this.#waiting.push(probe);
  }

  next(): Probe | undefined {
    for (;;) {
      const probe = this.#waiting[this.#first];
      if (probe === undefined) return undefined;
      this.#first++;
      // At the end, or when most of it has been served: cheap for each of them.
      if (this.#first * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#first);
        this.#first = 0;
      }
      if (!probe.ended) return probe;
    }
  }
}
