/**
 * Gives Services of type LoadBalancer their addresses. Objects go in, decisions come out; only what a change can alter is decided again.
 *
 * What it promises, so that a restart changes nothing: a decision depends on the objects and on what is held, never on how it came to be. A change of a
 * Service may move it: it asked for something else. A change of a pool never does: an address that no pool has any more is kept, and reported.
 * What is found on a Service when it is first seen is taken in before anything is given; nothing is taken from its holder for somebody else's sake.
 * Where several wait the oldest comes first.
 */

import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import type { IPAddressPool, Namespace, ObjectChange, ObjectRef, Service } from "../objects/kinds.ts";
import { sameLabels } from "../plan/selectors.ts";
import { AddressBook } from "./address-book.ts";
import { Entry, NO_ADDRESSES, UNTROUBLED } from "./entry.ts";
import { type GrantPorts, grant } from "./grant.ts";
import { compareQueueable, OrderedQueue } from "./ordered-queue.ts";
import { Pool, type PoolUsage } from "./pool.ts";
import { PoolChoice } from "./pool-choice.ts";
import { type Problem, problemText } from "./problem.ts";
import { sameTerms } from "./sharing.ts";
import { isOurs, type Wish, wishOf } from "./wish.ts";

export interface AllocatorOptions {
  /** "" = Services without a class. */
  readonly loadBalancerClass: string;
  /** Pools elsewhere do not count. */
  readonly heraldNamespace: string;
}

/** What a Service's status is to say from now on. */
export interface Decision {
  readonly service: Service;
  /** The preferred family first. */
  readonly addresses: readonly Address[];
  /** Those of them that it has since the last decision, and the pool each came from. */
  readonly gained: readonly { readonly address: Address; readonly pool: string }[];
  readonly problems: readonly Problem[];
}

