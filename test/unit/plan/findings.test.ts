import { describe, expect, it } from "vitest";
import type { BGPAdvertisement, ClusterObject, Finding } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { explainCluster, findInCluster, planCluster } from "../../../src/plan/cluster.ts";
import type { Planner } from "../../../src/plan/planner.ts";
import { parseSubject } from "../../../src/plan/subject.ts";
import {
  advertisement,
  cidr,
  community,
  endpoint,
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
import { planned, prefixes } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";

/** A good Service on n1, announced to one peer whatever stands beside it. */
const GOOD: readonly ClusterObject[] = [
  node("n1", { metadata: { labels: { rack: "a" } } }),
  node("n2", { metadata: { labels: { rack: "b" } } }),
  namespace("default", { team: "shop" }),
  peer("tor"),
  advertisement("all"),
  service("web", { loadBalancerIPs: [ip(VIP)], metadata: { labels: { app: "web" } } }),
  slice("web", [endpoint("10.1.0.1", "n1")]),
];

/** `code object field: message` of what is found beside the good objects, which are announced all the same. */
function found(...objects: readonly ClusterObject[]): string[] {
  const planner = planned([...GOOD, ...objects]);
  expect(prefixes(planner)).toContain(`${VIP}/32`);
  return lines(planner.findings());
}

function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ code, object, field, message }) => `${code} ${object?.name} ${field}: ${message}`);
}

describe("selectors that match nothing", () => {
  const selecting = (spec: Partial<BGPAdvertisement>) => advertisement("odd", spec);

  it("are named list by list, and say nothing where they match", () => {
    const right = { serviceSelectors: [labelled("app", "web")], namespaceSelectors: [labelled("team", "shop")] };
    expect(found(selecting({ ...right, nodeSelectors: [labelled("rack", "a")] }))).toEqual([]);
    expect(found(selecting({ serviceSelectors: [labelled("app", "wbe")] }))).toEqual([
      "selectsNothing odd spec.serviceSelectors: matches no Service",
    ]);
    expect(found(selecting({ ...right, namespaceSelectors: [labelled("team", "bank")] }))).toEqual([
      "selectsNothing odd spec.namespaceSelectors: matches no Namespace with a Service",
    ]);
    expect(found(selecting({ nodeSelectors: [labelled("rack", "c")] }))).toEqual([
      "selectsNothing odd spec.nodeSelectors: matches none of the 2 Nodes: nobody announces it",
    ]);
    expect(found(selecting({ ipAddressPoolSelectors: [labelled("tier", "gold")] }))).toEqual([
      "selectsNothing odd spec.ipAddressPoolSelectors: matches no IPAddressPool: it allows no address",
    ]);
  });

  it("one of several that matches is enough", () => {
    expect(found(selecting({ serviceSelectors: [labelled("app", "later"), labelled("app", "web")] }))).toEqual([]);
  });

  it("lists that match something each, and no Service together", () => {
    const other = [namespace("bank", { team: "bank" }), service("bank/ledger", { metadata: { labels: { app: "ledger" } } })];
    expect(
      found(...other, selecting({ serviceSelectors: [labelled("app", "ledger")], namespaceSelectors: [labelled("team", "shop")] })),
    ).toEqual(["selectsNothing odd spec.serviceSelectors: matches no Service in the Namespaces that namespaceSelectors matches"]);
  });

  it("are not judged over a kind of which there is no object yet", () => {
    const selectors = {
      serviceSelectors: [labelled("a", "b")],
      namespaceSelectors: [labelled("a", "b")],
      nodeSelectors: [labelled("a", "b")],
    };
    const planner = planned([advertisement("odd", selectors), peer("tor", { nodeSelectors: [labelled("a", "b")] })]);
    expect(planner.findings().map(({ code }) => code)).toEqual(["nodeUnknown"]);
  });

  it("of a peer: nobody peers with it", () => {
    expect(found(peer("spare", { nodeSelectors: [labelled("rack", "z")] }))).toEqual([
      "selectsNothing spare spec.nodeSelectors: matches none of the 2 Nodes: nobody peers with it",
    ]);
  });
});

function profile(name: string): ClusterObject {
  return {
    kind: "BFDProfile",
    metadata: { ...pool(name, "192.0.2.1", "192.0.2.1").metadata },
    receiveIntervalMillis: 300,
    transmitIntervalMillis: 100,
    detectMultiplier: 3,
    passiveMode: false,
    minimumTtl: 254,
  };
}

