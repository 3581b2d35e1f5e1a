import { assertNever } from "../../errors.ts";
import { afiSafiName, FSM_ERROR, familyOf, REFRESH_SUBTYPE, SEND_HOLD_TIMER_EXPIRED } from "../wire/iana.ts";
import type { Message, RouteRefreshMessage } from "../wire/messages.ts";
import { closedInSessionWords } from "./advice.ts";
import { closedByPeer, closeSilently, localError, notifiedByPeer, notifyAndClose } from "./ending.ts";
import { onCollisionDump, onHoldExpired, onStop, onUnexpected, onWireError } from "./last-words.ts";
import type { ConnectionTimer, PeerAction } from "./session.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionStep, EstablishedState } from "./state.ts";
import { stay } from "./state.ts";
import { sendHoldMillis, setKeepalive, setTimer } from "./timers.ts";

/** RFC 4271 §8.2.2, "Established". */
export function stepEstablished(state: EstablishedState, event: ConnectionEvent, context: ConnectionContext): ConnectionStep {
  const { negotiated } = state;
  switch (event.name) {
    case "message":
      return onMessage(state, event.message, context);
    case "timer":
      return onTimer(state, event.timer, context);
    case "updatesSent":
      // An UPDATE says "alive" as well as a KEEPALIVE does (RFC 4271 §8.2.2, "each time the local system sends").
      return stay(state, negotiated.holdTimeSeconds === 0 ? [] : [setKeepalive(context, negotiated)]);
    case "sendProgress":
      return stay(
        state,
        negotiated.holdTimeSeconds === 0
          ? []
          : [setTimer(context, "sendHold", sendHoldMillis(context.settings, negotiated.holdTimeSeconds))],
      );
    case "tcpClosed":
    case "tcpFailed":
      return closedByPeer(state, context, closedInSessionWords(event.why));
    case "wireError":
      return onWireError(state, event.error, context);
    case "stop":
      return onStop(state, event.cause, negotiated, context);
    case "collisionDump":
      return onCollisionDump(state, context);
    case "superseded":
      return closeSilently(state, context, "abort", "the router restarted and came back on a new connection");
    case "dial":
    case "wait":
    case "tcpConnected":
      return stay(state);
    default:
      return assertNever(event);
  }
}

function onMessage(state: EstablishedState, message: Message, context: ConnectionContext): ConnectionStep {
  switch (message.name) {
    case "keepalive":
      return stay(state, restartHold(state, context));
    case "update":
      return stay(state, [...restartHold(state, context), { name: "update", slot: context.slot, message }]);
    case "routeRefresh":
      // HoldTimer restarts on KEEPALIVE and UPDATE alone (RFC 4271 §8.2.2, events 26 and 27).
      return stay(state, onRouteRefresh(state, message, context));
    case "notification":
      return notifiedByPeer(state, context, message);
    case "open":
      return onUnexpected(state, message, FSM_ERROR.established, context);
    default:
      return assertNever(message);
  }
}

function restartHold({ negotiated }: EstablishedState, context: ConnectionContext): readonly PeerAction[] {
  return negotiated.holdTimeSeconds === 0 ? [] : [setTimer(context, "hold", negotiated.holdTimeSeconds * 1000)];
}

/** BoRR and EoRR bracket routes the peer sends, of which we keep none; unknown subtypes are ignored (RFC 7313 §5). */
function onRouteRefresh(
  state: EstablishedState,
  { afi, safi, subtype }: RouteRefreshMessage,
  context: ConnectionContext,
): readonly PeerAction[] {
  if (subtype !== REFRESH_SUBTYPE.request) return [];
  const family = familyOf(afi, safi);
  if (family === null || !state.negotiated.families.includes(family)) {
    return [
      { name: "error", error: localError(`the router asked for ${afiSafiName(afi, safi)}, a family this session does not carry: ignored`) },
    ];
  }
  return [{ name: "refresh", slot: context.slot, family }];
}

function onTimer(state: EstablishedState, timer: ConnectionTimer, context: ConnectionContext): ConnectionStep {
  const { negotiated } = state;
  // With hold time zero no timer runs: one that still fires was cleared while it was on its way.
  if (negotiated.holdTimeSeconds === 0) return stay(state);
  switch (timer) {
    case "hold":
      return onHoldExpired(state, context, `nothing heard from the router for ${negotiated.holdTimeSeconds} s`);
    case "keepalive":
      return stay(state, [{ name: "send", slot: context.slot, message: { name: "keepalive" } }, setKeepalive(context, negotiated)]);
    case "sendHold":
      // SendHoldTimer_Expires (29): best effort, the kernel has taken nothing for this long (RFC 9687 §4.3).
      return notifyAndClose(
        state,
        context,
        { name: "notification", ...SEND_HOLD_TIMER_EXPIRED, data: new Uint8Array(0) },
        `the router has read nothing from us for ${sendHoldMillis(context.settings, negotiated.holdTimeSeconds) / 1000} s`,
      );
    case "connectTimeout":
      return stay(state);
  }
}
