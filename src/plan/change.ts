import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import type { ReasonCode } from "./reasons.ts";

/** What decides besides objects and facts; fixed for the life of a planner. */
export interface PlannerOptions {
  /** Name of the node decided for. */
  readonly node: string;
  /** Objects of our own kinds in other namespaces are not in force. */
  readonly heraldNamespace: string;
  /** "" = announce LoadBalancer addresses of Services without a class only. */
  readonly loadBalancerClass: string;
  /** "" = announce no Service labelled with `service.kubernetes.io/service-proxy-name`. */
  readonly serviceProxyName: string;
  readonly ignoreExcludeLabel: boolean;
  /** Which signs on a Node object count as drained. */
  readonly drain: DrainSigns;
  /** About so many transitions are described in one {@link PlanChange}; further decisions are counted. Default 1,000. */
  readonly transitionLimit?: number;
}

export interface DrainSigns {
  readonly annotation: boolean;
  readonly nodeShutdown: boolean;
  readonly cordon: boolean;
  /** Taint keys. */
  readonly taints: readonly string[];
}

/** The settings of a process without a configuration file; the caller adds the node. */
export const DEFAULT_PLANNER_OPTIONS: Omit<PlannerOptions, "node"> = {
  heraldNamespace: "herald-system",
  loadBalancerClass: "",
  serviceProxyName: "",
  ignoreExcludeLabel: false,
  drain: {
    annotation: true,
    nodeShutdown: true,
    cordon: false,
    taints: ["node.kubernetes.io/out-of-service", "ToBeDeletedByClusterAutoscaler"],
  },
};

/** A peer is to be sent something else for a prefix. `attributes` null = withdraw. Equal attributes of one planner are mostly the same value. */
export interface RouteChange {
  readonly peer: string;
  readonly prefix: Prefix;
  readonly attributes: RouteAttributes | null;
}

/** Where the next hop of a family comes from: a fixed address, the session's own address, or none (no route of that family is announced). */
export type NextHop = Address | "session" | null;

/**
 * A session this node wants: the peer's node selectors match. `peer` null = the session is to go; its routes are withdrawn in the same
 * {@link PlanChange}.
 */
export interface PeerChange {
  readonly name: string;
  readonly peer: BGPPeer | null;
  readonly nextHop: Readonly<Record<Family, NextHop>>;
}

/** What moved a decision: an object and its version, or a fact (kind `Session` or `Drain`, version ""). */
export interface Cause {
  readonly kind: string;
  /** `namespace/name`, or the name alone where the kind has no namespace. */
  readonly name: string;
  readonly resourceVersion: string;
}

/** One line of the timeline: a decision that became another. */
export interface Transition {
  /** `namespace/name`. */
  readonly service: string;
  readonly address: Address | null;
  /** null = the same for all peers. */
  readonly peer: string | null;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  /** What decided, in words. */
  readonly detail: string;
  readonly cause: Cause | null;
}

/** The difference one round of planning made. Routes: one entry per (peer, prefix) at most. */
export interface PlanChange {
  readonly routes: readonly RouteChange[];
  readonly peers: readonly PeerChange[];
  readonly transitions: readonly Transition[];
  /** Decisions made anew beyond `transitionLimit`, not described. */
  readonly transitionsOmitted: number;
  /** Services that are still to be planned: not 0 only after a bounded {@link Planner.decide}. */
  readonly pending: number;
}
