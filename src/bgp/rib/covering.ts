/**
 * The order of withdrawals. They leave before announcements, so that a router never balances towards a node longer than needed, except where that would leave
 * addresses without any route: when a prefix goes away and one that covers it, or is covered by it, comes (an aggregate replacing its members, or the
 * reverse), the withdrawal waits for the announcement and leaves in a later UPDATE. Prefixes of equal length never overlap, so as long as what comes and what
 * goes is all /32, or all /128, nothing is looked up.
 *
 * A withdrawal is `fresh` until it was looked at, then `ready`, or on the list of one announcement that holds it back: when that has left (or is no longer
 * wanted), it is fresh again.
 */

import type { Buckets } from "./buckets.ts";
import type { FamilyPrefixes } from "./family-prefixes.ts";
import type { LinkedRows } from "./linked-rows.ts";

/** Bounds the work before one message; what is left over is looked at before the next. */
const EXAMINED_AT_ONCE = 4096;

export class Covering {
  readonly #rows: FamilyPrefixes;
  readonly #lists: LinkedRows;
  readonly #buckets: Buckets;
  readonly #isUnsent: (row: number) => boolean;
  readonly #fresh: number;
  readonly #ready: number;
  /** Lists of withdrawals held back, by the row of the announcement, and back. */
  readonly #heldBy = new Map<number, number>();
  readonly #holderOf = new Map<number, number>();
  /** How many new announcements, and fresh withdrawals, have each prefix length. */
  readonly #newLengths: Int32Array;
  readonly #freshLengths: Int32Array;
  #newCount = 0;
  readonly #probe: Uint8Array;

  /** `isUnsent`: the peer does not have the prefix. */
  constructor(rows: FamilyPrefixes, lists: LinkedRows, buckets: Buckets, isUnsent: (row: number) => boolean) {
    this.#rows = rows;
    this.#lists = lists;
    this.#buckets = buckets;
    this.#isUnsent = isUnsent;
    this.#fresh = lists.create();
    this.#ready = lists.create();
    this.#newLengths = new Int32Array((rows.stride - 1) * 8 + 1);
    this.#freshLengths = new Int32Array((rows.stride - 1) * 8 + 1);
    this.#probe = new Uint8Array(rows.stride - 1);
  }

  addWithdrawal(row: number): void {
    this.#lists.append(this.#fresh, row);
    this.#count(this.#freshLengths, row, 1);
  }