describe("BFD and Graceful Restart", () => {
  it("bfdAgainstRestart: work against each other where routes of a failed node are to be kept, and nowhere else", () => {
    const restart = { enabled: true, restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: 3600 };
    const odd = (spec: Parameters<typeof peer>[1]) => found(peer("other", spec), profile("fast"));
    expect(odd({ bfdProfile: "fast", gracefulRestart: restart })).toEqual([
      'bfdAgainstRestart other spec.gracefulRestart.longLivedStaleTime: asks the router to keep the routes of a failed node for 3600 s, and bfdProfile "fast" takes them 900 ms after it fell silent; leave out one of both, or let the router look at the C bit (docs/bfd.md)',
    ]);
    expect(odd({ gracefulRestart: restart })).toEqual([]);
    expect(odd({ bfdProfile: "fast", gracefulRestart: { ...restart, enabled: false } })).toEqual([]);
    expect(odd({ bfdProfile: "fast", gracefulRestart: { ...restart, longLivedStaleTimeSeconds: null, notification: true } })).toEqual([]);
  });
});

describe("names that nobody has", () => {
  it("are named for a BFDProfile that a peer wants, which runs without", () => {
    const watched = peer("other", { bfdProfile: "fats" });
    expect(found(watched)).toEqual(['unknownBFDProfile other spec.bfdProfile: there is no BFDProfile "fats"; the peer runs without BFD']);
    expect(found(watched, profile("fast"))).toEqual([
      'unknownBFDProfile other spec.bfdProfile: there is no BFDProfile "fats": did you mean fast?; the peer runs without BFD',
    ]);
    expect(found(watched, profile("fats"))).toEqual([]);
  });

  it("a peer, a pool and a community, with the name that was most likely meant", () => {
    const pools = [pool("public", "203.0.113.0", "203.0.113.255"), community("names", { customers: "65000:7" })];
    const odd = (spec: Partial<BGPAdvertisement>) => found(...pools, advertisement("odd", spec));
    expect(odd({ peers: ["tro"] })).toEqual(['unknownPeer odd spec.peers[0]: there is no BGPPeer "tro"; it announces to nobody']);
    expect(odd({ peers: ["tor", "torr"] })).toEqual(['unknownPeer odd spec.peers[1]: there is no BGPPeer "torr": did you mean tor?']);
    expect(odd({ ipAddressPools: ["publik"] })).toEqual([
      'unknownPool odd spec.ipAddressPools[0]: there is no IPAddressPool "publik": did you mean public?; it allows no address',
    ]);
    const unknown = (text: string) => odd({ communities: ["no-export", text] })[0];
    const end = "; the advertisement is not in force";
    expect(unknown("no-exports")).toContain(
      `"no-exports" is neither a community nor an alias of a Community object: did you mean no-export?${end}`,
    );
    expect(unknown("costumers")).toContain(`: did you mean customers?${end}`);
    expect(unknown("gold")).toContain(`"gold" is neither a community nor an alias of a Community object${end}`);
  });

  it("an alias with two meanings: the first Community object by name counts, whatever came first", () => {
    const two = [
      community("b", { blue: "65000:2" }),
      community("a", { blue: "65000:1", red: "65000:3" }),
      community("c", { red: "65000:3" }),
    ];
    const blue = advertisement("all", { communities: ["blue"] });
    expect(found(...two, blue)).toEqual([
      'ambiguousAlias b spec.communities[0].name: alias "blue" is 65000:1 in Community a, which counts, and 65000:2 here',
    ]);
    expect(planned([...GOOD, ...two, blue]).routes()[0]?.communities).toEqual(["65000:1"]);
  });
});

