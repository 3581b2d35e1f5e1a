/**
 * No false route longer than the bound; no route lost while its node could serve. Compares what routers hold with what the naive planner says of the cluster as it
 * is, and measures how long they differ. A speaker that the API server does not answer keeps what it knows, and is not to blame meanwhile; without a
 * working path between a speaker and a router routes may be late, but what nobody stands for goes.
 */

import type { Path } from "./adj-rib-in.ts";
import { FALSE_ROUTE_MILLIS, HELD_ROUTE_MILLIS, LATE_ROUTE_MILLIS, LEFT_ROUTE_MILLIS } from "./bounds.ts";
import type { Wanted } from "./oracle.ts";
import type { Pair } from "./pair.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { Violation } from "./violation.ts";

interface Doubt {
  readonly pair: Pair;
  readonly prefix: string;
  readonly kind: "false" | "lost";
  since: number;
  /** The node was drained meanwhile: it announces until its grace period is over. */
  leaving: boolean;
}

export class RouteTruth {
  readonly #doubts = new Map<string, Doubt>();
  readonly #seen = new Map<Pair, { readonly should: Wanted; readonly has: ReadonlyMap<string, Path>; readonly moves: number }>();
  readonly #heldDown: boolean;
  readonly #leavesAt: (node: SimulatedNode) => number;

  /** @param leavesAt when the grace period of the node's last drain is over. */
  constructor(announceHoldDown: boolean, leavesAt: (node: SimulatedNode) => number) {
    this.#heldDown = announceHoldDown;
    this.#leavesAt = leavesAt;
  }

  /** Something changed: compares anew what is not as it was. @throws {Violation} */
  look(pairs: readonly Pair[], wanted: (pair: Pair) => Wanted, now: number): void {
    for (const pair of pairs) {
      const should = wanted(pair);
      const { paths: has, moves } = pair;
      const seen = this.#seen.get(pair);
      if (seen?.should !== should || seen.has !== has || seen.moves !== moves) {
        this.#seen.set(pair, { should, has, moves });
        this.#compare(pair, should, now);
      }
    }
    for (const doubt of this.#doubts.values()) doubt.leaving ||= doubt.pair.node.isDrained;
  }

  #compare(pair: Pair, should: Wanted, now: number): void {
    const open = new Set<string>();
    const { paths: has } = pair;
    for (const [prefix] of has) if (!should.has(`${pair.router} ${prefix}`)) this.#doubt(open, pair, prefix, "false", now);
    for (const [key, words] of should) {
      const [router, prefix = ""] = key.split(" ");
      if (router === pair.router && has.get(prefix)?.words !== words) this.#doubt(open, pair, prefix, "lost", now);
    }
    for (const [key, doubt] of this.#doubts) {
      if (doubt.pair !== pair || open.has(key)) continue;
      this.#judge(doubt, now);
      this.#doubts.delete(key);
    }
  }

  /** Time went on. @throws {Violation} */
  tick(now: number): void {
    for (const doubt of this.#doubts.values()) this.#judge(doubt, now);
  }

  #doubt(open: Set<string>, pair: Pair, prefix: string, kind: Doubt["kind"], now: number): void {
    const key = `${pair.name} ${prefix} ${kind}`;
    open.add(key);
    if (this.#doubts.has(key)) return;
    this.#doubts.set(key, { pair, prefix, kind, since: now, leaving: pair.node.isDrained });
  }

  #judge(doubt: Doubt, now: number): void {
    const { pair, prefix, kind } = doubt;
    // Nobody can know better meanwhile.
    if (!pair.informed) doubt.since = now;
    const leavesAt = doubt.leaving ? this.#leavesAt(pair.node) : Number.NEGATIVE_INFINITY;
    const clean = pair.cleanSince === null ? 0 : now - Math.max(doubt.since, pair.cleanSince, leavesAt);
    const all = now - doubt.since;
    if (kind === "false") {
      if (clean > FALSE_ROUTE_MILLIS)
        throw new Violation("no false route", `${pair.name} ${prefix} is false for ${clean} ms with all in order`);
      if (all > LEFT_ROUTE_MILLIS) throw new Violation("no false route", `${pair.name} ${prefix} is false for ${all} ms`);
      return;
    }
    const bound = this.#heldDown ? HELD_ROUTE_MILLIS : LATE_ROUTE_MILLIS;
    const served = pair.provenSince === null ? 0 : now - Math.max(doubt.since, pair.cleanSince ?? now, pair.provenSince);
    if (served > bound) {
      const has = pair.paths.get(prefix)?.words ?? "nothing";
      throw new Violation("no lost route", `${pair.name} ${prefix} is not what it should be for ${served} ms with all in order: ${has}`);
    }
  }
}
