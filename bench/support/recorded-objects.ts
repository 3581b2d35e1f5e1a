/** A cluster as an API server writes it, `managedFields` and all. */

const NODES = 100;

export interface RecordedKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** `/api/v1/services`. */
  readonly path: string;
  readonly items: readonly Readonly<Record<string, unknown>>[];
}

/** So many Services, with one EndpointSlice of ten endpoints each, 100 nodes and namespaces, one peer and one advertisement. */
export function recordedCluster(services: number): readonly RecordedKind[] {
  const numbers = Array.from({ length: services }, (_, index) => index);
  const ours = (kind: string, plural: string, items: readonly Readonly<Record<string, unknown>>[]): RecordedKind => {
    const path = `/apis/herald.dev/v1alpha1/namespaces/herald-system/${plural}`;
    return { apiVersion: "herald.dev/v1alpha1", kind, path, items };
  };
  const own = { namespace: "herald-system", uid: uid(1), resourceVersion: "7", generation: 1 };
  return [
    { apiVersion: "v1", kind: "Namespace", path: "/api/v1/namespaces", items: Array.from({ length: 100 }, (_, index) => namespace(index)) },
    { apiVersion: "v1", kind: "Node", path: "/api/v1/nodes", items: Array.from({ length: NODES }, (_, index) => node(index)) },
    ours("BGPPeer", "bgppeers", [
      { metadata: { ...own, name: "tor" }, spec: { myASN: 64512, peerASN: 64513, peerAddress: "127.0.0.250", passive: true } },
    ]),
    ours("BGPAdvertisement", "bgpadvertisements", [
      { metadata: { ...own, name: "all" }, spec: { addresses: ["LoadBalancerIP"], dataplaneGate: "Off" } },
    ]),
    ours("Community", "communities", []),
    ours("BFDProfile", "bfdprofiles", []),
    ours("IPAddressPool", "ipaddresspools", []),
    { apiVersion: "v1", kind: "Service", path: "/api/v1/services", items: numbers.map(service) },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      path: "/apis/discovery.k8s.io/v1/endpointslices",
      items: numbers.map((index) => slice(index, String(1_000 + index), true)),
    },
  ];
}

/** `ready`: of its first endpoint. */
export function slice(index: number, resourceVersion: string, ready: boolean): Readonly<Record<string, unknown>> {
  const name = `service-${index}`;
  const namespaceName = `namespace-${index % 100}`;
  const labels = {
    app: name,
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    "kubernetes.io/service-name": name,
  };
  const fieldsV1 = {
    "f:addressType": {},
    "f:endpoints": {},
    "f:metadata": {
      "f:annotations": { ".": {}, "f:endpoints.kubernetes.io/last-change-trigger-time": {} },
      "f:generateName": {},
      "f:labels": { ".": {}, ...Object.fromEntries(Object.keys(labels).map((key) => [`f:${key}`, {}])) },
      "f:ownerReferences": { ".": {}, [`k:{"uid":"${uid(index)}"}`]: {} },
    },
    "f:ports": {},
  };
  return {
    metadata: {
      name: `${name}-x7k2p`,
      generateName: `${name}-`,
      namespace: namespaceName,
      uid: uid(index + 1_000_000),
      resourceVersion,
      generation: 12,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels,
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
      ownerReferences: [{ apiVersion: "v1", kind: "Service", name, uid: uid(index), controller: true, blockOwnerDeletion: true }],
      managedFields: [managed("kube-controller-manager", "discovery.k8s.io/v1", fieldsV1)],
    },
    addressType: "IPv4",
    endpoints: Array.from({ length: 10 }, (_, endpoint) => ({
      addresses: [`10.${128 + endpoint}.${(index >> 8) & 255}.${index & 255}`],
      conditions: { ready: ready || endpoint > 0, serving: ready || endpoint > 0, terminating: false },
      targetRef: { kind: "Pod", namespace: namespaceName, name: `${name}-6d4cf56db6-${endpoint}x2p`, uid: uid(index * 10 + endpoint) },
      nodeName: `node-${(index + endpoint) % NODES}`,
      zone: "zone-a",
    })),
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  };
}

function service(index: number): Readonly<Record<string, unknown>> {
  const name = `service-${index}`;
  const address = `10.96.${(index >> 8) & 255}.${index & 255}`;
  const labels = { app: name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "helm.sh/chart": "shop-1.2.3" };
  const spec = {
    "f:allocateLoadBalancerNodePorts": {},
    "f:externalTrafficPolicy": {},
    "f:internalTrafficPolicy": {},
    "f:ports": {
      ".": {},
      'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {} },
      'k:{"port":443,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {} },
    },
    "f:selector": {},
    "f:sessionAffinity": {},
    "f:type": {},
  };
  const metadata = { "f:labels": { ".": {}, ...Object.fromEntries(Object.keys(labels).map((key) => [`f:${key}`, {}])) } };
  return {
    metadata: {
      name,
      namespace: `namespace-${index % 100}`,
      uid: uid(index),
      resourceVersion: String(1_000 + index),
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels,
      annotations: {
        "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({
          apiVersion: "v1",
          kind: "Service",
          metadata: { name, labels },
        }),
      },
      managedFields: [
        managed("helm", "v1", { "f:metadata": metadata, "f:spec": spec }),
        managed("load-balancer", "v1", { "f:status": { "f:loadBalancer": { "f:ingress": {} } } }, "status"),
      ],
    },
    spec: {
      type: "LoadBalancer",
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: "Cluster",
      internalTrafficPolicy: "Cluster",
      sessionAffinity: "None",
      selector: { app: name },
      ports: [
        { name: "http", port: 80, protocol: "TCP", targetPort: 8080, nodePort: 30_000 + (index % 2_700) },
        { name: "https", port: 443, protocol: "TCP", targetPort: 8443, nodePort: 30_000 + (index % 2_700) },
      ],
    },
    status: { loadBalancer: { ingress: [{ ip: `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`, ipMode: "VIP" }] } },
  };
}

function node(index: number): Readonly<Record<string, unknown>> {
  return {
    metadata: { name: `node-${index}`, uid: uid(index), resourceVersion: "5", labels: { "kubernetes.io/hostname": `node-${index}` } },
    spec: { podCIDR: `10.1.${index}.0/24` },
    status: {
      addresses: [{ type: "InternalIP", address: `10.0.0.${index + 1}` }],
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: "2026-01-01T00:00:00Z" }],
    },
  };
}

function namespace(index: number): Readonly<Record<string, unknown>> {
  const name = `namespace-${index}`;
  return {
    metadata: { name, uid: uid(index), resourceVersion: "5", labels: { "kubernetes.io/metadata.name": name } },
    status: { phase: "Active" },
  };
}

function managed(manager: string, apiVersion: string, fieldsV1: unknown, subresource?: string): unknown {
  const head = { manager, operation: "Update", apiVersion, time: "2026-01-01T00:00:00Z", fieldsType: "FieldsV1", fieldsV1 };
  return subresource === undefined ? head : { ...head, subresource };
}

function uid(index: number): string {
  return `${index.toString(16).padStart(8, "0")}-2b5e-4a53-9d43-6c1f0c3ad000`;
}
