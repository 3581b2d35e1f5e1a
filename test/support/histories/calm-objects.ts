/** A world in which nearly everything is announced: what histories begin with, and go back to piece by piece. */

import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { advertisement, endpoint, ip, node, peer, service, slice } from "../cluster-objects.ts";
import type { Dice } from "../dice.ts";
import { PORTS, type Variety } from "./random-objects.ts";

export function calmWorld(dice: Dice, variety: Variety): ClusterObject[] {
  return [
    calmNode(dice, "n1"),
    node("n2"),
    node("n3"),
    calmPeer("tor1"),
    calmAdvertisement(dice, "all", variety),
    ...calmService(dice, "a", variety),
  ];
}

/** One or two objects of a calm world that belong together. */
export function calmObjects(dice: Dice, variety: Variety): ClusterObject[] {
  switch (dice.below(6)) {
    case 0:
      return [calmNode(dice, dice.pick(["n1", "n1", "n2", "n3", "n4", "n5"]))];
    case 1:
      return [calmPeer(dice.pick(["tor1", "tor1", "tor2", "v6"]))];
    case 2:
      return [calmAdvertisement(dice, dice.pick(["all", "all", "gold", "zz"]), variety)];
    default:
      return calmService(dice, dice.pick(["a", "a", "b", "c"]), variety);
  }
}

function calmNode(dice: Dice, name: string): ClusterObject {
  const rack: Record<string, string> = dice.chance(3) ? { rack: "r1" } : {};
  return node(name, { metadata: { labels: rack }, internalIPs: name === "n1" ? [ip("10.0.0.1"), ip("fd00::1")] : [] });
}

function calmPeer(name: string): ClusterObject {
  return peer(name, { peerAddress: ip(name === "v6" ? "2001:db8:ffff::1" : "192.0.2.1"), families: ["IPv4", "IPv6"] });
}

function calmAdvertisement(dice: Dice, name: string, { newRules }: Variety): ClusterObject {
  const bandwidth = { bytesPerSecondPerEndpoint: 100, transitive: true };
  return advertisement(name, {
    addresses: ["LoadBalancerIP", "ClusterIP"],
    linkBandwidth: newRules && dice.chance(2) ? bandwidth : null,
    maxAnnouncers: newRules && dice.chance(5) ? dice.pick([1, 2]) : null,
    dataplaneGate: newRules && dice.chance(4) ? "Require" : "Prefer",
  });
}

/** A Service with its endpoints: the first by name on n1 and n2. */
function calmService(dice: Dice, name: "a" | "b" | "c", { newRules }: Variety): ClusterObject[] {
  const at = { a: 1, b: 2, c: 3 }[name];
  const isLocal = !dice.chance(3);
  const pods = [endpoint("10.1.0.1", "n1"), endpoint("10.1.0.2", dice.pick(["n2", "n3"])), endpoint("10.1.0.3", "n1")];
  return [
    service(`default/${name}`, {
      metadata: newRules ? { uid: "u1" } : {},
      loadBalancerIPs: dice.chance(3) ? [ip(`203.0.113.${at}`), ip(`2001:db8::${Math.min(at, 2)}`)] : [ip(`203.0.113.${at}`)],
      clusterIPs: dice.chance(3) ? [ip("10.96.0.1")] : [],
      externalTrafficPolicy: isLocal ? "Local" : "Cluster",
      healthCheckNodePort: newRules && isLocal ? dice.pick([...PORTS, null]) : null,
    }),
    slice(`default/s${at}`, pods.slice(0, dice.below(3) + 1), { addressType: "IPv4", serviceName: name }),
    ...(dice.chance(3) ? [slice("default/s4", [endpoint("fd00:1::1", "n1"), endpoint("fd00:1::2", "n2")], { serviceName: name })] : []),
  ];
}
