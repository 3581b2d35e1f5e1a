import type { Family } from "../ip/address.ts";
import { isBuggy, type Pool } from "./pool.ts";

/** Which pools an address lies in, by binary search: the number line cut wherever a range of a pool begins or ends. */
export class PoolIndex {
  readonly #lines: Readonly<Record<Family, Line>>;

  constructor(pools: Iterable<Pool>) {
    const all = [...pools];
    this.#lines = { IPv4: lineOf(all, "IPv4"), IPv6: lineOf(all, "IPv6") };
  }

  /** Pools that give the address out, by name. */
  offering(family: Family, value: bigint): readonly Pool[] {
    const { starts, pools } = this.#lines[family];
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0n) <= value) low = middle + 1;
      else high = middle;
    }
    const here = pools[low - 1] ?? NONE;
    // All of them have the address; what one avoids are ends of /24s alone.
    return isBuggy(family, value) ? here.filter(({ object }) => !object.avoidBuggyIPs) : here;
  }
}

/** `pools[i]` holds from `starts[i]` to before `starts[i + 1]`. */
interface Line {
  readonly starts: readonly bigint[];
  readonly pools: readonly (readonly Pool[])[];
}

const NONE: readonly Pool[] = [];

function lineOf(pools: readonly Pool[], family: Family): Line {
  const edges = pools.flatMap((pool) =>
    pool.ranges(family).flatMap(({ from, to }) => [
      { at: from, pool, begins: true },
      { at: to + 1n, pool, begins: false },
    ]),
  );
  edges.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const starts: bigint[] = [];
  const held: (readonly Pool[])[] = [];
  const open = new Set<Pool>();
  for (const [index, { at, pool, begins }] of edges.entries()) {
    if (begins) open.add(pool);
    else open.delete(pool);
    if (edges[index + 1]?.at === at) continue;
    starts.push(at);
    held.push([...open].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
  return { starts, pools: held };
}
