/** The ways a connection ends. Order of actions everywhere: routes stop, last words, close, timers, what to show, the new state. */

import type { WireError } from "../../errors.ts";
import { notificationName } from "../wire/iana.ts";
import type { NotificationMessage } from "../wire/messages.ts";
import { hardResetInner, notificationOf } from "../wire/notification.ts";
import { receivedWords } from "./advice.ts";
import type { PeerAction, SessionError, StateName } from "./session.ts";
import type { ConnectionContext, ConnectionState, ConnectionStep, Ending } from "./state.ts";
import { ACTIVE, IDLE, timersOf } from "./state.ts";

/** Sends the NOTIFICATION and closes once it is out; the next state is Idle (RFC 4271 §6). */
export function notifyAndClose(
  state: ConnectionState,
  context: ConnectionContext,
  notification: NotificationMessage,
  text: string,
  ending: Ending = { kind: "notification", direction: "sent", code: notification.code, subcode: notification.subcode },
): ConnectionStep {
  return finish(state, context, {
    lastWords: notification,
    close: "flush",
    error: { direction: "sent", code: notification.code, subcode: notification.subcode, text, notification },
    next: IDLE,
    why: `sent ${notificationName(notification.code, notification.subcode)}`,
    ending,
  });
}

/** Answers broken octets or an unacceptable OPEN with what the error carries. */
export function answerWireError(state: ConnectionState, context: ConnectionContext, error: WireError): ConnectionStep {
  return notifyAndClose(state, context, notificationOf(error), error.message);
}

/** The peer ended it with a NOTIFICATION, which is never answered by another (RFC 4271 §6.4). */
export function notifiedByPeer(state: ConnectionState, context: ConnectionContext, notification: NotificationMessage): ConnectionStep {
  const { code, subcode } = hardResetInner(notification) ?? notification;
  return finish(state, context, {
    lastWords: null,
    close: "flush",
    error: {
      direction: "received",
      code: notification.code,
      subcode: notification.subcode,
      text: receivedWords(notification, context),
      notification,
    },
    next: IDLE,
    why: `received ${notificationName(notification.code, notification.subcode)}`,
    ending: { kind: "notification", direction: "received", code, subcode },
  });
}

/** The peer or the network closed TCP. OpenSent goes back to Active (RFC 4271 §8.2.2), where only a connection of ours can wait. */
export function closedByPeer(state: ConnectionState, context: ConnectionContext, text: string): ConnectionStep {
  return finish(state, context, {
    lastWords: null,
    close: "abort",
    error: localError(text),
    next: state.name === "OpenSent" && context.slot === "outgoing" ? ACTIVE : IDLE,
    why: text,
    ending: { kind: "closed" },
  });
}

/** A dial came to nothing. Departs from RFC 4271 §8.2.2, which goes to Idle without DelayOpen: Active keeps the peer's own dial welcome. */
export function unanswered(state: ConnectionState, context: ConnectionContext, error: SessionError, close: "abort" | null): ConnectionStep {
  return finish(state, context, {
    lastWords: null,
    close,
    error,
    next: ACTIVE,
    why: error.text,
    ending: { kind: "unanswered" },
  });
}

/** Ended by ourselves and without a word to the peer. */
export function closeSilently(
  state: ConnectionState,
  context: ConnectionContext,
  how: "flush" | "abort" | null,
  why: string,
): ConnectionStep {
  return finish(state, context, { lastWords: null, close: how, error: null, next: IDLE, why, ending: { kind: "ours" } });
}

/** A fault seen here that no NOTIFICATION speaks of. */
export function localError(text: string): SessionError {
  return { direction: "local", code: 0, subcode: 0, text, notification: null };
}

export function transition(context: ConnectionContext, from: StateName, to: StateName, why: string): PeerAction {
  return { name: "transition", slot: context.slot, from, to, why };
}

interface Finish {
  readonly lastWords: NotificationMessage | null;
  readonly close: "flush" | "abort" | null;
  readonly error: SessionError | null;
  readonly next: ConnectionState;
  readonly why: string;
  readonly ending: Ending;
}

function finish(state: ConnectionState, context: ConnectionContext, how: Finish): ConnectionStep {
  const { slot } = context;
  const actions: PeerAction[] = [];
  if (state.name === "Established") actions.push({ name: "down", slot, why: how.why });
  if (how.lastWords !== null) actions.push({ name: "send", slot, message: how.lastWords });
  if (how.close !== null) actions.push({ name: "close", slot, how: how.close });
  for (const timer of timersOf(state)) actions.push({ name: "clearTimer", slot, timer });
  if (how.error !== null) actions.push({ name: "error", error: how.error });
  if (how.next.name !== state.name) actions.push(transition(context, state.name, how.next.name, how.why));
  return { state: how.next, actions, ending: how.ending };
}