describe("contradicting advertisements", () => {
  it("attributeConflict: names who asks for what and what is announced, at the first field that does not count", () => {
    const conflict = [
      advertisement("a", { localPref: 100, med: 5 }),
      advertisement("b", { localPref: 200, med: 5 }),
      peer("tor", { peerASN: 64512 }),
    ];
    expect(found(...conflict)).toEqual([
      `attributeConflict a spec.localPref: the owners of ${VIP}/32 disagree: localPref 100 by a, 200 by b: 200 counts`,
    ]);
    expect(planned([...GOOD, ...conflict]).routes()[0]?.localPref).toBe(200);
  });

  it("one line however many addresses meet them", () => {
    const many = [2, 3, 4].flatMap((n) => [
      service(`s${n}`, { loadBalancerIPs: [ip(`203.0.113.${n}`)] }),
      slice(`s${n}`, [endpoint(`10.1.0.${n}`, "n1")]),
    ]);
    expect(found(...many, advertisement("a", { asPathPrepend: 2 }))).toEqual([
      `attributeConflict a spec.asPathPrepend: the owners of ${VIP}/32 and 3 more disagree: asPathPrepend 0 by all, 2 by a: 0 counts`,
    ]);
  });

  it("apart for peers that hear different advertisements", () => {
    const towards = [
      peer("tor2"),
      advertisement("a", { med: 1 }),
      advertisement("b", { med: 2, peers: ["tor"] }),
      advertisement("c", { med: 3, peers: ["tor2"] }),
    ];
    expect(found(...towards)).toEqual([
      `attributeConflict b spec.med: the owners of ${VIP}/32 disagree: med 1 by a, 2 by b: 1 counts towards tor; med 1 by a, 3 by c: 1 counts towards tor2`,
    ]);
  });

  it("about an address of several Services, and about an aggregate", () => {
    const selects = (name: string) => ({ serviceSelectors: [labelled("herald.dev/service-name", name)] });
    const second = [service("api", { loadBalancerIPs: [ip(VIP)] }), slice("api", [endpoint("10.1.0.9", "n2")])];
    const shared = [
      ...second,
      advertisement("for-api", { ...selects("api"), med: 9 }),
      advertisement("for-web", { ...selects("web"), med: 7 }),
    ];
    expect(found(...shared)).toEqual([
      `attributeConflict for-api spec.med: the owners of ${VIP}/32 disagree: med 7 by for-web, 9 by for-api: 7 counts`,
    ]);
    const wide = shared.map((one) => (one.kind === "BGPAdvertisement" ? { ...one, aggregationLength: 24 } : one));
    expect(found(...wide).filter((line) => line.startsWith("attributeConflict"))).toEqual([
      "attributeConflict for-api spec.med: the owners of 203.0.113.0/24 disagree: med 7 by for-web, 9 by for-api: 7 counts",
    ]);
  });

  it("about the form of the weight", () => {
    const weighing = (name: string, transitive: boolean) =>
      advertisement(name, { linkBandwidth: { bytesPerSecondPerEndpoint: 1000, transitive } });
    expect(found(weighing("a", true), weighing("b", false))).toEqual([
      `attributeConflict b spec.linkBandwidth.transitive: the owners of ${VIP}/32 disagree: linkBandwidth.transitive false by b, true by a: true counts`,
    ]);
  });
});

