import type { Family } from "../ip/address.ts";

/** The states of RFC 4271 §8.2.2. */
export type PeerState = "Idle" | "Connect" | "Active" | "OpenSent" | "OpenConfirm" | "Established";

/** `GET /api/v1/peers`. */
export interface PeersView {
  readonly node: string;
  readonly items: readonly PeerView[];
}

/** One session. Times are RFC 3339 with milliseconds. */
export interface PeerView {
  readonly name: string;
  readonly peerAddress: string | null;
  /** What the peer said, or what is configured while it has said nothing. */
  readonly peerASN: number | "internal" | "external";
  readonly localASN: number;
  readonly state: PeerState;
  /** When `state` was entered. */
  readonly since: string;
  /** Negotiated while Established, configured otherwise. */
  readonly families: readonly Family[];
  /** The peer's, null before its OPEN. */
  readonly routerID: string | null;
  readonly holdTimeSeconds: number;
  readonly capabilities: { readonly sent: readonly CapabilityView[]; readonly received: readonly CapabilityView[] };
  readonly gracefulRestart: GracefulRestartView;
  readonly bfd: { readonly state: string };
  /** Routes the peer holds from us by family. */
  readonly announced: Readonly<Record<Family, number>>;
  /** Changes wanted and not yet handed to the kernel. */
  readonly pending: number;
  /** Prefixes that are wanted but whose attributes do not fit a message of this session; the first hundred. */
  readonly unsendable: readonly string[];
  readonly sent: { readonly updates: number; readonly keepalives: number; readonly notifications: number };
  readonly received: {
    readonly updates: number;
    readonly prefixes: number;
    readonly keepalives: number;
    readonly treatAsWithdraw: number;
    readonly attributeDiscard: number;
  };
  readonly lastError: LastErrorView | null;
  readonly flaps: number;
}

/** A capability (RFC 5492) by code, name and what it says in words. */
export interface CapabilityView {
  readonly code: number;
  readonly name: string;
  readonly value: string;
}

/** RFC 4724: whether we offer it, whether both sides did, and for how long the peer is asked to keep our routes. */
export interface GracefulRestartView {
  readonly enabled: boolean;
  readonly negotiated: boolean;
  readonly restartTimeSeconds: number;
  /** Families for which the peer keeps our routes; empty where it does not. */
  readonly families: readonly Family[];
}

export interface LastErrorView {
  readonly at: string;
  readonly direction: "sent" | "received" | "local";
  readonly code: number;
  readonly subcode: number;
  readonly name: string;
  /** Shutdown communication (RFC 9003) or the reason in words. */
  readonly text: string;
}
