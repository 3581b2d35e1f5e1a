import { grown } from "./family-prefixes.ts";

/**
 * Doubly linked lists threaded through typed arrays: each row number is on at most one list, so a row has at most one place to wait, and moving it costs the same
 * however long the lists are. Lists and rows are numbers from 1; 0 means none.
 */
export class LinkedRows {
  /** By row. */
  #next = new Int32Array(64);
  #previous = new Int32Array(64);
  #list = new Int32Array(64);
  /** By list. */
  #head = new Int32Array(16);
  #tail = new Int32Array(16);
  #count = new Int32Array(16);
  #freeLists: number[] = [];
  #lists = 1;

  /** Makes rows below `capacity` usable. */
  reserve(capacity: number): void {
    if (capacity <= this.#list.length) return;
    this.#next = grown(this.#next, capacity);
    this.#previous = grown(this.#previous, capacity);
    this.#list = grown(this.#list, capacity);
  }

  /** A new empty list; the number of a deleted one is used again. */
  create(): number {
    const free = this.#freeLists.pop();
    if (free !== undefined) return free;
    const list = this.#lists++;
    if (list >= this.#head.length) {
      this.#head = grown(this.#head, this.#head.length * 2);
      this.#tail = grown(this.#tail, this.#head.length);
      this.#count = grown(this.#count, this.#head.length);
    }
    return list;
  }

  /** Forgets an empty list. @throws {Error} when it is not empty (a bug). */
  delete(list: number): void {
    if (this.#head[list] !== 0) throw new Error(`list ${list} is not empty`);
    this.#freeLists.push(list);
  }

  /** The list the row is on, 0 when on none. */
  listOf(row: number): number {
    return this.#list[row] ?? 0;
  }

  head(list: number): number {
    return this.#head[list] ?? 0;
  }

  tail(list: number): number {
    return this.#tail[list] ?? 0;
  }

  count(list: number): number {
    return this.#count[list] ?? 0;
  }

  next(row: number): number {
    return this.#next[row] ?? 0;
  }

  previous(row: number): number {
    return this.#previous[row] ?? 0;
  }

  /** The row must be on no list. */
  append(list: number, row: number): void {
    const tail = this.#tail[list] ?? 0;
    this.#list[row] = list;
    this.#next[row] = 0;
    this.#previous[row] = tail;
    if (tail === 0) this.#head[list] = row;
    else this.#next[tail] = row;
    this.#tail[list] = row;
    this.#count[list] = (this.#count[list] ?? 0) + 1;
  }

  /** Takes the row off its list, if it is on one. */
  remove(row: number): void {
    const list = this.#list[row] ?? 0;
    if (list === 0) return;
    const next = this.#next[row] ?? 0;
    const previous = this.#previous[row] ?? 0;
    if (previous === 0) this.#head[list] = next;
    else this.#next[previous] = next;
    if (next === 0) this.#tail[list] = previous;
    else this.#previous[next] = previous;
    this.#list[row] = 0;
    this.#count[list] = (this.#count[list] ?? 0) - 1;
  }

  /** Takes `count` rows off the head of the list, the last of which is `last`: one pass, cheaper than one by one. */
  cutHead(list: number, last: number, count: number): void {
    const lists = this.#list;
    const nexts = this.#next;
    const rest = nexts[last] ?? 0;
    for (let row = this.#head[list] ?? 0; row !== rest; row = nexts[row] ?? 0) lists[row] = 0;
    this.#head[list] = rest;
    if (rest === 0) this.#tail[list] = 0;
    else this.#previous[rest] = 0;
    this.#count[list] = (this.#count[list] ?? 0) - count;
  }
}
