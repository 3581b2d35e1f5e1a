/**
 * Finds the Services that changes of the scene touch, some at a time. A change that comes while the walk is under way begins it anew under all
 * changes so far: whoever was looked at under the earlier ones has to be looked at under the later one too.
 */

import type { Cause } from "./change.ts";
import type { Planned } from "./ledger.ts";
import type { Affected } from "./scene-difference.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** Services looked at for one that is decided. */
const LOOKS_PER_DECISION = 32;

export class Marking {
  readonly #planned: ReadonlyMap<ServiceEntry, Planned>;
  #affected: Affected[] = [];
  #left: IterableIterator<[ServiceEntry, Planned]> | null = null;

  constructor(planned: ReadonlyMap<ServiceEntry, Planned>) {
    this.#planned = planned;
  }

  /** All Services have been looked at. */
  get done(): boolean {
    return this.#left === null;
  }

  /** Something changed that Services are to be looked at for. */
  begin(affected: Affected): void {
    this.#affected.push(affected);
    this.#left = this.#planned.entries();
  }

  /** Looks at as many as stand for `limit` decisions; `mark` hears of each that is touched. @returns what is left of `limit` */
  go(limit: number, mark: (entry: ServiceEntry, cause: Cause | null) => void): number {
    if (this.#left === null) return limit;
    for (let left = limit * LOOKS_PER_DECISION; left > 0; left--) {
      const next = this.#left.next();
      if (next.done === true) {
        this.#left = null;
        this.#affected = [];
        return Math.max(1, left / LOOKS_PER_DECISION);
      }
      const [entry, { matching }] = next.value;
      for (const affected of this.#affected) {
        const cause = affected(matching, entry);
        if (cause === false) continue;
        mark(entry, cause);
        break;
      }
    }
    return 0;
  }
}
