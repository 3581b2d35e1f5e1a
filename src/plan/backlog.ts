/**
 * The Services that are to be decided again, each with what touched it. Those that somebody named are listed; those that a change of the scene may alter
 * are found one after the other when their turn comes, so that a change costs the same at first whether ten Services are affected or a hundred thousand.
 */

import type { Family } from "../ip/address.ts";
import { Causes } from "./causes.ts";
import type { Cause } from "./change.ts";
import type { Planned } from "./ledger.ts";
import { Marking } from "./marking.ts";
import type { Affected } from "./scene-difference.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** Decides one Service. `before`: what was planned for it the last time. */
export type Plan = (entry: ServiceEntry, causes: Causes | Cause | null, before: Planned | undefined) => void;

export class Backlog {
  readonly #planned: ReadonlyMap<ServiceEntry, Planned>;
  readonly #listed = new Map<ServiceEntry, Causes | Cause | null>();
  /** Those of `#listed` whose planned addresses are no longer the right ones. */
  readonly #moved = new Set<ServiceEntry>();
  readonly #marking: Marking;
  /** Services that nothing touched and nobody decided yet. */
  #strangers: Iterator<ServiceEntry> | null;

  /** @param strangers Services that are there from the start. */
  constructor(planned: ReadonlyMap<ServiceEntry, Planned>, strangers: Iterable<ServiceEntry> | null) {
    this.#planned = planned;
    this.#marking = new Marking(planned);
    this.#strangers = strangers === null ? null : strangers[Symbol.iterator]();
  }

  /** Not 0 while something is left. */
  get size(): number {
    return this.#listed.size + (this.#marking.done ? 0 : 1) + (this.#strangers === null ? 0 : 1);
  }

  /** The Service, its slices (of `family`) or its addresses (`moved`) changed. */
  touch(entry: ServiceEntry, cause: Cause | null, moved: boolean, family: Family | null): void {
    const known = this.#listed.get(entry) ?? null;
    const causes = known instanceof Causes ? known : new Causes(known);
    causes.add(cause, family);
    if (causes !== known) this.#listed.set(entry, causes);
    if (moved && this.#planned.has(entry)) this.#moved.add(entry);
  }

  /** Something else about it changed; what it is listed for already has the word. */
  mark(entry: ServiceEntry, cause: Cause | null): void {
    if (!this.#listed.has(entry)) this.#listed.set(entry, cause);
  }

  /** The scene changed. `advertisements`: how many of them became others, each of which is to be compared with every Service. */
  markAffected(affected: Affected, advertisements: number): void {
    this.#marking.begin(affected, advertisements);
  }

  /** Has at most about `limit` Services planned. @returns what is left of `limit` */
  work(limit: number, plan: Plan): number {
    let left = limit;
    // Who lost addresses comes first.
    for (const entry of this.#moved) {
      if (left-- <= 0) return 0;
      this.#moved.delete(entry);
      this.#take(entry, plan);
    }
    left = this.#marking.go(left, (entry, cause, before) => {
      // What it is listed for tells more, and its turn comes.
      if (this.#listed.size > 0 && this.#listed.has(entry)) return false;
      plan(entry, cause, before);
      return true;
    });
    for (const entry of this.#listed.keys()) {
      if (left-- <= 0) return 0;
      this.#take(entry, plan);
    }
    return this.#planStrangers(left, plan);
  }

  #take(entry: ServiceEntry, plan: Plan): void {
    const causes = this.#listed.get(entry) ?? null;
    this.#listed.delete(entry);
    plan(entry, causes, this.#planned.get(entry));
  }

  #planStrangers(limit: number, plan: Plan): number {
    if (this.#strangers === null) return limit;
    for (let left = limit; left > 0; left--) {
      const next = this.#strangers.next();
      if (next.done === true) {
        this.#strangers = null;
        return left;
      }
      if (!this.#planned.has(next.value)) plan(next.value, null, undefined);
    }
    return 0;
  }
}
