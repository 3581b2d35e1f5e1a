/** What happened in a world, a line each: read when a promise was not kept. */

import type { LogEvent } from "../../../src/log.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export class WorldTimeline {
  readonly #clock: VirtualClock;
  readonly #lines: string[] = [];

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  add(who: string, what: string): void {
    this.#lines.push(`${(this.#clock.now / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(10)} ${what}`);
  }

  logged(node: string, { event, ...fields }: LogEvent): void {
    this.add(
      node,
      `${event} ${Object.entries(fields)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(" ")}`,
    );
  }
}
