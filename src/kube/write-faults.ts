import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { KubeFailure } from "./failure.ts";

/** A fault that lasts is said again so often, and never oftener. Milliseconds. */
const REMIND = 600_000;

/**
 * What writes that nobody waits for (status, Events) say when they fail: one line per subject and ten minutes, however many fail, and one when it
 * works again.
 */
export class WriteFaults {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #subjects = new Map<string, { saidAt: number; untold: number; failing: boolean }>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** `what`: `events`, `bgpnodestatuses`. */
  failed(what: string, failure: Pick<KubeFailure, "condition" | "message">): void {
    if (failure.condition === "Aborted") return;
    const now = this.#clock.now();
    const known = this.#subjects.get(what);
    if (known !== undefined && now < known.saidAt + REMIND) {
      known.untold++;
      return;
    }
    this.#log({ event: "kube.writeFailed", what, condition: failure.condition, why: failure.message, untold: known?.untold ?? 0 });
    this.#subjects.set(what, { saidAt: now, untold: 0, failing: true });
  }

  succeeded(what: string): void {
    const known = this.#subjects.get(what);
    if (known?.failing !== true) return;
    known.failing = false;
    this.#log({ event: "kube.writeMended", what });
  }
}
