import { describe, expect, it } from "vitest";
import { formatAddress, formatPrefix } from "../../../src/ip/format.ts";
import type { AddressKind, ClusterObject, Endpoint } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS, type PlanChange, type PlannerOptions } from "../../../src/plan/change.ts";
import type { Fact, Input } from "../../../src/plan/facts.ts";
import { Planner } from "../../../src/plan/planner.ts";
import {
  advertisement,
  cidr,
  community,
  endpoint,
  gone,
  HERALD_NAMESPACE,
  ip,
  labelled,
  namespace,
  node,
  peer,
  pool,
  service,
  set,
  slice,
} from "../../support/cluster-objects.ts";
import { type NaivePlan, naivePlan, objectKey } from "../../support/naive-planner.ts";

/** More and other histories: `HERALD_HISTORIES=10000 HERALD_SEED=7 vitest run test/unit/plan/histories.test.ts`. */
const HISTORIES = Number(process.env["HERALD_HISTORIES"] ?? 300);
const FIRST_SEED = Number(process.env["HERALD_SEED"] ?? 1);
const MOST_EVENTS = 60;

/** mulberry32: the same histories on every machine. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  some<T>(values: readonly [T, ...T[]], most: number): T[] {
    return Array.from({ length: this.below(most + 1) }, () => this.pick(values));
  }
}

const NODES = ["n1", "n2", "n3"] as const;
const SERVICES = ["default/a", "default/b", "default/c", "other/a"] as const;
const ADVERTISEMENTS = ["all", "gold", "zz"] as const;
const PEERS = ["tor1", "tor2", "v6"] as const;
const V4 = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.7", "10.0.0.1"] as const;
const V6 = ["2001:db8::1", "2001:db8::2"] as const;
const SELECTORS = [
  labelled("tier", "gold"),
  labelled("herald.dev/service-name", "a"),
  { matchLabels: {}, matchExpressions: [{ key: "tier", operator: "NotIn", values: ["gold"] }] },
  { matchLabels: {}, matchExpressions: [{ key: "tier", operator: "Exists", values: [] }] },
  { matchLabels: {}, matchExpressions: [{ key: "rack", operator: "In", values: ["r1", "r2"] }] },
  { matchLabels: {}, matchExpressions: [{ key: "rack", operator: "DoesNotExist", values: [] }] },
] as const;
const STATES = ["ready", "ready", "ready", "serving", "serving terminating", "terminating", "", "ready terminating"] as const;

function randomEndpoint(dice: Dice, family: "IPv4" | "IPv6"): Endpoint {
  const host = dice.below(5) + 1;
  const on = dice.pick([...NODES, ...NODES, "ghost", null]);
  return endpoint(family === "IPv4" ? `10.1.0.${host}` : `fd00:1::${host}`, on, dice.pick(STATES));
}

function labels(dice: Dice): Record<string, string> {
  return dice.chance(2) ? { tier: dice.pick(["gold", "tin"]) } : {};
}

function randomService(dice: Dice): ClusterObject {
  const key = dice.pick(SERVICES);
  return service(key, {
    metadata: {
      labels: dice.chance(8) ? { "service.kubernetes.io/service-proxy-name": dice.pick(["other", "ours"]) } : labels(dice),
      deleting: dice.chance(12),
    },
    type: dice.pick(["LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP", "NodePort", "ExternalName"]),
    headless: dice.chance(12),
    clusterIPs: dice.some([ip("10.96.0.1"), ip("10.96.0.2"), ip("fd00:96::1")], 2),
    externalIPs: dice.chance(3) ? dice.some(V4, 2).map(ip) : [],
    loadBalancerIPs: [...dice.some(V4, 3), ...dice.some(V6, 1)].map(ip),
    loadBalancerClass: dice.chance(6) ? dice.pick(["ours", "theirs", ""]) : null,
    externalTrafficPolicy: dice.pick(["Cluster", "Local"]),
    internalTrafficPolicy: dice.pick(["Cluster", "Cluster", "Local"]),
  });
}

function randomSlice(dice: Dice): ClusterObject {
  const family = dice.pick<"IPv4" | "IPv6">(["IPv4", "IPv4", "IPv6"]);
  const owner = dice.pick(SERVICES);
  const [inNamespace = "", name = ""] = owner.split("/");
  return slice(
    `${inNamespace}/${dice.pick(["s1", "s2", "s3", "s4"])}`,
    Array.from({ length: dice.below(4) }, () => randomEndpoint(dice, family)),
    { addressType: family, serviceName: dice.chance(15) ? null : name },
  );
}

function randomNode(dice: Dice): ClusterObject {
  const own: Record<string, string> = dice.chance(2) ? { rack: dice.pick(["r1", "r2", "r3"]) } : {};
  if (dice.chance(6)) own["node.kubernetes.io/exclude-from-external-load-balancers"] = "";
  return node(dice.pick(NODES), {
    metadata: { labels: own, annotations: dice.chance(6) ? { "herald.dev/drain": dice.pick(["false", "true", "kernel"]) } : {} },
    internalIPs: dice.some([ip("10.0.0.1"), ip("fd00::1"), ip("127.0.0.1")], 2),
    networkUnavailable: dice.chance(8),
    shuttingDown: dice.chance(8),
    unschedulable: dice.chance(6),
    taints: dice.chance(8) ? [{ key: "node.kubernetes.io/out-of-service", value: "", effect: "NoExecute" }] : [],
  });
}

function randomPeer(dice: Dice): ClusterObject {
  const name = dice.pick(PEERS);
  return peer(name, {
    peerAddress: ip(name === "v6" ? "2001:db8:ffff::1" : "192.0.2.1"),
    families: dice.pick([["IPv4"], ["IPv6"], ["IPv4", "IPv6"]]),
    nextHopSource: dice.pick(["Session", "NodeInternalIP"]),
    nextHop: {
      ipv4: dice.chance(5) ? ip(dice.pick(["10.0.0.9", "203.0.113.1", "224.0.0.1"])) : null,
      ipv6: dice.chance(5) ? ip("::1") : null,
    },
    nodeSelectors: dice.chance(3) ? [dice.pick(SELECTORS)] : [],
    holdTimeSeconds: dice.pick([90, 30]),
  });
}

function randomAdvertisement(dice: Dice): ClusterObject {
  const addresses = dice.pick<readonly AddressKind[]>([
    ["LoadBalancerIP"],
    ["LoadBalancerIP", "ExternalIP"],
    ["ClusterIP"],
    ["ClusterIP", "ExternalIP", "LoadBalancerIP"],
  ]);
  return advertisement(dice.pick(ADVERTISEMENTS), {
    metadata: dice.chance(15) ? { namespace: "default" } : {},
    addresses,
    cidrs: dice.chance(2) ? dice.some([cidr("203.0.113.0/24"), cidr("203.0.113.2/32"), cidr("10.0.0.0/8"), cidr("2001:db8::/64")], 2) : [],
    ipAddressPools: dice.chance(6) ? [dice.pick(["p1", "p2"])] : [],
    ipAddressPoolSelectors: dice.chance(10) ? [labelled("tier", "gold")] : [],
    serviceSelectors: dice.chance(3) ? dice.some(SELECTORS, 2) : [],
    namespaceSelectors: dice.chance(4) ? [dice.pick([labelled("kubernetes.io/metadata.name", "other"), labelled("tier", "gold")])] : [],
    nodeSelectors: dice.chance(4) ? [dice.pick(SELECTORS)] : [],
    peers: dice.chance(3) ? dice.some(PEERS, 2) : [],
    aggregationLength: dice.pick([32, 32, 24, 31]),
    aggregationLengthV6: dice.pick([128, 128, 64]),
    blocks: dice.chance(5)
      ? dice.some([cidr("203.0.113.0/24"), cidr("203.0.112.0/23"), cidr("203.0.113.2/32"), cidr("10.96.0.0/16")], 2)
      : [],
    localPref: dice.pick([null, 50, 200]),
    med: dice.pick([null, 5, 7]),
    communities: dice.some(["65000:1", "no-export", "large:1:2:3", "blue", "red"], 2),
    extendedCommunities: dice.chance(4) ? ["0002fde800000064"] : [],
    asPathPrepend: dice.pick([0, 0, 1, 3]),
    linkBandwidth: dice.chance(3) ? { bytesPerSecondPerEndpoint: dice.pick([100, 125_000_000]), transitive: dice.chance(2) } : null,
    endpointPolicy: dice.pick(["Ready", "Serving", "ServingIfLast", "ServingIfLast"]),
    withoutEndpoints: dice.chance(6) ? "Announce" : "Withdraw",
  });
}

function randomFact(dice: Dice): Fact {
  if (dice.chance(5)) return { name: "drain", reason: dice.pick([null, null, "maintenance"]) };
  const name = dice.pick(PEERS);
  if (dice.chance(4)) return { name: "sessionForgotten", peer: name };
  return {
    name: "session",
    peer: name,
    families: dice.pick([["IPv4"], ["IPv4", "IPv6"], ["IPv6"], []]),
    localAddress: ip(name === "v6" ? "2001:db8:ffff::2" : dice.pick(["192.0.2.2", "127.0.0.1", "203.0.113.1", "192.0.2.3"])),
  };
}

function randomObject(dice: Dice): ClusterObject {
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
    (d: Dice) =>
      community(d.pick(["c1", "c2"]), d.chance(3) ? {} : { blue: d.pick(["65000:9", "65000:8"]), red: d.pick(["large:9:9:9", "oops"]) }),
    (d: Dice) => pool(d.pick(["p1", "p2"]), "203.0.113.1", d.pick(["203.0.113.1", "203.0.113.9"]), labels(d)),
  ]);
  return make(dice);
}

/** A world to begin with, so that most histories announce something. */
function opening(dice: Dice): Input[] {
  const world = [
    node("n1", { internalIPs: [ip("10.0.0.1")] }),
    node("n2"),
    peer("tor1", { families: ["IPv4", "IPv6"] }),
    advertisement("all", { addresses: ["LoadBalancerIP", "ClusterIP"] }),
    service("default/a", { loadBalancerIPs: [ip("203.0.113.1")], externalTrafficPolicy: "Local" }),
    slice("default/s1", [endpoint("10.1.0.1", "n1"), endpoint("10.1.0.2", "n2")], { serviceName: "a" }),
  ];
  return dice.chance(4) ? [] : world.map(set);
}

