/** Checked objects back to the manifests that a person would write: what `herald plan PATH` reads gives the same objects again. */

import { stringify } from "yaml";
import { formatAddress, formatPrefix } from "../../src/ip/format.ts";
import { formatRouterId } from "../../src/ip/router-id.ts";
import type {
  BFDProfile,
  BGPAdvertisement,
  BGPPeer,
  ClusterObject,
  Endpoint,
  EndpointSlice,
  IPAddressPool,
  Metadata,
  Node,
  Service,
} from "../../src/objects/kinds.ts";

type Manifest = Readonly<Record<string, unknown>>;

const OURS = "herald.dev/v1alpha1";

/** One YAML document per object. */
export function formatManifests(objects: readonly ClusterObject[]): string {
  return objects.map((object) => stringify(manifestOf(object), { lineWidth: 0 })).join("---\n");
}

function manifestOf(object: ClusterObject): Manifest {
  const { kind, metadata } = object;
  const head = (apiVersion: string, more: Manifest = {}) => ({ apiVersion, kind, metadata: { ...metadataOf(metadata), ...more } });
  switch (object.kind) {
    case "Service":
      return { ...head("v1"), ...serviceBody(object) };
    case "EndpointSlice": {
      const labels = object.serviceName === null ? {} : { "kubernetes.io/service-name": object.serviceName };
      return { ...head("discovery.k8s.io/v1", { labels }), ...sliceBody(object) };
    }
    case "Node":
      return { ...head("v1"), ...nodeBody(object) };
    case "Namespace":
      return head("v1");
    case "BGPPeer":
      return { ...head(OURS), spec: peerSpec(object) };
    case "BGPAdvertisement":
      return { ...head(OURS), spec: advertisementSpec(object) };
    case "Community":
      return { ...head(OURS), spec: { communities: object.communities } };
    case "IPAddressPool":
      return { ...head(OURS), spec: poolSpec(object) };
    case "BFDProfile":
      return { ...head(OURS), spec: profileSpec(object) };
    case "Secret":
      return { ...head("v1"), stringData: object.password === null ? {} : { password: object.password } };
  }
}

function profileSpec(profile: BFDProfile): Manifest {
  const { receiveIntervalMillis, transmitIntervalMillis, detectMultiplier, passiveMode, minimumTtl } = profile;
  return {
    receiveInterval: receiveIntervalMillis,
    transmitInterval: transmitIntervalMillis,
    detectMultiplier,
    passiveMode,
    minimumTtl,
  };
}

function metadataOf(metadata: Metadata): Manifest {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deleting, labels, annotations } = metadata;
  return stated({
    name,
    namespace: namespace || null,
    uid: uid || null,
    resourceVersion: resourceVersion || null,
    generation: generation || null,
    creationTimestamp: creationTimestamp || null,
    deletionTimestamp: deleting ? "2026-01-01T00:00:00Z" : null,
    labels: some(labels),
    annotations: some(annotations),
  });
}

function serviceBody(service: Service): Manifest {
  const { type, headless, clusterIPs, externalIPs, loadBalancerIPs } = service;
  const spec = stated({
    type,
    clusterIP: headless ? "None" : null,
    clusterIPs: clusterIPs.map(formatAddress),
    externalIPs: externalIPs.map(formatAddress),
    loadBalancerClass: service.loadBalancerClass,
    externalTrafficPolicy: service.externalTrafficPolicy,
    internalTrafficPolicy: service.internalTrafficPolicy,
    healthCheckNodePort: service.healthCheckNodePort,
    publishNotReadyAddresses: service.publishNotReadyAddresses,
    ...(service.loadBalancer === null ? {} : { ...service.loadBalancer, loadBalancerIP: service.loadBalancer.loadBalancerIP || null }),
  });
  return { spec, status: { loadBalancer: { ingress: loadBalancerIPs.map((one) => ({ ip: formatAddress(one) })) } } };
}

