import type { Address, Family } from "../ip/address.ts";
import { addressAt, numberOf } from "./address-number.ts";
import type { Pool } from "./pool.ts";
import { PoolIndex } from "./pool-index.ts";
import { RunSet } from "./run-set.ts";
import { type SharingObstacle, type SharingTerms, sharingObstacle } from "./sharing.ts";

/** Who holds an address. One value per Service for as long as it is known; `terms` change through {@link AddressBook.restate}. */
export interface Holder {
  /** `namespace/name`. */
  readonly key: string;
  terms: SharingTerms;
}

/** Who holds which address, what is free in which pool, and where there is room beside others. */
export class AddressBook {
  readonly #holdings = new Map<string, Holding>();
  readonly #used: Readonly<Record<Family, RunSet>> = { IPv4: new RunSet(), IPv6: new RunSet() };
  readonly #groups = new Map<string, ShareGroup>();
  readonly #pools = new Map<string, Pool>();
  #index = new PoolIndex([]);

  get pools(): ReadonlyMap<string, Pool> {
    return this.#pools;
  }

  /** A pool is so now; null = it is gone. What is held stays held. */
  setPool(name: string, pool: Pool | null): void {
    if (pool === null) this.#pools.delete(name);
    else this.#pools.set(name, pool);
    this.#index = new PoolIndex(this.#pools.values());
    if (pool === null) return;
    for (const { address, value } of this.#holdings.values()) if (pool.offers(address.family, value)) pool.take(address.family);
  }

  /** Pools that give the address out, by name. */
  offering(address: Address): readonly Pool[] {
    return this.#index.offering(address.family, numberOf(address));
  }

  /** Whoever else is on the address and does not share it with the holder, of several the first by name, and why; null = nobody. */
  obstacle(address: Address, holder: Holder): { readonly holder: Holder; readonly obstacle: SharingObstacle } | null {
    let first: { readonly holder: Holder; readonly obstacle: SharingObstacle } | null = null;
    for (const other of this.#holdings.get(address.key)?.holders ?? NOBODY) {
      if (other === holder || (first !== null && other.key > first.holder.key)) continue;
      const obstacle = sharingObstacle(holder.terms, other.terms);
      if (obstacle !== null) first = { holder: other, obstacle };
    }
    return first;
  }

  /** The others on the address who do not share it with the holder. */
  *opponents(address: Address, holder: Holder): Generator<Holder> {
    for (const other of this.#holdings.get(address.key)?.holders ?? NOBODY)
      if (other !== holder && sharingObstacle(holder.terms, other.terms) !== null) yield other;
  }

  /** The address that a pool has for the holder: the least one beside others who share it, else the least free one; null = none. */
  find(pool: Pool, family: Family, holder: Holder): Address | null {
    if (!pool.has(family)) return null;
    const shared = holder.terms.key === "" ? null : this.#shareable(pool, family, holder);
    if (shared !== null) return shared;
    const value = pool.firstFree(family, this.#used[family]);
    return value === null ? null : addressAt(family, value);
  }

  take(address: Address, holder: Holder): void {
    let holding = this.#holdings.get(address.key);
    if (holding === undefined) {
      holding = { address, value: numberOf(address), holders: [] };
      this.#holdings.set(address.key, holding);
      this.#used[address.family].add(holding.value);
      for (const pool of this.#index.offering(address.family, holding.value)) pool.take(address.family);
    }
    if (holding.holders.includes(holder)) return;
    holding.holders.push(holder);
    this.#join(holding, holder);
  }

  release(address: Address, holder: Holder): void {
    const holding = this.#holdings.get(address.key);
    const at = holding?.holders.indexOf(holder) ?? -1;
    if (holding === undefined || at < 0) return;
    holding.holders.splice(at, 1);
    this.#leave(holding, holder);
    if (holding.holders.length > 0) return;
    this.#holdings.delete(address.key);
    this.#used[address.family].delete(holding.value);
    for (const pool of this.#index.offering(address.family, holding.value)) pool.free(address.family, holding.value);
  }

  /** The holder of these addresses has other terms now. */
  restate(holder: Holder, terms: SharingTerms, addresses: readonly Address[]): void {
    const holdings = addresses.flatMap(({ key }) => this.#holdings.get(key) ?? []);
    for (const holding of holdings) this.#leave(holding, holder);
    holder.terms = terms;
    for (const holding of holdings) this.#join(holding, holder);
  }

  #shareable(pool: Pool, family: Family, holder: Holder): Address | null {
    const group = this.#groups.get(groupOf(family, holder.terms));
    if (group === undefined) return null;
    // Every address of the group has one of the ports already: no need to look at each.
    for (const port of holder.terms.ports) if (group.ports.get(port)?.size === group.members.size) return null;
    let least: Holding | null = null;
    for (const holding of group.members.keys()) {
      if (least !== null && holding.value >= least.value) continue;
      if (holder.terms.ports.some((port) => group.ports.get(port)?.has(holding) === true)) continue;
      if (pool.offers(family, holding.value) && this.obstacle(holding.address, holder) === null) least = holding;
    }
    return least?.address ?? null;
  }

  #join(holding: Holding, { terms }: Holder): void {
    if (terms.key === "") return;
    const name = groupOf(holding.address.family, terms);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { members: new Map(), ports: new Map() };
      this.#groups.set(name, group);
    }
    count(group.members, holding, 1);
    for (const port of terms.ports) {
      let there = group.ports.get(port);
      if (there === undefined) {
        there = new Map();
        group.ports.set(port, there);
      }
      count(there, holding, 1);
    }
  }

  #leave(holding: Holding, { terms }: Holder): void {
    const name = groupOf(holding.address.family, terms);
    const group = this.#groups.get(name);
    if (terms.key === "" || group === undefined) return;
    count(group.members, holding, -1);
    for (const port of terms.ports) {
      const there = group.ports.get(port);
      if (there === undefined) continue;
      count(there, holding, -1);
      if (there.size === 0) group.ports.delete(port);
    }
    if (group.members.size === 0) this.#groups.delete(name);
  }
}

const NOBODY: readonly Holder[] = [];

interface Holding {
  readonly address: Address;
  readonly value: bigint;
  readonly holders: Holder[];
}

/** Addresses on which somebody of one key and backend is, and on which of them each port is taken; counted, since several may be on one. */
interface ShareGroup {
  readonly members: Map<Holding, number>;
  readonly ports: Map<string, Map<Holding, number>>;
}

function groupOf(family: Family, { key, backend }: SharingTerms): string {
  return `${family} ${key}\n${backend}`;
}

function count(counts: Map<Holding, number>, holding: Holding, by: number): void {
  const now = (counts.get(holding) ?? 0) + by;
  if (now > 0) counts.set(holding, now);
  else counts.delete(holding);
}