function randomEvent(dice: Dice, objects: ReadonlyMap<string, ClusterObject>, last: Input | undefined): Input {
  if (dice.chance(10)) return { input: "fact", fact: randomFact(dice) };
  if (dice.chance(15) && last !== undefined) return last;
  const known = [...objects.values()];
  const victim = known[dice.below(known.length)];
  if (dice.chance(4) && victim !== undefined) return gone(victim);
  return set(randomObject(dice));
}

/** What the router side holds after all changes, and what the planner says of itself: both have to agree with the naive plan. */
class Follower {
  readonly routes = new Map<string, string>();
  readonly peers = new Map<string, string>();

  take(change: PlanChange): void {
    const seen = new Set<string>();
    for (const { peer: name, prefix, attributes } of change.routes) {
      const key = `${name} ${formatPrefix(prefix)}`;
      expect(seen.has(key), `${key} changes twice at once`).toBe(false);
      seen.add(key);
      if (attributes === null) {
        expect(this.routes.delete(key), `${key} is withdrawn and was not announced`).toBe(true);
        continue;
      }
      const { communities, largeCommunities, extendedCommunities, localPref, med, asPathPrepend, linkBandwidth } = attributes;
      const value = JSON.stringify({
        communities,
        large: largeCommunities.map((large) => large.join(":")),
        extended: extendedCommunities,
        localPref,
        med,
        prepend: asPathPrepend,
        linkBandwidth: linkBandwidth?.bytesPerSecond ?? null,
        transitive: linkBandwidth?.transitive ?? null,
      });
      expect(this.routes.get(key), `${key} is announced again without a difference`).not.toBe(value);
      this.routes.set(key, value);
    }
    for (const { name, peer: wanted } of change.peers) {
      if (wanted === null) expect(this.peers.delete(name), `${name} goes and was not there`).toBe(true);
      else this.peers.set(name, wanted.metadata.name);
    }
  }
}

