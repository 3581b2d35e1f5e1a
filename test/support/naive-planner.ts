/**
 * The decisions of docs/decisions.md over all objects at once: no index, no memory, no sharing of work. Slow and plain, so that the real
 * planner has something to be compared with. Uses values of `ip/` and types only.
 */

import type { Address, Family } from "../../src/ip/address.ts";
import { compareOctets } from "../../src/ip/address.ts";
import { parseCommunity } from "../../src/ip/communities.ts";
import { formatAddress, formatPrefix } from "../../src/ip/format.ts";
import { containsAddress, maxLength, prefixOf } from "../../src/ip/prefix.ts";
import type { AddressKind, BGPAdvertisement, BGPPeer, ClusterObject, Kind, LabelSelector, Node, Service } from "../../src/objects/kinds.ts";
import type { PlannerOptions } from "../../src/plan/change.ts";
import type { Fact } from "../../src/plan/facts.ts";

export interface NaivePlan {
  /** `peer prefix` → attributes as JSON. */
  readonly routes: ReadonlyMap<string, string>;
  /** `service address kind` → `announced` or the reason, then the same for every peer that has one of its own. */
  readonly decisions: ReadonlyMap<string, string>;
}

type Labels = Readonly<Record<string, string>>;

export function naivePlan(objects: readonly ClusterObject[], facts: readonly Fact[], options: PlannerOptions): NaivePlan {
  const byName = <T extends { readonly metadata: { readonly name: string } }>(list: T[]) =>
    list.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const services = objects.filter((o) => o.kind === "Service");
  const slices = objects.filter((o) => o.kind === "EndpointSlice");
  const nodes = objects.filter((o) => o.kind === "Node");
  const ours = (o: ClusterObject) => o.metadata.namespace === options.heraldNamespace;
  const peers = byName(objects.filter((o) => o.kind === "BGPPeer").filter(ours));
  const pools = objects.filter((o) => o.kind === "IPAddressPool").filter(ours);
  const communityObjects = byName(objects.filter((o) => o.kind === "Community").filter(ours));
  const me = nodes.find((n) => n.metadata.name === options.node);

  const resolve = (text: string) => {
    const direct = parseCommunity(text);
    if (direct.ok) return direct;
    for (const object of communityObjects)
      for (const { name, value } of object.communities) if (name === text) return parseCommunity(value);
    return direct;
  };
  const advertisements = byName(objects.filter((o) => o.kind === "BGPAdvertisement").filter(ours)).filter((d) =>
    d.communities.every((text) => resolve(text).ok),
  );

  const drainFact = facts.findLast((fact) => fact.name === "drain");
  const localDrain = drainFact?.name === "drain" ? drainFact.reason : null;
  const sessionOf = (name: string) => {
    const fact = facts.findLast((one) => (one.name === "session" || one.name === "sessionForgotten") && one.peer === name);
    return fact?.name === "session" ? fact : undefined;
  };

  const nodeReason = (node: Node | undefined): string => {
    if (node === undefined) return "";
    if (!options.ignoreExcludeLabel && "node.kubernetes.io/exclude-from-external-load-balancers" in node.metadata.labels) {
      return "nodeLabeledExcludeBalancers";
    }
    if (node.networkUnavailable) return "nodeNetworkUnavailable";
    const mark = node.metadata.annotations["herald.dev/drain"];
    const { annotation, taints, cordon, nodeShutdown } = options.drain;
    if (annotation && mark !== undefined && mark !== "false") return "nodeDrained";
    if (node.taints.some(({ key }) => taints.includes(key))) return "nodeDrained";
    return (cordon && node.unschedulable) || (nodeShutdown && node.shuttingDown) ? "nodeDrained" : "";
  };
  const passes8to10 = (name: string) => nodeReason(nodes.find((n) => n.metadata.name === name)) === "";
  const myNodeReason = nodeReason(me) || (localDrain === null ? "" : "nodeDrained");

  /** Endpoints of a Service in a family, each address once. */
  const endpointsOf = (service: Service, family: Family) => {
    const merged = new Map<string, { rank: number; terminating: boolean; nodes: string[] }>();
    for (const slice of slices) {
      const { namespace, name } = service.metadata;
      if (slice.metadata.namespace !== namespace || slice.serviceName !== name || slice.addressType !== family) continue;
      for (const e of slice.endpoints) {
        const rank = e.ready ? 2 : e.serving ? 1 : 0;
        const old = merged.get(e.address.key) ?? { rank: -1, terminating: false, nodes: [] };
        const terminating = rank > old.rank ? e.terminating : rank < old.rank ? old.terminating : old.terminating && e.terminating;
        merged.set(e.address.key, {
          rank: Math.max(rank, old.rank),
          terminating,
          nodes: e.nodeName === null ? old.nodes : [...old.nodes, e.nodeName],
        });
      }
    }
    return [...merged.values()];
  };
  const countedEndpoints = (service: Service, family: Family, d: BGPAdvertisement) => {
    const all = endpointsOf(service, family);
    const ready = all.filter(({ rank }) => rank === 2);
    const serving = all.filter(({ rank }) => rank >= 1);
    if (d.endpointPolicy === "Ready") return ready;
    if (d.endpointPolicy === "Serving") return serving;
    return ready.some(({ nodes: on }) => on.some(passes8to10)) ? ready : serving;
  };

  const matches = (selectors: readonly LabelSelector[], labels: Labels) =>
    selectors.length === 0 ||
    selectors.some(
      ({ matchLabels, matchExpressions }) =>
        Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
        matchExpressions.every(({ key, operator, values }) => {
          const value = labels[key];
          if (operator === "Exists") return value !== undefined;
          if (operator === "DoesNotExist") return value === undefined;
          return (value !== undefined && values.includes(value)) === (operator === "In");
        }),
    );
  const selectsService = (d: BGPAdvertisement, { metadata }: Service) => {
    const namespace = objects.find((o) => o.kind === "Namespace" && o.metadata.name === metadata.namespace);
    const ns = { "kubernetes.io/metadata.name": metadata.namespace, ...namespace?.metadata.labels };
    const own = { ...metadata.labels, "herald.dev/service-name": metadata.name, "herald.dev/service-namespace": metadata.namespace };
    return matches(d.serviceSelectors, own) && matches(d.namespaceSelectors, ns);
  };
  const selectsNode = (d: { readonly nodeSelectors: readonly LabelSelector[] }, node: Node | undefined) =>
    matches(d.nodeSelectors, node?.metadata.labels ?? {});
  const allows = (d: BGPAdvertisement, kind: AddressKind, a: Address) => {
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
          ({ from, to }) =>
            from.family === a.family && compareOctets(from.octets, a.octets) <= 0 && compareOctets(a.octets, to.octets) <= 0,
        ),
      );
  };

  const addressesOf = (s: Service) => {
    if (s.headless || s.type === "ExternalName") return [];
    const list: { a: Address; kind: AddressKind }[] = [];
    const add = (addresses: readonly Address[], kind: AddressKind) => {
      for (const a of addresses) if (!list.some((other) => other.kind === kind && other.a.key === a.key)) list.push({ a, kind });
    };
    add(s.clusterIPs, "ClusterIP");
    add(s.externalIPs, "ExternalIP");
    if (s.type === "LoadBalancer") add(s.loadBalancerIPs, "LoadBalancerIP");
    return list;
  };
  const serviceReason = (s: Service, kind: AddressKind) => {
    if (s.metadata.deleting) return "serviceDeleted";
    const proxy = s.metadata.labels["service.kubernetes.io/service-proxy-name"];
    if (proxy !== undefined && proxy !== options.serviceProxyName) return "foreignProxy";
    const named = s.loadBalancerClass ?? "";
    return kind === "LoadBalancerIP" && named !== "" && named !== options.loadBalancerClass ? "loadBalancerClassMismatch" : "";
  };
  const isLocal = (s: Service, kind: AddressKind) =>
    s.externalTrafficPolicy === "Local" || (kind === "ClusterIP" && s.internalTrafficPolicy === "Local");

  /** Owners of an address with the advertisements that want it on some node. */
  const ownersOf = (key: string) =>
    services
      .map((s) => ({
        s,
        wishes: addressesOf(s)
          .filter(({ a, kind }) => a.key === key && serviceReason(s, kind) === "")
          .flatMap(({ a, kind }) =>
            advertisements
              .filter((d) => d.addresses.includes(kind) && selectsService(d, s) && allows(d, kind, a))
              .map((d) => ({ d, local: isLocal(s, kind) })),
          ),
      }))
      .filter(({ wishes }) => wishes.length > 0);
  const isBlocked = (a: Address) => {
    const counting = ownersOf(a.key).filter(({ s, wishes }) =>
      wishes.some(({ d }) => countedEndpoints(s, a.family, d).some(({ nodes: on }) => on.some(passes8to10))),
    );
    if (counting.length < 2 || !counting.some(({ wishes }) => wishes.some(({ local }) => local))) return false;
    const usable = (one: (typeof counting)[number], on: string, only?: BGPAdvertisement) =>
      one.wishes.some(
        ({ d, local }) =>
          (only === undefined || d === only) && countedEndpoints(one.s, a.family, d).some((e) => !local || e.nodes.includes(on)),
      );
    const satisfied = (on: string) => counting.every((one) => usable(one, on));
    if (satisfied(options.node)) return false;
    const everywhere = new Set([
      ...nodes.map((n) => n.metadata.name),
      ...slices.flatMap((e) => e.endpoints.map(({ nodeName }) => nodeName ?? "")),
    ]);
    everywhere.delete("");
    return [...everywhere].some(
      (on) =>
        passes8to10(on) &&
        satisfied(on) &&
        counting.some((one) =>
          one.wishes.some(
            ({ d }) =>
              selectsNode(
                d,
                nodes.find((n) => n.metadata.name === on),
              ) && usable(one, on, d),
          ),
        ),
    );
  };

  const isUseless = ({ family, octets }: Address) => {
    const text = formatAddress({ family, octets, key: "" });
    const first = octets[0] ?? 0;
    return (
      text === "::" ||
      text === "::1" ||
      text === "0.0.0.0" ||
      (family === "IPv6" ? first === 255 : first === 127 || (first >= 224 && first < 240))
    );
  };
  /** null = none; "session" = assumed. */
  const nextHopOf = (p: BGPPeer, family: Family): Address | "session" | null => {
    const session = sessionOf(p.metadata.name);
    const fixed = family === "IPv4" ? p.nextHop.ipv4 : p.nextHop.ipv6;
    const sessionFamily = session?.localAddress.family ?? p.peerAddress?.family;
    let hop: Address | "session" | null = fixed;
    if (hop === null && p.nextHopSource === "Session" && sessionFamily === family) hop = session?.localAddress ?? "session";
    hop ??= me?.internalIPs.find((one) => one.family === family) ?? null;
    return hop !== null && hop !== "session" && isUseless(hop) ? null : hop;
  };
  const pairReason = (d: BGPAdvertisement, p: BGPPeer, a: Address): string => {
    const { name } = p.metadata;
    if (!selectsNode(p, me) || (d.peers.length > 0 && !d.peers.includes(name))) return "peerNotSelected";
    if (!(sessionOf(name)?.families ?? p.families).includes(a.family)) return "peerFamilyNotNegotiated";
    const hop = nextHopOf(p, a.family);
    return hop === null || (hop !== "session" && hop.key === a.key) ? "noNextHop" : "";
  };
  const NUMBER: Readonly<Record<string, number>> = { peerNotSelected: 13, peerFamilyNotNegotiated: 13, noNextHop: 15, "": 18 };

  // --- decisions ---
  const decisions = new Map<string, string>();
  interface Wish {
    readonly s: Service | null;
    readonly d: BGPAdvertisement;
    readonly prefix: ReturnType<typeof prefixOf>;
    readonly a: Address;
    readonly eligible: boolean;
    readonly weight: number | null;
  }
  const wishes: Wish[] = [];
  for (const s of services) {
    const key = `${s.metadata.namespace}/${s.metadata.name}`;
    const list = addressesOf(s);
    if (list.length === 0) decisions.set(`${key} - -`, s.metadata.deleting ? "serviceDeleted" : "noAddress");
    for (const { a, kind } of list) {
      const subject = `${key} ${formatAddress(a)} ${kind}`;
      const early = serviceReason(s, kind);
      if (early !== "") {
        decisions.set(subject, early);
        continue;
      }
      const selecting = advertisements.filter((d) => d.addresses.includes(kind) && selectsService(d, s) && selectsNode(d, me));
      const allowing = selecting.filter((d) => allows(d, kind, a));
      if (allowing.length === 0) {
        decisions.set(subject, selecting.length > 0 ? "ipNotAllowed" : "noMatchingAdvertisement");
        continue;
      }
      const local = isLocal(s, kind);
      const blocked = isBlocked(a);
      const judged = allowing.map((d) => {
        const counted = countedEndpoints(s, a.family, d);
        const here = counted.filter((e) => e.nodes.includes(options.node));
        let reason = myNodeReason;
        if (reason === "") {
          const localOnes = endpointsOf(s, a.family).filter((e) => e.nodes.includes(options.node));
          if (counted.length === 0) reason = d.withoutEndpoints === "Announce" ? "" : "noEndpoints";
          else if (local && here.length === 0) {
            reason = localOnes.length > 0 && localOnes.every((e) => e.terminating) ? "endpointsTerminating" : "noLocalEndpoints";
          }
          if (reason === "" && blocked) reason = "noLocalEndpoints";
        }
        const length = a.family === "IPv4" ? d.aggregationLength : d.aggregationLengthV6;
        const block = d.blocks
          .filter((one) => containsAddress(one, a) && one.length < maxLength(a.family))
          .sort((x, y) => y.length - x.length)[0];
        const prefix = local ? prefixOf(a, maxLength(a.family)) : (block ?? prefixOf(a, length));
        const each = d.linkBandwidth?.bytesPerSecondPerEndpoint ?? null;
        const times = !local || (kind === "ClusterIP" && s.internalTrafficPolicy !== "Local") ? 1 : here.length;
        const weight = reason !== "" || each === null || times === 0 ? null : each * times;
        wishes.push({ s, d, prefix, a, eligible: reason === "", weight });
        return { d, reason };
      });
      const passing = judged.filter(({ reason }) => reason === "");
      if (passing.length === 0) {
        decisions.set(subject, judged[0]?.reason ?? "");
        continue;
      }
      const pairs = passing.flatMap(({ d }) => peers.map((p) => ({ d, p, reason: pairReason(d, p, a) })));
      const furthest = Math.max(13, ...pairs.map(({ reason }) => NUMBER[reason] ?? 0));
      const speaks = pairs.find(({ reason }) => NUMBER[reason] === furthest);
      const perPeer = peers
        .filter((p) => selectsNode(p, me))
        .map((p) => {
          const mine = pairs.filter((pair) => pair.p === p).sort((x, y) => (NUMBER[y.reason] ?? 0) - (NUMBER[x.reason] ?? 0));
          return `${p.metadata.name}=${mine[0]?.reason || "announced"}`;
        });
      decisions.set(subject, [speaks === undefined ? "peerNotSelected" : speaks.reason || "announced", ...perPeer].join(" "));
    }
  }
  for (const d of advertisements.filter((one) => selectsNode(one, me))) {
    for (const prefix of d.blocks) wishes.push({ s: null, d, prefix, a: prefix.address, eligible: myNodeReason === "", weight: null });
  }

  // --- routes ---
  const routes = new Map<string, string>();
  for (const p of peers) {
    for (const key of new Set(wishes.map(({ prefix }) => prefix.key))) {
      const mine = wishes.filter(({ prefix, d }) => prefix.key === key && (d.peers.length === 0 || d.peers.includes(p.metadata.name)));
      const [any] = mine;
      const reaches = ({ d, a, s, prefix, eligible }: Wish) => {
        if (!eligible) return false;
        // A wider block is nobody's next hop.
        const asked = s === null && prefix.length < maxLength(a.family) ? { ...a, key: "" } : a;
        return pairReason(d, p, asked) === "";
      };
      if (any === undefined || !mine.some(reaches)) continue;
      const ds = [...new Set(mine.map(({ d }) => d))];
      const communities = ds.flatMap((d) => d.communities.map(resolve));
      const numbers = (values: (number | null)[]) => values.filter((value) => value !== null);
      let weight: number | null = null;
      for (const s of new Set(mine.map((wish) => wish.s))) {
        const ofService = numbers(mine.filter((wish) => wish.s === s).map((wish) => wish.weight));
        if (ofService.length > 0) weight = (weight ?? 0) + Math.max(...ofService);
      }
      const weighing = mine.filter((wish) => wish.weight !== null);
      const localPrefs = numbers(ds.map((d) => d.localPref));
      const meds = numbers(ds.map((d) => d.med));
      const attributes = {
        communities: [...new Set(communities.flatMap((c) => (c.ok && c.kind === "standard" ? [c.value] : [])))].sort((x, y) => x - y),
        large: [...new Set(communities.flatMap((c) => (c.ok && c.kind === "large" ? [c.value.join(":")] : [])))].sort(),
        extended: [...new Set(ds.flatMap((d) => d.extendedCommunities))].sort(),
        localPref: localPrefs.length === 0 ? null : Math.max(...localPrefs),
        med: meds.length === 0 ? null : Math.min(...meds),
        prepend: Math.min(...ds.map((d) => d.asPathPrepend)),
        linkBandwidth: weight,
        transitive: weight === null ? null : weighing.some(({ d }) => d.linkBandwidth?.transitive),
      };
      routes.set(`${p.metadata.name} ${formatPrefix(any.prefix)}`, JSON.stringify(attributes));
    }
  }
  return { routes, decisions };
}

/** Key of an object among those of all kinds. */
export function objectKey({ kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string }): string {
  return `${kind} ${namespace}/${name}`;
}