describe("aggregates and blocks", () => {
  const local = [
    service("api", { loadBalancerIPs: [ip("203.0.113.9")], externalTrafficPolicy: "Local" }),
    slice("api", [endpoint("10.1.0.9", "n2")]),
  ];

  it("coveringPrefix: gives the blackhole command, and names a Local Service that is dropped on nodes without its pods", () => {
    const loop = "that no Service has loop between router and node; give each node a blackhole route:";
    expect(found(advertisement("net", { blocks: [cidr("203.0.113.0/24")] }))).toEqual([
      `coveringPrefix net spec.blocks[0]: addresses inside block 203.0.113.0/24 ${loop} ip route add blackhole 203.0.113.0/24`,
    ]);
    const dropped = "; traffic that follows it to a Local Service, such as default/api, is dropped on nodes without a pod of that";
    expect(found(...local, advertisement("net", { blocks: [cidr("203.0.113.0/24")] }))).toEqual([
      `coveringPrefix net spec.blocks[0]: addresses inside block 203.0.113.0/24 ${loop} ip route add blackhole 203.0.113.0/24${dropped}`,
    ]);
    const aggregate = advertisement("net", { aggregationLength: 24, aggregationLengthV6: 64 });
    expect(found(...local, aggregate)).toEqual([
      `coveringPrefix net spec.aggregationLength: addresses inside a /24 ${loop} ip route add blackhole PREFIX${dropped}`,
      `coveringPrefix net spec.aggregationLengthV6: addresses inside a /64 ${loop} ip -6 route add blackhole PREFIX`,
    ]);
  });

  it("names the Service that is asked about where an explanation says it", () => {
    const more = [service("aaa", { loadBalancerIPs: [ip("203.0.113.77")], externalTrafficPolicy: "Local" })];
    const objects = [...GOOD, ...local, ...more, advertisement("net", { blocks: [cidr("203.0.113.0/24")] })];
    const options = { ...DEFAULT_PLANNER_OPTIONS, nodeFilter: null, peerFilter: null };
    const explained = explainCluster(objects, options, parseSubject("default/api", "default"));
    expect(explained?.findings.map(({ code }) => code)).toEqual(["coveringPrefix"]);
    expect(explained?.findings[0]?.message).toContain("such as default/api,");
  });

  it("overlappingAggregates: one inside another with other attributes, nodes or peers", () => {
    const outer = advertisement("outer", { blocks: [cidr("203.0.112.0/22")], communities: ["65000:1"] });
    const inner = (spec: Partial<BGPAdvertisement>) =>
      found(outer, advertisement("inner", { blocks: [cidr("203.0.113.0/24")], communities: ["65000:1"], ...spec }), peer("spare")).filter(
        (line) => line.startsWith("overlapping"),
      );
    expect(inner({})).toEqual([]);
    const line = (fields: string) =>
      `overlappingAggregates inner spec.blocks[0]: 203.0.113.0/24 lies inside 203.0.112.0/22 of advertisement outer: routers follow the longer prefix, so what that one says otherwise (${fields}) does not count for it`;
    expect(inner({ communities: ["65000:2"], med: 5 })).toEqual([line("communities, med")]);
    expect(inner({ nodeSelectors: [labelled("rack", "a")] })).toEqual([line("nodeSelectors")]);
    expect(inner({ nodeSelectors: [labelled("rack", "a"), labelled("rack", "b")] }), "the same nodes in other words").toEqual([]);
    expect(inner({ peers: ["tor"] })).toEqual([line("peers")]);
  });

  it("aggregates count where a Service with policy Cluster makes them, on whichever node; nested blocks of one advertisement agree", () => {
    const nested = advertisement("outer", { blocks: [cidr("203.0.112.0/22"), cidr("203.0.113.0/24")] });
    expect(found(nested).filter((line) => line.startsWith("overlapping"))).toEqual([]);
    const others = [2, 40].map((n) => service(`s${n}`, { loadBalancerIPs: [ip(`203.0.113.${n}`)] }));
    const aggregating = advertisement("inner", { aggregationLength: 28, nodeSelectors: [labelled("rack", "b")] });
    expect(found(nested, ...others, aggregating).filter((line) => line.startsWith("overlapping"))).toEqual([
      "overlappingAggregates inner spec.aggregationLength: 203.0.113.0/28 lies inside 203.0.113.0/24 of advertisement outer: routers follow the longer prefix, so what that one says otherwise (nodeSelectors) does not count for it; the same goes for 1 more of its prefixes",
    ]);
  });
});

