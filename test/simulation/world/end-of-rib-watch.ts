/** No End-of-RIB before its time: once per family and session, never by a speaker that does not know all, and behind everything that had to come before it. */

import type { Family } from "../../../src/ip/address.ts";
import { DEFERRAL_MILLIS, FALSE_ROUTE_MILLIS } from "./bounds.ts";
import type { Wanted } from "./oracle.ts";
import type { Pair } from "./pair.ts";
import { Violation } from "./violation.ts";

const PROMISE = "no End-of-RIB before its time";

export class EndOfRibWatch {
  /** By pair and prefix: since when what the speaker knows has asked for it, without a break. */
  readonly #wantedSince = new Map<string, number>();
  readonly #seen = new Map<Pair, Set<Family>>();
  /** How many routes were looked for behind an End-of-RIB. */
  checked = 0;

  viewed(pair: Pair, before: Wanted | null, after: Wanted, now: number): void {
    for (const key of before?.keys() ?? []) if (!after.has(key)) this.#wantedSince.delete(`${pair.name} ${key}`);
    for (const key of after.keys()) {
      const id = `${pair.name} ${key}`;
      if (!this.#wantedSince.has(id)) this.#wantedSince.set(id, now);
    }
  }

  sessionUp(pair: Pair): void {
    this.#seen.set(pair, new Set());
  }

  /** @param complete every route the speaker knows of would be sent: no gate and no hold-down keeps one. @throws {Violation} */
  ended(pair: Pair, family: Family, wanted: Wanted, complete: boolean, now: number): void {
    const seen = this.#seen.get(pair);
    if (seen === undefined || seen.has(family)) throw new Violation(PROMISE, `${pair.name} says it twice for ${family}`);
    seen.add(family);
    const { process } = pair.node;
    // What is on its way may come from a process that is gone.
    if (process === null) return;
    // The wait is over once, whatever sessions follow.
    if (process.syncedAt === null && now - pair.firstUpAt < DEFERRAL_MILLIS)
      throw new Violation(PROMISE, `${pair.name} says it for ${family} and has not read everything`);
    if (!complete || process.syncedAt === null) return;
    // What was wanted for so long was decided and written before it.
    const since = now - FALSE_ROUTE_MILLIS;
    if (process.syncedAt > since || pair.causeAt > since) return;
    for (const key of wanted.keys()) {
      const [router, prefix = ""] = key.split(" ");
      if (router !== pair.router || prefix.includes(":") !== (family === "IPv6")) continue;
      if ((this.#wantedSince.get(`${pair.name} ${key}`) ?? now) > since) continue;
      this.checked++;
      const path = pair.paths.get(prefix);
      if (path === undefined || path.stale) throw new Violation(PROMISE, `${pair.name} says it for ${family}, and ${prefix} has not come`);
    }
  }
}