  removeWithdrawal(row: number): void {
    const list = this.#lists.listOf(row);
    this.#lists.remove(row);
    if (list === this.#fresh) this.#count(this.#freshLengths, row, -1);
    else if (list !== this.#ready && this.#lists.count(list) === 0) this.#deleteHeld(list);
  }

  /** A prefix the peer does not have is now pending to be announced. */
  announcementAdded(row: number): void {
    this.#newCount++;
    this.#count(this.#newLengths, row, 1);
  }

  /** As `announcementGone` for `count` of them with this length, while they hold nothing back. */
  announcementsGone(length: number, count: number): void {
    this.#newCount -= count;
    this.#newLengths[length] = (this.#newLengths[length] ?? 0) - count;
  }

  /** Some withdrawal waits for an announcement. */
  get holdsBack(): boolean {
    return this.#heldBy.size > 0;
  }

  /** It left, or is no longer wanted. */
  announcementGone(row: number): void {
    this.#newCount--;
    this.#count(this.#newLengths, row, -1);
    if (this.#heldBy.size > 0) this.#release(this.#heldBy.get(row) ?? 0);
  }

  /** Announcements may not leave any more, or may again: nothing is held back by them for now. */
  releaseAll(): void {
    for (const list of [...this.#heldBy.values()]) this.#release(list);
  }

  /** The list of withdrawals that may leave now, 0 for none. `announcing`: announcements may leave too, so it is worth waiting for them. */
  due(announcing: boolean): number {
    if (this.#lists.head(this.#ready) !== 0) return this.#ready;
    if (this.#lists.head(this.#fresh) === 0) return 0;
    if (!announcing || !this.#lengthsDiffer()) return this.#fresh;
    this.#examine();
    return this.#lists.head(this.#ready) === 0 ? 0 : this.#ready;
  }

  /** True unless everything new and everything fresh is of one length. */
  #lengthsDiffer(): boolean {
    if (this.#newCount === 0) return false;
    for (let length = 0; length < this.#newLengths.length; length++) {
      if (this.#newLengths[length] === 0) continue;
      // All new ones of this length: an overlap needs a fresh one of another.
      return this.#newLengths[length] !== this.#newCount || this.#freshLengths[length] !== this.#lists.count(this.#fresh);
    }
    return false;
  }

  #examine(): void {
    const wide = new Set<number>();
    let budget = EXAMINED_AT_ONCE;
    for (let row = this.#lists.head(this.#fresh); row !== 0 && budget > 0; row = this.#lists.head(this.#fresh)) {
      budget--;
      const holder = this.#findCovering(row) || this.#findCovered(row, wide);
      this.#moveFresh(row, holder === 0 ? this.#ready : this.#heldList(holder));
    }
    if (wide.size > 0) this.#scan(wide);
  }

  /** A new announcement that covers the row's prefix. */
  #findCovering(row: number): number {
    const start = row * this.#rows.stride + 1;
    for (let length = this.#rows.length(row) - 1; length >= 0; length--) {
      if (this.#newLengths[length] === 0) continue;
      const found = this.#rows.find(this.#rows.nlri, start, length);
      if (found !== 0 && this.#isNew(found)) return found;
    }
    return 0;
  }

  /** A new announcement inside the row's prefix: by trying every prefix in it while those are fewer than the announcements, else it is left to the scan. */
  #findCovered(row: number, wide: Set<number>): number {
    const length = this.#rows.length(row);
    for (let longer = length + 1; longer < this.#newLengths.length; longer++) {
      if (this.#newLengths[longer] === 0) continue;
      if (longer - length >= 31 || 1 << (longer - length) > this.#newCount) {
        wide.add(row);
        continue;
      }
      const start = row * this.#rows.stride + 1;
      this.#probe.set(this.#rows.nlri.subarray(start, start + this.#probe.length));
      for (let left = 1 << (longer - length); left > 0; left--) {
        const found = this.#rows.find(this.#probe, 0, longer);
        if (found !== 0 && this.#isNew(found)) {
          wide.delete(row);
          return found;
        }
        this.#step(longer);
      }
    }
    return 0;
  }

  /** One pass over all new announcements for the wide withdrawals. Backwards: the last to leave is the best to wait for. */
  #scan(wide: Set<number>): void {
    const lengths = [...new Set([...wide].map((row) => this.#rows.length(row)))];
    const { stride } = this.#rows;
    this.#buckets.forEachBackwards((bucket) => {
      for (let row = this.#lists.tail(bucket); row !== 0; row = this.#lists.previous(row)) {
        if (!this.#isNew(row)) continue;
        const own = this.#rows.length(row);
        for (const length of lengths) {
          if (length >= own) continue;
          const found = this.#rows.find(this.#rows.nlri, row * stride + 1, length);
          if (!wide.delete(found)) continue;
          this.#lists.remove(found);
          this.#lists.append(this.#heldList(row), found);
        }
        if (wide.size === 0) return false;
      }
      return true;
    });
  }

  /** The next prefix of the length in the probe. */
  #step(length: number): void {
    let carry = 1 << (7 - ((length - 1) & 7));
    for (let i = (length - 1) >> 3; i >= 0 && carry > 0; i--) {
      const sum = (this.#probe[i] ?? 0) + carry;
      this.#probe[i] = sum & 0xff;
      carry = sum >> 8;
    }
  }

  /** True when the prefix is about to be announced to a peer that does not have it. */
  #isNew(row: number): boolean {
    return this.#isUnsent(row) && this.#buckets.attributeOf(this.#lists.listOf(row)) !== 0;
  }

  #heldList(holder: number): number {
    const known = this.#heldBy.get(holder);
    if (known !== undefined) return known;
    const list = this.#lists.create();
    this.#heldBy.set(holder, list);
    this.#holderOf.set(list, holder);
    return list;
  }

  #deleteHeld(list: number): void {
    const holder = this.#holderOf.get(list);
    if (holder === undefined) return;
    this.#holderOf.delete(list);
    this.#heldBy.delete(holder);
    this.#lists.delete(list);
  }

  #release(list: number): void {
    if (list === 0) return;
    for (let row = this.#lists.head(list); row !== 0; row = this.#lists.head(list)) {
      this.#lists.remove(row);
      this.addWithdrawal(row);
    }
    this.#deleteHeld(list);
  }

  #moveFresh(row: number, list: number): void {
    this.#lists.remove(row);
    this.#count(this.#freshLengths, row, -1);
    this.#lists.append(list, row);
  }

  #count(lengths: Int32Array, row: number, change: number): void {
    const length = this.#rows.length(row);
    lengths[length] = (lengths[length] ?? 0) + change;
  }
}
