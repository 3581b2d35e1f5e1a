/** Small clusters by seed, the same on every machine: few names and addresses, so that they meet. */

import type { AddressKind, ClusterObject } from "../../src/objects/kinds.ts";
import { advertisement, cidr, endpoint, ip, labelled, node, peer, service, slice } from "./cluster-objects.ts";
import type { Dice } from "./dice.ts";

const NODES = ["n1", "n2", "n3", "n4", "n5"] as const;
const SERVICES = ["default/a", "default/b", "default/c", "other/a"] as const;
const V4 = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.7", "10.0.0.1"] as const;
const STATES = ["ready", "ready", "ready", "serving", "serving terminating", "terminating", "", "ready terminating"] as const;
const AGES = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", ""] as const;
const RACKS = [labelled("rack", "r1"), labelled("rack", "r2")] as const;

function randomNode(dice: Dice, name: string): ClusterObject {
  const labels: Record<string, string> = dice.chance(2) ? { rack: dice.pick(["r1", "r2"]) } : {};
  if (dice.chance(12)) labels["node.kubernetes.io/exclude-from-external-load-balancers"] = "";
  return node(name, {
    metadata: { labels, annotations: dice.chance(8) ? { "herald.dev/drain": "kernel" } : {} },
    internalIPs: [ip(`10.0.0.${name.slice(1)}`), ...(dice.chance(2) ? [ip(`fd00::${name.slice(1)}`)] : [])],
    networkUnavailable: dice.chance(15),
    ready: !dice.chance(8),
    shuttingDown: dice.chance(15),
  });
}

function randomService(dice: Dice, key: string): ClusterObject {
  return service(key, {
    metadata: { labels: dice.chance(2) ? { tier: "gold" } : {}, deleting: dice.chance(20), creationTimestamp: dice.pick(AGES) },
    clusterIPs: dice.chance(2) ? dice.some([ip("10.96.0.1"), ip("10.96.0.2"), ip("fd00:96::1")], 2) : [],
    externalIPs: dice.chance(3) ? dice.some(V4, 2).map(ip) : [],
    loadBalancerIPs: [...dice.some(V4, 2), ...(dice.chance(3) ? ["2001:db8::1"] : [])].map(ip),
    externalTrafficPolicy: dice.pick(["Cluster", "Local"]),
    internalTrafficPolicy: dice.pick(["Cluster", "Cluster", "Local"]),
  });
}

function randomSlice(dice: Dice, owner: string, name: string): ClusterObject {
  const family = dice.pick<"IPv4" | "IPv6">(["IPv4", "IPv4", "IPv6"]);
  const [namespace = "", serviceName = ""] = owner.split("/");
  const endpoints = Array.from({ length: dice.below(7) }, () => {
    const host = dice.below(9) + 1;
    const on = dice.chance(12) ? dice.pick(["ghost", null]) : dice.pick(NODES);
    return endpoint(family === "IPv4" ? `10.1.0.${host}` : `fd00:1::${host}`, on, dice.pick(STATES));
  });
  return slice(`${namespace}/${name}`, endpoints, { addressType: family, serviceName });
}

function randomPeer(dice: Dice, name: string): ClusterObject {
  const limited = dice.chance(4);
  return peer(name, {
    families: dice.pick([["IPv4"], ["IPv4", "IPv6"], ["IPv4", "IPv6"]]),
    peerASN: dice.pick([64513, 64512]),
    nextHopSource: dice.pick(["Session", "NodeInternalIP"]),
    nodeSelectors: dice.chance(3) ? [dice.pick(RACKS)] : [],
    announceLimit: { ipv4: limited ? dice.below(4) : null, ipv6: limited ? 1 : null },
  });
}

function randomAdvertisement(dice: Dice, name: string): ClusterObject {
  return advertisement(name, {
    metadata: { creationTimestamp: dice.pick(AGES) },
    addresses: dice.pick<readonly AddressKind[]>([
      ["LoadBalancerIP"],
      ["ClusterIP", "LoadBalancerIP"],
      ["ClusterIP", "ExternalIP", "LoadBalancerIP"],
    ]),
    cidrs: dice.chance(2) ? [cidr("203.0.113.0/24"), cidr("10.0.0.0/8"), cidr("2001:db8::/64")] : [],
    serviceSelectors: dice.chance(4) ? [labelled("tier", "gold")] : [],
    nodeSelectors: dice.chance(4) ? [dice.pick(RACKS)] : [],
    peers: dice.chance(4) ? ["tor1"] : [],
    aggregationLength: dice.pick([32, 32, 32, 24, 31]),
    blocks: dice.chance(6) ? dice.some([cidr("203.0.113.0/24"), cidr("203.0.113.2/32"), cidr("10.96.0.0/16")], 2) : [],
    linkBandwidth: dice.chance(2) ? { bytesPerSecondPerEndpoint: dice.pick([100, 125_000_000]), transitive: true } : null,
    endpointPolicy: dice.pick(["Ready", "Serving", "ServingIfLast", "ServingIfLast"]),
    withoutEndpoints: dice.chance(8) ? "Announce" : "Withdraw",
    maxAnnouncers: dice.chance(4) ? dice.below(3) + 1 : null,
  });
}

/** Objects in no particular order; no name is twice among them. */
export function randomCluster(dice: Dice): ClusterObject[] {
  return [
    ...NODES.slice(0, dice.below(NODES.length + 1)).map((name) => randomNode(dice, name)),
    ...SERVICES.map((key) => randomService(dice, key)),
    ...SERVICES.flatMap((key) => ["s1", "s2"].map((name) => randomSlice(dice, key, `${key.slice(-1)}${name}`))),
    ...["tor1", "tor2"].slice(0, dice.below(2) + 1).map((name) => randomPeer(dice, name)),
    ...["all", "gold"].slice(0, dice.below(2) + 1).map((name) => randomAdvertisement(dice, name)),
  ];
}
