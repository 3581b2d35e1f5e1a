import { assertNever } from "../../errors.ts";
import { transition } from "./ending.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionState, ConnectionStep } from "./state.ts";
import { ACTIVE, CONNECT, stay } from "./state.ts";
import { setTimer } from "./timers.ts";

/** RFC 4271 §8.2.2, "Idle state": no resources, every connection refused. */
export function stepIdle(
  state: ConnectionState & { readonly name: "Idle" },
  event: ConnectionEvent,
  context: ConnectionContext,
): ConnectionStep {
  switch (event.name) {
    case "dial":
      return startDial(state, context);
    case "wait":
      return stay(ACTIVE, [transition(context, state.name, "Active", "started")]);
    case "tcpConnected":
      // A dial that was given up and succeeded all the same, or a caller the peer is not ready for.
      return stay(state, [context.slot === "incoming" ? { name: "refuse" } : { name: "close", slot: context.slot, how: "abort" }]);
    case "stop":
    case "collisionDump":
    case "superseded":
    case "tcpFailed":
    case "tcpClosed":
    case "message":
    case "wireError":
    case "timer":
    case "updatesSent":
    case "sendProgress":
      return stay(state);
    default:
      return assertNever(event);
  }
}

/** Idle or Active → Connect. The connection's own timer bounds the dial; ConnectRetryTimer starts when it has failed. */
export function startDial(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  return {
    state: CONNECT,
    actions: [
      { name: "dial" },
      setTimer(context, "connectTimeout", context.settings.connectTimeSeconds * 1000),
      transition(context, state.name, "Connect", "dialling"),
    ],
    ending: null,
  };
}
