/**
 * From everybody's wishes for one prefix to what each peer is sent. All owners that are selected on this node have a say in the attributes,
 * also those that cannot announce here at the moment: so all nodes send equal values and the router keeps its equal-cost paths.
 * Communities are united, the highest LOCAL_PREF, the lowest MED and the fewest prepends win, an owner that leaves a value unset has no say.
 */

import { PLAIN_ATTRIBUTES, type RouteAttributes } from "../bgp/rib/route.ts";
import type { Family } from "../ip/address.ts";
import { sortCommunities, sortExtendedCommunities, sortLargeCommunities } from "../ip/communities.ts";
import { type Advertisement, selectsPeer } from "./advertisement.ts";
import { leavingAttributes } from "./drain-phase.ts";
import type { PeerVerdict } from "./peers.ts";

/** What one advertisement wants of one prefix for one Service. */
export interface Share {
  readonly advertisement: Advertisement;
  /** Checks 8 to 12 pass here. */
  readonly eligible: boolean;
  /** This node is not among those that maxAnnouncers leaves (check 14). */
  readonly beyond: boolean;
  /** Endpoints that count are on another node too. */
  readonly elsewhere: boolean;
  /** Link bandwidth in octets per second; null = has no say. */
  readonly weight: number | null;
  /** Peers for which the address would be its own next hop. */
  readonly barred: readonly string[];
}

/** All wishes of one Service (or of one block) for one prefix. Equal keys mean equal contributions. */
export interface Contribution {
  readonly key: string;
  readonly shares: readonly Share[];
}

/** What peers are sent for one prefix, by peer name. Equal keys mean equal announcements. */
export interface Announcement {
  readonly key: string;
  readonly peers: readonly AnnouncedPeer[];
  /** Another node's endpoints count for it: to hold it back here does not make it unreachable. */
  readonly elsewhere: boolean;
}

export interface AnnouncedPeer {
  readonly peer: string;
  readonly wish: Wish;
}

/** A set of attributes. */
export interface Wish {
  readonly id: number;
  readonly attributes: RouteAttributes;
}

export const NOTHING: Announcement = { key: "", peers: [], elsewhere: false };

/** @param peers by name. */
export function announcementTo(peers: readonly AnnouncedPeer[], elsewhere: boolean): Announcement {
  if (peers.length === 0) return NOTHING;
  let key = elsewhere ? "+" : "";
  for (const { peer, wish } of peers) key += `${peer}=${wish.id};`;
  return { key, peers, elsewhere };
}

/** The peers that are to be told and were not. */
export function untold(wanted: Announcement, sent: Announcement): readonly string[] {
  return wanted.peers.flatMap(({ peer }) => (sent.peers.some((one) => one.peer === peer) ? [] : [peer]));
}

/** The same to all but those. */
export function without(announcement: Announcement, left: readonly string[]): Announcement {
  if (left.length === 0) return announcement;
  return announcementTo(
    announcement.peers.filter(({ peer }) => !left.includes(peer)),
    announcement.elsewhere,
  );
}

export function contributionOf(shares: readonly Share[]): Contribution {
  let key = "";
  for (const { advertisement, eligible, beyond, elsewhere, weight, barred } of shares) {
    const signs = `${eligible ? "+" : "-"}${beyond ? "b" : ""}${elsewhere ? "e" : ""}`;
    key += `${advertisement.id}${signs}${weight ?? ""}${barred.length === 0 ? "" : JSON.stringify(barred)};`;
  }
  return { key, shares };
}

/** The share makes its prefix announced to the peer, as far as checks 13 to 15 of the pair itself go. */
export function reachesPeer({ eligible, beyond, advertisement, barred }: Share, peer: string): boolean {
  return eligible && !beyond && selectsPeer(advertisement, peer) && !barred.includes(peer);
}

/** Attribute sets as single values, so that a thousand equal routes hold one and a difference is seen by identity. */
export class WishPool {
  readonly #wishes = new Map<string, Wish>();
  #nextId = 1;

