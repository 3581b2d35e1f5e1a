/** What a BGPPeer asks of the kernel: options of its socket, and which of its fields need them. */

import { sendHoldMillis } from "../bgp/fsm/timers.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import { declaredPlace, type Place, type Remote } from "./peer-places.ts";
import { sendHoldOf } from "./peer-settings.ts";
import type { StreamOptions } from "./sockopt/streams.ts";
import type { LoadedCalls } from "./sockopt/system-calls.ts";
import { type AoKey, tcpAoObstacle } from "./sockopt/tcp-ao.ts";

/** How a session may be connected, and whether it may be at all. */
export interface PeerAccess {
  /** Why it must not be, although its object asks for one; "" = it may. */
  readonly held: string;
  /** Where the peer is; null = not known, and then it is held down. */
  readonly remote: Remote | null;
  readonly stream: StreamOptions;
}

/** The password of a peer as far as it is known. `why` is for people, and never holds a password. */
export type PasswordAnswer =
  | { readonly known: true; readonly key: string | null; readonly aoKeys?: readonly AoKey[] }
  | { readonly known: false; readonly why: string };

/** The kernel's own patience ends so long after the send hold timer (RFC 9687), so that the session ends with its reason: only what the session's timers do not see is left to it. */
const USER_TIMEOUT_MARGIN_MILLIS = 10_000;
const MAX_TTL = 255;

/**
 * A field that cannot be honoured holds the peer down: connecting without the password or the check that was asked for would be a silent downgrade.
 * `load` is called only for a peer that has such a field.
 */
export function peerAccess(
  peer: BGPPeer,
  password: PasswordAnswer,
  load: () => LoadedCalls,
  place: Place = declaredPlace(peer),
): PeerAccess {
  const stream: StreamOptions = {
    ttl: peer.ttlSecurityHops === null ? peer.multihopTTL : MAX_TTL,
    minimumTtl: peer.ttlSecurityHops === null ? null : MAX_TTL + 1 - peer.ttlSecurityHops,
    device: peer.vrf,
    md5Key: password.known ? password.key : null,
    aoKeys: (password.known ? password.aoKeys : null) ?? [],
    openTimeoutMillis: peer.connectTimeSeconds * 1000,
    userTimeoutMillis: sendHoldMillis(sendHoldOf(peer), peer.holdTimeSeconds) + USER_TIMEOUT_MARGIN_MILLIS,
  };
  const held = reasonToHold(peer, password, load);
  return { held: held === "" && !place.known ? `held down: ${place.why}` : held, remote: place.known ? place.remote : null, stream };
}

export function sameAccess(one: PeerAccess, other: PeerAccess): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Fields that cannot be honoured without options of the kernel. */
export function fieldsThatNeedKernel(peer: BGPPeer): readonly string[] {
  const asked: Readonly<Record<string, boolean>> = {
    password: peer.password !== null,
    passwordSecret: peer.passwordSecret !== null,
    tcpAO: peer.tcpAO.length > 0,
    ttlSecurityHops: peer.ttlSecurityHops !== null,
    multihopTTL: peer.multihopTTL !== null,
    vrf: peer.vrf !== null,
    bfdProfile: peer.bfdProfile !== null,
    interface: peer.interface !== null,
  };
  return Object.keys(asked).filter((field) => asked[field] === true);
}

function reasonToHold(peer: BGPPeer, password: PasswordAnswer, load: () => LoadedCalls): string {
  const fields = fieldsThatNeedKernel(peer);
  if (fields.length > 0) {
    const loaded = load();
    const verb = fields.length === 1 ? "needs" : "need";
    if (!loaded.ok) return `held down: ${fields.join(", ")} ${verb} socket options: ${loaded.why}; it does not connect without`;
    const obstacle = peer.tcpAO.length > 0 ? tcpAoObstacle(loaded.calls) : "";
    if (obstacle !== "") return `held down: tcpAO ${obstacle}; it does not connect without`;
  }
  // The listener belongs to no device: a call that came in elsewhere could pass for one of this peer.
  if (peer.vrf !== null && peer.passive) return "held down: a peer with vrf is dialled, never waited for: unset passive";
  return password.known ? "" : `held down: ${password.why}`;
}
