/** Checks 1 to 10: what selects what, and which nodes may announce. */

import type { Address } from "../../../src/ip/address.ts";
import { compareOctets } from "../../../src/ip/address.ts";
import { containsAddress } from "../../../src/ip/prefix.ts";
import type { AddressKind, BGPAdvertisement, LabelSelector, Node, Service } from "../../../src/objects/kinds.ts";
import type { World } from "./world.ts";

type Labels = Readonly<Record<string, string>>;

export function matches(selectors: readonly LabelSelector[], labels: Labels): boolean {
  if (selectors.length === 0) return true;
  return selectors.some(
    ({ matchLabels, matchExpressions }) =>
      Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
      matchExpressions.every(({ key, operator, values }) => {
        const value = labels[key];
        if (operator === "Exists") return value !== undefined;
        if (operator === "DoesNotExist") return value === undefined;
        return (value !== undefined && values.includes(value)) === (operator === "In");
      }),
  );
}

export function selectsService({ namespaces }: World, d: BGPAdvertisement, { metadata }: Service): boolean {
  const namespace = namespaces.find((one) => one.metadata.name === metadata.namespace);
  const ns = { "kubernetes.io/metadata.name": metadata.namespace, ...namespace?.metadata.labels };
  const own = { ...metadata.labels, "herald.dev/service-name": metadata.name, "herald.dev/service-namespace": metadata.namespace };
  return matches(d.serviceSelectors, own) && matches(d.namespaceSelectors, ns);
}

export function selectsNode(d: { readonly nodeSelectors: readonly LabelSelector[] }, node: Node | undefined): boolean {
  return matches(d.nodeSelectors, node?.metadata.labels ?? {});
}

/** Check 7. */
export function allows({ pools }: World, d: BGPAdvertisement, kind: AddressKind, a: Address): boolean {
  if (d.cidrs.length + d.ipAddressPools.length + d.ipAddressPoolSelectors.length === 0) return kind !== "ExternalIP";
  if (d.cidrs.some((prefix) => containsAddress(prefix, a))) return true;
  return pools
    .filter(
      ({ metadata }) =>
        d.ipAddressPools.includes(metadata.name) ||
        (d.ipAddressPoolSelectors.length > 0 && matches(d.ipAddressPoolSelectors, metadata.labels)),
    )
    .some(({ ranges }) =>
      ranges.some(
        ({ from, to }) => from.family === a.family && compareOctets(from.octets, a.octets) <= 0 && compareOctets(a.octets, to.octets) <= 0,
      ),
    );
}

/** Checks 8 to 10 without what only the node's own speaker knows; "" passes. */
export function nodeReason(world: World, node: Node | undefined): string {
  const standing = standingReason(world, node);
  return standing === "" && world.options.drain.nodeShutdown && node?.shuttingDown ? "nodeDrained" : standing;
}

/** The same, a shutdown of the node left out: it is no reason for others to take over a place among the announcers. */
export function standingReason({ options }: World, node: Node | undefined): string {
  if (node === undefined) return "";
  const { labels, annotations } = node.metadata;
  if (!options.ignoreExcludeLabel && "node.kubernetes.io/exclude-from-external-load-balancers" in labels)
    return "nodeLabeledExcludeBalancers";
  if (node.networkUnavailable) return "nodeNetworkUnavailable";
  const mark = annotations["herald.dev/drain"];
  const { annotation, taints, cordon } = options.drain;
  if (annotation && mark !== undefined && mark !== "false") return "nodeDrained";
  if (node.taints.some(({ key }) => taints.includes(key))) return "nodeDrained";
  return cordon && node.unschedulable ? "nodeDrained" : "";
}

/** Checks 8 to 10 on this node. */
export function myNodeReason(world: World): string {
  return nodeReason(world, world.me) || (world.facts.drain === null ? "" : "nodeDrained");
}

export function passes8to10(world: World, name: string): boolean {
  return (
    nodeReason(
      world,
      world.nodes.find((n) => n.metadata.name === name),
    ) === ""
  );
}

/** Check 2: every address once per kind. */
export function addressesOf(s: Service): { readonly a: Address; readonly kind: AddressKind }[] {
  if (s.headless || s.type === "ExternalName") return [];
  const list: { a: Address; kind: AddressKind }[] = [];
  const add = (addresses: readonly Address[], kind: AddressKind) => {
    for (const a of addresses) if (!list.some((other) => other.kind === kind && other.a.key === a.key)) list.push({ a, kind });
  };
  add(s.clusterIPs, "ClusterIP");
  add(s.externalIPs, "ExternalIP");
  if (s.type === "LoadBalancer") add(s.loadBalancerIPs, "LoadBalancerIP");
  return list;
}

/** Checks 1, 3 and 4. */
export function serviceReason({ options }: World, s: Service, kind: AddressKind): string {
  if (s.metadata.deleting) return "serviceDeleted";
  const proxy = s.metadata.labels["service.kubernetes.io/service-proxy-name"];
  if (proxy !== undefined && proxy !== options.serviceProxyName) return "foreignProxy";
  const named = s.loadBalancerClass ?? "";
  return kind === "LoadBalancerIP" && named !== "" && named !== options.loadBalancerClass ? "loadBalancerClassMismatch" : "";
}

export function isLocal(s: Service, kind: AddressKind): boolean {
  return s.externalTrafficPolicy === "Local" || (kind === "ClusterIP" && s.internalTrafficPolicy === "Local");
}
