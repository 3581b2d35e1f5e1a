/**
 * The drain that was asked for through the admin API: in force at once, and on disk before it is answered, so that the next process goes on with it. Where no file
 * is kept it lasts as long as the process, and the answer says so.
 */

import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Fact } from "../plan/facts.ts";
import type { DrainAnswer, UndrainAnswer } from "../view/drain.ts";
import { type LocalDrain, readDrain, renderDrain } from "./drain-file.ts";
import type { OpenState } from "./state-storage.ts";

export interface DrainKeeperPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
}

const NO_FILE = "no state file is kept: the drain lasts as long as this process";

export class DrainKeeper {
  readonly #ports: DrainKeeperPorts;
  #store: OpenState | null = null;
  #drain: LocalDrain | null = null;
  /** One write after the other: the file has to say what was asked for last. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(ports: DrainKeeperPorts) {
    this.#ports = ports;
  }

  /** What is in force; null = none was asked for. */
  get drain(): LocalDrain | null {
    return this.#drain;
  }

  /** Takes over what the process before this one was asked for. `file`: its name, for the log. */
  open(store: OpenState, file: string): void {
    this.#store = store;
    const { log, node } = this.#ports;
    try {
      const text = store.read();
      if (text === null) return;
      const verdict = readDrain(text, node);
      if (verdict.result === "valid") {
        this.#drain = verdict.drain;
        log({ event: "drain.restored", file, reason: verdict.drain.reason, since: sinceOf(verdict.drain) });
      } else {
        log({ event: "state.ignored", file, why: verdict.why, aside: verdict.result === "damaged" ? store.putAside() : "" });
      }
    } catch (error) {
      log({ event: "state.ignored", file, why: wordsOf(error), aside: "" });
    }
  }

  /** As the decisions take it. */
  fact(): Fact {
    const drain = this.#drain;
    return { name: "drain", reason: drain?.reason ?? null, since: drain === null ? null : sinceOf(drain) };
  }

  /** In force when it returns; on disk when it resolves, or `kept` is false. A second one changes the reason, not since when. */
  async start(reason: string): Promise<DrainAnswer> {
    const drain = { reason, sinceEpochMillis: this.#drain?.sinceEpochMillis ?? this.#ports.clock.wall().getTime() };
    this.#drain = drain;
    const note = await this.#keep((store) => store.write(renderDrain(drain, this.#ports.node)));
    return { drained: true, reason, since: sinceOf(drain), kept: note === "", note };
  }

  async end(): Promise<UndrainAnswer> {
    this.#drain = null;
    const note = await this.#keep((store) => store.discard());
    return { drained: false, note: note === NO_FILE ? "" : note };
  }

  /** What could not be kept, in words; "" = it was. */
  async #keep(change: (store: OpenState) => Promise<void>): Promise<string> {
    const store = this.#store;
    if (store === null) return NO_FILE;
    const writing = this.#writing.then(() => change(store));
    this.#writing = writing.catch(() => {}); // told below, to whoever asked
    try {
      await writing;
      return "";
    } catch (error) {
      const why = wordsOf(error);
      this.#ports.log({ event: "state.unwritable", why });
      return `the next process will not know: ${why}`;
    }
  }
}

function sinceOf({ sinceEpochMillis }: LocalDrain): string {
  return new Date(sinceEpochMillis).toISOString();
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