function decisionsOf(planner: Planner): Map<string, string> {
  return new Map(
    planner.services().map(({ service: key, address, kind, announced, reason, peers }) => {
      const own = Object.entries(peers).map(([name, one]) => `${name}=${one.announced ? "announced" : one.reason}`);
      const common = !announced && !["peerNotSelected", "peerFamilyNotNegotiated", "noNextHop"].includes(reason);
      return [`${key} ${address ?? "-"} ${kind ?? "-"}`, [announced ? "announced" : reason, ...(common ? [] : own)].join(" ")];
    }),
  );
}

function sorted(map: ReadonlyMap<string, string>): string[] {
  return [...map].map(([key, value]) => `${key} -> ${value}`).sort();
}

const OPTIONS: PlannerOptions = { ...DEFAULT_PLANNER_OPTIONS, node: "n1", serviceProxyName: "ours", loadBalancerClass: "ours" };

interface World {
  readonly objects: Map<string, ClusterObject>;
  readonly facts: Fact[];
}

function enact(world: World, input: Input): void {
  if (input.input === "fact") world.facts.push(input.fact);
  else if (input.change.type === "delete") world.objects.delete(objectKey(input.change.ref));
  else {
    const { kind, metadata } = input.change.object;
    // The planner never sees our kinds elsewhere, nor does anybody else.
    world.objects.set(objectKey({ kind, namespace: metadata.namespace, name: metadata.name }), input.change.object);
  }
}

