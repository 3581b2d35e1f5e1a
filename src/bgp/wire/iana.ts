/** Numbers the IANA assigned for BGP-4 and their names: the one place where either is written down. */
import type { Family } from "../../ip/address.ts";

export const MESSAGE_TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

const MESSAGE_NAMES = ["", "OPEN", "UPDATE", "NOTIFICATION", "KEEPALIVE", "ROUTE-REFRESH"] as const;

/** `UPDATE`, or `message type 9`. */
export function messageTypeName(type: number): string {
  return MESSAGE_NAMES[type] || `message type ${type}`;
}

export const AFI = { ipv4: 1, ipv6: 2 } as const;
export const SAFI = { unicast: 1 } as const;

/** A family as BGP numbers it. */
export interface AfiSafi {
  readonly afi: number;
  readonly safi: number;
}

/** The two families of this speaker, both unicast. */
export const FAMILY_CODES = {
  IPv4: { afi: AFI.ipv4, safi: SAFI.unicast },
  IPv6: { afi: AFI.ipv6, safi: SAFI.unicast },
} as const satisfies Record<Family, AfiSafi>;

/** The family of an AFI/SAFI pair, or null where it is none of ours. */
export function familyOf(afi: number, safi: number): Family | null {
  if (safi !== SAFI.unicast) return null;
  return afi === AFI.ipv4 ? "IPv4" : afi === AFI.ipv6 ? "IPv6" : null;
}

const AFI_NAMES: Readonly<Record<number, string>> = { 1: "ipv4", 2: "ipv6", 25: "l2vpn", 16388: "link-state" };
const SAFI_NAMES: Readonly<Record<number, string>> = {
  1: "unicast",
  2: "multicast",
  4: "labeled-unicast",
  70: "evpn",
  71: "link-state",
  128: "vpn-unicast",
  132: "route-target",
  133: "flowspec",
  134: "vpn-flowspec",
};

/** `ipv4-unicast`, or `afi7-safi9` where a number has no name here. */
export function afiSafiName(afi: number, safi: number): string {
  return `${AFI_NAMES[afi] ?? `afi${afi}`}-${SAFI_NAMES[safi] ?? `safi${safi}`}`;
}

/** AS number two-octet fields carry for one that needs four (RFC 6793 §9). */
export const AS_TRANS = 23456;

export const CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  extendedMessage: 6,
  role: 9,
  gracefulRestart: 64,
  fourOctetAs: 65,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
  fqdn: 73,
  softwareVersion: 75,
} as const;

const CAPABILITY_NAMES: Readonly<Record<number, string>> = {
  1: "multiprotocol",
  2: "route-refresh",
  3: "outbound-route-filtering",
  5: "extended-next-hop",
  6: "extended-message",
  7: "bgpsec",
  8: "multiple-labels",
  9: "role",
  64: "graceful-restart",
  65: "four-octet-as",
  67: "dynamic-capability",
  68: "multisession",
  69: "add-path",
  70: "enhanced-route-refresh",
  71: "long-lived-graceful-restart",
  73: "fqdn",
  75: "software-version",
  77: "link-local-next-hop",
  128: "route-refresh-prestandard",
  130: "outbound-route-filtering-prestandard",
};

/** `graceful-restart`, or `capability 66`. */
export function capabilityName(code: number): string {
  return CAPABILITY_NAMES[code] ?? `capability ${code}`;
}

/** BGP roles (RFC 9234 §4.1) in the order of their codes 0..4. */
export const ROLES = ["provider", "rs", "rs-client", "customer", "peer"] as const;
export type Role = (typeof ROLES)[number];

export const ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  pmsiTunnel: 22,
  tunnelEncapsulation: 23,
  ipv6ExtendedCommunities: 25,
  aigp: 26,
  linkState: 29,
  largeCommunities: 32,
  otc: 35,
  prefixSid: 40,
  attrSet: 128,
} as const;

/** Bits of the attribute flags octet (RFC 4271 §4.3). */
export const FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

const ATTRIBUTE_NAMES: Readonly<Record<number, string>> = {
  1: "ORIGIN",
  2: "AS_PATH",
  3: "NEXT_HOP",
  4: "MULTI_EXIT_DISC",
  5: "LOCAL_PREF",
  6: "ATOMIC_AGGREGATE",
  7: "AGGREGATOR",
  8: "COMMUNITIES",
  9: "ORIGINATOR_ID",
  10: "CLUSTER_LIST",
  14: "MP_REACH_NLRI",
  15: "MP_UNREACH_NLRI",
  16: "EXTENDED_COMMUNITIES",
  17: "AS4_PATH",
  18: "AS4_AGGREGATOR",
  22: "PMSI_TUNNEL",
  23: "TUNNEL_ENCAPSULATION",
  24: "TRAFFIC_ENGINEERING",
  25: "IPV6_EXTENDED_COMMUNITIES",
  26: "AIGP",
  27: "PE_DISTINGUISHER_LABELS",
  28: "ENTROPY_LABEL",
  29: "BGP_LS",
  32: "LARGE_COMMUNITIES",
  33: "BGPSEC_PATH",
  35: "OTC",
  38: "BFD_DISCRIMINATOR",
  40: "PREFIX_SID",
  128: "ATTR_SET",
};

/** `ORIGIN`, or `attribute 99`. */
export function attributeName(code: number): string {
  return ATTRIBUTE_NAMES[code] ?? `attribute ${code}`;
}

/** ROUTE-REFRESH message subtypes (RFC 7313 §3.2). */
export const REFRESH_SUBTYPE = { request: 0, beginning: 1, end: 2 } as const;
/** Code and subcode of a NOTIFICATION. */
export interface ErrorCode {
  readonly code: number;
  readonly subcode: number;
}

