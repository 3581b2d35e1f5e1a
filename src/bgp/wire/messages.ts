import type { Address, Family } from "../../ip/address.ts";
import type { ExtendedCommunity, LargeCommunity } from "../../ip/communities.ts";
import type { AfiSafi, Role } from "./iana.ts";

/** A whole message as it came off the stream: type octet and everything after the 19-octet header. The body may be a view. */
export interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

/**
 * A capability (RFC 5492). `unknown` keeps what we do not know, and known codes whose value is malformed: these count as not
 * advertised and are shown.
 */
export type Capability =
  /** RFC 4760 §8. */
  | ({ readonly name: "multiprotocol" } & AfiSafi)
  /** RFC 2918 §2. */
  | { readonly name: "routeRefresh" }
  /** RFC 8950 §4: next hops of `nextHopAfi` for prefixes of afi/safi. */
  | { readonly name: "extendedNextHop"; readonly entries: readonly (AfiSafi & { readonly nextHopAfi: number })[] }
  /** RFC 8654 §2. */
  | { readonly name: "extendedMessage" }
  /** RFC 9234 §4.1; null for a code without a meaning, which matches no role. */
  | { readonly name: "role"; readonly role: Role | null; readonly code: number }
  | GracefulRestartCapability
  /** RFC 6793 §3; 0..4294967295 as received. */
  | { readonly name: "fourOctetAs"; readonly asn: number }
  /** RFC 7313 §3.1. */
  | { readonly name: "enhancedRouteRefresh" }
  | LongLivedGracefulRestartCapability
  /** draft-walton-bgp-hostname-capability. */
  | { readonly name: "fqdn"; readonly hostname: string; readonly domain: string }
  /** draft-ietf-idr-bgp-software-version. */
  | { readonly name: "softwareVersion"; readonly version: string }
  | UnknownCapability;

/** RFC 4724 §3, N bit by RFC 8538 §2. */
export interface GracefulRestartCapability {
  readonly name: "gracefulRestart";
  readonly restarting: boolean;
  readonly notification: boolean;
  /** 0..4095. */
  readonly restartTimeSeconds: number;
  readonly families: readonly (AfiSafi & { readonly forwarding: boolean })[];
}

/** RFC 9494 §3.1. */
export interface LongLivedGracefulRestartCapability {
  readonly name: "longLivedGracefulRestart";
  readonly families: readonly (AfiSafi & { readonly forwarding: boolean; readonly staleSeconds: number })[];
}

export interface UnknownCapability {
  readonly name: "unknown";
  readonly code: number;
  readonly value: Uint8Array;
  /** True for a code we know whose value has the wrong shape. */
  readonly malformed: boolean;
}

/** OPEN (RFC 4271 §4.2). Nothing but its format has been checked: policy is negotiation's. */
export interface OpenMessage {
  readonly name: "open";
  readonly version: number;
  /** The two-octet field, AS_TRANS (23456) where the number needs four (RFC 6793 §9). The real number is in capability 65. */
  readonly myAs: number;
  /** 0..65535 as offered, 1 and 2 included. */
  readonly holdTimeSeconds: number;
  /** Unsigned 32 bits, as received (0 included). */
  readonly bgpIdentifier: number;
  /** In order of appearance, repeated ones included. */
  readonly capabilities: readonly Capability[];
}

/** KEEPALIVE (RFC 4271 §4.4): a bare header. */
export interface KeepaliveMessage {
  readonly name: "keepalive";
}