/** Explains each decision the planner holds: the sentence must end with the same reason. */
function expectExplained(planner: Planner, naive: NaivePlan): void {
  for (const key of new Set([...naive.decisions.keys()].map((one) => one.slice(0, one.indexOf(" "))))) {
    const [inNamespace = "", name = ""] = key.split("/");
    const explained = planner.explain({ type: "service", namespace: inNamespace, name });
    const best = new Map<string, { announced: boolean; reason: string; reached: number; order: string }>();
    for (const item of explained?.items ?? []) {
      expect(item.checks).toHaveLength(17);
      const at = `${item.service} ${item.address ?? "-"} ${item.kind ?? "-"}`;
      const reached = item.announced ? 99 : item.checks.findIndex(({ result }) => result === "fail");
      const order = `${item.advertisement} ${item.peer ?? ""}`;
      const known = best.get(at);
      if (known === undefined || reached > known.reached || (reached === known.reached && order < known.order)) {
        best.set(at, { announced: item.announced, reason: item.reason, reached, order });
      }
    }
    for (const [at, { announced, reason }] of best) {
      expect(`${at} ${announced ? "announced" : reason}`).toBe(`${at} ${naive.decisions.get(at)?.split(" ")[0]}`);
    }
  }
}

/** A history that went wrong, to be read and played again. */
function describeHistory(seed: number, history: readonly Input[]): string {
  const plain = (_key: string, value: unknown) => {
    if (typeof value !== "object" || value === null || !("octets" in value) || !(value.octets instanceof Uint8Array)) return value;
    return formatAddress({ family: value.octets.length === 4 ? "IPv4" : "IPv6", octets: value.octets, key: "" });
  };
  return `seed ${seed}\n${history.map((input) => JSON.stringify(input, plain)).join("\n")}`;
}

function play(seed: number): number {
  const dice = new Dice(seed);
  const world: World = { objects: new Map(), facts: [] };
  const planner = new Planner(OPTIONS);
  const follower = new Follower();
  const history: Input[] = [];
  const events = 5 + dice.below(MOST_EVENTS);
  let compared = 0;
  try {
    for (let i = 0; i < events; i++) {
      const batch = i === 0 ? opening(dice) : [randomEvent(dice, world.objects, history.at(-1))];
      while (i > 0 && dice.chance(4)) batch.push(randomEvent(dice, world.objects, batch.at(-1)));
      for (const input of batch) enact(world, input);
      history.push(...batch);
      if (dice.chance(5)) {
        // In slices: what is half planned is no one's business before the end.
        planner.note(batch);
        const slices = [planner.decide(1)];
        while ((slices.at(-1)?.pending ?? 0) > 0) slices.push(planner.decide(1));
        for (const one of slices) follower.take(one);
      } else {
        follower.take(planner.apply(batch));
      }
      const naive = naivePlan([...world.objects.values()], world.facts, OPTIONS);
      expect(sorted(follower.routes)).toEqual(sorted(naive.routes));
      expect(sorted(decisionsOf(planner))).toEqual(sorted(naive.decisions));
      expect(planner.peerRoutes()).toHaveLength(naive.routes.size);
      const { announced, notAnnounced } = planner.decisions();
      expect(announced + Object.values(notAnnounced).reduce((sum, n) => sum + n, 0)).toBe(naive.decisions.size);
      expect(announced).toBe([...naive.decisions.values()].filter((value) => value.startsWith("announced")).length);
      if (dice.chance(5)) expectExplained(planner, naive);
      compared++;
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${describeHistory(seed, history)}`, { cause: error });
  }
  return compared;
}

describe("the incremental planner", () => {
  it("announces and says the same as a planner that looks at everything anew, after every event of random histories", {
    timeout: 600_000,
  }, () => {
    let compared = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) compared += play(seed);
    expect(compared).toBeGreaterThanOrEqual(HISTORIES * 5);
    expect(HERALD_NAMESPACE).toBe(OPTIONS.heraldNamespace);
  });
});
