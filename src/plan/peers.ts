import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import type { BGPPeer, Node } from "../objects/kinds.ts";
import type { NextHop } from "./change.ts";
import type { Leaving } from "./drain-phase.ts";
import { matchesAny, plainLabels } from "./selectors.ts";

/** What a session told: the families both sides agreed on and our end's address. */
export interface SessionFact {
  readonly families: readonly Family[];
  readonly localAddress: Address;
  /** IPv4 routes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop?: boolean;
}

/** Checks 13 and 15 for a peer whose node selectors match this node. */
export interface PeerVerdict {
  readonly name: string;
  readonly peer: BGPPeer;
  readonly negotiated: Readonly<Record<Family, boolean>>;
  readonly nextHop: Readonly<Record<Family, NextHopVerdict>>;
  /** No session has said anything yet. */
  readonly assumed: boolean;
  /** What it is sent says that this node is about to go; null = it is not. */
  readonly leaving: Leaving | null;
}

export interface NextHopVerdict {
  /** null = none can be named: check 15 fails for the whole family. */
  readonly hop: NextHop;
  /** The address itself where it is known. */
  readonly address: Address | null;
  /** Where it comes from or what is wrong, in words. */
  readonly text: string;
  readonly field: string;
}

export function judgePeer(
  peer: BGPPeer,
  node: Node | undefined,
  session: SessionFact | undefined,
  leaving: Leaving | null = null,
): PeerVerdict {
  const families = session?.families ?? peer.families;
  return {
    name: peer.metadata.name,
    peer,
    negotiated: { IPv4: families.includes("IPv4"), IPv6: families.includes("IPv6") },
    nextHop: { IPv4: judgeNextHop(peer, node, session, "IPv4"), IPv6: judgeNextHop(peer, node, session, "IPv6") },
    assumed: session === undefined,
    leaving,
  };
}

/** The node part of check 13. */
export function peerSelectsNode(peer: BGPPeer, node: Node | undefined): boolean {
  return matchesAny(peer.nodeSelectors, plainLabels(node));
}

/**
 * True when no decision can differ between the two. Which address a next hop is matters only where a Service has that very address:
 * `isServiceAddress` tells by its key.
 */
export function decidesAlike(a: PeerVerdict, b: PeerVerdict, isServiceAddress: (key: string) => boolean): boolean {
  if (a.leaving?.prepend !== b.leaving?.prepend) return false;
  return FAMILIES.every((family) => {
    const [before, after] = [a.nextHop[family], b.nextHop[family]];
    if (limitOf(a.peer, family) !== limitOf(b.peer, family)) return false;
    if (a.negotiated[family] !== b.negotiated[family] || (before.hop === null) !== (after.hop === null)) return false;
    if (before.address?.key === after.address?.key) return true;
    return ![before, after].some(({ address }) => address !== null && isServiceAddress(address.key));
  });
}

/** Most prefixes of the family that the peer is sent; null = no limit. */
export function limitOf({ announceLimit }: BGPPeer, family: Family): number | null {
  return family === "IPv4" ? announceLimit.ipv4 : announceLimit.ipv6;
}

/** True when the speaker need not hear of the change. */
export function sameNextHops(a: PeerVerdict, b: PeerVerdict): boolean {
  return sameHop(a.nextHop.IPv4.hop, b.nextHop.IPv4.hop) && sameHop(a.nextHop.IPv6.hop, b.nextHop.IPv6.hop);
}

/** iBGP: both ends in one AS (RFC 4271 §1.1). */
export function isInternal(peer: BGPPeer): boolean {
  return peer.peerASN === "internal" || peer.peerASN === peer.myASN;
}

/** Why an address cannot be a next hop anywhere; null = it can. Routers drop such routes without a word. */
export function uselessNextHop({ family, octets }: Address): "loopback" | "unspecified" | "multicast" | null {
  const [first = 0] = octets;
  if (octets.every((octet) => octet === 0)) return "unspecified";
  if (family === "IPv4") return first === 127 ? "loopback" : first >= 224 && first <= 239 ? "multicast" : null;
  if (first === 0xff) return "multicast";
  return octets[15] === 1 && octets.every((octet, i) => i === 15 || octet === 0) ? "loopback" : null;
}

function judgeNextHop(peer: BGPPeer, node: Node | undefined, session: SessionFact | undefined, family: Family): NextHopVerdict {
  const fixed = family === "IPv4" ? peer.nextHop.ipv4 : peer.nextHop.ipv6;
  if (fixed !== null) return named(fixed, fixed, "fixed next hop", family === "IPv4" ? "spec.nextHop.ipv4" : "spec.nextHop.ipv6");
  if (peer.nextHopSource === "Session" && sessionCarries(peer, session, family)) {
    const address = session?.localAddress ?? null;
    return named("session", address, "the session's own address", "spec.nextHopSource");
  }
  const internal = node?.internalIPs.find((address) => address.family === family);
  if (internal !== undefined) return named(internal, internal, "the node's InternalIP", "spec.nextHopSource");
  const missing = node === undefined ? "there is no Node object" : `the node has no ${family} InternalIP`;
  const why = peer.nextHopSource === "Session" ? `the session is not ${family} and ${missing}` : missing;
  return { hop: null, address: null, text: `no ${family} next hop: ${why}`, field: "spec.nextHopSource" };
}

function named(hop: NextHop, address: Address | null, source: string, field: string): NextHopVerdict {
  if (address === null) return { hop, address, text: source, field };
  const useless = uselessNextHop(address);
  if (useless === null) return { hop, address, text: `${formatAddress(address)}, ${source}`, field };
  return { hop: null, address: null, text: `${source}, ${formatAddress(address)}, is ${useless}: routers drop such routes`, field };
}

/** IPv4 over an IPv6 session needs RFC 8950, which the router may lack. */
function sessionCarries(peer: BGPPeer, session: SessionFact | undefined, family: Family): boolean {
  const own = sessionFamily(peer, session);
  return own === family || (own === "IPv6" && offersExtendedNextHop(peer) && (session?.extendedNextHop ?? true));
}

/** RFC 8950 is offered: an unnumbered session has nothing else to offer for IPv4. */
export function offersExtendedNextHop(peer: BGPPeer): boolean {
  return peer.extendedNextHop || peer.interface !== null;
}

/** The family of the session's addresses. An unnumbered session uses IPv6 link-local ones. */
function sessionFamily(peer: BGPPeer, session: SessionFact | undefined): Family {
  return session?.localAddress.family ?? peer.peerAddress?.family ?? peer.defaultGateway ?? peer.sourceAddress?.family ?? "IPv6";
}

function sameHop(a: NextHop, b: NextHop): boolean {
  if (a === null || b === null || a === "session" || b === "session") return a === b;
  return a.key === b.key;
}
