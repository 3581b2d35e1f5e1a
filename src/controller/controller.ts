/**
 * The cluster-wide process: follows the objects as a warm standby, competes for leadership once everything was read, and has its duties done while it leads.
 * It does no work of its own. Whoever stops leading has nothing under way when the next one begins.
 */

import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Source, SourceSink } from "../source/source.ts";
import type { Duty } from "./duty.ts";

/** Who leads, among several processes that would. */
export interface Elector {
  /**
   * Competes until the signal aborts. Each time it wins it calls `lead`, whose signal aborts when leadership is lost or given up; it is given up
   * only when `lead` has ended. Rejects with what `lead` rejects with.
   */
  run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export interface ControllerPorts {
  readonly source: Source;
  readonly elector: Elector;
  readonly duties: readonly Duty[];
  readonly clock: Clock;
  readonly log: Log;
}

export class Controller {
  readonly #ports: ControllerPorts;
  #synced = false;
  #leading = false;

  constructor(ports: ControllerPorts) {
    this.#ports = ports;
  }

  /** The first full state of every kind was read. True on standbys too. */
  get ready(): boolean {
    return this.#synced;
  }

  get leading(): boolean {
    return this.#leading;
  }

  /** What readiness waits for, in words; "" when ready. */
  waitingFor(): string {
    if (this.#synced) return "";
    const missing = this.#ports.source.state().flatMap(({ kind, synced }) => (synced ? [] : [kind]));
    return `the first full state of ${missing.join(", ")}`;
  }

  /** Until the signal aborts. Rejects when the source cannot start, or a duty fails: both end the process. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, elector, log, clock } = this.#ports;
    const startedAt = clock.now();
    const ending = new AbortController();
    const until = AbortSignal.any([signal, ending.signal]);
    let begin = (): void => {};
    const synced = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const sink: SourceSink = {
      batch: (batch) => {
        for (const duty of this.#ports.duties) duty.observe(batch);
      },
      synced: () => {
        this.#synced = true;
        log({ event: "controller.synced", milliseconds: Math.round(clock.now() - startedAt) });
        begin();
      },
      fault: (what, cause) => log({ event: "source.fault", what, why: cause instanceof Error ? cause.message : String(cause) }),
    };
    const competing = async (): Promise<void> => {
      until.addEventListener("abort", begin, { once: true });
      await synced;
      if (!until.aborted) await elector.run((leadership) => this.#lead(leadership), until);
    };
    await endTogether([source.run(sink, until), competing()], ending);
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const until = AbortSignal.any([signal, ending.signal]);
    this.#leading = true;
    this.#ports.log({ event: "controller.leading" });
    try {
      await endTogether(
        this.#ports.duties.map((duty) => duty.lead(until)),
        ending,
      );
    } finally {
      this.#leading = false;
      this.#ports.log({ event: "controller.following" });
    }
  }
}

/** Waits for all; the first that fails ends the others, and is what it rejects with once they have ended. */
async function endTogether(works: readonly Promise<void>[], ending: AbortController): Promise<void> {
  const outcomes = await Promise.allSettled(
    works.map((work) =>
      work.catch((error: unknown) => {
        ending.abort();
        throw error;
      }),
    ),
  );
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
