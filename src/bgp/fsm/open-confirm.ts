import { assertNever } from "../../errors.ts";
import { FSM_ERROR } from "../wire/iana.ts";
import type { Message } from "../wire/messages.ts";
import { closedByPeer, closeSilently, notifiedByPeer, transition } from "./ending.ts";
import { onCollisionDump, onHoldExpired, onStop, onUnexpected, onWireError } from "./last-words.ts";
import type { PeerAction } from "./session.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionStep, OpenConfirmState } from "./state.ts";
import { stay } from "./state.ts";
import { sendHoldMillis, setKeepalive, setTimer } from "./timers.ts";

/** RFC 4271 §8.2.2, "OpenConfirm": both OPENs are good, the peer's KEEPALIVE is awaited. */
export function stepOpenConfirm(state: OpenConfirmState, event: ConnectionEvent, context: ConnectionContext): ConnectionStep {
  switch (event.name) {
    case "message":
      return onMessage(state, event.message, context);
    case "timer":
      return onTimer(state, event.timer, context);
    case "tcpClosed":
    case "tcpFailed":
      return closedByPeer(state, context, `the router closed the connection after the OPENs (${event.why})`);
    case "wireError":
      return onWireError(state, event.error, context);
    case "stop":
      return onStop(state, event.cause, state.negotiated, context);
    case "collisionDump":
      return onCollisionDump(state, context);
    case "superseded":
      return closeSilently(state, context, "abort", "replaced by a newer connection");
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

function onMessage(state: OpenConfirmState, message: Message, context: ConnectionContext): ConnectionStep {
  switch (message.name) {
    case "keepalive":
      return establish(state, context);
    case "notification":
      return notifiedByPeer(state, context, message);
    // An UPDATE too, as RFC 4271 and RFC 6608 §3 have it: TCP keeps the order, so a peer that skipped its KEEPALIVE is broken, and saying so
    // with 5/2 is of more use to its owner than a session that comes up by chance. (BIRD tolerates such a peer.)
    case "open":
    case "update":
    case "routeRefresh":
      return onUnexpected(state, message, FSM_ERROR.openConfirm, context);
    default:
      return assertNever(message);
  }
}

function onTimer(state: OpenConfirmState, timer: string, context: ConnectionContext): ConnectionStep {
  if (timer === "hold") return onHoldExpired(state, context, "the router did not confirm our OPEN with a KEEPALIVE");
  if (timer === "keepalive" && state.negotiated.holdTimeSeconds > 0) {
    return stay(state, [{ name: "send", slot: context.slot, message: { name: "keepalive" } }, setKeepalive(context, state.negotiated)]);
  }
  return stay(state);
}

/** KeepAliveMsg (26). The keepalive timer armed with our first KEEPALIVE runs on. */
function establish(state: OpenConfirmState, context: ConnectionContext): ConnectionStep {
  const { negotiated } = state;
  const { slot } = context;
  const timers: readonly PeerAction[] =
    negotiated.holdTimeSeconds === 0
      ? [{ name: "clearTimer", slot, timer: "hold" }]
      : [
          setTimer(context, "hold", negotiated.holdTimeSeconds * 1000),
          setTimer(context, "sendHold", sendHoldMillis(context.settings, negotiated.holdTimeSeconds)),
        ];
  return {
    state: { ...state, name: "Established" },
    actions: [...timers, transition(context, state.name, "Established", "the router confirmed"), { name: "established", slot, negotiated }],
    ending: null,
  };
}
