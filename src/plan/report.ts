/** The JSON of `herald plan`, `herald explain` and `herald balance`. Keys are added, never renamed. */

import type { Family } from "../ip/address.ts";
import type { AddressKind, Finding } from "../objects/kinds.ts";
import type { CheckName, ReasonCode } from "./reasons.ts";

/** What one peer of one node is sent for a prefix. */
export interface Route {
  readonly node: string;
  readonly peer: string;
  readonly prefix: string;
  readonly family: Family;
  /** null only offline, for a session's own address. */
  readonly nextHop: string | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  /** `0x` and 16 hex digits each. Link bandwidth is apart. */
  readonly extendedCommunities: readonly string[];
  /** null towards eBGP; 100 towards iBGP where nothing is set. */
  readonly localPref: number | null;
  readonly med: number | null;
  /** 0 towards iBGP. */
  readonly asPathPrepend: number;
  /** Octets per second. */
  readonly linkBandwidth: number | null;
  /** `namespace/name` of the Services that announce it on that node; none for a block. */
  readonly owners: readonly string[];
}

/** Why an address is not announced: one per (node, service, address, kind), and per peer only where the reason is the peer's. */
export interface Negative {
  readonly node: string;
  readonly peer: string | null;
  readonly service: string;
  readonly address: string | null;
  readonly kind: AddressKind | null;
  readonly reason: ReasonCode;
  readonly detail: string;
}

/** What was taken for granted for want of a running session: see {@link PlanReport}. */
export type Assumption = "families" | "nextHop" | "dataplane";

export interface PlanReport {
  readonly routes: readonly Route[];
  readonly notAnnounced: readonly Negative[];
  readonly assumed: readonly Assumption[];
  readonly findings: readonly Finding[];
}

/** One of the seventeen checks for one pair of advertisement and peer. */
export interface CheckReport {
  /** 1..17. */
  readonly number: number;
  readonly name: CheckName;
  readonly result: "pass" | "fail" | "notReached";
  /** Passed for want of a fact. */
  readonly assumed: boolean;
  readonly reason: ReasonCode | "";
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string } | null;
  readonly field: string;
  readonly value: string;
  readonly text: string;
}

export interface ExplainItem {
  readonly node: string;
  /** null: no peer comes into it, the answer is the same for all. */
  readonly peer: string | null;
  readonly advertisement: string | null;
  readonly service: string;
  readonly address: string | null;
  readonly kind: AddressKind | null;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  readonly checks: readonly CheckReport[];
  /** What would change the answer, one line; "" when announced. */
  readonly remedy: string;
}

export interface Explain {
  readonly subject: { readonly type: "service" | "address" | "prefix"; readonly value: string };
  readonly items: readonly ExplainItem[];
  /** null offline; the speaker adds it. */
  readonly timeline: readonly TimelineEvent[] | null;
  readonly findings: readonly Finding[];
}

/** One line of the timeline. `at` is RFC 3339 with milliseconds. */
export interface TimelineEvent {
  readonly at: string;
  readonly service: string;
  readonly address: string | null;
  readonly peer: string | null;
  readonly kind: string;
  readonly reason: string;
  readonly text: string;
  readonly cause: { readonly kind: string; readonly name: string; readonly resourceVersion: string } | null;
}

/** One route of one node towards all its peers, as `GET /api/v1/routes` lists it but for `since`, which the speaker knows. */
export interface NodeRoute extends Omit<Route, "peer" | "nextHop"> {
  readonly nextHop: Readonly<Record<string, string | null>>;
  readonly peers: readonly string[];
}

/** One address of one Service on this node, as `GET /api/v1/services` lists it but for `since`, which the speaker knows. */
export interface ServiceAddress {
  readonly service: string;
  readonly address: string | null;
  readonly kind: AddressKind | null;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  readonly detail: string;
  readonly peers: Readonly<Record<string, { readonly announced: boolean; readonly reason: ReasonCode | "" }>>;
  readonly endpoints: { readonly counted: number; readonly local: number; readonly terminating: number };
  /** Octets per second of the link bandwidth community; null = none. */
  readonly weight: number | null;
}

/** Part of an address's flows, 0..1: with equal-cost paths alone, and with the weights that are sent, as the router rounds them. */
export interface FlowShare {
  readonly equal: number;
  readonly weighted: number;
}

/** One address of one Service in `herald balance`. */
export interface BalanceItem {
  /** `namespace/name`. */
  readonly service: string;
  readonly address: string;
  readonly family: Family;
  readonly kind: AddressKind;
  /** Equal paths of the router: nodes that announce the address and that no other node is preferred to. */
  readonly paths: number;
  readonly ecmpWidth: number;
  readonly exceedsEcmpWidth: boolean;
  /** Those that announce it, by name. */
  readonly nodes: readonly BalanceNode[];
  /** Endpoints that count, by node and address. */
  readonly pods: readonly BalancePod[];
  /**
   * Between the endpoint with the greatest and the one with the smallest share above zero. null: nothing is shared out, or more paths than
   * the router uses, of which it leaves out ones of its own choice.
   */
  readonly maxMinRatio: FlowShare | null;
  /** One line; "" where nothing is to be done. */
  readonly advice: string;
}

export interface BalanceNode {
  readonly node: string;
  /** That count, on this node. */
  readonly endpoints: number;
  /** Octets per second; null = not sent to every peer. */
  readonly linkBandwidth: number | null;
  readonly share: FlowShare;
}

export interface BalancePod {
  readonly endpoint: string;
  readonly node: string | null;
  readonly share: FlowShare;
}
