import type { Resource } from "../../../src/kube/resource.ts";
import { type KubeObject, resource } from "./api-server.ts";

/** Objects for a real API server, and where they go. */

export const NAMESPACES = resource("", "v1", "namespaces");
export const NODES = resource("", "v1", "nodes");
export const PEERS = resource("herald.dev", "v1alpha1", "bgppeers", "herald-system");
export const ADVERTISEMENTS = resource("herald.dev", "v1alpha1", "bgpadvertisements", "herald-system");

export function servicesIn(namespace: string): Resource {
  return resource("", "v1", "services", namespace);
}

export function slicesIn(namespace: string): Resource {
  return resource("discovery.k8s.io", "v1", "endpointslices", namespace);
}

/** What `herald speaker` must be allowed. */
export const SPEAKER_RULES: readonly unknown[] = [
  { apiGroups: [""], resources: ["services", "nodes", "namespaces"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["herald.dev"], resources: ["*"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["herald.dev"], resources: ["bgpnodestatuses", "bgpnodestatuses/status"], verbs: ["create", "patch"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

export function node(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Node", metadata: { name } };
}

/** Status of a Node: its address, and that it is ready. */
export function nodeStatus(name: string, address: string): KubeObject {
  const status = {
    addresses: [{ type: "InternalIP", address }],
    conditions: [{ type: "Ready", status: "True", reason: "Test", message: "" }],
  };
  return { ...node(name), status };
}

export function loadBalancer(name: string): KubeObject {
  const spec = { type: "LoadBalancer", ports: [{ name: "http", port: 80, protocol: "TCP" }], selector: { app: name } };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec };
}

/** Status of a Service with a load balancer's address. */
export function ingress(name: string, ip: string): KubeObject {
  const status = { loadBalancer: { ingress: [{ ip }] } };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, status };
}

export function slice(name: string, service: string, labels: Readonly<Record<string, string>> = {}, nodeName = "node-1"): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "shop", labels: { "kubernetes.io/service-name": service, ...labels } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.244.0.1"], nodeName, conditions: { ready: true } }],
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  };
}

export function bgpPeer(name: string, spec: Readonly<Record<string, unknown>> = {}): KubeObject {
  return {
    apiVersion: "herald.dev/v1alpha1",
    kind: "BGPPeer",
    metadata: { name, namespace: "herald-system" },
    spec: { myASN: 65001, peerASN: 65000, peerAddress: "10.88.0.2", ...spec },
  };
}

/** Announces load balancers' addresses, and what else `spec` says. */
export function bgpAdvertisement(spec: Readonly<Record<string, unknown>> = {}): KubeObject {
  return {
    apiVersion: "herald.dev/v1alpha1",
    kind: "BGPAdvertisement",
    metadata: { name: "all", namespace: "herald-system" },
    spec: { addresses: ["LoadBalancerIP"], ...spec },
  };
}
