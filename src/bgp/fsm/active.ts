import { assertNever } from "../../errors.ts";
import { openOf } from "./capability-offer.ts";
import { closeSilently, transition } from "./ending.ts";
import { startDial } from "./idle.ts";
import type { PeerAction } from "./session.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionState, ConnectionStep } from "./state.ts";
import { stay, timersOf } from "./state.ts";
import { openWaitMillis, setTimer } from "./timers.ts";

/** RFC 4271 §8.2.2, "Active State": waits for the peer to dial, or for its own next dial. */
export function stepActive(
  state: ConnectionState & { readonly name: "Active" },
  event: ConnectionEvent,
  context: ConnectionContext,
): ConnectionStep {
  switch (event.name) {
    case "dial":
      return startDial(state, context);
    case "tcpConnected":
      // An outgoing connection nobody waits for any more: its dial timed out a moment ago.
      if (context.slot === "outgoing") return stay(state, [{ name: "close", slot: context.slot, how: "abort" }]);
      return sendOpen(state, context, "the peer connected", [{ name: "accept" }]);
    case "stop":
      return closeSilently(state, context, null, "stopped");
    case "collisionDump":
    case "superseded":
      return closeSilently(state, context, null, "the other connection is kept");
    case "wait":
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

/** TCP is up: the OPEN leaves at once, HoldTimer runs with a large value → OpenSent (RFC 4271 §8.2.2, events 16 and 17). */
export function sendOpen(
  state: ConnectionState,
  context: ConnectionContext,
  why: string,
  first: readonly PeerAction[] = [],
): ConnectionStep {
  const { slot } = context;
  const open = openOf(context.settings, context.restarting);
  return {
    state: { name: "OpenSent", open },
    actions: [
      ...first,
      ...timersOf(state).map((timer) => ({ name: "clearTimer", slot, timer }) as const),
      { name: "send", slot, message: open },
      setTimer(context, "hold", openWaitMillis(context.settings.holdTimeSeconds, context.silences)),
      transition(context, state.name, "OpenSent", why),
    ],
    ending: null,
  };
}
