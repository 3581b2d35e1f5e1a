import type { Address, Family } from "../ip/address.ts";
import type { IPAddressPool } from "../objects/kinds.ts";
import { numberOf } from "./address-number.ts";
import type { RunSet } from "./run-set.ts";

/** Both ends included. */
export interface NumberRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** Addresses of a pool by what became of them. Held ones count wherever they were given from: in pools that overlap, in each. */
export interface PoolUsage {
  readonly pool: string;
  readonly family: Family;
  readonly assigned: bigint;
  readonly available: bigint;
}

/** An IPAddressPool, ready to be asked. */
export class Pool {
  readonly object: IPAddressPool;
  readonly #families: Readonly<Record<Family, PoolFamily>>;

  constructor(object: IPAddressPool) {
    this.object = object;
    this.#families = { IPv4: poolFamily(object, "IPv4"), IPv6: poolFamily(object, "IPv6") };
  }

  get name(): string {
    return this.object.metadata.name;
  }

  /** In order, overlaps joined. */
  ranges(family: Family): readonly NumberRange[] {
    return this.#families[family].ranges;
  }

  has(family: Family): boolean {
    return this.#families[family].ranges.length > 0;
  }

  /** An address that the pool gives out: not one that it avoids. */
  offers(family: Family, value: bigint): boolean {
    return !(this.object.avoidBuggyIPs && isBuggy(family, value)) && isWithin(this.#families[family].ranges, value);
  }

  offersAddress(address: Address): boolean {
    return this.offers(address.family, numberOf(address));
  }

  /** The least address that nobody holds; null = none. */
  firstFree(family: Family, used: RunSet): bigint | null {
    const part = this.#families[family];
    if (part.assigned >= part.size) return null;
    const { avoidBuggyIPs } = this.object;
    for (; part.nextRange < part.ranges.length; part.nextRange++) {
      const range = part.ranges[part.nextRange];
      if (range === undefined) break;
      let value = used.nextFree(later(part.hint, range.from));
      while (avoidBuggyIPs && value <= range.to && isBuggy(family, value)) value = used.nextFree(value + 1n);
      if (value <= range.to) {
        part.hint = value;
        return value;
      }
    }
    return null;
  }

  /** Somebody holds the address now. */
  take(family: Family): void {
    this.#families[family].assigned++;
  }

  /** Nobody holds it any more. */
  free(family: Family, value: bigint): void {
    const part = this.#families[family];
    part.assigned--;
    if (value < part.hint) part.hint = value;
    part.nextRange = Math.min(part.nextRange, rangeOf(part.ranges, value));
  }

  usage(family: Family): PoolUsage {
    const { size, assigned } = this.#families[family];
    return { pool: this.name, family, assigned: BigInt(assigned), available: size - BigInt(assigned) };
  }
}

interface PoolFamily {
  readonly ranges: readonly NumberRange[];
  /** Addresses it gives out. */
  readonly size: bigint;
  /** Of those, how many somebody holds. */
  assigned: number;
  /** All before it are held. */
  hint: bigint;
  /** Index of the range that `hint` is in, or the first one after it. */
  nextRange: number;
}

function poolFamily({ ranges, avoidBuggyIPs }: IPAddressPool, family: Family): PoolFamily {
  const joined: { from: bigint; to: bigint }[] = [];
  const sorted = ranges
    .filter(({ from }) => from.family === family)
    .map(({ from, to }) => ({ from: numberOf(from), to: numberOf(to) }))
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last === undefined || range.from > last.to + 1n) joined.push(range);
    else if (range.to > last.to) last.to = range.to;
  }
  let size = 0n;
  for (const { from, to } of joined) size += to - from + 1n - (family === "IPv4" && avoidBuggyIPs ? buggyIn(from, to) : 0n);
  return { ranges: joined, size, assigned: 0, hint: 0n, nextRange: 0 };
}

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** IPv4 addresses that end in .0 or .255: some old firmware takes them for the network's and the broadcast address. */
export function isBuggy(family: Family, value: bigint): boolean {
  if (family !== "IPv4") return false;
  const last = value & 0xffn;
  return last === 0n || last === 255n;
}

function buggyIn(from: bigint, to: bigint): bigint {
  // Up to n, both ends of a /24 included: those with last octet 0 are n / 256 + 1, those with 255 are (n + 1) / 256.
  const upTo = (n: bigint): bigint => (n < 0n ? 0n : n / 256n + 1n + (n + 1n) / 256n);
  return upTo(to) - upTo(from - 1n);
}

function isWithin(ranges: readonly NumberRange[], value: bigint): boolean {
  const range = ranges[rangeOf(ranges, value)];
  return range !== undefined && range.from <= value;
}

/** The first range that ends at or after `value`. */
function rangeOf(ranges: readonly NumberRange[], value: bigint): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.to ?? 0n) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
