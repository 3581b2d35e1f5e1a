/**
 * What a session is made of: its settings, events, actions and state, as plain serialisable data (`--record` writes the first three,
 * `herald replay` reads them). The transitions live in one file per RFC 4271 state, two connections of one peer meet in `peer.ts`.
 *
 * Two levels. A *connection* (slot `outgoing` or `incoming`) has the six states of RFC 4271 §8.2.2. A *peer* has up to two connections
 * while a collision is being decided (§6.8), one ConnectRetry/IdleHold policy, and is what the shell steps:
 * `stepPeer(state, event, now) → { state, actions }`.
 */

import type { WireError } from "../../errors.ts";
import type { Family } from "../../ip/address.ts";
import type { Capability, Message, NotificationMessage, UpdateMessage } from "../wire/messages.ts";

/** Monotonic milliseconds; only differences mean anything. */
export type Millis = number;

export type Slot = "outgoing" | "incoming";

/** RFC 4271 §8.2.2, as shown to people. */
export const STATE_NAMES = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"] as const;
export type StateName = (typeof STATE_NAMES)[number];

/** Timers of RFC 4271 §8.1.3 and §10, RFC 9687; `connectTimeout` bounds one dial. Those of `PEER_TIMERS` belong to the peer, the others to a connection. */
export type PeerTimer = "connectRetry" | "idleHold";
export type ConnectionTimer = "connectTimeout" | "hold" | "keepalive" | "sendHold";
export type TimerRef = { readonly slot: null; readonly timer: PeerTimer } | { readonly slot: Slot; readonly timer: ConnectionTimer };

/** Settings of one peer, checked. A new value is a `configure` event. */
export interface SessionSettings {
  readonly localAsn: number;
  readonly peerAsn: { readonly kind: "number"; readonly asn: number } | { readonly kind: "internal" | "external" };
  /** BGP Identifier, non-zero (RFC 6286). */
  readonly routerId: number;
  /** Seconds, 0 or 3..65535. */
  readonly holdTimeSeconds: number;
  /** Seconds; null = a third of the negotiated hold time. Scaled down when the peer's hold time is shorter. */
  readonly keepaliveTimeSeconds: number | null;
  /** Seconds that a peer which takes nothing is borne (RFC 9687), more than `holdTimeSeconds`; left out = what the RFC suggests. */
  readonly sendHoldTimeSeconds?: number;
  /** Seconds until one dial gives up. */
  readonly connectTimeSeconds: number;
  /** Never dials. */
  readonly passive: boolean;
  readonly families: readonly Family[];
  /** RFC 8950: IPv4 routes with IPv6 next hops. */
  readonly extendedNextHop: boolean;
  /** RFC 8654. */
  readonly extendedMessages: boolean;
  /**
   * RFC 4724: seconds 0..4095; null = not offered. `forwardingPreserved` is the F bit of every family until the session was first
   * Established (true only after a graceful start); afterwards F is set, since the reconnect of a living process leaves forwarding alone.
   */
  readonly gracefulRestart: {
    readonly restartTimeSeconds: number;
    readonly notification: boolean;
    /** Long-lived Graceful Restart (RFC 9494), seconds 1..16777215; left out = not offered. */
    readonly longLivedStaleTimeSeconds?: number;
    readonly forwardingPreserved: boolean;
  } | null;
  /** RFC 9234; null = not offered. */
  readonly role: "provider" | "rs" | "rs-client" | "customer" | "peer" | null;
  /** RFC 7313. */
  readonly enhancedRouteRefresh: boolean;
  /** Capability codes left out although settings above ask for them. */
  readonly omitCapabilities: readonly number[];
}

/** What both OPENs agreed on. */
export interface Negotiated {
  readonly families: readonly Family[];
  readonly holdTimeSeconds: number;
  readonly keepaliveMillis: Millis;
  readonly peerAsn: number;
  readonly peerRouterId: number;
  readonly ibgp: boolean;
  /** Both sides are NEW speakers (RFC 6793). */
  readonly asn4: boolean;
  readonly extendedNextHop: boolean;
  /** Octets of the longest message we may send, and may receive (RFC 8654). */
  readonly sendLimit: number;
  readonly receiveLimit: number;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  /** What the peer said in its Graceful Restart capability; null = none. */
  readonly peerGracefulRestart: {
    readonly restarting: boolean;
    readonly notification: boolean;
    readonly restartTimeSeconds: number;
  } | null;
  readonly capabilities: { readonly sent: readonly Capability[]; readonly received: readonly Capability[] };
}

