/** Each item at most once; the least `order` comes first. A binary heap, beside a list of what came in order already and needs none. */
export class OrderedQueue<T extends { readonly order: string }> {
  readonly #heap: T[] = [];
  readonly #queued = new Set<T>();
  #sorted: readonly T[] = [];
  #next = 0;

  /** Items in their order, all at once: cheaper than one by one. */
  pushSorted(items: readonly T[]): void {
    if (this.#next < this.#sorted.length) {
      for (const item of items) this.push(item);
      return;
    }
    this.#sorted = this.#queued.size === 0 ? items : items.filter((item) => !this.#queued.has(item));
    this.#next = 0;
    for (const item of items) this.#queued.add(item);
  }

  push(item: T): void {
    if (this.#queued.has(item)) return;
    this.#queued.add(item);
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || above.order <= item.order) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  pop(): T | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const listed = this.#sorted[this.#next];
    if (listed !== undefined && (first === undefined || listed.order <= first.order)) {
      this.#next++;
      this.#queued.delete(listed);
      return listed;
    }
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    this.#queued.delete(first);
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
      if (right !== undefined && below !== undefined && right.order < below.order) {
        child++;
        below = right;
      }
      if (below === undefined || below.order >= item.order) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = item;
  }
}
