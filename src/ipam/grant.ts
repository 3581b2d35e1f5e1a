/** What one Service is given now, beside or instead of what it holds, and what it lacks. Changes nothing. */

import type { Address, Family } from "../ip/address.ts";
import type { Namespace, Service } from "../objects/kinds.ts";
import type { AddressBook, Holder } from "./address-book.ts";
import type { Pool } from "./pool.ts";
import { admits } from "./pool-choice.ts";
import type { Problem } from "./problem.ts";
import type { Wish } from "./wish.ts";

/** The Service as the allocator knows it. */
export interface Applicant extends Holder {
  readonly service: Service;
  readonly wish: Wish;
  /** At most one per family. */
  readonly held: readonly Address[];
  /** Held addresses on which it was found with another that does not share them. */
  readonly conflicts: ReadonlySet<string>;
}

export interface GrantPorts {
  readonly book: AddressBook;
  /** Pools that it is given addresses from, in order. */
  readonly candidates: readonly Pool[];
  readonly namespace: Namespace | undefined;
}

export interface Grant {
  /** Each instead of the one of its family that is held, if any. */
  readonly gives: readonly Address[];
  readonly problems: readonly Problem[];
}

export function grant(applicant: Applicant, ports: GrantPorts): Grant {
  const { service, wish, held } = applicant;
  const problems = conflictsOf(applicant, ports.book);
  if (service.metadata.deleting) return { gives: [], problems };
  if (wish.fault !== null) return { gives: [], problems: [...problems, { code: "invalidRequest", fault: wish.fault }] };
  const named = namedPool(applicant, ports);
  if (named !== null && !named.ok) return { gives: [], problems: [...problems, named.problem] };
  const only = named?.pool ?? null;

  // Of at most two families: an array that grows is made for more, and for a cluster's worth of Services that is most of the cost.
  let gives: readonly Address[] = NO_ADDRESS;
  let missing: readonly Family[] = NO_FAMILY;
  for (const family of wish.families) {
    const has = ofFamily(held, family);
    const asked = wish.requested[family];
    if (asked !== undefined) {
      if (has?.key === asked.key) problems.push(...oddities(asked, applicant, only, ports));
      else {
        const problem = whyNot(asked, applicant, only, ports);
        if (problem === null) gives = withOne(gives, asked);
        else problems.push(problem);
      }
    } else if (has === undefined) missing = withOne(missing, family);
    else if (only === null || only.offersAddress(has) || ports.book.offering(has).length === 0)
      problems.push(...oddities(has, applicant, only, ports));
    // It asks for another pool than the one it has its address from.
    else missing = withOne(missing, family);
  }
  if (missing.length > 0) {
    const anchors = held.length + gives.length === 0 ? gives : [...held.filter(({ family }) => !missing.includes(family)), ...gives];
    const pools = only === null ? anchoredFirst(ports.candidates, anchors) : [only];
    const found = choose(missing, pools, applicant, ports.book);
    gives = gives.length === 0 ? found : [...gives, ...found];
    if (found.length < missing.length)
      for (const family of missing) if (ofFamily(found, family) === undefined) problems.push(lackOf(family, pools, only));
  }
  if (wish.needsAll && held.length === 0 && gives.length < wish.families.length) return { gives: [], problems };
  return { gives, problems };
}

/** Held addresses that still have another on them that does not share them. */
function conflictsOf(applicant: Applicant, book: AddressBook): Problem[] {
  if (applicant.conflicts.size === 0) return [];
  return applicant.held.flatMap((address): Problem[] => {
    if (!applicant.conflicts.has(address.key)) return [];
    const found = book.obstacle(address, applicant);
    return found === null ? [] : [{ code: "keptInConflict", address, holder: found.holder.key, obstacle: found.obstacle }];
  });
}

type Named = { readonly ok: true; readonly pool: Pool } | { readonly ok: false; readonly pool?: undefined; readonly problem: Problem };

/** The pool that the Service names; null = none. */
function namedPool({ service, wish }: Applicant, { book, namespace }: GrantPorts): Named | null {
  if (wish.pool === null) return null;
  const pool = book.pools.get(wish.pool);
  if (pool === undefined) return { ok: false, problem: { code: "unknownPool", pool: wish.pool } };
  if (!admits(pool, service, namespace)) return { ok: false, problem: { code: "poolNotAllowed", pool: wish.pool } };
  return { ok: true, pool };
}

/** What is odd about an address that is kept nevertheless. */
function oddities(address: Address, { service }: Applicant, only: Pool | null, { book, namespace }: GrantPorts): Problem[] {
  const offering = book.offering(address);
  if (offering.length === 0) return [{ code: "keptOutsidePools", address }];
  if ((only !== null && offering.includes(only)) || offering.some((pool) => admits(pool, service, namespace))) return [];
  return [{ code: "keptNotAllowed", address, pools: offering.map(({ name }) => name) }];
}

/** Why the Service cannot have the address it asks for; null = it can. */
function whyNot(address: Address, applicant: Applicant, only: Pool | null, { book, namespace }: GrantPorts): Problem | null {
  const allowed = book.offering(address).some((pool) => (only === null ? admits(pool, applicant.service, namespace) : pool === only));
  if (!allowed) return { code: "addressNotInPool", address, pool: only?.name ?? null };
  const found = book.obstacle(address, applicant);
  return found === null ? null : { code: "addressInUse", address, holder: found.holder.key, obstacle: found.obstacle };
}

/** Both families of a Service rather from one pool: those that have its other address go first. */
function anchoredFirst(pools: readonly Pool[], anchors: readonly Address[]): readonly Pool[] {
  if (anchors.length === 0) return pools;
  const near = pools.filter((pool) => anchors.some((address) => pool.offersAddress(address)));
  return near.length === 0 ? pools : [...near, ...pools.filter((pool) => !near.includes(pool))];
}

/** From the first pool that has all of them, else each from the first that has it. */
function choose(families: readonly Family[], pools: readonly Pool[], applicant: Applicant, book: AddressBook): readonly Address[] {
  const [first, second] = families;
  if (first !== undefined && second !== undefined) {
    for (const pool of pools) {
      if (!pool.has(first) || !pool.has(second)) continue;
      const one = book.find(pool, first, applicant);
      const other = one === null ? null : book.find(pool, second, applicant);
      if (one !== null && other !== null) return [one, other];
    }
  }
  let found: readonly Address[] = NO_ADDRESS;
  for (const family of families) {
    for (const pool of pools) {
      const address = book.find(pool, family, applicant);
      if (address === null) continue;
      found = withOne(found, address);
      break;
    }
  }
  return found;
}

const NO_ADDRESS: readonly Address[] = [];
const NO_FAMILY: readonly Family[] = [];

function withOne<T>(list: readonly T[], item: T): readonly T[] {
  return list.length === 0 ? [item] : [...list, item];
}

function ofFamily(addresses: readonly Address[], family: Family): Address | undefined {
  for (const address of addresses) if (address.family === family) return address;
  return undefined;
}

function lackOf(family: Family, pools: readonly Pool[], only: Pool | null): Problem {
  const having = pools.filter((pool) => pool.has(family));
  if (having.length === 0) return { code: "noPool", family, pool: only?.name ?? null };
  return { code: "poolExhausted", family, pools: having.map(({ name }) => name) };
}
