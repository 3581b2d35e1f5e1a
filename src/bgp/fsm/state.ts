/** What one connection is, what happens to it, and what a step of it gives. The six state files share these; they know no second connection. */

import type { WireError } from "../../errors.ts";
import type { Message, OpenMessage } from "../wire/messages.ts";
import type { Draws } from "./jitter.ts";
import type { ConnectionTimer, Millis, Negotiated, PeerAction, SessionSettings, Slot, StopCause } from "./session.ts";

/** RFC 4271 §8.2.2. Data exists only in the states that have it: `open` is the OPEN we sent, `negotiated` what came of both. */
export type ConnectionState =
  | { readonly name: "Idle" }
  | { readonly name: "Connect" }
  | { readonly name: "Active" }
  | OpenSentState
  | OpenConfirmState
  | EstablishedState;

export interface OpenSentState {
  readonly name: "OpenSent";
  readonly open: OpenMessage;
  /** It was kept in a collision, and has had its shorter wait for the OPEN since the first one. */
  readonly kept?: true;
}

export interface OpenConfirmState {
  readonly name: "OpenConfirm";
  readonly open: OpenMessage;
  readonly negotiated: Negotiated;
}

export interface EstablishedState {
  readonly name: "Established";
  readonly open: OpenMessage;
  readonly negotiated: Negotiated;
}

export const IDLE = { name: "Idle" } as const satisfies ConnectionState;
export const CONNECT = { name: "Connect" } as const satisfies ConnectionState;
export const ACTIVE = { name: "Active" } as const satisfies ConnectionState;

/** Input of one connection; the numbers are those of RFC 4271 §8.1. */
export type ConnectionEvent =
  /** The peer's policy wants a dial: ManualStart, ConnectRetryTimer_Expires or IdleHoldTimer_Expires (1, 9, 13). */
  | { readonly name: "dial" }
  /** Started without dialling yet: passive (4, 5), before the next retry, or for a connection the peer opened. */
  | { readonly name: "wait" }
  | { readonly name: "stop"; readonly cause: StopCause } // 2, 8
  /** OpenCollisionDump (23): the other connection of this peer is kept. */
  | { readonly name: "collisionDump" }
  /** A restarted peer has come back on another connection (RFC 4724 §4.2): ends without a NOTIFICATION. */
  | { readonly name: "superseded" }
  | { readonly name: "tcpConnected" } // 16, 17
  | { readonly name: "tcpFailed"; readonly why: string } // 18
  | { readonly name: "tcpClosed"; readonly why: string } // 18
  | { readonly name: "message"; readonly message: Message } // 19, 24–27
  | { readonly name: "wireError"; readonly error: WireError } // 21, 22, 24, 28
  | { readonly name: "timer"; readonly timer: ConnectionTimer } // 10, 11, RFC 9687 event 29
  | { readonly name: "updatesSent" }
  | { readonly name: "sendProgress" };

/** Why a connection is over, as far as the retry policy cares. `ours`: a stop, a collision, a replacement. */
export type Ending =
  | { readonly kind: "ours" }
  | { readonly kind: "unanswered" }
  /** TCP came up, and no OPEN ever did. */
  | { readonly kind: "silent" }
  | { readonly kind: "closed" }
  | { readonly kind: "notification"; readonly direction: "sent" | "received"; readonly code: number; readonly subcode: number };

/** `ending` is set exactly when a connection or a dial ended in this step. */
export interface ConnectionStep {
  readonly state: ConnectionState;
  readonly actions: readonly PeerAction[];
  readonly ending: Ending | null;
}

/** What a step may look at beside its state. */
export interface ConnectionContext {
  readonly slot: Slot;
  readonly settings: SessionSettings;
  readonly now: Millis;
  readonly draws: Draws;
  /** No session with this peer was Established since we started: the R bit (RFC 4724 §3). */
  readonly restarting: boolean;
  /** How many connections in a row the peer refused before Established: changes words only. */
  readonly refusals: number;
  /** How many connections in a row the peer left without a word until the hold timer ended them. */
  readonly silences: number;
}

/** Nothing happens. */
export function stay(state: ConnectionState, actions: readonly PeerAction[] = []): ConnectionStep {
  return { state, actions, ending: null };
}

/** The timers a connection in this state has running. */
export function timersOf(state: ConnectionState): readonly ConnectionTimer[] {
  switch (state.name) {
    case "Idle":
    case "Active":
      return [];
    case "Connect":
      return ["connectTimeout"];
    case "OpenSent":
      return ["hold"];
    case "OpenConfirm":
      return state.negotiated.holdTimeSeconds === 0 ? ["hold"] : ["hold", "keepalive"];
    case "Established":
      return state.negotiated.holdTimeSeconds === 0 ? [] : ["hold", "keepalive", "sendHold"];
  }
}
