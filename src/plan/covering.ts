/**
 * Prefixes that stand for many addresses: aggregates and blocks. Equal contributions are counted, not listed, so that one member's change
 * costs the same whether the prefix has ten members or a hundred thousand.
 */

import type { Prefix } from "../ip/prefix.ts";
import type { Advertisement } from "./advertisement.ts";
import { type Announcement, announce, type Contribution, contributionOf, NOTHING, type Share } from "./announcement.ts";
import { compareText, type Decision } from "./judge.ts";
import { coveringPrefix, type Scene } from "./scene.ts";
import type { AddressList } from "./service-entry.ts";

/** What one Service adds to covering prefixes, by prefix. */
export type CoveringWishes = ReadonlyMap<string, { readonly prefix: Prefix; readonly contribution: Contribution }>;

interface Covering {
  readonly prefix: Prefix;
  /** By contribution key, each with the number of Services that make it. */
  readonly contributions: Map<string, { readonly contribution: Contribution; services: number }>;
  announced: Announcement;
}

export class CoveringTable {
  readonly #coverings = new Map<string, Covering>();
  readonly #changed = new Set<Covering>();
  #blocks: Scene["blocks"] = new Map();

  /** Replaces one Service's wishes. */
  replace(before: CoveringWishes | null, after: CoveringWishes | null): void {
    if (before !== null) for (const { prefix, contribution } of before.values()) this.#add(prefix, contribution, -1);
    if (after !== null) for (const { prefix, contribution } of after.values()) this.#add(prefix, contribution, 1);
  }

  /** Another scene: other blocks, other peers. */
  enter(scene: Scene): void {
    this.replace(this.#blocks, scene.blocks);
    this.#blocks = scene.blocks;
    for (const covering of this.#coverings.values()) this.#changed.add(covering);
  }

  /** Settles what changed; `want` hears of every prefix that is wanted otherwise, or of `all` that were looked at. */
  settle(scene: Scene, all: boolean, want: (prefix: Prefix, before: Announcement, after: Announcement, age: () => string) => void): void {
    for (const covering of this.#changed) {
      const contributions = [...covering.contributions.values()].map((one) => [one.contribution, one.services] as const);
      const { peers, pool } = scene.parts;
      const after = contributions.length === 0 ? NOTHING : announce(contributions, peers, covering.prefix.address.family, pool);
      if (all || after.key !== covering.announced.key) want(covering.prefix, covering.announced, after, () => oldest(covering));
      covering.announced = after;
      if (contributions.length === 0) this.#coverings.delete(covering.prefix.key);
    }
    this.#changed.clear();
  }

  *announcements(): IterableIterator<{ readonly prefix: Prefix; readonly announcement: Announcement }> {
    for (const { prefix, announced } of this.#coverings.values()) if (announced.peers.length > 0) yield { prefix, announcement: announced };
  }

  #add(prefix: Prefix, contribution: Contribution, services: 1 | -1): void {
    let covering = this.#coverings.get(prefix.key);
    if (covering === undefined) {
      covering = { prefix, contributions: new Map(), announced: NOTHING };
      this.#coverings.set(prefix.key, covering);
    }
    this.#changed.add(covering);
    const known = covering.contributions.get(contribution.key);
    if (known === undefined) covering.contributions.set(contribution.key, { contribution, services });
    else if (known.services + services === 0) covering.contributions.delete(contribution.key);
    else known.services += services;
  }
}

/** creationTimestamp of the oldest advertisement that makes it announced: an aggregate outlives its members. */
function oldest({ contributions }: Covering): string {
  const ages = [...contributions.values()].flatMap(({ contribution }) =>
    contribution.shares.filter(mayAnnounce).map(({ advertisement }) => advertisement.source.metadata.creationTimestamp),
  );
  return ages.sort(compareText)[0] ?? "";
}

/** A Service's wishes for covering prefixes; null = none. */
export function coveringWishes({ addresses }: AddressList, decisions: readonly Decision[]): CoveringWishes | null {
  const shares = new Map<string, { readonly prefix: Prefix; readonly byAdvertisement: Map<Advertisement, Share> }>();
  addresses.forEach((address, i) => {
    for (const share of decisions[i]?.covering ?? []) {
      const prefix = coveringPrefix(share.advertisement, address);
      let wish = shares.get(prefix.key);
      if (wish === undefined) {
        wish = { prefix, byAdvertisement: new Map() };
        shares.set(prefix.key, wish);
      }
      const known = wish.byAdvertisement.get(share.advertisement);
      wish.byAdvertisement.set(share.advertisement, known === undefined ? share : combined(known, share));
    }
  });
  if (shares.size === 0) return null;
  return new Map(
    [...shares].map(([key, { prefix, byAdvertisement }]) => {
      const sorted = [...byAdvertisement.values()].sort((a, b) => a.advertisement.id - b.advertisement.id);
      return [key, { prefix, contribution: contributionOf(sorted) }];
    }),
  );
}

/** Two addresses of one Service under one advertisement: a peer is barred only if it is for every address that may be announced. */
function combined(a: Share, b: Share): Share {
  const weight = a.weight === null ? b.weight : b.weight === null ? a.weight : Math.max(a.weight, b.weight);
  const [first, second] = [mayAnnounce(a), mayAnnounce(b)];
  if (first !== second) return { ...(first ? a : b), weight };
  return { ...a, eligible: a.eligible || b.eligible, weight, barred: a.barred.filter((peer) => b.barred.includes(peer)) };
}

function mayAnnounce({ eligible, beyond }: Share): boolean {
  return eligible && !beyond;
}
