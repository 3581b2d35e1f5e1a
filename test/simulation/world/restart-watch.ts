/**
 * Restarts cost nothing and bring nothing back: a speaker that does not know the cluster yet announces only what the one before it announced, and where it goes on
 * from a state file, no route that was wanted all the time is lost at the routers that keep it.
 */

import type { Move } from "./adj-rib-in.ts";
import { RESTART_SETTLED_MILLIS, STATE_LAG_MILLIS } from "./bounds.ts";
import type { Wanted } from "./oracle.ts";
import type { Pair } from "./pair.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { Violation } from "./violation.ts";

interface Wish {
  since: number;
  /** When it was last wanted; infinite while it is. */
  until: number;
}

export class RestartWatch {
  readonly #wishes = new Map<Pair, Map<string, Wish>>();
  /** What the process that ended last may have left in its state file. */
  readonly #told = new Map<Pair, ReadonlySet<string>>();
  readonly #endedAt = new Map<SimulatedNode, number>();
  /** What was wanted by then was on the disk when the process ended. */
  readonly #savedUntil = new Map<SimulatedNode, number>();
  /** Routes that outlived a restart, and routes that an unknowing speaker announced. */
  kept = 0;
  restored = 0;

  viewed(pair: Pair, after: Wanted, now: number): void {
    const wishes = this.#wishes.get(pair) ?? new Map<string, Wish>();
    this.#wishes.set(pair, wishes);
    const wanted = new Set<string>();
    for (const key of after.keys()) {
      const [router, prefix = ""] = key.split(" ");
      if (router !== pair.router) continue;
      wanted.add(prefix);
      const known = wishes.get(prefix);
      if (known === undefined || known.until !== Number.POSITIVE_INFINITY)
        wishes.set(prefix, { since: now, until: Number.POSITIVE_INFINITY });
    }
    for (const [prefix, wish] of wishes) if (!wanted.has(prefix)) wish.until = Math.min(wish.until, now);
  }

  /**
   * @param synced it knew the cluster: otherwise what was told stays what the process before it left.
   * @param leaving what a drained node may still have announced.
   */
  ended(node: SimulatedNode, pairs: readonly Pair[], synced: boolean, leaving: Wanted, now: number): void {
    const { savedUntil } = node.disk;
    this.#endedAt.set(node, now);
    this.#savedUntil.set(node, savedUntil);
    if (!synced) return;
    for (const pair of pairs) {
      const wishes = [...(this.#wishes.get(pair) ?? [])].filter(([, { until }]) => until >= savedUntil - STATE_LAG_MILLIS);
      const late = [...leaving.keys()].flatMap((key) => (key.startsWith(`${pair.router} `) ? [key.slice(pair.router.length + 1)] : []));
      this.#told.set(pair, new Set([...wishes.map(([prefix]) => prefix), ...late]));
    }
  }

  /** @throws {Violation} */
  moved(pair: Pair, move: Move, now: number): void {
    const { process } = pair.node;
    if (process === null || pair.upAt < process.startedAt) return;
    if (move.name === "announced" && move.kept) this.kept++;
    if (move.name === "announced" && process.syncedAt === null) {
      this.restored++;
      if (this.#told.get(pair)?.has(move.prefix) === true) return;
      throw new Violation("nothing withdrawn comes back", `${pair.name} ${move.prefix} is announced by a speaker that knows nothing yet`);
    }
    if (move.name !== "lost") return;
    const { prefix, why } = move;
    switch (why) {
      case "forgetful":
        if (!process.resumes && pair.sessionsOfLife <= 1) return;
        throw new Violation(
          "a restart loses no route",
          `${pair.name} ${prefix} is forgotten by a speaker that goes on where another stopped`,
        );
      case "endOfRib": {
        if (!this.#isOld(pair, prefix) || (!process.resumes && pair.sessionsOfLife <= 1)) return;
        if (pair.mayBeGated) return;
        throw new Violation("a restart loses no route", `${pair.name} ${prefix} is not announced again before End-of-RIB`);
      }
      case "restartTime":
        if (pair.openSince === null || now - Math.max(pair.openSince, process.startedAt) < RESTART_SETTLED_MILLIS || !pair.isSought) return;
        throw new Violation("a restart loses no route", `${pair.name} ${prefix} is given up though the speaker is back`);
      case "session":
      case "staleTwice":
    }
  }

  /** Wanted without a break from before the restart on, for long enough to be in the state file. */
  #isOld(pair: Pair, prefix: string): boolean {
    const endedAt = this.#endedAt.get(pair.node) ?? Number.POSITIVE_INFINITY;
    const wish = this.#wishes.get(pair)?.get(prefix);
    if (wish === undefined || wish.until !== Number.POSITIVE_INFINITY) return false;
    return wish.since <= Math.min(endedAt, pair.downAt, this.#savedUntil.get(pair.node) ?? endedAt) - STATE_LAG_MILLIS;
  }
}