/** NOTIFICATION (RFC 4271 §4.5). */
export interface NotificationMessage {
  readonly name: "notification";
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

/** ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2). */
export interface RouteRefreshMessage {
  readonly name: "routeRefresh";
  readonly afi: number;
  readonly safi: number;
  /** 0 request, 1 BoRR, 2 EoRR; other values are to be ignored (RFC 7313 §5). */
  readonly subtype: number;
}

export const ORIGINS = ["igp", "egp", "incomplete"] as const;
/** ORIGIN (RFC 4271 §5.1.1), in the order of its codes 0, 1, 2. */
export type Origin = (typeof ORIGINS)[number];

export const SEGMENT_TYPES = ["set", "sequence", "confedSequence", "confedSet"] as const;
/** AS_PATH segment types in the order of their codes 1..4 (RFC 4271 §4.3, RFC 5065 §3). */
export type SegmentType = (typeof SEGMENT_TYPES)[number];

/** One AS_PATH segment of 1..255 AS numbers (encoding splits longer ones). */
export interface AsPathSegment {
  readonly type: SegmentType;
  readonly asns: readonly number[];
}

export type AsPath = readonly AsPathSegment[];

/** AGGREGATOR (RFC 4271 §5.1.7): the AS number and router ID (u32) that aggregated. */
export interface Aggregator {
  readonly asn: number;
  readonly routerId: number;
}

/** An attribute we carry without reading it: unknown, or known and of no use to a pure announcer. */
export interface OpaqueAttribute {
  /** The flags octet without the extended-length bit. */
  readonly flags: number;
  readonly code: number;
  readonly value: Uint8Array;
}

/** The path attributes of an UPDATE other than MP_REACH_NLRI and MP_UNREACH_NLRI. Absent means not present on the wire. */
export interface PathAttributes {
  readonly origin?: Origin | undefined;
  readonly asPath?: AsPath | undefined;
  /** Attribute 3: the next hop of the classic IPv4 NLRI field only. */
  readonly nextHop?: Address | undefined;
  readonly med?: number | undefined;
  readonly localPref?: number | undefined;
  readonly atomicAggregate?: boolean | undefined;
  readonly aggregator?: Aggregator | undefined;
  /** Unsigned 32-bit values; on the wire in the order given. */
  readonly communities?: readonly number[] | undefined;
  readonly originatorId?: number | undefined;
  readonly clusterList?: readonly number[] | undefined;
  readonly extendedCommunities?: readonly ExtendedCommunity[] | undefined;
  readonly largeCommunities?: readonly LargeCommunity[] | undefined;
  /** Only to Customer (RFC 9234 §5). */
  readonly otc?: number | undefined;
  readonly opaque?: readonly OpaqueAttribute[] | undefined;
}

/** Where routes point: MP_REACH may carry a link-local address behind the global one (RFC 2545 §3, RFC 8950 §3). */
export interface NextHop {
  readonly address: Address;
  readonly linkLocal: Address | null;
}

/**
 * Prefixes of one family as they are on the wire: length octet, then ceil(length / 8) octets each. Nothing is allocated per prefix;
 * `forEachPrefix` and `prefixesOf` of `nlri.ts` read it. A decoded block is valid and is a view into the message.
 */
export interface NlriBlock {
  readonly family: Family;
  readonly octets: Uint8Array;
  /** Number of prefixes in `octets`. */
  readonly count: number;
}

/** Prefixes to reach through one next hop. */
export interface AnnouncedBlock extends NlriBlock {
  readonly nextHop: NextHop;
  /** True when it came in, or is to go out, in MP_REACH_NLRI; false for the classic NLRI field (IPv4 with an IPv4 next hop). */
  readonly multiprotocol: boolean;
}

/** Prefixes no longer reachable. */
export interface WithdrawnBlock extends NlriBlock {
  /** True for MP_UNREACH_NLRI; false for the classic withdrawn field. */
  readonly multiprotocol: boolean;
}

/** What the decoder did about errors (RFC 7606 §2), weakest to strongest. A reset is thrown instead. */
export type UpdateAction = "accept" | "discard-attributes" | "withdraw";

/** A fault in an UPDATE that does not end the session. */
export interface UpdateFault {
  /** Attribute code, or 0 for the message as a whole. */
  readonly attribute: number;
  readonly severity: "withdraw" | "discard";
  readonly message: string;
}

/** UPDATE as decoded (RFC 4271 §4.3, RFC 4760, RFC 7606). */
export interface UpdateMessage {
  readonly name: "update";
  /** Empty when the action is `withdraw`: those blocks are then in `withdrawn`. */
  readonly announced: readonly AnnouncedBlock[];
  readonly withdrawn: readonly WithdrawnBlock[];
  readonly attributes: PathAttributes;
  /** The family whose initial dump ended (RFC 4724 §2), else null. */
  readonly endOfRib: Family | null;
  readonly faults: readonly UpdateFault[];
  readonly action: UpdateAction;
  /** MP_REACH or MP_UNREACH of families that were not negotiated: ignored (RFC 4760 §6), counted. */
  readonly ignoredFamilies: number;
}

/** What one UPDATE to be sent says: RFC 7606 §5.1 allows just one of these. */
export type UpdateContent =
  | { readonly name: "announce"; readonly block: AnnouncedBlock; readonly attributes: PathAttributes }
  | { readonly name: "withdraw"; readonly block: WithdrawnBlock }
  | { readonly name: "endOfRib"; readonly family: Family };

export type Message = OpenMessage | UpdateMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage;

/** What both sides' OPENs settled that the meaning of an UPDATE's octets depends on. */
export interface UpdateContext {
  /** Both sides sent capability 65: AS numbers are four octets in AS_PATH and AGGREGATOR (RFC 6793 §4). */
  readonly asn4: boolean;
  readonly ibgp: boolean;
  /** Families in both OPENs; IPv4 alone where the peer sent no multiprotocol capability (RFC 4760 §8). */
  readonly families: readonly Family[];
  /** IPv4 prefixes may have IPv6 next hops (RFC 8950 §4). */
  readonly extendedNextHop: boolean;
}
