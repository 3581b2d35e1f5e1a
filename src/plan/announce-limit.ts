/**
 * Check 17: of the prefixes of a family wanted for a peer, the oldest are kept up to the peer's limit. Two heaps meet at the limit, so that a
 * change costs the logarithm of how many there are.
 */

import { comparePrefixes, type Prefix } from "../ip/prefix.ts";

/** A prefix in line: by age of its owner, then IPv4 before IPv6, numeric, short before long. */
export interface Place {
  readonly prefix: Prefix;
  /** creationTimestamp of the oldest owner; "" = unknown, taken for the oldest. */
  readonly age: string;
}

interface Held extends Place {
  kept: boolean;
}

/** One peer and family. */
export class AnnounceLimit {
  #limit: number;
  readonly #members = new Map<string, Held>();
  /** The youngest of the kept on top, the oldest of the cut on top; both with leftovers of members that are gone or changed sides. */
  readonly #kept = new Heap((a, b) => comparePlaces(b, a));
  readonly #cut = new Heap(comparePlaces);
  #keptCount = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many are let through at most. */
  get limit(): number {
    return this.#limit;
  }

  /** How many are beyond the limit. */
  get leftOut(): number {
    return this.#members.size - this.#keptCount;
  }

  /** True when the prefix is beyond the limit. */
  isCut(key: string): boolean {
    return this.#members.get(key)?.kept === false;
  }

  /** Adds a prefix or gives it another age. `changed` hears of every other prefix that changes sides. */
  put(place: Place, changed: (key: string) => void): void {
    const { key } = place.prefix;
    const known = this.#members.get(key);
    if (known?.age === place.age) return;
    if (known !== undefined) this.remove(key, changed);
    const member: Held = { ...place, kept: true };
    this.#members.set(key, member);
    this.#sweep();
    this.#keep(member);
    this.#settle((other) => {
      if (other !== key) changed(other);
    });
  }

  /** `changed` hears of every prefix that changes sides. */
  resize(limit: number, changed: (key: string) => void): void {
    this.#limit = limit;
    this.#settle(changed);
  }

  remove(key: string, changed: (key: string) => void): void {
    const member = this.#members.get(key);
    if (member === undefined) return;
    this.#members.delete(key);
    if (!member.kept) return;
    this.#keptCount--;
    this.#settle(changed);
  }

  /** As many as the limit says are kept. */
  #settle(changed: (key: string) => void): void {
    while (this.#keptCount > this.#limit) {
      const youngest = this.#top(this.#kept, true);
      if (youngest === undefined) return;
      this.#kept.pop();
      this.#keptCount--;
      youngest.kept = false;
      this.#cut.push(youngest);
      changed(youngest.prefix.key);
    }
    while (this.#keptCount < this.#limit) {
      const oldest = this.#top(this.#cut, false);
      if (oldest === undefined) return;
      this.#cut.pop();
      this.#keep(oldest);
      changed(oldest.prefix.key);
    }
  }

  #keep(member: Held): void {
    member.kept = true;
    this.#kept.push(member);
    this.#keptCount++;
  }

  /** Members that left are found only at the top: swept out before they outnumber the rest. */
  #sweep(): void {
    const most = 2 * this.#members.size + 64;
    if (this.#kept.size + this.#cut.size <= most) return;
    this.#kept.retain((item) => item.kept && this.#members.get(item.prefix.key) === item);
    this.#cut.retain((item) => !item.kept && this.#members.get(item.prefix.key) === item);
  }

  /** The top that is still a member on that side. */
  #top(heap: Heap, kept: boolean): Held | undefined {
    for (let top = heap.top; top !== undefined; top = heap.top) {
      if (this.#members.get(top.prefix.key) === top && top.kept === kept) return top;
      heap.pop();
    }
    return undefined;
  }
}

function comparePlaces(a: Place, b: Place): number {
  return a.age < b.age ? -1 : a.age > b.age ? 1 : comparePrefixes(a.prefix, b.prefix);
}

class Heap {
  #items: Held[] = [];
  readonly #compare: (a: Place, b: Place) => number;

  constructor(compare: (a: Place, b: Place) => number) {
    this.#compare = compare;
  }

  get top(): Held | undefined {
    return this.#items[0];
  }

  get size(): number {
    return this.#items.length;
  }

  /** Keeps each item that `wanted` says, once. */
  retain(wanted: (item: Held) => boolean): void {
    // A sorted list is a heap.
    this.#items = [...new Set(this.#items)].filter(wanted).sort(this.#compare);
  }

  push(item: Held): void {
    let child = this.#items.push(item) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.#inOrder(parent, child)) return;
      this.#swap(parent, child);
      child = parent;
    }
  }

  pop(): void {
    this.#swap(0, this.#items.length - 1);
    this.#items.pop();
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      if (left >= this.#items.length) return;
      const least = left + 1 < this.#items.length && !this.#inOrder(left, left + 1) ? left + 1 : left;
      if (this.#inOrder(parent, least)) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #inOrder(a: number, b: number): boolean {
    const [first, second] = [this.#items[a], this.#items[b]];
    return first === undefined || second === undefined || this.#compare(first, second) <= 0;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (first === undefined || second === undefined) return;
    this.#items[a] = second;
    this.#items[b] = first;
  }
}
