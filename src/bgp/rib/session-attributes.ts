/**
 * What a wish becomes on one session: ORIGIN, AS_PATH and the next hop are added, and the rules of eBGP and iBGP applied (RFC 4271 §5.1). Encoded once per
 * attribute set and session, then copied into every UPDATE.
 */

import type { Address, Family } from "../../ip/address.ts";
import { decodeLinkBandwidth, encodeLinkBandwidth, type LinkBandwidth } from "../../ip/link-bandwidth.ts";
import { encodeAttributes } from "../wire/attributes.ts";
import type { PathAttributes } from "../wire/messages.ts";
import { encodeNextHopField } from "../wire/mp-attributes.ts";
import type { RouteAttributes } from "./route.ts";

/** What both OPENs and the configuration say about a session, as far as routes depend on it. */
export interface OutboundSession {
  readonly localAsn: number;
  readonly ibgp: boolean;
  /** Both sides are NEW speakers (RFC 6793). */
  readonly asn4: boolean;
  /** RFC 8950 was negotiated: IPv4 routes may have an IPv6 next hop. */
  readonly extendedNextHop: boolean;
  /** Our role towards the peer is provider, peer or route server: routes bear OTC with our AS (RFC 9234 §5). */
  readonly onlyToCustomer?: boolean;
  /** RFC 7313 was negotiated. */
  readonly enhancedRouteRefresh: boolean;
  /** Families in both OPENs. */
  readonly families: readonly Family[];
  /** Octets of the longest message the peer takes: 4096, or 65535 (RFC 8654). */
  readonly sendLimit: number;
  /** This node's address for routes of each family; null when none can be named, and then nothing of the family is announced. */
  readonly nextHop: Readonly<Record<Family, Address | null>>;
  /** On sessions between link-local addresses `linkLocal` stands behind this node's global address on the same link (RFC 2545 §3). */
  readonly linkLocalNextHop?: { readonly global: Address; readonly linkLocal: Address } | null;
}

/** The attributes of an UPDATE but for its NLRI. */
export interface SessionBlock {
  /** Every attribute except MP_REACH_NLRI, in ascending order of codes. */
  readonly octets: Uint8Array;
  /** The next hop field of MP_REACH_NLRI, 16 or 32 octets; null where the NLRI go in the classic field (IPv4 with an IPv4 next hop). */
  readonly nextHop: Uint8Array | null;
}

const DEFAULT_LOCAL_PREF = 100;

/** The next hop that routes of the family can have on this session; null when they cannot be sent: never a wrong next hop. */
export function usableNextHop(session: OutboundSession, family: Family): Address | null {
  if (!session.families.includes(family)) return null;
  const nextHop = session.nextHop[family];
  if (nextHop === null || nextHop.family === family) return nextHop;
  return family === "IPv4" && session.extendedNextHop ? nextHop : null;
}

/** The attributes a wish has on this session, without those that depend on the family. */
export function pathAttributes(attributes: RouteAttributes, session: OutboundSession): PathAttributes {
  const { communities, largeCommunities, med } = attributes;
  const bandwidth = attributes.linkBandwidth;
  const planned = bandwidth === null ? null : { asn: session.localAsn, ...bandwidth };
  const extendedCommunities = [
    ...withoutSurplusBandwidths(attributes.extendedCommunities, planned),
    ...(planned === null ? [] : [encodeLinkBandwidth(planned)]),
  ];
  return {
    origin: "igp",
    // An AS prepends itself where a route leaves it; inside, the path of a route of its own is empty (RFC 4271 §5.1.2).
    asPath: session.ibgp ? [] : [{ type: "sequence", asns: new Array<number>(1 + attributes.asPathPrepend).fill(session.localAsn) }],
    ...(med === null ? {} : { med }),
    // Never to another AS (RFC 4271 §5.1.5).
    ...(session.ibgp ? { localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF } : {}),
    ...(communities.length === 0 ? {} : { communities }),
    ...(extendedCommunities.length === 0 ? {} : { extendedCommunities }),
    ...(largeCommunities.length === 0 ? {} : { largeCommunities }),
    // Roles mean nothing inside an AS.
    ...(session.onlyToCustomer === true && !session.ibgp ? { otc: session.localAsn } : {}),
  };
}

/** A sender attaches one link bandwidth of each transitivity at most (RFC 10005): the planned one, else the lowest by hand, as a receiver would choose. */
function withoutSurplusBandwidths(communities: readonly string[], planned: LinkBandwidth | null): readonly string[] {
  const bandwidths = communities.flatMap((community) => {
    const decoded = decodeLinkBandwidth(community);
    return decoded === null ? [] : [{ community, ...decoded }];
  });
  if (bandwidths.length === 0) return communities;
  const kept = [true, false].map((transitive) =>
    planned?.transitive === transitive
      ? undefined
      : bandwidths.filter((one) => one.transitive === transitive).sort((a, b) => a.bytesPerSecond - b.bytesPerSecond)[0]?.community,
  );
  return communities.filter((community) => kept.includes(community) || decodeLinkBandwidth(community) === null);
}

/** The encoded form. @throws {Error} when the session has no usable next hop of the family (a bug: such routes are not sent). */
export function encodeSessionBlock(attributes: RouteAttributes, session: OutboundSession, family: Family): SessionBlock {
  const nextHop = usableNextHop(session, family);
  if (nextHop === null) throw new Error(`no next hop for ${family} on this session`);
  const path = pathAttributes(attributes, session);
  if (nextHop.family === "IPv4") return { octets: encodeAttributes({ ...path, nextHop }, session), nextHop: null };
  const { global, linkLocal } = session.linkLocalNextHop ?? { global: null, linkLocal: null };
  const field = encodeNextHopField({ address: nextHop, linkLocal: nextHop.key === global?.key ? linkLocal : null });
  return { octets: encodeAttributes(path, session), nextHop: field };
}

/** Encoded attribute sets of one session and family, by the id of the set. Ids are used again, so an entry counts only for the object it was made from. */
export class SessionBlocks {
  readonly #session: OutboundSession;
  readonly #family: Family;
  readonly #blocks = new Map<number, { readonly attributes: RouteAttributes; readonly block: SessionBlock }>();

  constructor(session: OutboundSession, family: Family) {
    this.#session = session;
    this.#family = family;
  }

  block(id: number, attributes: RouteAttributes): SessionBlock {
    const known = this.#blocks.get(id);
    if (known?.attributes === attributes) return known.block;
    const block = encodeSessionBlock(attributes, this.#session, this.#family);
    this.#blocks.set(id, { attributes, block });
    return block;
  }
}
