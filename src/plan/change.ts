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
  /** How a drained node leaves; left out = it withdraws at once. In force once time is stated as a fact. */
  readonly leaving?: LeavingOptions;
  readonly damping: Damping;
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

/** Shape of a drain (docs/semantics.md, "Drain"). */
export interface LeavingOptions {
  readonly gracePeriodMillis: number;
  /** 0..16. */
  readonly prepend: number;
}

/** What is slowed down on purpose (docs/semantics.md, "Damping"). In force once time is stated as a fact. */
export interface Damping {
  /** A prefix withdrawn for the third time within a minute waits before it is announced again. */
  readonly announceHoldDown: boolean;
  /** Least time between two changes of one weight. */
  readonly weightHoldDownMillis: number;
  /** Changes of a weight by a smaller part than this (0..1) wait until it has been quiet for a minute. */
  readonly weightTolerance: number;
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
  damping: { announceHoldDown: true, weightHoldDownMillis: 10_000, weightTolerance: 0.2 },
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

/**
 * What moved a decision: an object and its version, or a fact, whose version is "": kind `Session`, `Drain`, `ServiceProxy`, `HealthCheck`, `StateFile`, or
 * `Timer` where time alone did it.
 */
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

/** A health check of a Service on this node that is to be asked, or (`address` null) no longer. One per (Service UID, port, family). */
export interface ProbeChange {
  /** `namespace/name`. */
  readonly service: string;
  readonly uid: string;
  readonly family: Family;
  readonly port: number;
  /** The Node's InternalIP of the family. */
  readonly address: Address | null;
}

/** The difference one round of planning made. Routes: one entry per (peer, prefix) at most. */
export interface PlanChange {
  readonly routes: readonly RouteChange[];
  readonly peers: readonly PeerChange[];
  readonly transitions: readonly Transition[];
  /** Decisions made anew beyond `transitionLimit`, not described. */
  readonly transitionsOmitted: number;
  readonly probes: readonly ProbeChange[];
  /** When time alone changes something next, in the milliseconds of the time fact; null = never. */
  readonly wakeAtMillis: number | null;
  /** Somebody was asked about the data plane and has not answered for the first time, and no wait for that is over. */
  readonly awaitsGates: boolean;
  /** `leaving`: drained, and announcing with GRACEFUL_SHUTDOWN until the grace period is over. */
  readonly drain: "none" | "leaving" | "drained";
  /** Work that is left: not 0 only after a bounded {@link Planner.decide}. */
  readonly pending: number;
}
