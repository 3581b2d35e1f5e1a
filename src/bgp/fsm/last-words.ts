/** What OpenSent, OpenConfirm and Established answer alike: hold expiry, unexpected messages, broken octets, stops and collisions. */

import type { WireError } from "../../errors.ts";
import type { ErrorCode } from "../wire/iana.ts";
import { CEASE, HOLD_TIMER_EXPIRED, MESSAGE_TYPE, messageTypeName } from "../wire/iana.ts";
import type { Message } from "../wire/messages.ts";
import { ceaseOf } from "../wire/notification.ts";
import { ceaseFor } from "./cease.ts";
import { answerWireError, closeSilently, localError, notifyAndClose } from "./ending.ts";
import type { Negotiated, StopCause } from "./session.ts";
import type { ConnectionContext, ConnectionState, ConnectionStep, Ending } from "./state.ts";
import { stay } from "./state.ts";

/** HoldTimer_Expires (10): the same in the three states that have one. */
export function onHoldExpired(state: ConnectionState, context: ConnectionContext, text: string, ending?: Ending): ConnectionStep {
  return notifyAndClose(state, context, { name: "notification", ...HOLD_TIMER_EXPIRED, data: new Uint8Array(0) }, text, ending);
}

/** A message this state does not take: FSM Error, its subcode names the state, its data the type octet (RFC 6608 §3). */
export function onUnexpected(state: ConnectionState, message: Message, error: ErrorCode, context: ConnectionContext): ConnectionStep {
  const type = MESSAGE_TYPE[message.name];
  const text = `the router sent ${messageTypeName(type)} in state ${state.name}`;
  return notifyAndClose(
    state,
    context,
    { name: "notification", code: error.code, subcode: error.subcode, data: Uint8Array.of(type) },
    text,
  );
}

/** Broken octets. The two milder classes of RFC 7606 are dealt with where UPDATEs are decoded; here they are only shown. */
export function onWireError(state: ConnectionState, error: WireError, context: ConnectionContext): ConnectionStep {
  if (error.severity !== "reset") return stay(state, [{ name: "error", error: localError(error.message) }]);
  return answerWireError(state, context, error);
}

/** ManualStop and AutomaticStop (2, 8). */
export function onStop(
  state: ConnectionState,
  cause: StopCause,
  negotiated: Negotiated | null,
  context: ConnectionContext,
): ConnectionStep {
  const cease = ceaseFor(cause, negotiated);
  if (cease === null) return closeSilently(state, context, "flush", "stopped without a word");
  return notifyAndClose(state, context, cease, cause.text === "" ? "stopped here" : cause.text, { kind: "ours" });
}

/** OpenCollisionDump (23). */
export function onCollisionDump(state: ConnectionState, context: ConnectionContext): ConnectionStep {
  return notifyAndClose(state, context, ceaseOf(CEASE.connectionCollision.subcode), "the other connection to the router is kept", {
    kind: "ours",
  });
}
