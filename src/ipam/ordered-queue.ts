/** What can wait in one queue; the queue alone writes `queued`. */
export interface Queueable {
  /** When its object was made, in text that sorts. */
  readonly createdAt: string;
  readonly key: string;
  queued: boolean;
}

/** The oldest first, then by key. */
export function compareQueueable(a: Queueable, b: Queueable): number {
  if (a.createdAt === b.createdAt) return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
  return a.createdAt < b.createdAt ? -1 : 1;
}

/** Each item at most once, the oldest first. A binary heap, beside a list of what came in order already and needs none. */
export class OrderedQueue<T extends Queueable> {
  readonly #heap: T[] = [];
  #sorted: readonly T[] = [];
  #next = 0;

  /** Items in their order, all at once: cheaper than one by one. */
  pushSorted(items: readonly T[]): void {
    if (this.#next < this.#sorted.length) {
      for (const item of items) this.push(item);
      return;
    }
    this.#sorted = this.#heap.length === 0 ? items : items.filter((item) => !item.queued);
    this.#next = 0;
    for (const item of this.#sorted) item.queued = true;
  }

  push(item: T): void {
    if (item.queued) return;
    item.queued = true;
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || compareQueueable(above, item) <= 0) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  pop(): T | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const listed = this.#sorted[this.#next];
    if (listed !== undefined && (first === undefined || compareQueueable(listed, first) <= 0)) {
      this.#next++;
      listed.queued = false;
      return listed;
    }
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    first.queued = false;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(item: T): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (right !== undefined && below !== undefined && compareQueueable(right, below) < 0) {
        child++;
        below = right;
      }
      if (below === undefined || compareQueueable(below, item) >= 0) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = item;
  }
}