function sliceBody({ addressType, endpoints }: EndpointSlice): Manifest {
  return { addressType, endpoints: [...endpoints].map(endpointBody) };
}

function endpointBody({ address, nodeName, ready, serving, terminating, pod }: Endpoint): Manifest {
  return stated({
    addresses: [formatAddress(address)],
    nodeName,
    conditions: { ready, serving, terminating },
    targetRef: pod === null ? null : { kind: "Pod", name: pod },
  });
}

function nodeBody(node: Node): Manifest {
  const { internalIPs, networkUnavailable, ready, shuttingDown, unschedulable, taints } = node;
  const conditions = [
    { type: "Ready", status: ready ? "True" : "False", ...(shuttingDown ? { message: "node is shutting down" } : {}) },
    { type: "NetworkUnavailable", status: networkUnavailable ? "True" : "False" },
  ];
  const addresses = internalIPs.map((one) => ({ type: "InternalIP", address: formatAddress(one) }));
  return { spec: { unschedulable, taints }, status: { addresses, conditions } };
}

function peerSpec(peer: BGPPeer): Manifest {
  const { kind: _, metadata, holdTimeSeconds, keepaliveTimeSeconds, sendHoldTimeSeconds, connectTimeSeconds, ...others } = peer;
  const { gracefulRestart, announceLimit, ...same } = others;
  const { enabled, restartTimeSeconds, notification, longLivedStaleTimeSeconds } = gracefulRestart;
  if (announceLimit.ipv4 !== announceLimit.ipv6) throw new Error(`${metadata.name}: a manifest has one announceLimit for both families`);
  return stated({
    ...same,
    peerAddress: same.peerAddress === null ? null : formatAddress(same.peerAddress),
    sourceAddress: same.sourceAddress === null ? null : formatAddress(same.sourceAddress),
    holdTime: `${holdTimeSeconds}s`,
    keepaliveTime: seconds(keepaliveTimeSeconds),
    sendHoldTime: seconds(sendHoldTimeSeconds),
    connectTime: `${connectTimeSeconds}s`,
    gracefulRestart: stated({
      enabled,
      notification,
      restartTime: `${restartTimeSeconds}s`,
      longLivedStaleTime: seconds(longLivedStaleTimeSeconds),
    }),
    nextHop: stated({
      ipv4: same.nextHop.ipv4 === null ? null : formatAddress(same.nextHop.ipv4),
      ipv6: same.nextHop.ipv6 === null ? null : formatAddress(same.nextHop.ipv6),
    }),
    routerID: same.routerID === null ? null : formatRouterId(same.routerID),
    announceLimit: announceLimit.ipv4,
  });
}

function advertisementSpec({ kind: _kind, metadata: _metadata, ...spec }: BGPAdvertisement): Manifest {
  return stated({
    ...spec,
    cidrs: spec.cidrs.map(formatPrefix),
    blocks: spec.blocks.map(formatPrefix),
    extendedCommunities: spec.extendedCommunities.map((hex) => `0x${hex}`),
    linkBandwidth:
      spec.linkBandwidth === null
        ? null
        : { perEndpoint: String(spec.linkBandwidth.bytesPerSecondPerEndpoint * 8), transitive: spec.linkBandwidth.transitive },
  });
}

function poolSpec({ ranges, autoAssign, avoidBuggyIPs, serviceAllocation }: IPAddressPool): Manifest {
  const addresses = ranges.map(({ from, to }) => `${formatAddress(from)}-${formatAddress(to)}`);
  return stated({ addresses, autoAssign, avoidBuggyIPs, serviceAllocation });
}

/** Without fields that say nothing. */
function stated(fields: Manifest): Manifest {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)));
}

function some(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  return Object.keys(map).length === 0 ? null : map;
}

function seconds(value: number | null): string | null {
  return value === null ? null : `${value}s`;
}