export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #book = new AddressBook();
  readonly #entries = new Map<string, Entry>();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #waiting = new Set<Entry>();
  readonly #queue = new OrderedQueue<Entry>();
  /** Their objects came or changed since the last decision. */
  #changed: Entry[] = [];
  #choice = new PoolChoice([]);
  /** Moves on with every change of a pool. */
  #epoch = 0;
  /** Something became free, or shareable: whoever waits may have it. */
  #freed = false;

  constructor(options: AllocatorOptions) {
    this.#options = options;
  }

  /** Notes changes; {@link decide} acts on them. */
  apply(changes: readonly ObjectChange[]): void {
    for (const change of changes) {
      if (change.type === "delete") this.#delete(change.ref);
      else {
        const { object } = change;
        if (object.kind === "Service") this.#setService(object);
        else if (object.kind === "Namespace") this.#setNamespace(object.metadata.name, object);
        else if (object.kind === "IPAddressPool") this.#setPool(object.metadata, object);
      }
    }
  }

  /** What follows from everything noted. Services whose object, addresses or problems changed, each once. */
  decide(): readonly Decision[] {
    const changed = this.#changed.filter(({ forgotten }) => !forgotten).sort(compareQueueable);
    this.#changed = [];
    const touched: Entry[] = [];
    for (const entry of changed) {
      entry.changed = false;
      touch(entry, touched);
    }
    this.#takeIn(changed);
    this.#settle(changed);
    this.#queue.pushSorted(changed);
    for (;;) {
      if (this.#freed) {
        this.#freed = false;
        for (const entry of this.#waiting) this.#queue.push(entry);
      }
      const entry = this.#queue.pop();
      if (entry === undefined) break;
      this.#grant(entry, touched);
    }
    return touched.map((entry) => this.#decisionOf(entry));
  }

  /** What the allocator holds for a Service, `namespace/name`; null = it is not ours. */
  held(key: string): readonly Address[] | null {
    return this.#entries.get(key)?.held ?? null;
  }

  /** Of every pool and each family that it has, by name. */
  usage(): readonly PoolUsage[] {
    const pools = [...this.#book.pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return pools.flatMap((pool) => FAMILIES.flatMap((family) => (pool.has(family) ? [pool.usage(family)] : [])));
  }

  #setService(service: Service): void {
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    const known = this.#entries.get(key);
    const { loadBalancer } = service;
    // The same name for another object: what the first one held is free.
    const replaced = known !== undefined && known.service.metadata.uid !== service.metadata.uid;
    if (known !== undefined && (replaced || !isOurs(service, this.#options.loadBalancerClass))) this.#forget(known);
    if (loadBalancer === null || !isOurs(service, this.#options.loadBalancerClass)) return;
    const wish = wishOf(service, loadBalancer);
    if (known === undefined || replaced) {
      const entry = new Entry(key, service, wish);
      this.#entries.set(key, entry);
      this.#changed.push(entry);
      return;
    }
    known.service = service;
    known.candidates = null;
    known.wish = wish;
    if (!sameTerms(known.terms, wish.sharing)) {
      this.#book.restate(known, wish.sharing, known.held);
      if (known.held.length > 0) this.#freed = true;
    }
    if (known.changed) return;
    known.changed = true;
    this.#changed.push(known);
  }

  #delete({ kind, namespace, name }: ObjectRef): void {
    switch (kind) {
      case "Service": {
        const entry = this.#entries.get(`${namespace}/${name}`);
        if (entry !== undefined) this.#forget(entry);
        return;
      }
      case "Namespace":
        this.#setNamespace(name, null);
        return;
      case "IPAddressPool":
        this.#setPool({ namespace, name }, null);
        return;
      default:
        return;
    }
  }

  #setNamespace(name: string, namespace: Namespace | null): void {
    const before = this.#namespaces.get(name);
    if (namespace === null) this.#namespaces.delete(name);
    else this.#namespaces.set(name, namespace);
    if (sameLabels(before?.metadata.labels, namespace?.metadata.labels)) return;
    for (const entry of this.#entries.values()) {
      if (entry.service.metadata.namespace !== name) continue;
      entry.candidates = null;
      this.#queue.push(entry);
    }
  }

  #setPool({ namespace, name }: { readonly namespace: string; readonly name: string }, object: IPAddressPool | null): void {
    if (namespace !== this.#options.heraldNamespace) return;
    this.#book.setPool(name, object === null ? null : new Pool(object));
    this.#choice = new PoolChoice(this.#book.pools.values());
    this.#epoch++;
    for (const entry of this.#entries.values()) this.#queue.push(entry);
  }

  /** It is gone, or no Service of ours any more. */
  #forget(entry: Entry): void {
    for (const address of entry.held) this.#book.release(address, entry);
    if (entry.held.length > 0) this.#freed = true;
    entry.held = [];
    entry.forgotten = true;
    this.#entries.delete(entry.key);
    this.#waiting.delete(entry);
  }

  /** Addresses that Services had when they were first seen, the oldest Service first. One with another on it that does not share it stays so, marked. */
  #takeIn(changed: readonly Entry[]): void {
    for (const entry of changed) {
      const { loadBalancerIPs } = entry.service;
      if (!entry.fresh || loadBalancerIPs.length === 0) continue;
      entry.held = [...loadBalancerIPs];
      for (const address of entry.held) {
        if (this.#book.obstacle(address, entry) !== null) entry.conflicts = new Set([...entry.conflicts, address.key]);
        this.#book.take(address, entry);
      }
    }
  }

  /** Takes from changed Services what they do not ask for any more, or may not share any more, the youngest first. */
  #settle(changed: readonly Entry[]): void {
    for (let at = changed.length - 1; at >= 0; at--) {
      const entry = changed[at];
      if (entry === undefined || entry.held.length === 0) continue;
      const kept = new Map<Family, Address>();
      for (const address of this.#wanted(entry)) if (!kept.has(address.family)) kept.set(address.family, address);
      for (const address of entry.held)
        if (kept.get(address.family) !== address || this.#breaksRules(entry, address)) this.#release(entry, address);
    }
  }

  /** Held addresses of families that it asks for; of two of one family the one it requests first. */
  #wanted({ held, wish }: Entry): readonly Address[] {
    const asked = held.filter(({ family }) => wish.families.includes(family));
    return [...asked.filter(({ family, key }) => wish.requested[family]?.key === key), ...asked];
  }

  /** True when a change of the Service brought it into conflict with another on its address. */
  #breaksRules(entry: Entry, address: Address): boolean {
    if (entry.conflicts.has(address.key)) return false;
    for (const other of this.#book.opponents(address, entry))
      if (this.#entries.get(other.key)?.conflicts.has(address.key) !== true) return true;
    return false;
  }

  #release(entry: Entry, address: Address): void {
    this.#book.release(address, entry);
    entry.held = entry.held.filter(({ key }) => key !== address.key);
    this.#freed = true;
  }

  #grant(entry: Entry, touched: Entry[]): void {
    if (entry.forgotten) return;
    const { gives, problems } = grant(entry, this.#portsOf(entry));
    const said = problems.length === 0 ? "" : problems.map(problemText).join("; ");
    if (gives.length > 0 || said !== entry.said) touch(entry, touched);
    for (const address of gives) {
      for (const old of entry.held) if (old.family === address.family) this.#release(entry, old);
      this.#book.take(address, entry);
      // Whoever waits may be put beside it.
      if (entry.terms.key !== "") this.#freed = true;
    }
    entry.held = inOrderOf(entry.wish, entry.held.length === 0 ? gives : [...entry.held, ...gives]);
    entry.said = said;
    entry.problems = problems.length === 0 ? UNTROUBLED : problems;
    if (entry.conflicts.size > 0)
      entry.conflicts = new Set(problems.flatMap((problem) => (problem.code === "keptInConflict" ? [problem.address.key] : [])));
    if (problems.length > 0) this.#waiting.add(entry);
    else this.#waiting.delete(entry);
  }

  #portsOf(entry: Entry): GrantPorts {
    const { namespace } = entry.service.metadata;
    if (entry.candidates === null || entry.epoch !== this.#epoch) {
      entry.candidates = this.#choice.of(entry.service, this.#namespaces.get(namespace));
      entry.epoch = this.#epoch;
    }
    return { book: this.#book, candidates: entry.candidates, namespace: this.#namespaces.get(namespace) };
  }

  #decisionOf(entry: Entry): Decision {
    const { service, held, problems } = entry;
    const before = entry.before ?? NO_ADDRESSES;
    entry.before = null;
    entry.fresh = false;
    let gained: Decision["gained"] = NO_GAIN;
    for (const address of held) {
      if (isAmong(before, address) || isAmong(service.loadBalancerIPs, address)) continue;
      const gain = { address, pool: this.#poolOf(entry, address) };
      gained = gained.length === 0 ? [gain] : [...gained, gain];
    }
    return { service, addresses: held, gained, problems };
  }

  /** The pool that an address was given from: the one that the Service names, or the first in its order that has it. */
  #poolOf({ wish, candidates }: Entry, address: Address): string {
    const offering = this.#book.offering(address);
    const named = wish.pool === null ? undefined : offering.find(({ name }) => name === wish.pool);
    return (named ?? candidates?.find((pool) => offering.includes(pool)) ?? offering[0])?.name ?? "";
  }
}

const NO_GAIN: Decision["gained"] = [];

function touch(entry: Entry, touched: Entry[]): void {
  if (entry.before !== null) return;
  entry.before = entry.fresh ? NO_ADDRESSES : entry.held;
  touched.push(entry);
}

function inOrderOf({ families }: Wish, held: readonly Address[]): readonly Address[] {
  const [first, second] = held;
  if (first === undefined || second === undefined || families.indexOf(first.family) <= families.indexOf(second.family)) return held;
  return held.toSorted((a, b) => families.indexOf(a.family) - families.indexOf(b.family));
}

function isAmong(addresses: readonly Address[], { key }: Address): boolean {
  for (const address of addresses) if (address.key === key) return true;
  return false;
}
