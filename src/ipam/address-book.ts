import type { Address, Family } from "../ip/address.ts";
import { addressAt, numberOf } from "./address-number.ts";
import type { Pool } from "./pool.ts";
import { PoolIndex } from "./pool-index.ts";
import { RunSet } from "./run-set.ts";
import { type Holding, ShareGroup } from "./share-group.ts";
import { type SharingObstacle, type SharingTerms, sharingObstacle } from "./sharing.ts";

/** Who holds an address. One value per Service for as long as it is known; `terms` change through {@link AddressBook.restate}. */
export interface Holder {
  /** `namespace/name`. */
  readonly key: string;
  terms: SharingTerms;
}

/** Who holds which address, what is free in which pool, and where there is room beside others. */
export class AddressBook {
  readonly #holdings = new Map<string, HeldAddress>();
  readonly #used: Readonly<Record<Family, RunSet>> = { IPv4: new RunSet(), IPv6: new RunSet() };
  readonly #groups: Readonly<Record<Family, Map<string, ShareGroup<HeldAddress>>>> = { IPv4: new Map(), IPv6: new Map() };
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
      holding = { address, value: numberOf(address), holders: [holder] };
      this.#holdings.set(address.key, holding);
      this.#used[address.family].add(holding.value);
      for (const pool of this.#index.offering(address.family, holding.value)) pool.take(address.family);
    } else {
      if (holding.holders.includes(holder)) return;
      holding.holders.push(holder);
    }
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
    const group = this.#groups[family].get(holder.terms.group);
    const willDo = ({ address, value }: HeldAddress): boolean => pool.offers(family, value) && this.obstacle(address, holder) === null;
    return group?.least(holder.terms.ports, willDo)?.address ?? null;
  }

  #join(holding: HeldAddress, { terms }: Holder): void {
    if (terms.key === "") return;
    const groups = this.#groups[holding.address.family];
    let group = groups.get(terms.group);
    if (group === undefined) {
      group = new ShareGroup();
      groups.set(terms.group, group);
    }
    group.join(holding, terms.ports);
  }

  #leave(holding: HeldAddress, { terms }: Holder): void {
    if (terms.key === "") return;
    const groups = this.#groups[holding.address.family];
    const group = groups.get(terms.group);
    group?.leave(holding, terms.ports);
    if (group?.isEmpty) groups.delete(terms.group);
  }
}

const NOBODY: readonly Holder[] = [];

interface HeldAddress extends Holding {
  readonly holders: Holder[];
}
