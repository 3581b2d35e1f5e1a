/**
 * Checked, defaulted, projected objects: only the fields that Herald uses, everything optional resolved.
 * What a file or an API server says in any other form never gets past `src/objects`.
 */

import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";

export interface Metadata {
  readonly name: string;
  /** "" for cluster-scoped kinds (Node, Namespace). */
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  /** RFC 3339, "" when unknown. */
  readonly creationTimestamp: string;
  /** The object is being deleted. */
  readonly deleting: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Only annotations under herald.dev/. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ServicePort {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
}

/** What the addresses that a Service of type LoadBalancer is given depend on. */
export interface LoadBalancerWish {
  readonly ipFamilyPolicy: "SingleStack" | "PreferDualStack" | "RequireDualStack";
  /** As written, first the preferred one; an API server always fills it in. */
  readonly ipFamilies: readonly Family[];
  /** As written; "" = none. */
  readonly loadBalancerIP: string;
  readonly ports: readonly ServicePort[];
  readonly selector: Readonly<Record<string, string>>;
}

export interface Service {
  readonly kind: "Service";
  readonly metadata: Metadata;
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  readonly headless: boolean;
  readonly clusterIPs: readonly Address[];
  readonly externalIPs: readonly Address[];
  /** status.loadBalancer.ingress entries with an `ip` and `ipMode` other than Proxy. */
  readonly loadBalancerIPs: readonly Address[];
  readonly loadBalancerClass: string | null;
  readonly externalTrafficPolicy: "Cluster" | "Local";
  readonly internalTrafficPolicy: "Cluster" | "Local";
  readonly healthCheckNodePort: number | null;
  readonly publishNotReadyAddresses: boolean;
  /** null unless `type: LoadBalancer`. */
  readonly loadBalancer: LoadBalancerWish | null;
}

export interface Endpoint {
  readonly address: Address;
  readonly nodeName: string | null;
  /** nil counts as true. */
  readonly ready: boolean;
  /** nil counts as `ready`. */
  readonly serving: boolean;
  readonly terminating: boolean;
  /** targetRef name of a Pod, for words; null when unknown. */
  readonly pod: string | null;
}

/** Endpoints in the order of their slice; a list of them will do. */
export interface EndpointList extends Iterable<Endpoint> {
  readonly length: number;
}

export interface EndpointSlice {
  readonly kind: "EndpointSlice";
  readonly metadata: Metadata;
  /** Label kubernetes.io/service-name; null = belongs to none. */
  readonly serviceName: string | null;
  /** FQDN slices carry no endpoints here. */
  readonly addressType: Family | "FQDN";
  readonly endpoints: EndpointList;
}

export interface Node {
  readonly kind: "Node";
  readonly metadata: Metadata;
  readonly internalIPs: readonly Address[];
  /** A true NetworkUnavailable condition. */
  readonly networkUnavailable: boolean;
  readonly ready: boolean;
  /** Ready is False because kubelet says the node is shutting down. */
  readonly shuttingDown: boolean;
  readonly unschedulable: boolean;
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[];
}

export interface Namespace {
  readonly kind: "Namespace";
  readonly metadata: Metadata;
}

/** A Kubernetes LabelSelector; empty matches everything. */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values: readonly string[];
  }[];
}

/** A key of TCP-AO (RFC 5925), without its secret. */
export interface TcpAoKey {
  /** KeyID of segments that we sign. */
  readonly id: number;
  /** KeyID of segments that the router signs; null = the same. */
  readonly receiveID: number | null;
  readonly algorithm: "HMAC-SHA-1-96" | "AES-128-CMAC-96";
  readonly passwordSecret: { readonly name: string; readonly namespace: string };
}

export interface BGPPeer {
  readonly kind: "BGPPeer";
  readonly metadata: Metadata;
  readonly myASN: number;
  readonly peerASN: number | "internal" | "external";
  readonly peerAddress: Address | null;
  readonly interface: string | null;
  readonly defaultGateway: Family | null;
  readonly peerPort: number;
  readonly sourceAddress: Address | null;
  readonly vrf: string | null;
  readonly holdTimeSeconds: number;
  readonly keepaliveTimeSeconds: number | null;
  readonly sendHoldTimeSeconds: number | null;
  readonly connectTimeSeconds: number;
  readonly ebgpMultiHop: boolean;
  readonly multihopTTL: number | null;
  readonly ttlSecurityHops: number | null;
  readonly password: string | null;
  readonly passwordSecret: { readonly name: string; readonly namespace: string } | null;
  /** TCP-AO: the first key signs, all are accepted. Empty = the session has none. */
  readonly tcpAO: readonly TcpAoKey[];
  readonly bfdProfile: string | null;
  readonly gracefulRestart: {
    readonly enabled: boolean;
    readonly restartTimeSeconds: number;
    readonly notification: boolean;
    readonly longLivedStaleTimeSeconds: number | null;
  };
  /** Sorted IPv4 first; the default is resolved. */
  readonly families: readonly Family[];
  readonly extendedNextHop: boolean;
  readonly nextHopSource: "Session" | "NodeInternalIP";
  readonly nextHop: { readonly ipv4: Address | null; readonly ipv6: Address | null };
  readonly routerID: number | null;
  readonly role: "provider" | "rs" | "rs-client" | "customer" | "peer" | null;
  readonly passive: boolean;
  readonly announceLimit: { readonly ipv4: number | null; readonly ipv6: number | null };
  readonly extendedMessages: boolean;
  /** Capability codes. */
  readonly omitCapabilities: readonly number[];
  readonly nodeSelectors: readonly LabelSelector[];
  readonly adminDown: { readonly reason: string } | null;
}