describe("findings of a running node", () => {
  const GATE = { name: "gate", healthz: null, onlyWhereRequired: true } as const;

  function live(objects: readonly ClusterObject[]): Planner {
    return planned([...GOOD, ...objects], { facts: [GATE] });
  }

  it("gateNotProbed: Require where there is neither a service proxy nor a health check port to ask", () => {
    const require = advertisement("all", { dataplaneGate: "Require" });
    expect(lines(live([require]).findings())).toEqual([
      "gateNotProbed all spec.dataplaneGate: Require waits for nothing: dataplane.healthz names no service proxy, and Service default/web has no health check port to ask",
    ]);
    expect(prefixes(live([require]))).toEqual([`${VIP}/32`]);
    const withPort = service("web", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local", healthCheckNodePort: 32_000 });
    expect(live([require, withPort]).findings()).toEqual([]);
    expect(live([advertisement("all", { dataplaneGate: "Prefer" })]).findings()).toEqual([]);
    expect(found(require), "offline nobody would ask anyway").toEqual([]);
    const asked = planned([...GOOD, require], { facts: [{ ...GATE, healthz: "http://127.0.0.1:10256/healthz" }] });
    expect(asked.findings()).toEqual([]);
  });

  it("gateNotProbed: a block, which has no port at all", () => {
    const block = advertisement("net", { dataplaneGate: "Require", blocks: [cidr("198.51.100.0/24")], addresses: ["ExternalIP"] });
    expect(lines(live([block]).findings()).filter((line) => line.startsWith("gate"))).toEqual([
      "gateNotProbed net spec.dataplaneGate: Require waits for nothing: dataplane.healthz names no service proxy, and a block has no health check port to ask",
    ]);
  });

  it("announceLimitExceeded: how many a peer's limit leaves out, by family, and no longer when there is room", () => {
    const more = [2, 3, 4].flatMap((n) => [
      service(`s${n}`, { loadBalancerIPs: [ip(`203.0.113.${n}`)] }),
      slice(`s${n}`, [endpoint(`10.1.0.${n}`, "n1")]),
    ]);
    const limited = (ipv4: number | null) => peer("tor", { announceLimit: { ipv4, ipv6: 1 } });
    const planner = planned([...GOOD, ...more, limited(1)]);
    const line = (limit: number, words: string) =>
      `announceLimitExceeded tor spec.announceLimit: announceLimit ${limit} is exceeded: ${words} wanted, and the youngest are left out`;
    expect(lines(planner.findings())).toEqual([line(1, "3 more IPv4 prefixes are")]);
    planner.apply([set(limited(3))]);
    expect(lines(planner.findings())).toEqual([line(3, "one more IPv4 prefix is")]);
    const explained = (name: string) => planner.explain(parseSubject(`default/${name}`, "default"))?.findings.map(({ code }) => code);
    expect(explained("s4"), "left out").toEqual(["announceLimitExceeded"]);
    expect(explained("web"), "within").toEqual([]);
    planner.apply([set(limited(4))]);
    expect(planner.findings()).toEqual([]);
  });
});

describe("the list of findings", () => {
  it("is the same whatever the order of events", () => {
    const odd = [
      ...GOOD,
      advertisement("a", { med: 1, peers: ["tor", "nobody"], ipAddressPools: ["none"] }),
      advertisement("b", { med: 2, blocks: [cidr("203.0.113.0/24")], serviceSelectors: [labelled("x", "y")] }),
      advertisement("c", { med: 3, aggregationLength: 16 }),
      advertisement("d", { med: 4 }),
      advertisement("e", { med: 5 }),
      service("api", { loadBalancerIPs: [ip("203.0.113.9")], externalTrafficPolicy: "Local" }),
      community("x", { blue: "65000:1" }),
      community("y", { blue: "65000:2" }),
    ];
    const forward = planned(odd).findings();
    expect(forward.map(({ code }) => code).sort()).toEqual([
      "ambiguousAlias",
      "attributeConflict",
      "attributeConflict",
      "coveringPrefix",
      "coveringPrefix",
      "overlappingAggregates",
      "selectsNothing",
      "unknownPeer",
      "unknownPool",
    ]);
    expect(planned(odd.toReversed()).findings()).toEqual(forward);
  });

  it("of a whole cluster is what all its nodes say, whichever of them are alike", () => {
    const racks = Array.from({ length: 12 }, (_, i) => node(`m${i}`, { metadata: { labels: { rack: i % 2 === 0 ? "a" : "b" } } }));
    const odd = [
      ...GOOD,
      ...racks,
      node("m12", { metadata: { annotations: { "herald.dev/drain": "" } } }),
      advertisement("a", { med: 1, nodeSelectors: [labelled("rack", "a")] }),
      advertisement("b", { med: 2, nodeSelectors: [labelled("rack", "b")] }),
      advertisement("c", { med: 3 }),
      peer("tor-b", { nodeSelectors: [labelled("rack", "b")], announceLimit: { ipv4: 1, ipv6: 1 } }),
      service("api", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }),
      slice("api", [endpoint("10.1.0.9", "m12")]),
      service("more", { loadBalancerIPs: [ip("203.0.113.4")] }),
      slice("more", [endpoint("10.1.0.4", "m4")]),
    ];
    const names = odd.flatMap((object) => (object.kind === "Node" ? [object.metadata.name] : []));
    const apart = names.flatMap((name) => lines(planned(odd, { node: name }).findings()));
    const together = lines(findInCluster(odd, DEFAULT_PLANNER_OPTIONS));
    expect(together.toSorted()).toEqual([...new Set(apart)].sort());
    expect(together.map((line) => line.split(" ")[0])).toEqual(["attributeConflict", "attributeConflict", "announceLimitExceeded"]);
    expect(planCluster(odd, { ...DEFAULT_PLANNER_OPTIONS, nodeFilter: null, peerFilter: null }).findings).toHaveLength(3);
  });
});