/**
 * Why a stop was asked for: decides the Cease subcode (RFC 4486) and text (RFC 9003). `silent` closes TCP without a NOTIFICATION (RFC 4724).
 * After adminShutdown, deconfigured and silent the peer stays Idle until `start` (RFC 4271 §8.1.2, event 2); after the others it dials
 * again by itself (event 8): at once or, after prefixLimit, when the damping wait is over. A `start` ends such a wait.
 */
export interface StopCause {
  readonly reason: "adminShutdown" | "adminReset" | "deconfigured" | "configChange" | "bfdDown" | "prefixLimit" | "silent";
  readonly text: string;
}

/** Input of a peer. Event numbers of RFC 4271 §8.1 stand behind each. */
export type PeerEvent =
  | { readonly name: "start" } // 1, 3
  | { readonly name: "stop"; readonly cause: StopCause } // 2, 8
  | { readonly name: "configure"; readonly settings: SessionSettings }
  /**
   * Outgoing: the dial succeeded. Incoming: the shell accepted a connection and matched it to this peer; it belongs to no slot until
   * the `accept` or `refuse` among the actions of this event says what becomes of it.
   */
  | { readonly name: "tcpConnected"; readonly slot: Slot } // 16, 17
  | { readonly name: "tcpFailed"; readonly slot: Slot; readonly why: string } // 18, before tcpConnected
  | { readonly name: "tcpClosed"; readonly slot: Slot; readonly why: string } // 18, after it
  | { readonly name: "message"; readonly slot: Slot; readonly message: Message } // 19, 24–27
  | { readonly name: "wireError"; readonly slot: Slot; readonly error: WireError } // 21, 22, 24, 28
  | ({ readonly name: "timer" } & TimerRef) // 9, 10, 11, 13, RFC 9687 event 29
  /** The shell handed UPDATEs to the kernel: restarts the keepalive timer (§10). */
  | { readonly name: "updatesSent"; readonly slot: Slot }
  /** The kernel accepted octets that had been waiting, or nothing waits: restarts the send-hold timer (RFC 9687). */
  | { readonly name: "sendProgress"; readonly slot: Slot };

/** Output of a peer, performed in order. */
export type PeerAction =
  | { readonly name: "dial" }
  /** The newly accepted connection takes the slot `incoming`. A `close` of an earlier connection of that slot stands before it. */
  | { readonly name: "accept" }
  /** The newly accepted connection is closed at once, without an octet; the connection in the slot, if any, is not touched. */
  | { readonly name: "refuse" }
  | { readonly name: "send"; readonly slot: Slot; readonly message: Message }
  /** `flush`: half-close after what was sent, read and drop what still comes for at most 1 s, so that no RST eats the NOTIFICATION. `abort`: at once. */
  | { readonly name: "close"; readonly slot: Slot; readonly how: "flush" | "abort" }
  | ({ readonly name: "setTimer"; readonly at: Millis } & TimerRef)
  | ({ readonly name: "clearTimer" } & TimerRef)
  /** The session is up: the shell starts the Adj-RIB-Out on this slot. */
  | { readonly name: "established"; readonly slot: Slot; readonly negotiated: Negotiated }
  /** The session that was up is down. */
  | { readonly name: "down"; readonly slot: Slot; readonly why: string }
  | { readonly name: "update"; readonly slot: Slot; readonly message: UpdateMessage }
  | { readonly name: "refresh"; readonly slot: Slot; readonly family: Family }
  | { readonly name: "transition"; readonly slot: Slot; readonly from: StateName; readonly to: StateName; readonly why: string }
  | { readonly name: "error"; readonly error: SessionError };

/** A fault worth showing: NOTIFICATIONs either way, and local causes without one. */
export interface SessionError {
  readonly direction: "sent" | "received" | "local";
  readonly code: number;
  readonly subcode: number;
  /** Words: what happened and, where known, what to check. */
  readonly text: string;
  readonly notification: NotificationMessage | null;
  /** A dial that nothing answered, not even a refusal. */
  readonly silent?: true;
}
