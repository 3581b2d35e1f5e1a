/** How long the timers of a connection run (RFC 4271 §10, RFC 9687 §4) and the actions that arm them. */

import { jittered } from "./jitter.ts";
import type { ConnectionTimer, Millis, Negotiated, PeerAction } from "./session.ts";
import type { ConnectionContext } from "./state.ts";

/** "A large value": HoldTimer before the peer's OPEN is known (RFC 4271 §8.2.2, suggested 4 minutes). */
export const OPEN_HOLD_MILLIS: Millis = 240_000;

/** RFC 9687 §4.2: the greater of eight minutes and twice the negotiated hold time. */
export function sendHoldMillis(negotiated: Negotiated): Millis {
  return Math.max(480_000, 2 * negotiated.holdTimeSeconds * 1000);
}

export function setTimer(context: ConnectionContext, timer: ConnectionTimer, afterMillis: Millis): PeerAction {
  return { name: "setTimer", slot: context.slot, timer, at: context.now + afterMillis };
}

/** Jittered downwards, but never above one KEEPALIVE per second (RFC 4271 §4.4). */
export function setKeepalive(context: ConnectionContext, negotiated: Negotiated): PeerAction {
  return setTimer(context, "keepalive", Math.max(1000, jittered(context.draws, negotiated.keepaliveMillis)));
}
