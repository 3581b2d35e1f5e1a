/** What a BGPPeer object asks of a session, and what this version cannot give. */

import type { SessionSettings } from "../bgp/fsm/session.ts";
import { formatAddress } from "../ip/format.ts";
import type { BGPPeer } from "../objects/kinds.ts";

/**
 * The settings of a session.
 * @param forwardingPreserved this process goes on where another stopped (RFC 4724 §3, the F bit)
 */
export function sessionSettings(peer: BGPPeer, routerId: number, forwardingPreserved = false): SessionSettings {
  const { peerASN, gracefulRestart } = peer;
  return {
    localAsn: peer.myASN,
    peerAsn: typeof peerASN === "number" ? { kind: "number", asn: peerASN } : { kind: peerASN },
    routerId: peer.routerID ?? routerId,
    holdTimeSeconds: peer.holdTimeSeconds,
    keepaliveTimeSeconds: peer.keepaliveTimeSeconds,
    connectTimeSeconds: peer.connectTimeSeconds,
    passive: peer.passive,
    families: peer.families,
    extendedNextHop: peer.extendedNextHop,
    extendedMessages: peer.extendedMessages,
    gracefulRestart: gracefulRestart.enabled
      ? {
          restartTimeSeconds: gracefulRestart.restartTimeSeconds,
          notification: gracefulRestart.notification,
          ...(gracefulRestart.longLivedStaleTimeSeconds === null
            ? {}
            : { longLivedStaleTimeSeconds: gracefulRestart.longLivedStaleTimeSeconds }),
          forwardingPreserved,
        }
      : null,
    role: peer.role,
    enhancedRouteRefresh: false,
    omitCapabilities: peer.omitCapabilities,
  };
}

/**
 * Why no session may be tried, in words; "" = it may. A field that cannot be honoured holds the peer down: connecting without the password or
 * the TTL check that was asked for would be a silent downgrade.
 */
export function holdReason(peer: BGPPeer): string {
  if (peer.adminDown !== null) return peer.adminDown.reason === "" ? "adminDown" : `adminDown: ${peer.adminDown.reason}`;
  const fields = unsupportedFields(peer);
  if (fields.length > 0) {
    return `held down: ${fields.join(", ")} ${fields.length === 1 ? "is" : "are"} not supported by this version; it does not connect without`;
  }
  return peer.peerAddress === null ? "held down: no peerAddress" : "";
}

function unsupportedFields(peer: BGPPeer): string[] {
  const asked: Readonly<Record<string, boolean>> = {
    password: peer.password !== null,
    passwordSecret: peer.passwordSecret !== null,
    ttlSecurityHops: peer.ttlSecurityHops !== null,
    multihopTTL: peer.multihopTTL !== null,
    vrf: peer.vrf !== null,
    interface: peer.interface !== null,
    defaultGateway: peer.defaultGateway !== null,
    bfdProfile: peer.bfdProfile !== null,
  };
  return Object.keys(asked).filter((field) => asked[field] === true);
}

/** True when a session that is up has to end for the change: what both OPENs said, or where the connection goes. */
export function needsReset(
  before: { readonly peer: BGPPeer; readonly routerId: number },
  after: { readonly peer: BGPPeer; readonly routerId: number },
): boolean {
  return resetKey(before) !== resetKey(after);
}

/** True when the connection would be made between the same two ends. */
export function sameEndpoint(one: BGPPeer, other: BGPPeer): boolean {
  return endpointKey(one) === endpointKey(other);
}

function resetKey({ peer, routerId }: { readonly peer: BGPPeer; readonly routerId: number }): string {
  // These take effect with the next dial or keepalive, or do not touch the session at all.
  const { connectTimeSeconds: _connect, keepaliveTimeSeconds: _keepalive, passive: _passive, ...opened } = sessionSettings(peer, routerId);
  return `${endpointKey(peer)} ${JSON.stringify(opened)}`;
}

function endpointKey({ peerAddress, peerPort, sourceAddress }: BGPPeer): string {
  return `${[peerAddress, sourceAddress].map((address) => (address === null ? "-" : formatAddress(address))).join(" ")} ${peerPort}`;
}