  /** The one wish with these attributes. */
  intern(attributes: RouteAttributes): Wish {
    const key = JSON.stringify([
      attributes.communities,
      attributes.largeCommunities,
      attributes.extendedCommunities,
      attributes.localPref,
      attributes.med,
      attributes.asPathPrepend,
      attributes.linkBandwidth?.bytesPerSecond ?? null,
      attributes.linkBandwidth?.transitive ?? null,
    ]);
    const known = this.#wishes.get(key);
    if (known !== undefined) return known;
    // Changing weights leave sets behind that nobody holds. After forgetting all, some routes are told once more, unchanged.
    if (this.#wishes.size >= 65_536) this.#wishes.clear();
    const wish = { id: this.#nextId++, attributes };
    this.#wishes.set(key, wish);
    return wish;
  }
}

/** @param contributions each with the number of Services that make it. */
export function announce(
  contributions: readonly (readonly [Contribution, number])[],
  peers: readonly PeerVerdict[],
  family: Family,
  pool: WishPool,
): Announcement {
  const announced: AnnouncedPeer[] = [];
  let elsewhere = false;
  for (const peer of peers) {
    if (!peer.negotiated[family] || peer.nextHop[family].hop === null) continue;
    let reaches = false;
    for (const [{ shares }] of contributions) {
      for (const share of shares) {
        if (!reachesPeer(share, peer.name)) continue;
        reaches = true;
        elsewhere ||= share.elsewhere;
      }
    }
    if (reaches) announced.push({ peer: peer.name, wish: mergeFor(contributions, peer, pool) });
  }
  return announcementTo(announced, elsewhere);
}

/** What `announced` sends the peer; null = nothing. The same value for equal attributes. */
export function attributesTo(announced: Announcement, peer: string): RouteAttributes | null {
  return announced.peers.find((entry) => entry.peer === peer)?.wish.attributes ?? null;
}

function mergeFor(contributions: readonly (readonly [Contribution, number])[], { name: peer, leaving }: PeerVerdict, pool: WishPool): Wish {
  const advertisements = new Set<Advertisement>();
  for (const [{ shares }] of contributions) {
    for (const { advertisement } of shares) if (selectsPeer(advertisement, peer)) advertisements.add(advertisement);
  }
  const linkBandwidth = sumWeights(contributions, peer);
  const merged = mergeAttributes([...advertisements]);
  const weighted = linkBandwidth === null ? merged : { ...merged, linkBandwidth };
  return pool.intern(leaving === null ? weighted : leavingAttributes(weighted, leaving));
}

/** What all of them together ask for, but for weights. */
export function mergeAttributes(advertisements: readonly Advertisement[]): RouteAttributes {
  const localPrefs = valuesOf(advertisements, "localPref");
  const meds = valuesOf(advertisements, "med");
  const prepends = valuesOf(advertisements, "asPathPrepend");
  return {
    ...PLAIN_ATTRIBUTES,
    communities: sortCommunities(advertisements.flatMap(({ communities }) => communities)),
    largeCommunities: sortLargeCommunities(advertisements.flatMap(({ largeCommunities }) => largeCommunities)),
    extendedCommunities: sortExtendedCommunities(advertisements.flatMap(({ extendedCommunities }) => extendedCommunities)),
    localPref: localPrefs.length === 0 ? null : Math.max(...localPrefs),
    med: meds.length === 0 ? null : Math.min(...meds),
    asPathPrepend: prepends.length === 0 ? 0 : Math.min(...prepends),
  };
}

function valuesOf(advertisements: readonly Advertisement[], field: "localPref" | "med" | "asPathPrepend"): number[] {
  const values = new Set<number>();
  for (const { source } of advertisements) {
    const value = source[field];
    if (value !== null) values.add(value);
  }
  return [...values];
}

/** Per Service the highest of its advertisements, then the sum over the Services whose endpoints count here. */
function sumWeights(contributions: readonly (readonly [Contribution, number])[], peer: string): RouteAttributes["linkBandwidth"] {
  let sum: number | null = null;
  const transitive = new Set<boolean>();
  for (const [{ shares }, services] of contributions) {
    let highest: number | null = null;
    for (const { advertisement, weight } of shares) {
      if (weight === null || !selectsPeer(advertisement, peer)) continue;
      transitive.add(advertisement.source.linkBandwidth?.transitive ?? true);
      highest = Math.max(highest ?? 0, weight);
    }
    if (highest !== null) sum = (sum ?? 0) + highest * services;
  }
  if (sum === null) return null;
  return { bytesPerSecond: sum, transitive: transitive.has(true) };
}
