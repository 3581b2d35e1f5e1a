import { type Address, compareOctets, type Family } from "../ip/address.ts";
import { type LargeCommunity, parseCommunity, sortCommunities, sortExtendedCommunities, sortLargeCommunities } from "../ip/communities.ts";
import { containsAddress, maxLength, type Prefix } from "../ip/prefix.ts";
import { nearestCommunity } from "../objects/community.ts";
import type { AddressKind, BGPAdvertisement, Community, Finding, IPAddressPool, Node } from "../objects/kinds.ts";
import { nearest } from "../objects/nearest.ts";
import { findingOf } from "./findings.ts";
import { matchesAny, matchesSelector, plainLabels } from "./selectors.ts";

/** An advertisement in force with everything it names looked up. `id` is never used twice: equal ids mean the same advertisement, unchanged. */
export interface Advertisement {
  readonly id: number;
  readonly name: string;
  readonly source: BGPAdvertisement;
  /** Its node selectors match the node decided for. */
  readonly selectsNode: boolean;
  /** Ranges of the pools it names, whether or not they exist. */
  readonly pools: readonly IPAddressPool[];
  /** It limits addresses by `cidrs` or pools. */
  readonly limited: boolean;
  readonly communities: readonly number[];
  readonly largeCommunities: readonly LargeCommunity[];
  readonly extendedCommunities: readonly string[];
}

/** What advertisements may refer to. Objects of other namespaces are not in it. */
export interface References {
  readonly communities: ReadonlyMap<string, Community>;
  readonly pools: ReadonlyMap<string, IPAddressPool>;
  /** The node decided for. */
  readonly node: Node | undefined;
}

export interface CompiledAdvertisement {
  /** null = not in force: it names a community that is not known, and routes without it could be accepted where they must not be. */
  readonly advertisement: Advertisement | null;
  readonly findings: readonly Finding[];
}

/** Resolves an advertisement. */
export function compileAdvertisement(source: BGPAdvertisement, id: number, references: References): CompiledAdvertisement {
  const findings: Finding[] = [];
  const standard: number[] = [];
  const large: LargeCommunity[] = [];
  let inForce = true;
  source.communities.forEach((text, i) => {
    const parsed = parseCommunity(aliasValue(text, references.communities) ?? text);
    if (parsed.ok && parsed.kind === "standard") standard.push(parsed.value);
    else if (parsed.ok) large.push(parsed.value);
    else {
      inForce = false;
      findings.push(
        findingOf("error", "unknownCommunity", source, {
          field: `spec.communities[${i}]`,
          message: `"${text}" is neither a community nor an alias of a Community object${orNear(nearestCommunity(text, aliasNames(references.communities)))}; the advertisement is not in force`,
          allowed: "65000:1, large:1:2:3, a well-known name or an alias",
        }),
      );
    }
  });
  const pools = namedPools(source, references.pools, findings);
  if (!inForce) return { advertisement: null, findings };
  return {
    advertisement: {
      id,
      name: source.metadata.name,
      source,
      selectsNode: selectsNode(source, references.node),
      pools,
      limited: source.cidrs.length + source.ipAddressPools.length + source.ipAddressPoolSelectors.length > 0,
      communities: sortCommunities(standard),
      largeCommunities: sortLargeCommunities(large),
      extendedCommunities: sortExtendedCommunities(source.extendedCommunities),
    },
    findings,
  };
}

/** The node part of check 6. */
export function selectsNode(source: BGPAdvertisement, node: Node | undefined): boolean {
  return matchesAny(source.nodeSelectors, plainLabels(node));
}

/** Check 7: the address lies in what the advertisement allows; an external IP, which any author of a Service can write, only if that is said. */
export function allowsAddress({ source, pools, limited }: Advertisement, kind: AddressKind, address: Address): boolean {
  if (!limited) return kind !== "ExternalIP";
  return source.cidrs.some((cidr) => containsAddress(cidr, address)) || pools.some((pool) => inPool(pool, address));
}

/** True when the advertisement's list of peers has room for the peer. */
export function selectsPeer(advertisement: Advertisement, peer: string): boolean {
  const { peers } = advertisement.source;
  return peers.length === 0 || peers.includes(peer);
}

/** Length of the prefix that stands for an address of the family. */
export function aggregationLength(advertisement: Advertisement, family: Family): number {
  return family === "IPv4" ? advertisement.source.aggregationLength : advertisement.source.aggregationLengthV6;
}

/** The longest of the advertisement's blocks around the address that is wider than the address itself. */
export function blockAround({ source }: Advertisement, address: Address): Prefix | null {
  let longest: Prefix | null = null;
  for (const block of source.blocks) {
    if (block.length === maxLength(address.family) || block.length <= (longest?.length ?? -1)) continue;
    if (containsAddress(block, address)) longest = block;
  }
  return longest;
}

/** The value an alias stands for; of Community objects that both define it the first by name counts. */
function aliasValue(text: string, communities: ReadonlyMap<string, Community>): string | null {
  if (parseCommunity(text).ok) return null;
  let found: { readonly object: string; readonly value: string } | null = null;
  for (const { metadata, communities: aliases } of communities.values()) {
    if (found !== null && found.object <= metadata.name) continue;
    const alias = aliases.find(({ name }) => name === text);
    if (alias !== undefined) found = { object: metadata.name, value: alias.value };
  }
  return found === null ? null : found.value;
}

function aliasNames(communities: ReadonlyMap<string, Community>): string[] {
  return [...communities.values()].flatMap(({ communities: aliases }) => aliases.map(({ name }) => name));
}

/** `: did you mean this?`, or nothing. */
export function orNear(near: string | undefined): string {
  return near === undefined ? "" : `: did you mean ${near}?`;
}

function namedPools(source: BGPAdvertisement, pools: ReadonlyMap<string, IPAddressPool>, findings: Finding[]): IPAddressPool[] {
  const named = new Set<IPAddressPool>();
  source.ipAddressPools.forEach((name, i) => {
    const pool = pools.get(name);
    if (pool !== undefined) named.add(pool);
    else {
      findings.push(
        findingOf("warning", "unknownPool", source, {
          field: `spec.ipAddressPools[${i}]`,
          message: `there is no IPAddressPool "${name}"${orNear(nearest(name, [...pools.keys()]))}; it allows no address`,
        }),
      );
    }
  });
  if (source.ipAddressPoolSelectors.length > 0) {
    for (const pool of pools.values()) {
      const labels = plainLabels(pool);
      if (source.ipAddressPoolSelectors.some((selector) => matchesSelector(selector, labels))) named.add(pool);
    }
  }
  return [...named];
}

function inPool(pool: IPAddressPool, address: Address): boolean {
  return pool.ranges.some(
    ({ from, to }) =>
      from.family === address.family && compareOctets(from.octets, address.octets) <= 0 && compareOctets(address.octets, to.octets) <= 0,
  );
}
