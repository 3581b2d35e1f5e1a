/** Objects as `kubectl get -o json` prints them, cut down to what routes depend on. */

export type RawObject = Readonly<Record<string, unknown>>;
type Family = "IPv4" | "IPv6";

export interface RawServiceSpec {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly policy?: "Cluster" | "Local";
  readonly internalPolicy?: "Cluster" | "Local";
  readonly clusterIPs?: readonly string[];
  readonly externalIPs?: readonly string[];
  readonly loadBalancerIPs?: readonly string[];
}

export interface RawEndpoint {
  readonly address: string;
  readonly node: string | null;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

export interface RawNodeSpec {
  readonly addresses: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function rawNode(name: string, { addresses, labels = {}, annotations = {} }: RawNodeSpec): RawObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels, annotations },
    status: {
      addresses: addresses.map((address) => ({ type: "InternalIP", address })),
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

/** One of Herald's own kinds. */
export function rawOwn(
  kind: "BGPPeer" | "BGPAdvertisement" | "Community" | "IPAddressPool" | "BFDProfile",
  name: string,
  spec: RawObject,
): RawObject {
  return { apiVersion: "herald.dev/v1alpha1", kind, metadata: { name, namespace: "herald-system" }, spec };
}

export function rawService(service: RawServiceSpec): RawObject {
  const { name, namespace = "default", labels = {}, policy = "Cluster", internalPolicy = "Cluster" } = service;
  const { clusterIPs = [], externalIPs = [], loadBalancerIPs = [] } = service;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels },
    spec: {
      type: "LoadBalancer",
      clusterIPs,
      externalIPs,
      externalTrafficPolicy: policy,
      internalTrafficPolicy: internalPolicy,
      ports: [{ port: 80 }],
    },
    status: { loadBalancer: { ingress: loadBalancerIPs.map((ip) => ({ ip })) } },
  };
}

export function rawSlice(service: string, family: Family, endpoints: readonly RawEndpoint[], namespace = "default"): RawObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${service}-${family.toLowerCase()}`, namespace, labels: { "kubernetes.io/service-name": service } },
    addressType: family,
    endpoints: endpoints.map(({ address, node, ready = true, serving = ready, terminating = false }) => ({
      addresses: [address],
      ...(node === null ? {} : { nodeName: node }),
      conditions: { ready, serving, terminating },
    })),
    ports: [{ port: 80 }],
  };
}

/** So many ready endpoints per node. */
export function rawEndpoints(family: Family, counts: Readonly<Record<string, number>>): RawEndpoint[] {
  return Object.entries(counts).flatMap(([node, count], index) =>
    Array.from({ length: count }, (_, i) => ({
      address: family === "IPv4" ? `10.244.${index}.${i + 1}` : `fd44::${index}:${(i + 1).toString(16)}`,
      node,
    })),
  );
}
