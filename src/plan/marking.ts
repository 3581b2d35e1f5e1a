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
  #left: Iterator<[ServiceEntry, Planned]> | null = null;

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

  /** Looks at as many as stand for `limit` decisions; `touched` hears of each that is, and tells whether it was decided at once. @returns what is left of `limit` */
  go(limit: number, touched: (entry: ServiceEntry, cause: Cause | null, planned: Planned) => boolean): number {
    if (this.#left === null) return limit;
    let left = limit * LOOKS_PER_DECISION;
    while (left > 0) {
      const next = this.#left.next();
      if (next.done === true) {
        this.#left = null;
        this.#affected = [];
        return left / LOOKS_PER_DECISION;
      }
      left--;
      const [entry, planned] = next.value;
      const cause = this.#causeFor(entry, planned.matching);
      if (cause !== false && touched(entry, cause, planned)) left -= LOOKS_PER_DECISION;
    }
    return 0;
  }

  #causeFor(entry: ServiceEntry, matching: Planned["matching"]): Cause | null | false {
    for (const affected of this.#affected) {
      const cause = affected(matching, entry);
      if (cause !== false) return cause;
    }
    return false;
  }
}