export type AddressKind = "ClusterIP" | "ExternalIP" | "LoadBalancerIP";

export interface BGPAdvertisement {
  readonly kind: "BGPAdvertisement";
  readonly metadata: Metadata;
  readonly addresses: readonly AddressKind[];
  readonly cidrs: readonly Prefix[];
  readonly ipAddressPools: readonly string[];
  readonly ipAddressPoolSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly nodeSelectors: readonly LabelSelector[];
  readonly peers: readonly string[];
  readonly aggregationLength: number;
  readonly aggregationLengthV6: number;
  readonly blocks: readonly Prefix[];
  readonly localPref: number | null;
  readonly med: number | null;
  /** As written: `65000:1`, `large:1:2:3`, a well-known name, or an alias of a Community object. */
  readonly communities: readonly string[];
  /** 16 lower-case hex digits each. */
  readonly extendedCommunities: readonly string[];
  readonly asPathPrepend: number;
  readonly linkBandwidth: { readonly bytesPerSecondPerEndpoint: number; readonly transitive: boolean } | null;
  readonly endpointPolicy: "Ready" | "Serving" | "ServingIfLast";
  readonly withoutEndpoints: "Withdraw" | "Announce";
  readonly maxAnnouncers: number | null;
  readonly dataplaneGate: "Off" | "Prefer" | "Require";
}

export interface Community {
  readonly kind: "Community";
  readonly metadata: Metadata;
  readonly communities: readonly { readonly name: string; readonly value: string }[];
}

export interface IPAddressPool {
  readonly kind: "IPAddressPool";
  readonly metadata: Metadata;
  /** Inclusive ranges; a CIDR is the range from its first to its last address. */
  readonly ranges: readonly { readonly from: Address; readonly to: Address }[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  /** Services that may use it; null = all. */
  readonly serviceAllocation: ServiceAllocation | null;
}

/** A pool set aside: for Services of these namespaces (none named, by name or selector = all), and among them those a selector matches. */
export interface ServiceAllocation {
  /** The lowest above 0 is used first; 0 = after those. */
  readonly priority: number;
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
}

export interface BFDProfile {
  readonly kind: "BFDProfile";
  readonly metadata: Metadata;
  readonly receiveIntervalMillis: number;
  readonly transmitIntervalMillis: number;
  readonly detectMultiplier: number;
  readonly passiveMode: boolean;
  readonly minimumTtl: number;
}

/** Of Herald's own namespace, and only where a source of files delivers it. */
export interface Secret {
  readonly kind: "Secret";
  readonly metadata: Metadata;
  /** null = none that can be a key. Must never be shown. */
  readonly password: string | null;
}

/** Kinds of ours. */
export type OwnObject = BGPPeer | BGPAdvertisement | Community | IPAddressPool | BFDProfile;
export type ClusterObject = Service | EndpointSlice | Node | Namespace | Secret | OwnObject;
export type Kind = ClusterObject["kind"];

/** Names one object. */
export interface ObjectRef {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

/** What a source delivers, in order. */
export type ObjectChange =
  | { readonly type: "set"; readonly object: ClusterObject }
  /** `resourceVersion` of the deletion where the source knows it, else "". */
  | { readonly type: "delete"; readonly ref: ObjectRef; readonly resourceVersion: string };

/** A problem in what a person wrote: a line of `validate`. JSON shape of `-o json`. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string } | null;
  /** "" where there is no file. */
  readonly file: string;
  /** 1-based; 0 where unknown. */
  readonly line: number;
  readonly column: number;
  /** Path of the field, `spec.peers[0]`; "" = the whole object or file. */
  readonly field: string;
  readonly message: string;
  /** What would be right; "" when the message says it. */
  readonly allowed: string;
}
