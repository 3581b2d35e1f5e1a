/**
 * A set of numbers, kept as runs of neighbours in a treap ordered by where they begin: as many nodes as there are gaps, and every operation O(log runs).
 * Made for the question "which is the first free one from here on", which is one look-up however full the set is.
 */

interface Run {
  from: bigint;
  to: bigint;
  /** Random enough to keep the tree flat, and the same on every machine. */
  readonly weight: number;
  left: Run | null;
  right: Run | null;
}

export class RunSet {
  #root: Run | null = null;

  has(value: bigint): boolean {
    const run = this.#floor(value);
    return run !== null && value <= run.to;
  }

  /** The least number ≥ `value` that is not in the set. */
  nextFree(value: bigint): bigint {
    const run = this.#floor(value);
    return run !== null && value <= run.to ? run.to + 1n : value;
  }

  add(value: bigint): void {
    let before: Run | null = null;
    let following: Run | null = null;
    for (let node = this.#root; node !== null; ) {
      if (node.from <= value) {
        before = node;
        node = node.right;
      } else {
        following = node;
        node = node.left;
      }
    }
    if (before !== null && value <= before.to) return;
    const after = following !== null && following.from === value + 1n ? following : null;
    if (before !== null && before.to + 1n === value) {
      before.to = after?.to ?? value;
      if (after !== null) this.#root = without(this.#root, after.from);
    } else if (after !== null) {
      // Nothing begins between the two: the order of the tree stays.
      after.from = value;
    } else {
      this.#root = inserted(this.#root, run(value, value));
    }
  }

  delete(value: bigint): void {
    const found = this.#floor(value);
    if (found === null || value > found.to) return;
    const { from, to } = found;
    if (from === to) this.#root = without(this.#root, from);
    else if (value === from) found.from = from + 1n;
    else {
      found.to = value - 1n;
      if (value < to) this.#root = inserted(this.#root, run(value + 1n, to));
    }
  }

  /** The runs in order. */
  *[Symbol.iterator](): Generator<{ readonly from: bigint; readonly to: bigint }> {
    yield* inOrder(this.#root);
  }

  /** The last run that begins at or before `value`. */
  #floor(value: bigint): Run | null {
    let best: Run | null = null;
    for (let node = this.#root; node !== null; ) {
      if (node.from <= value) {
        best = node;
        node = node.right;
      } else node = node.left;
    }
    return best;
  }
}

function run(from: bigint, to: bigint): Run {
  return { from, to, weight: mixed(Number(BigInt.asUintN(32, from))), left: null, right: null };
}

/** murmur3's fmix32. */
function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function inserted(tree: Run | null, node: Run): Run {
  if (tree === null) return node;
  if (node.weight > tree.weight) {
    const [left, right] = split(tree, node.from);
    node.left = left;
    node.right = right;
    return node;
  }
  if (node.from < tree.from) tree.left = inserted(tree.left, node);
  else tree.right = inserted(tree.right, node);
  return tree;
}

function without(tree: Run | null, from: bigint): Run | null {
  if (tree === null) return null;
  if (tree.from === from) return joined(tree.left, tree.right);
  if (from < tree.from) tree.left = without(tree.left, from);
  else tree.right = without(tree.right, from);
  return tree;
}

/** What begins before `from`, and the rest. */
function split(tree: Run | null, from: bigint): [Run | null, Run | null] {
  if (tree === null) return [null, null];
  if (tree.from < from) {
    const [left, right] = split(tree.right, from);
    tree.right = left;
    return [tree, right];
  }
  const [left, right] = split(tree.left, from);
  tree.left = right;
  return [left, tree];
}

function joined(left: Run | null, right: Run | null): Run | null {
  if (left === null || right === null) return left ?? right;
  if (left.weight > right.weight) {
    left.right = joined(left.right, right);
    return left;
  }
  right.left = joined(left, right.left);
  return right;
}

function* inOrder(tree: Run | null): Generator<Run> {
  if (tree === null) return;
  yield* inOrder(tree.left);
  yield tree;
  yield* inOrder(tree.right);
}
