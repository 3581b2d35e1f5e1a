/** Small checked objects for planner tests: everything has a default, a test names what it is about. */

import type { Address } from "../../src/ip/address.ts";
import { parseAddress, parsePrefix } from "../../src/ip/parse.ts";
import type { Prefix } from "../../src/ip/prefix.ts";
import type {
  BGPAdvertisement,
  BGPPeer,
  ClusterObject,
  Community,
  Endpoint,
  EndpointSlice,
  IPAddressPool,
  LabelSelector,
  LoadBalancerWish,
  Metadata,
  Namespace,
  Node,
  ObjectRef,
  Service,
} from "../../src/objects/kinds.ts";
import type { Input } from "../../src/plan/facts.ts";

export const HERALD_NAMESPACE = "herald-system";

type Options<T extends { readonly metadata: Metadata }> = Partial<Omit<T, "kind" | "metadata">> & { readonly metadata?: Partial<Metadata> };

/** The object with its endpoints as the list that they are read as, so that it can be compared. */
export function unpacked(object: ClusterObject): ClusterObject {
  return object.kind === "EndpointSlice" ? { ...object, endpoints: [...object.endpoints] } : object;
}

export function ip(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

export function cidr(text: string): Prefix {
  const parsed = parsePrefix(text, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

/** A selector of one label. */
export function labelled(key: string, value: string): LabelSelector {
  return { matchLabels: { [key]: value }, matchExpressions: [] };
}

/** `namespace/name`, or a name in `default`. */
export function service(key: string, options: Options<Service> = {}): Service {
  const { metadata: more, ...spec } = options;
  return {
    kind: "Service",
    metadata: metadata(key, "default", more),
    type: "LoadBalancer",
    headless: false,
    clusterIPs: [],
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerClass: null,
    externalTrafficPolicy: "Cluster",
    internalTrafficPolicy: "Cluster",
    healthCheckNodePort: null,
    publishNotReadyAddresses: false,
    loadBalancer: spec.type === undefined || spec.type === "LoadBalancer" ? wish() : null,
    ...spec,
  };
}

/** What a Service asks for that says nothing about its addresses. */
export function wish(options: Partial<LoadBalancerWish> = {}): LoadBalancerWish {
  return { ipFamilyPolicy: "SingleStack", ipFamilies: [], loadBalancerIP: "", ports: [], selector: {}, ...options };
}

/** A slice of the Service of that name unless `serviceName` says otherwise. */
export function slice(key: string, endpoints: readonly Endpoint[], options: Options<EndpointSlice> = {}): EndpointSlice {
  const { metadata: more, ...spec } = options;
  const meta = metadata(key, "default", more);
  const addressType = endpoints[0]?.address.family ?? "IPv4";
  return { kind: "EndpointSlice", metadata: meta, serviceName: meta.name, addressType, endpoints, ...spec };
}

/** `state`: what the conditions say, "" = not ready, not serving. */
export function endpoint(
  address: string,
  nodeName: string | null,
  state: "ready" | "serving" | "" | "serving terminating" | "terminating" | "ready terminating" = "ready",
): Endpoint {
  const ready = state.startsWith("ready");
  return {
    address: ip(address),
    nodeName,
    ready,
    serving: ready || state.startsWith("serving"),
    terminating: state.endsWith("terminating"),
    pod: null,
  };
}

export function node(name: string, options: Options<Node> = {}): Node {
  const { metadata: more, ...status } = options;
  return {
    kind: "Node",
    metadata: metadata(name, "", more),
    internalIPs: [],
    networkUnavailable: false,
    ready: true,
    shuttingDown: false,
    unschedulable: false,
    taints: [],
    ...status,
  };
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): Namespace {
  return { kind: "Namespace", metadata: metadata(name, "", { labels }) };
}

export function peer(name: string, options: Options<BGPPeer> = {}): BGPPeer {
  const { metadata: more, ...spec } = options;
  return {
    kind: "BGPPeer",
    metadata: metadata(name, HERALD_NAMESPACE, more),
    myASN: 64512,
    peerASN: 64513,
    peerAddress: ip("192.0.2.1"),
    interface: null,
    defaultGateway: null,
    peerPort: 179,
    sourceAddress: null,
    vrf: null,
    holdTimeSeconds: 90,
    keepaliveTimeSeconds: null,
    sendHoldTimeSeconds: null,
    connectTimeSeconds: 5,
    ebgpMultiHop: false,
    multihopTTL: null,
    ttlSecurityHops: null,
    password: null,
    passwordSecret: null,
    tcpAO: [],
    bfdProfile: null,
    gracefulRestart: { enabled: true, restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: null },
    families: ["IPv4"],
    extendedNextHop: false,
    nextHopSource: "Session",
    nextHop: { ipv4: null, ipv6: null },
    routerID: null,
    role: null,
    passive: false,
    announceLimit: { ipv4: null, ipv6: null },
    extendedMessages: false,
    omitCapabilities: [],
    nodeSelectors: [],
    adminDown: null,
    ...spec,
  };
}

export function advertisement(name: string, options: Options<BGPAdvertisement> = {}): BGPAdvertisement {
  const { metadata: more, ...spec } = options;
  return {
    kind: "BGPAdvertisement",
    metadata: metadata(name, HERALD_NAMESPACE, more),
    addresses: ["LoadBalancerIP"],
    cidrs: [],
    ipAddressPools: [],
    ipAddressPoolSelectors: [],
    serviceSelectors: [],
    namespaceSelectors: [],
    nodeSelectors: [],
    peers: [],
    aggregationLength: 32,
    aggregationLengthV6: 128,
    blocks: [],
    localPref: null,
    med: null,
    communities: [],
    extendedCommunities: [],
    asPathPrepend: 0,
    linkBandwidth: null,
    endpointPolicy: "ServingIfLast",
    withoutEndpoints: "Withdraw",
    maxAnnouncers: null,
    dataplaneGate: "Prefer",
    ...spec,
  };
}

export function community(name: string, values: Readonly<Record<string, string>>): Community {
  const communities = Object.entries(values).map(([alias, value]) => ({ name: alias, value }));
  return { kind: "Community", metadata: metadata(name, HERALD_NAMESPACE), communities };
}

export function pool(name: string, from: string, to: string, labels: Readonly<Record<string, string>> = {}): IPAddressPool {
  const ranges = [{ from: ip(from), to: ip(to) }];
  return {
    kind: "IPAddressPool",
    metadata: metadata(name, HERALD_NAMESPACE, { labels }),
    ranges,
    autoAssign: true,
    avoidBuggyIPs: false,
    serviceAllocation: null,
  };
}

/** The input that creates or replaces the object. */
export function set(object: ClusterObject): Input {
  return { input: "object", change: { type: "set", object } };
}

/** The input that deletes the object. */
export function gone(object: { readonly kind: ObjectRef["kind"]; readonly metadata: Metadata }): Input {
  const { namespace: inNamespace, name } = object.metadata;
  return { input: "object", change: { type: "delete", ref: { kind: object.kind, namespace: inNamespace, name }, resourceVersion: "" } };
}

function metadata(key: string, defaultNamespace: string, more: Partial<Metadata> = {}): Metadata {
  const slash = key.indexOf("/");
  return {
    name: slash < 0 ? key : key.slice(slash + 1),
    namespace: slash < 0 ? defaultNamespace : key.slice(0, slash),
    uid: "",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "",
    deleting: false,
    labels: {},
    annotations: {},
    ...more,
  };
}