export const HEADER_ERROR = {
  unspecific: { code: 1, subcode: 0 },
  notSynchronized: { code: 1, subcode: 1 },
  badLength: { code: 1, subcode: 2 },
  badType: { code: 1, subcode: 3 },
} as const satisfies Record<string, ErrorCode>;

export const OPEN_ERROR = {
  unspecific: { code: 2, subcode: 0 },
  unsupportedVersion: { code: 2, subcode: 1 },
  badPeerAs: { code: 2, subcode: 2 },
  badBgpIdentifier: { code: 2, subcode: 3 },
  unsupportedOptionalParameter: { code: 2, subcode: 4 },
  unacceptableHoldTime: { code: 2, subcode: 6 },
  unsupportedCapability: { code: 2, subcode: 7 },
  roleMismatch: { code: 2, subcode: 11 },
} as const satisfies Record<string, ErrorCode>;

export const UPDATE_ERROR = {
  unspecific: { code: 3, subcode: 0 },
  malformedAttributeList: { code: 3, subcode: 1 },
  unrecognizedWellKnown: { code: 3, subcode: 2 },
  missingWellKnown: { code: 3, subcode: 3 },
  attributeFlags: { code: 3, subcode: 4 },
  attributeLength: { code: 3, subcode: 5 },
  invalidOrigin: { code: 3, subcode: 6 },
  invalidNextHop: { code: 3, subcode: 8 },
  optionalAttribute: { code: 3, subcode: 9 },
  invalidNetworkField: { code: 3, subcode: 10 },
  malformedAsPath: { code: 3, subcode: 11 },
} as const satisfies Record<string, ErrorCode>;

export const HOLD_TIMER_EXPIRED = { code: 4, subcode: 0 } as const satisfies ErrorCode;

/** The subcode tells the state the unexpected message came in; data is its type octet (RFC 6608 §3). */
export const FSM_ERROR = {
  unspecific: { code: 5, subcode: 0 },
  openSent: { code: 5, subcode: 1 },
  openConfirm: { code: 5, subcode: 2 },
  established: { code: 5, subcode: 3 },
} as const satisfies Record<string, ErrorCode>;

export const CEASE = {
  unspecific: { code: 6, subcode: 0 },
  maximumPrefixes: { code: 6, subcode: 1 },
  administrativeShutdown: { code: 6, subcode: 2 },
  peerDeconfigured: { code: 6, subcode: 3 },
  administrativeReset: { code: 6, subcode: 4 },
  connectionRejected: { code: 6, subcode: 5 },
  otherConfigurationChange: { code: 6, subcode: 6 },
  connectionCollision: { code: 6, subcode: 7 },
  outOfResources: { code: 6, subcode: 8 },
  hardReset: { code: 6, subcode: 9 },
  bfdDown: { code: 6, subcode: 10 },
} as const satisfies Record<string, ErrorCode>;

export const ROUTE_REFRESH_ERROR = { invalidLength: { code: 7, subcode: 1 } } as const satisfies Record<string, ErrorCode>;

export const SEND_HOLD_TIMER_EXPIRED = { code: 8, subcode: 0 } as const satisfies ErrorCode;

const CODE_NAMES: Readonly<Record<number, string>> = {
  1: "Message Header Error",
  2: "OPEN Message Error",
  3: "UPDATE Message Error",
  4: "Hold Timer Expired",
  5: "Finite State Machine Error",
  6: "Cease",
  7: "ROUTE-REFRESH Message Error",
  8: "Send Hold Timer Expired",
};

const SUBCODE_NAMES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  1: { 1: "Connection Not Synchronized", 2: "Bad Message Length", 3: "Bad Message Type" },
  2: {
    1: "Unsupported Version Number",
    2: "Bad Peer AS",
    3: "Bad BGP Identifier",
    4: "Unsupported Optional Parameter",
    5: "Authentication Failure",
    6: "Unacceptable Hold Time",
    7: "Unsupported Capability",
    11: "Role Mismatch",
  },
  3: {
    1: "Malformed Attribute List",
    2: "Unrecognized Well-known Attribute",
    3: "Missing Well-known Attribute",
    4: "Attribute Flags Error",
    5: "Attribute Length Error",
    6: "Invalid ORIGIN Attribute",
    7: "AS Routing Loop",
    8: "Invalid NEXT_HOP Attribute",
    9: "Optional Attribute Error",
    10: "Invalid Network Field",
    11: "Malformed AS_PATH",
  },
  5: {
    1: "Unexpected Message in OpenSent State",
    2: "Unexpected Message in OpenConfirm State",
    3: "Unexpected Message in Established State",
  },
  6: {
    1: "Maximum Number of Prefixes Reached",
    2: "Administrative Shutdown",
    3: "Peer De-configured",
    4: "Administrative Reset",
    5: "Connection Rejected",
    6: "Other Configuration Change",
    7: "Connection Collision Resolution",
    8: "Out of Resources",
    9: "Hard Reset",
    10: "BFD Down",
  },
  7: { 1: "Invalid Message Length" },
};

/** `Cease/Administrative Shutdown`, `Hold Timer Expired`, `Cease/99` for a subcode and `error 42/0` for a code without a name. */
export function notificationName(code: number, subcode: number): string {
  const name = CODE_NAMES[code];
  if (name === undefined) return `error ${code}/${subcode}`;
  const detail = SUBCODE_NAMES[code]?.[subcode];
  if (detail !== undefined) return `${name}/${detail}`;
  return subcode === 0 ? name : `${name}/${subcode}`;
}
