/**
 * Finds the Services that changes of the scene touch, some at a time. The walk goes round: a change that comes while it is under way is looked for from there
 * on, all the way round, and those before it lose nothing of what was done for them. However fast changes follow each other, every Service gets its turn.
 */

import type { Cause } from "./change.ts";
import type { Planned } from "./ledger.ts";
import type { Affected } from "./scene-difference.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** Services looked at for one that is decided, where a look is at one thing that changed. */
const LOOKS_PER_DECISION = 32;

/** A change that is being looked for. */
interface Search {
  readonly affected: Affected;
  /** What a look costs. */
  readonly looks: number;
  /** It ends in the next lap, after so many Services: what was looked at before it began. New ones come last and are decided under it anyway. */
  readonly lap: number;
  readonly index: number;
}

export class Marking {
  readonly #planned: ReadonlyMap<ServiceEntry, Planned>;
  /** As they began, and so as they end. */
  #searches: Search[] = [];
  #looks = 0;
  #lap = 0;
  /** Services looked at in this lap. */
  #index = 0;
  #left: Iterator<[ServiceEntry, Planned]>;

  constructor(planned: ReadonlyMap<ServiceEntry, Planned>) {
    this.#planned = planned;
    this.#left = planned.entries();
  }

  /** All Services have been looked at for everything that changed. */
  get done(): boolean {
    return this.#searches.length === 0;
  }

  /** Something changed that Services are to be looked at for; `looks`: what one of them costs. */
  begin(affected: Affected, looks: number): void {
    if (this.done) this.#startLap();
    const search = { affected, looks: Math.max(1, looks), lap: this.#lap + 1, index: this.#index };
    this.#searches.push(search);
    this.#looks += search.looks;
  }

  /** Looks at as many as stand for `limit` decisions; `touched` hears of each that is, and tells whether it was decided at once. @returns what is left of `limit` */
  go(limit: number, touched: (entry: ServiceEntry, cause: Cause | null, planned: Planned) => boolean): number {
    if (this.done) return limit;
    let left = limit * LOOKS_PER_DECISION;
    while (left > 0) {
      const next = this.#left.next();
      if (next.done === true) this.#startLap();
      this.#endSearches();
      if (this.done) return left / LOOKS_PER_DECISION;
      if (next.done === true) continue;
      this.#index++;
      left -= this.#looks;
      const [entry, planned] = next.value;
      const cause = this.#causeFor(entry, planned.matching);
      if (cause !== false && touched(entry, cause, planned)) left -= LOOKS_PER_DECISION;
    }
    return 0;
  }

  #startLap(): void {
    this.#lap++;
    this.#index = 0;
    this.#left = this.#planned.entries();
  }

  /** Those that have been all the way round, before the next Service is looked at. */
  #endSearches(): void {
    for (let first = this.#searches[0]; first !== undefined; first = this.#searches[0]) {
      if (this.#lap < first.lap || (this.#lap === first.lap && this.#index < first.index)) return;
      this.#searches.shift();
      this.#looks -= first.looks;
    }
  }

  #causeFor(entry: ServiceEntry, matching: Planned["matching"]): Cause | null | false {
    for (const { affected } of this.#searches) {
      const cause = affected(matching, entry);
      if (cause !== false) return cause;
    }
    return false;
  }
}
