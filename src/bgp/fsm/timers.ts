/** How long the timers of a connection run (RFC 4271 §10, RFC 9687 §4) and the actions that arm them. */

import { jittered } from "./jitter.ts";
import type { ConnectionTimer, Millis, Negotiated, PeerAction, SessionSettings } from "./session.ts";
import type { ConnectionContext } from "./state.ts";

/** "A large value": HoldTimer before the peer's OPEN is known (RFC 4271 §8.2.2, suggested 4 minutes). */
export const OPEN_HOLD_MILLIS: Millis = 240_000;
/** No peer is given less: a router that boots takes connections seconds before its daemon speaks. */
const LEAST_OPEN_WAIT_MILLIS: Millis = 10_000;

/**
 * How long the peer's OPEN is awaited. Departs from RFC 4271 §8.2.2, whose 4 minutes are the most: a kernel accepts for a daemon that never hears of the
 * connection, and all that while nothing else would be tried. So it is the hold time, which is how long a silent peer is borne (as FRR has it), and twice as long after
 * each connection on which nothing was said: a peer that is only slow is reached as soon as it would have been.
 * @param silences connections in a row that ended so
 */
export function openWaitMillis(holdTimeSeconds: number, silences: number): Millis {
  if (holdTimeSeconds === 0) return OPEN_HOLD_MILLIS;
  const first = Math.max(LEAST_OPEN_WAIT_MILLIS, holdTimeSeconds * 1000);
  return Math.min(OPEN_HOLD_MILLIS, first * 2 ** Math.min(silences, 10));
}

/**
 * RFC 9687 §4.2: the greater of eight minutes and twice the hold time, unless an operator says otherwise.
 * @param holdTimeSeconds that of the session
 */
export function sendHoldMillis({ sendHoldTimeSeconds }: Pick<SessionSettings, "sendHoldTimeSeconds">, holdTimeSeconds: number): Millis {
  return (sendHoldTimeSeconds ?? Math.max(480, 2 * holdTimeSeconds)) * 1000;
}

export function setTimer(context: ConnectionContext, timer: ConnectionTimer, afterMillis: Millis): PeerAction {
  return { name: "setTimer", slot: context.slot, timer, at: context.now + afterMillis };
}

/** Jittered downwards, but never above one KEEPALIVE per second (RFC 4271 §4.4). */
export function setKeepalive(context: ConnectionContext, negotiated: Negotiated): PeerAction {
  return setTimer(context, "keepalive", Math.max(1000, jittered(context.draws, negotiated.keepaliveMillis)));
}
