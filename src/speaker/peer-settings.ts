/** What a BGPPeer object asks of a session. */

import type { SessionSettings } from "../bgp/fsm/session.ts";
import { formatAddress } from "../ip/format.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import { offersExtendedNextHop } from "../plan/peers.ts";
import type { PeerAccess } from "./peer-access.ts";

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
    ...sendHoldOf(peer),
    connectTimeSeconds: peer.connectTimeSeconds,
    passive: peer.passive,
    families: peer.families,
    extendedNextHop: offersExtendedNextHop(peer),
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

/** The send hold time of the object, as a session has it. */
export function sendHoldOf({ sendHoldTimeSeconds }: BGPPeer): Pick<SessionSettings, "sendHoldTimeSeconds"> {
  return sendHoldTimeSeconds === null ? {} : { sendHoldTimeSeconds };
}

/**
 * Why no session may be tried, in words; "" = it may. `access` says what the kernel and the password are good for; null = both are taken for given.
 */
export function holdReason(peer: BGPPeer, access: PeerAccess | null = null): string {
  if (peer.adminDown !== null) return peer.adminDown.reason === "" ? "adminDown" : `adminDown: ${peer.adminDown.reason}`;
  return access?.held ?? "";
}

/** True when a session that is up has to end for the change: what both OPENs said, or where the connection goes. */
export function needsReset(
  before: { readonly peer: BGPPeer; readonly routerId: number },
  after: { readonly peer: BGPPeer; readonly routerId: number },
): boolean {
  return resetKey(before) !== resetKey(after);
}

/** True when a session that was refused may be taken now: the router may have found its own limit of prefixes exceeded (Cease/1). */
export function endsRefusal(before: BGPPeer, after: BGPPeer): boolean {
  return before.announceLimit.ipv4 !== after.announceLimit.ipv4 || before.announceLimit.ipv6 !== after.announceLimit.ipv6;
}

/** True when the connection would be made between the same two ends. */
export function sameEndpoint(one: BGPPeer, other: BGPPeer): boolean {
  return endpointKey(one) === endpointKey(other);
}

function resetKey({ peer, routerId }: { readonly peer: BGPPeer; readonly routerId: number }): string {
  // These take effect at once or with the next dial or KEEPALIVE, or do not touch the session at all.
  const {
    connectTimeSeconds: _connect,
    keepaliveTimeSeconds: _keepalive,
    sendHoldTimeSeconds: _sendHold,
    passive: _passive,
    ...opened
  } = sessionSettings(peer, routerId);
  return `${endpointKey(peer)} ${JSON.stringify(opened)}`;
}

function endpointKey(peer: BGPPeer): string {
  const { peerAddress, interface: device, defaultGateway, peerPort, sourceAddress, vrf, multihopTTL, ttlSecurityHops } = peer;
  const ends = [peerAddress, sourceAddress].map((address) => (address === null ? "-" : formatAddress(address))).join(" ");
  // A key can be changed under a connection, but not whether there is one.
  const signed = peer.tcpAO.length > 0 ? "ao" : peer.password !== null || peer.passwordSecret !== null;
  return `${ends} ${device ?? "-"} ${defaultGateway ?? "-"} ${peerPort} ${vrf ?? "-"} ${multihopTTL ?? "-"} ${ttlSecurityHops ?? "-"} ${signed}`;
}
