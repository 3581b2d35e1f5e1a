import { assertNever } from "../../errors.ts";
import { sendOpen } from "./active.ts";
import { dialFailedWords, dialTimeoutWords } from "./advice.ts";
import { closeSilently, localError, unanswered } from "./ending.ts";
import type { ConnectionContext, ConnectionEvent, ConnectionState, ConnectionStep } from "./state.ts";
import { stay } from "./state.ts";

/** RFC 4271 §8.2.2, "Connect State": a dial is on its way. DelayOpen (optional there) is not offered: the OPEN leaves at once. */
export function stepConnect(
  state: ConnectionState & { readonly name: "Connect" },
  event: ConnectionEvent,
  context: ConnectionContext,
): ConnectionStep {
  switch (event.name) {
    case "tcpConnected":
      return sendOpen(state, context, "connected");
    case "tcpFailed":
    case "tcpClosed":
      return unanswered(state, context, localError(dialFailedWords(event.why)), null);
    case "timer":
      // No other timer of a connection runs here: one that still fires was cleared while it was on its way.
      if (event.timer !== "connectTimeout") return stay(state);
      return unanswered(state, context, { ...localError(dialTimeoutWords(context.settings)), silent: true }, "abort");
    case "stop":
      return closeSilently(state, context, "abort", "stopped");
    case "collisionDump":
    case "superseded":
      return closeSilently(state, context, "abort", "the other connection is kept");
    case "dial":
    case "wait":
    case "message":
    case "wireError":
    case "updatesSent":
    case "sendProgress":
      return stay(state);
    default:
      return assertNever(event);
  }
}
