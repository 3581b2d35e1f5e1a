/** What happened in a world, a line each: read when a promise was not kept, and put into words only then. */

import type { LogEvent } from "../../../src/log.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export class WorldTimeline {
  readonly #clock: VirtualClock;
  readonly #entries: { readonly at: number; readonly who: string; readonly what: string | (() => string) }[] = [];

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get lines(): readonly string[] {
    return this.#entries.map(
      ({ at, who, what }) => `${(at / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(10)} ${typeof what === "string" ? what : what()}`,
    );
  }

  /** @param what words, or what makes them of values that do not change any more. */
  add(who: string, what: string | (() => string)): void {
    this.#entries.push({ at: this.#clock.now, who, what });
  }

  logged(node: string, { event, ...fields }: LogEvent): void {
    const words = () =>
      Object.entries(fields)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(" ");
    this.add(node, () => `${event} ${words()}`);
  }
}
