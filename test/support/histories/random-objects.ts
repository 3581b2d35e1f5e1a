/** Objects out of few names and values, so that they meet. All of them could come out of a manifest. */

import type {
  AddressKind,
  BGPAdvertisement,
  BGPPeer,
  ClusterObject,
  Endpoint,
  EndpointSlice,
  Node,
  Service,
} from "../../../src/objects/kinds.ts";
import { advertisement, cidr, community, endpoint, ip, labelled, namespace, node, peer, pool, service, slice } from "../cluster-objects.ts";
import type { Dice } from "../dice.ts";

const NODES = ["n1", "n2", "n3", "n4", "n5"] as const;
const SERVICES = ["default/a", "default/b", "default/c", "other/a"] as const;
const SLICES = ["s1", "s2", "s3", "s4"] as const;
const ADVERTISEMENTS = ["all", "gold", "zz"] as const;
export const PEERS = ["tor1", "tor2", "v6"] as const;
export const PORTS = [30001, 30001, 30002] as const;
export const UIDS = ["u1", "u1", "u1", "u2"] as const;
const V4 = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.7", "10.0.0.1"] as const;
const V6 = ["2001:db8::1", "2001:db8::2"] as const;
const CIDRS = ["203.0.113.0/24", "203.0.113.2/32", "10.0.0.0/8", "2001:db8::/64"] as const;
const BLOCKS = ["203.0.113.0/24", "203.0.112.0/23", "203.0.113.2/32", "10.96.0.0/16"] as const;
const SELECTORS = [
  labelled("tier", "gold"),
  labelled("herald.dev/service-name", "a"),
  { matchLabels: {}, matchExpressions: [{ key: "tier", operator: "NotIn", values: ["gold"] }] },
  { matchLabels: {}, matchExpressions: [{ key: "tier", operator: "Exists", values: [] }] },
  { matchLabels: {}, matchExpressions: [{ key: "rack", operator: "In", values: ["r1", "r2"] }] },
  { matchLabels: {}, matchExpressions: [{ key: "rack", operator: "DoesNotExist", values: [] }] },
] as const;
const STATES = ["ready", "ready", "ready", "serving", "serving terminating", "terminating", "", "ready terminating"] as const;
const CREATED = ["", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"] as const;
const EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers";
const OUT_OF_SERVICE = { key: "node.kubernetes.io/out-of-service", value: "", effect: "NoExecute" };

/** What a world may hold. */
export interface Variety {
  /** The data-plane gate, announcer and announce limits, weights that wait, time. */
  readonly newRules: boolean;
}

export function randomObject(dice: Dice, variety: Variety): ClusterObject {
  const make = dice.pick([
    randomService,
    randomService,
    randomService,
    randomSlice,
    randomSlice,
    randomSlice,
    randomSlice,
    randomNode,
    randomPeer,
    randomAdvertisement,
    randomAdvertisement,
    (d: Dice) => namespace(d.pick(["default", "other"]), labels(d)),
    (d: Dice) => community(d.pick(["c1", "c2"]), d.chance(3) ? {} : aliases(d)),
    (d: Dice) => pool(d.pick(["p1", "p2"]), "203.0.113.1", d.pick(["203.0.113.1", "203.0.113.9"]), labels(d)),
  ]);
  return make(dice, variety);
}

function randomService(dice: Dice, { newRules }: Variety): Service {
  const key = dice.pick(SERVICES);
  const type = dice.pick<Service["type"]>(["LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP", "NodePort", "ExternalName"]);
  return service(key, {
    metadata: {
      labels: dice.chance(8) ? { "service.kubernetes.io/service-proxy-name": dice.pick(["other", "ours"]) } : labels(dice),
      deleting: dice.chance(12),
      ...(newRules ? { uid: dice.pick(UIDS), creationTimestamp: dice.pick(CREATED) } : {}),
    },
    type,
    headless: dice.chance(12),
    clusterIPs: dice.some(["10.96.0.1", "10.96.0.2", "fd00:96::1"], 2).map(ip),
    externalIPs: dice.chance(3) ? dice.some(V4, 2).map(ip) : [],
    loadBalancerIPs: type === "LoadBalancer" ? [...dice.some(V4, 3), ...dice.some(V6, 1)].map(ip) : [],
    loadBalancerClass: dice.chance(6) ? dice.pick(["ours", "theirs"]) : null,
    externalTrafficPolicy: dice.pick(["Cluster", "Local"]),
    internalTrafficPolicy: dice.pick(["Cluster", "Cluster", "Local"]),
    healthCheckNodePort: newRules && !dice.chance(4) ? dice.pick(PORTS) : null,
  });
}

function randomSlice(dice: Dice): EndpointSlice {
  const family = dice.pick<"IPv4" | "IPv6">(["IPv4", "IPv4", "IPv6"]);
  const [inNamespace = "", name = ""] = dice.pick(SERVICES).split("/");
  return slice(
    `${inNamespace}/${dice.pick(SLICES)}`,
    Array.from({ length: dice.below(4) }, () => randomEndpoint(dice, family)),
    { addressType: family, serviceName: dice.chance(15) ? null : name },
  );
}

export function randomEndpoint(dice: Dice, family: "IPv4" | "IPv6"): Endpoint {
  const host = dice.below(5) + 1;
  const on = dice.pick([...NODES, "n1", "n1", "n2", "n2", "ghost", null]);
  return endpoint(family === "IPv4" ? `10.1.0.${host}` : `fd00:1::${host}`, on, dice.pick(STATES));
}

function randomNode(dice: Dice, { newRules }: Variety): Node {
  const own: Record<string, string> = dice.chance(2) ? { rack: dice.pick(["r1", "r2", "r3"]) } : {};
  if (dice.chance(6)) own[EXCLUDE] = "";
  const shuttingDown = dice.chance(8);
  return node(dice.pick([...NODES, "n1", "n1", "n2"]), {
    metadata: { labels: own, annotations: dice.chance(6) ? { "herald.dev/drain": dice.pick(["false", "true", "kernel"]) } : {} },
    internalIPs: dice.some(["10.0.0.1", "fd00::1", "127.0.0.1"], 2).map(ip),
    networkUnavailable: dice.chance(8),
    ready: !shuttingDown && (!newRules || !dice.chance(6)),
    shuttingDown,
    unschedulable: dice.chance(6),
    taints: dice.chance(8) ? [OUT_OF_SERVICE] : [],
  });
}

function randomPeer(dice: Dice, { newRules }: Variety): BGPPeer {
  const name = dice.pick(PEERS);
  const limit = newRules && dice.chance(2) ? dice.pick([1, 2, 3]) : null;
  return peer(name, {
    peerAddress: ip(name === "v6" ? "2001:db8:ffff::1" : "192.0.2.1"),
    families: dice.pick([["IPv4"], ["IPv6"], ["IPv4", "IPv6"]]),
    nextHopSource: dice.pick(["Session", "NodeInternalIP"]),
    nextHop: {
      ipv4: dice.chance(5) ? ip(dice.pick(["10.0.0.9", "203.0.113.1", "127.0.0.1"])) : null,
      ipv6: dice.chance(5) ? ip("::1") : null,
    },
    nodeSelectors: dice.chance(3) ? [dice.pick(SELECTORS)] : [],
    holdTimeSeconds: dice.pick([90, 30]),
    announceLimit: { ipv4: limit, ipv6: limit },
  });
}

function randomAdvertisement(dice: Dice, { newRules }: Variety): BGPAdvertisement {
  const addresses = dice.pick<readonly AddressKind[]>([
    ["LoadBalancerIP"],
    ["LoadBalancerIP", "ExternalIP"],
    ["ClusterIP"],
    ["ClusterIP", "ExternalIP", "LoadBalancerIP"],
  ]);
  return advertisement(dice.pick(ADVERTISEMENTS), {
    metadata: {
      ...(dice.chance(15) ? { namespace: "default" } : {}),
      ...(newRules ? { creationTimestamp: dice.pick(CREATED) } : {}),
    },
    addresses,
    cidrs: dice.chance(2) ? dice.some(CIDRS, 2).map(cidr) : [],
    ipAddressPools: dice.chance(6) ? [dice.pick(["p1", "p2"])] : [],
    ipAddressPoolSelectors: dice.chance(10) ? [labelled("tier", "gold")] : [],
    serviceSelectors: dice.chance(3) ? dice.some(SELECTORS, 2) : [],
    namespaceSelectors: dice.chance(4) ? [dice.pick([labelled("kubernetes.io/metadata.name", "other"), labelled("tier", "gold")])] : [],
    nodeSelectors: dice.chance(4) ? [dice.pick(SELECTORS)] : [],
    peers: dice.chance(3) ? dice.some(PEERS, 2) : [],
    aggregationLength: dice.pick([32, 32, 24, 31]),
    aggregationLengthV6: dice.pick([128, 128, 64]),
    blocks: dice.chance(5) ? dice.some(BLOCKS, 2).map(cidr) : [],
    localPref: dice.pick([null, 50, 200]),
    med: dice.pick([null, 5, 7]),
    communities: dice.some(["65000:1", "no-export", "large:1:2:3", "blue", "red"], 2),
    extendedCommunities: dice.chance(4) ? ["0002fde800000064"] : [],
    asPathPrepend: dice.pick([0, 0, 1, 3]),
    linkBandwidth: dice.chance(newRules ? 2 : 3) ? randomBandwidth(dice) : null,
    endpointPolicy: dice.pick(["Ready", "Serving", "ServingIfLast", "ServingIfLast"]),
    withoutEndpoints: dice.chance(6) ? "Announce" : "Withdraw",
    ...(newRules ? { maxAnnouncers: randomAnnouncers(dice), dataplaneGate: randomGate(dice) } : {}),
  });
}

function randomBandwidth(dice: Dice): BGPAdvertisement["linkBandwidth"] {
  return { bytesPerSecondPerEndpoint: dice.pick([100, 115, 125_000_000]), transitive: dice.chance(2) };
}

function randomAnnouncers(dice: Dice): number | null {
  return dice.chance(3) ? dice.pick([1, 2, 3]) : null;
}

function randomGate(dice: Dice): BGPAdvertisement["dataplaneGate"] {
  return dice.pick(["Off", "Prefer", "Prefer", "Require"]);
}

function labels(dice: Dice): Record<string, string> {
  return dice.chance(2) ? { tier: dice.pick(["gold", "tin"]) } : {};
}

function aliases(dice: Dice): Record<string, string> {
  const blue = { blue: dice.pick(["65000:9", "65000:8"]) };
  return dice.chance(2) ? blue : { ...blue, red: "large:9:9:9" };
}

/** The object with one thing about it changed, as somebody would who edits it. */
export function tweaked(dice: Dice, object: ClusterObject, variety: Variety): ClusterObject {
  switch (object.kind) {
    case "Service":
      return {
        ...object,
        ...dice.pick<Partial<Service>>([
          { externalTrafficPolicy: object.externalTrafficPolicy === "Local" ? "Cluster" : "Local" },
          { metadata: { ...object.metadata, labels: labels(dice) } },
          { metadata: { ...object.metadata, deleting: !object.metadata.deleting } },
          { metadata: { ...object.metadata, ...(variety.newRules ? { uid: dice.pick(UIDS) } : {}) } },
          variety.newRules ? { healthCheckNodePort: dice.pick([...PORTS, null]) } : {},
        ]),
      };
    case "EndpointSlice":
      return { ...object, endpoints: tweakedEndpoints(dice, object) };
    case "Node":
      return {
        ...object,
        ...dice.pick<Partial<Node>>([
          variety.newRules ? { ready: !object.ready, shuttingDown: false } : {},
          { unschedulable: !object.unschedulable },
          { taints: object.taints.length === 0 ? [OUT_OF_SERVICE] : [] },
          { networkUnavailable: !object.networkUnavailable },
          { metadata: { ...object.metadata, labels: dice.chance(2) ? { [EXCLUDE]: "" } : {} } },
          { internalIPs: dice.some(["10.0.0.1", "fd00::1"], 2).map(ip) },
          { metadata: { ...object.metadata, labels: dice.chance(2) ? { rack: dice.pick(["r1", "r2", "r3"]) } : {} } },
        ]),
      };
    case "BGPPeer": {
      const limit = variety.newRules ? dice.pick([null, 1, 2, 3]) : null;
      return dice.chance(2)
        ? { ...object, announceLimit: { ipv4: limit, ipv6: limit } }
        : { ...object, holdTimeSeconds: dice.pick([90, 30]) };
    }
    case "BGPAdvertisement":
      return {
        ...object,
        ...dice.pick<Partial<BGPAdvertisement>>([
          { localPref: dice.pick([null, 50, 200]) },
          { endpointPolicy: dice.pick(["Ready", "Serving", "ServingIfLast"]) },
          { linkBandwidth: dice.chance(4) ? null : randomBandwidth(dice) },
          { peers: dice.some(PEERS, 2) },
          variety.newRules ? { dataplaneGate: randomGate(dice) } : {},
          variety.newRules ? { maxAnnouncers: randomAnnouncers(dice) } : {},
        ]),
      };
    default:
      return { ...object, metadata: { ...object.metadata, labels: labels(dice) } };
  }
}

function tweakedEndpoints(dice: Dice, { endpoints: before, addressType }: EndpointSlice): readonly Endpoint[] {
  const endpoints = [...before];
  if (addressType === "FQDN") return endpoints;
  const victim = dice.below(endpoints.length + 1);
  if (victim === endpoints.length) return [...endpoints, randomEndpoint(dice, addressType)];
  if (dice.chance(3)) return endpoints.filter((_, i) => i !== victim);
  return endpoints.map((one, i) => (i === victim ? { ...randomEndpoint(dice, addressType), address: one.address } : one));
}
