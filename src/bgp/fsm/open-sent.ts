import { assertNever, WireError } from "../../errors.ts";
import { FSM_ERROR } from "../wire/iana.ts";
import type { Message, OpenMessage } from "../wire/messages.ts";
import { closedInOpenSentWords, silentInOpenSentWords } from "./advice.ts";
import { answerWireError, closedByPeer, closeSilently, notifiedByPeer, transition } from "./ending.ts";
import { onCollisionDump, onHoldExpired, onStop, onUnexpected, onWireError } from "./last-words.ts";
import { negotiate } from "./negotiation.ts";
import type { Negotiated, PeerAction } from "./session.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionStep, OpenSentState } from "./state.ts";
import { stay } from "./state.ts";
import { OPEN_HOLD_MILLIS, setKeepalive, setTimer } from "./timers.ts";

/** RFC 4271 §8.2.2, "OpenSent": our OPEN is out, the peer's is awaited. */
export function stepOpenSent(state: OpenSentState, event: ConnectionEvent, context: ConnectionContext): ConnectionStep {
  switch (event.name) {
    case "message":
      return onMessage(state, event.message, context);
    case "tcpClosed":
    case "tcpFailed":
      return closedByPeer(state, context, closedInOpenSentWords(event.why, context.refusals));
    case "timer":
      return event.timer === "hold" ? onHoldExpired(state, context, silentInOpenSentWords(), { kind: "silent" }) : stay(state);
    case "wireError":
      return onWireError(state, event.error, context);
    case "stop":
      return onStop(state, event.cause, null, context);
    case "collisionDump":
      return onCollisionDump(state, context);
    case "superseded":
      return closeSilently(state, context, "abort", "replaced by a newer connection");
    // TCP is up already, and a stale timer or a late report of the kernel changes nothing.
    case "dial":
    case "wait":
    case "tcpConnected":
    case "updatesSent":
    case "sendProgress":
      return stay(state);
    default:
      return assertNever(event);
  }
}

function onMessage(state: OpenSentState, message: Message, context: ConnectionContext): ConnectionStep {
  switch (message.name) {
    case "open":
      return onOpen(state, message, context);
    case "notification":
      return notifiedByPeer(state, context, message);
    case "keepalive":
    case "update":
    case "routeRefresh":
      return onUnexpected(state, message, FSM_ERROR.openSent, context);
    default:
      return assertNever(message);
  }
}

/** Whether this connection or another one survives is decided by the peer before these actions are performed (RFC 4271 §6.8). */
function onOpen(state: OpenSentState, received: OpenMessage, context: ConnectionContext): ConnectionStep {
  let negotiated: Negotiated;
  try {
    negotiated = negotiate(context.settings, state.open, received);
  } catch (error) {
    if (error instanceof WireError) return answerWireError(state, context, error);
    throw error;
  }
  const actions: PeerAction[] = [{ name: "send", slot: context.slot, message: { name: "keepalive" } }];
  if (negotiated.holdTimeSeconds === 0) {
    // Departs from RFC 4271 §8.2.2, which leaves OpenConfirm without any timer here: a peer that never confirms would hold it forever.
    actions.push(setTimer(context, "hold", OPEN_HOLD_MILLIS));
  } else {
    actions.push(setTimer(context, "hold", negotiated.holdTimeSeconds * 1000), setKeepalive(context, negotiated));
  }
  actions.push(transition(context, state.name, "OpenConfirm", "the OPENs agree"));
  return { state: { name: "OpenConfirm", open: state.open, negotiated }, actions, ending: null };
}
