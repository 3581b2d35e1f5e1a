import { describe, expect, it } from "vitest";
import type { ClusterObject, Endpoint } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { Planner } from "../../../src/plan/planner.ts";
import {
  advertisement,
  cidr,
  endpoint,
  gone,
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
import { type OutcomeOptions, planned, prefixes, verdict } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";

/** One Service with one load balancer address, n1 and n2, one peer, one advertisement for everything. */
function world(endpoints: readonly Endpoint[], policy: "Local" | "Cluster" = "Local"): ClusterObject[] {
  return [
    node("n1"),
    node("n2"),
    peer("tor", { families: ["IPv4", "IPv6"] }),
    advertisement("all"),
    service("web", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: policy }),
    slice("web", endpoints, { addressType: "IPv4" }),
  ];
}

function outcome(objects: readonly ClusterObject[], options: OutcomeOptions = {}, address = VIP): string {
  return verdict(planned(objects, options), address);
}

/** Later objects replace earlier ones of the same name. */
function but(objects: readonly ClusterObject[], ...others: readonly ClusterObject[]): ClusterObject[] {
  return [...objects, ...others];
}

describe("endpoints", () => {
  const gone2 = [endpoint("10.1.0.1", "n1", ""), endpoint("10.1.0.2", "n2", "")];

  it.each(["Local", "Cluster"] as const)("no endpoints at all under %s: noEndpoints", (policy) => {
    expect(outcome(world([], policy))).toBe("noEndpoints");
  });

  it.each(["Local", "Cluster"] as const)("only not-ready ones under %s: noEndpoints", (policy) => {
    expect(outcome(world(gone2, policy))).toBe("noEndpoints");
  });

  it("only terminating ones that still serve: announced where they are, as nobody is ready anywhere, noLocalEndpoints elsewhere", () => {
    const last = [endpoint("10.1.0.1", "n1", "serving terminating")];
    expect(outcome(world(last))).toBe("announced");
    expect(outcome(world(last), { node: "n2" })).toBe("noLocalEndpoints");
  });

  it("only terminating ones that still serve, with endpointPolicy Ready: noEndpoints", () => {
    const objects = but(world([endpoint("10.1.0.1", "n1", "serving terminating")]), advertisement("all", { endpointPolicy: "Ready" }));
    expect(outcome(objects)).toBe("noEndpoints");
  });

  it("only terminating ones that no longer serve: noEndpoints", () => {
    expect(outcome(world([endpoint("10.1.0.1", "n1", "terminating")]))).toBe("noEndpoints");
  });

  it("the local ones all terminate while others are ready elsewhere: endpointsTerminating", () => {
    const moving = [endpoint("10.1.0.1", "n1", "serving terminating"), endpoint("10.1.0.2", "n2")];
    expect(outcome(world(moving))).toBe("endpointsTerminating");
    expect(outcome(world(moving), { node: "n2" })).toBe("announced");
    const serving = but(world(moving), advertisement("all", { endpointPolicy: "Serving" }));
    expect(outcome(serving), "endpointPolicy Serving favours established connections").toBe("announced");
  });

  it("ready ones only on drained or excluded nodes do not keep the serving ones from counting", () => {
    const endpoints = [endpoint("10.1.0.1", "n1", "serving terminating"), endpoint("10.1.0.2", "n2")];
    const objects = but(world(endpoints), node("n2", { metadata: { annotations: { "herald.dev/drain": "" } } }));
    expect(outcome(objects)).toBe("announced");
  });

  it("an endpoint without a node name: announced under Cluster, noLocalEndpoints under Local", () => {
    const nowhere = [endpoint("10.1.0.1", null)];
    expect(outcome(world(nowhere, "Cluster"))).toBe("announced");
    expect(outcome(world(nowhere, "Local"))).toBe("noLocalEndpoints");
  });

  it("an endpoint without a node name is on no node that could be the last with a ready one", () => {
    expect(outcome(world([endpoint("10.1.0.1", null), endpoint("10.1.0.2", "n1", "serving terminating")]))).toBe("announced");
  });

  it("several slices count together, and the best entry of an address wins: announced", () => {
    const objects = world([endpoint("10.1.0.1", null, "terminating")]);
    const second = slice("web-2", [endpoint("10.1.0.1", "n1", "ready")], { serviceName: "web" });
    expect(outcome(but(objects, second))).toBe("announced");
    expect(planned(but(objects, second)).services()[0]?.endpoints).toEqual({ counted: 1, local: 1, terminating: 0 });
    expect(outcome([second, ...objects])).toBe("announced");
  });

  it("families are judged apart: without IPv6 endpoints only the IPv4 address stays", () => {
    const v6 = "2001:db8::1";
    const objects = but(
      world([endpoint("10.1.0.1", "n1")]),
      node("n1", { internalIPs: [ip("fd00::1")] }),
      service("web", { loadBalancerIPs: [ip(VIP), ip(v6)], externalTrafficPolicy: "Local" }),
    );
    expect(outcome(objects)).toBe("announced");
    expect(outcome(objects, {}, v6)).toBe("noEndpoints");
    const both = but(objects, slice("web-v6", [endpoint("fd00:1::1", "n1")], { serviceName: "web" }));
    expect(prefixes(planned(both))).toEqual([`${VIP}/32`, `${v6}/128`]);
  });

  it("publishNotReadyAddresses means it: ready is true on a pod that does not serve and on one that terminates", () => {
    const pod: Endpoint = { ...endpoint("10.1.0.1", "n1", "ready terminating"), serving: false };
    expect(outcome(but(world([pod]), advertisement("all", { endpointPolicy: "Ready" })))).toBe("announced");
  });

  it("slices deleted before their Service: noEndpoints, and announced again when they come back", () => {
    const objects = world([endpoint("10.1.0.1", "n1")]);
    const planner = planned(objects);
    const web = slice("web", [endpoint("10.1.0.1", "n1")]);
    expect(planner.apply([gone(web)]).routes).toHaveLength(1);
    expect(verdict(planner, VIP)).toBe("noEndpoints");
    planner.apply([set(web)]);
    expect(prefixes(planner)).toEqual([`${VIP}/32`]);
  });

  it("a Service deleted before its slices is withdrawn, and a new one of its name takes them up", () => {
    const planner = planned(world([endpoint("10.1.0.1", "n1")]));
    const { routes, transitions } = planner.apply([gone(service("web"))]);
    expect(routes.map(({ attributes }) => attributes)).toEqual([null]);
    expect(transitions).toMatchObject([{ service: "default/web", announced: false, reason: "serviceDeleted" }]);
    planner.apply([set(service("web", { metadata: { uid: "other" }, loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }))]);
    expect(prefixes(planner)).toEqual([`${VIP}/32`]);
  });

  it("withoutEndpoints Announce: every node announces while nothing counts anywhere, and Local still holds when something does", () => {
    const everywhere = advertisement("all", { withoutEndpoints: "Announce" });
    expect(outcome(but(world([]), everywhere), { node: "n2" })).toBe("announced");
    expect(outcome(but(world([endpoint("10.1.0.1", "n1")]), everywhere), { node: "n2" })).toBe("noLocalEndpoints");
  });
});

describe("addresses of a Service", () => {
  const ready = [endpoint("10.1.0.1", "n1")];

  it("an ingress with a hostname or ipMode Proxy alone leaves no address: noAddress", () => {
    // Such entries never reach the planner: the checked object holds those with an IP that a proxy programs.
    const planner = planned(but(world(ready), service("web", { loadBalancerIPs: [] })));
    expect(planner.services()).toMatchObject([{ address: null, kind: null, reason: "noAddress" }]);
  });

  it.each([
    ["headless", { headless: true }],
    ["ExternalName", { type: "ExternalName" }],
  ] as const)("%s Services have none of any kind: noAddress", (_name, spec) => {
    const planner = planned(but(world(ready), service("web", { ...spec, loadBalancerIPs: [ip(VIP)], externalIPs: [ip("198.51.100.1")] })));
    expect(planner.services()).toMatchObject([{ address: null, reason: "noAddress" }]);
  });

  it("ingress counts only while the type is LoadBalancer", () => {
    const planner = planned(
      but(world(ready), service("web", { type: "ClusterIP", clusterIPs: [ip("10.96.0.1")], loadBalancerIPs: [ip(VIP)] })),
    );
    expect(planner.services().map(({ address }) => address)).toEqual(["10.96.0.1"]);
  });

  it("a Service being deleted: serviceDeleted", () => {
    expect(outcome(but(world(ready), service("web", { metadata: { deleting: true }, loadBalancerIPs: [ip(VIP)] })))).toBe("serviceDeleted");
  });

  it("a Service of another proxy: foreignProxy, unless that proxy is ours", () => {
    const labels = { "service.kubernetes.io/service-proxy-name": "cilium" };
    const objects = but(world(ready), service("web", { metadata: { labels }, loadBalancerIPs: [ip(VIP)] }));
    expect(outcome(objects)).toBe("foreignProxy");
    expect(outcome(objects, { serviceProxyName: "cilium" })).toBe("announced");
  });

  it("a class that stops matching: loadBalancerClassMismatch for the load balancer address alone", () => {
    const classed = service("web", { loadBalancerClass: "theirs", loadBalancerIPs: [ip(VIP)], clusterIPs: [ip("10.96.0.1")] });
    const planner = planned(but(world(ready, "Cluster"), advertisement("all", { addresses: ["ClusterIP", "LoadBalancerIP"] })));
    planner.apply([set(classed)]);
    expect(verdict(planner, VIP)).toBe("loadBalancerClassMismatch");
    expect(verdict(planner, "10.96.0.1")).toBe("announced");
    expect(outcome(but(world(ready), classed), { loadBalancerClass: "theirs" })).toBe("announced");
  });

  it("an external IP is never announced without an explicit CIDR: ipNotAllowed", () => {
    const external = service("web", { type: "ClusterIP", externalIPs: [ip(VIP)] });
    const asks = (more: object) => but(world(ready), external, advertisement("all", { addresses: ["ExternalIP"], ...more }));
    expect(outcome(asks({}))).toBe("ipNotAllowed");
    expect(outcome(asks({ cidrs: [cidr("203.0.113.0/24")] }))).toBe("announced");
    expect(outcome(asks({ cidrs: [cidr("198.51.100.0/24")] }))).toBe("ipNotAllowed");
    expect(outcome(but(asks({ ipAddressPools: ["edge"] }), pool("edge", "203.0.113.1", "203.0.113.9")))).toBe("announced");
    expect(outcome(asks({ ipAddressPools: ["edge"] }))).toBe("ipNotAllowed");
  });

  it("two Services on one IP with different policies: announced where the Local one lives, noLocalEndpoints elsewhere", () => {
    const both = but(
      world([endpoint("10.1.0.1", "n2")]),
      service("shop", { loadBalancerIPs: [ip(VIP)] }),
      slice("shop", [endpoint("10.1.0.9", "n1")]),
    );
    const judged = (name: string) =>
      planned(both, { node: name })
        .services()
        .map(({ service: key, announced, reason }) => `${key} ${announced ? "announced" : reason}`);
    expect(judged("n1")).toEqual(["default/shop noLocalEndpoints", "default/web noLocalEndpoints"]);
    expect(judged("n2")).toEqual(["default/shop announced", "default/web announced"]);
  });

  it("a ClusterIP is local-only under either traffic policy", () => {
    const objects = (internal: "Local" | "Cluster", external: "Local" | "Cluster") =>
      but(
        world([endpoint("10.1.0.1", "n2")]),
        advertisement("all", { addresses: ["ClusterIP"] }),
        service("web", { clusterIPs: [ip("10.96.0.1")], internalTrafficPolicy: internal, externalTrafficPolicy: external }),
      );
    expect(outcome(objects("Cluster", "Cluster"), {}, "10.96.0.1")).toBe("announced");
    expect(outcome(objects("Local", "Cluster"), {}, "10.96.0.1")).toBe("noLocalEndpoints");
    expect(outcome(objects("Cluster", "Local"), {}, "10.96.0.1")).toBe("noLocalEndpoints");
  });

  it("the policy flips from Local to Cluster and back: announced and noLocalEndpoints in turn", () => {
    const planner = planned(world([endpoint("10.1.0.1", "n2")]));
    expect(verdict(planner, VIP)).toBe("noLocalEndpoints");
    planner.apply([set(service("web", { loadBalancerIPs: [ip(VIP)] }))]);
    expect(verdict(planner, VIP)).toBe("announced");
    planner.apply([set(service("web", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }))]);
    expect(prefixes(planner)).toEqual([]);
  });
});

describe("advertisements and pools", () => {
  const ready = [endpoint("10.1.0.1", "n1")];

  it("without any advertisement, or none that asks for the kind: noMatchingAdvertisement", () => {
    const objects = world(ready).filter(({ kind }) => kind !== "BGPAdvertisement");
    expect(outcome(objects)).toBe("noMatchingAdvertisement");
    expect(outcome(but(objects, advertisement("cluster", { addresses: ["ClusterIP"] })))).toBe("noMatchingAdvertisement");
  });

  it.each([
    ["service", { serviceSelectors: [labelled("herald.dev/service-name", "other")] }],
    ["namespace", { namespaceSelectors: [labelled("kubernetes.io/metadata.name", "other")] }],
    ["node", { nodeSelectors: [labelled("rack", "r1")] }],
  ])("the %s selector stops matching: noMatchingAdvertisement", (_name, spec) => {
    const planner = planned(world(ready));
    planner.apply([set(advertisement("all", spec))]);
    expect(verdict(planner, VIP)).toBe("noMatchingAdvertisement");
    planner.apply([set(advertisement("all"))]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("namespace and Service can be selected by label, name and pseudo-label", () => {
    const select = advertisement("all", {
      serviceSelectors: [labelled("herald.dev/service-name", "web")],
      namespaceSelectors: [labelled("env", "prod")],
    });
    const planner = planned(but(world(ready), select));
    expect(verdict(planner, VIP)).toBe("noMatchingAdvertisement");
    planner.apply([set(namespace("default", { env: "prod" }))]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("an address inside two pools: announced once, whichever names it", () => {
    const pools = [pool("a", "203.0.113.0", "203.0.113.9"), pool("b", "203.0.113.1", "203.0.113.1", { edge: "yes" })];
    const by = advertisement("all", { ipAddressPools: ["a"], ipAddressPoolSelectors: [labelled("edge", "yes")] });
    expect(prefixes(planned(but(world(ready), ...pools, by)))).toEqual([`${VIP}/32`]);
  });

  it("an address inside two blocks: announced by the longer one, and both stand by themselves", () => {
    const blocks = advertisement("all", { blocks: [cidr("203.0.113.0/24"), cidr("203.0.112.0/22")] });
    const planner = planned(but(world(ready, "Cluster"), blocks));
    expect(verdict(planner, VIP)).toBe("announced");
    expect(planner.routes().map(({ prefix, owners }) => [prefix, owners])).toEqual([
      ["203.0.112.0/22", []],
      ["203.0.113.0/24", ["default/web"]],
    ]);
  });

  it("an aggregate with mixed attributes: announced once with all of them merged, and attributeConflict says so", () => {
    const gold = advertisement("gold", {
      aggregationLength: 24,
      serviceSelectors: [labelled("tier", "gold")],
      med: 5,
      communities: ["65000:2"],
    });
    const others = [
      advertisement("all", { aggregationLength: 24, med: 7, communities: ["65000:1"] }),
      gold,
      service("shop", { metadata: { labels: { tier: "gold" } }, loadBalancerIPs: [ip("203.0.113.9")] }),
      slice("shop", [endpoint("10.1.0.9", "n1")]),
    ];
    const planner = planned(but(world(ready, "Cluster"), ...others));
    expect(planner.routes()).toMatchObject([{ prefix: "203.0.113.0/24", med: 5, communities: ["65000:1", "65000:2"] }]);
    expect([verdict(planner, VIP), verdict(planner, "203.0.113.9")]).toEqual(["announced", "announced"]);
    expect(planner.findings().map(({ code }) => code)).toContain("attributeConflict");
  });

  it("the furthest pair speaks: another advertisement's better reason wins over the first by name", () => {
    const objects = but(world([]), advertisement("aa", { addresses: ["ClusterIP"] }), advertisement("bb", { cidrs: [cidr("10.0.0.0/8")] }));
    expect(outcome(objects), "all gets as far as the endpoints").toBe("noEndpoints");
  });

  it("ties go by advertisement name", () => {
    const objects = but(
      world([endpoint("10.1.0.1", "n1", "serving terminating"), endpoint("10.1.0.2", "n2", "serving")]),
      advertisement("all", { endpointPolicy: "Ready" }),
      advertisement("zz", { endpointPolicy: "Serving", withoutEndpoints: "Withdraw", nodeSelectors: [labelled("rack", "none")] }),
    );
    expect(outcome(objects)).toBe("noEndpoints");
  });

  it("an unknown community alias keeps the advertisement out of force, and says so as an error", () => {
    const planner = planned(but(world(ready), advertisement("all", { communities: ["65000:1", "blue"] })));
    expect(verdict(planner, VIP)).toBe("noMatchingAdvertisement");
    expect(planner.findings()).toMatchObject([{ severity: "error", code: "unknownCommunity", field: "spec.communities[1]" }]);
    expect(planner.services()[0]?.detail).toContain("not in force: all");
  });
});

describe("nodes", () => {
  const ready = [endpoint("10.1.0.1", "n1")];
  const EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers";

  it("the exclude label flips: nodeLabeledExcludeBalancers and back", () => {
    const planner = planned(world(ready));
    planner.apply([set(node("n1", { metadata: { labels: { [EXCLUDE]: "" } } }))]);
    expect(verdict(planner, VIP)).toBe("nodeLabeledExcludeBalancers");
    planner.apply([set(node("n1"))]);
    expect(verdict(planner, VIP)).toBe("announced");
    const labelledNode = but(world(ready), node("n1", { metadata: { labels: { [EXCLUDE]: "false" } } }));
    expect(outcome(labelledNode), "any value excludes").toBe("nodeLabeledExcludeBalancers");
    expect(outcome(labelledNode, { ignoreExcludeLabel: true })).toBe("announced");
  });

  it("a true NetworkUnavailable condition: nodeNetworkUnavailable", () => {
    expect(outcome(but(world(ready), node("n1", { networkUnavailable: true })))).toBe("nodeNetworkUnavailable");
  });

  it("a NotReady node: announced still, the endpoints say what works", () => {
    expect(outcome(but(world(ready), node("n1", { ready: false })))).toBe("announced");
  });

  it("a cordon: nodeDrained only where the configuration says so", () => {
    const objects = but(world(ready), node("n1", { unschedulable: true }));
    expect(outcome(objects)).toBe("announced");
    expect(outcome(objects, { drain: { annotation: true, nodeShutdown: true, cordon: true, taints: [] } })).toBe("nodeDrained");
  });

  it.each([
    ["annotation", { metadata: { annotations: { "herald.dev/drain": "kernel update" } } }],
    ["taint", { taints: [{ key: "node.kubernetes.io/out-of-service", value: "", effect: "NoExecute" }] }],
    ["shutdown", { ready: false, shuttingDown: true }],
  ])("drained by %s: nodeDrained", (_name, spec) => {
    expect(outcome(but(world(ready), node("n1", spec)))).toBe("nodeDrained");
  });

  it('a drain annotation of "false" and other taints drain nothing', () => {
    const spec = {
      metadata: { annotations: { "herald.dev/drain": "false" } },
      taints: [{ key: "node.kubernetes.io/unreachable", value: "", effect: "NoExecute" }],
    };
    expect(outcome(but(world(ready), node("n1", spec)))).toBe("announced");
  });

  it("a local drain counts like the annotation, and its end too", () => {
    const planner = planned(world(ready), { facts: [{ name: "drain", reason: "maintenance" }] });
    expect(verdict(planner, VIP)).toBe("nodeDrained");
    planner.apply([{ input: "fact", fact: { name: "drain", reason: null } }]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("a node without an object has no labels and is named in a finding", () => {
    const planner = planned(world([endpoint("10.1.0.1", "n9")]), { node: "n9" });
    expect(verdict(planner, VIP)).toBe("announced");
    expect(planner.findings()).toMatchObject([{ severity: "warning", code: "nodeUnknown", object: { kind: "Node", name: "n9" } }]);
  });
});

describe("peers and next hops", () => {
  const ready = [endpoint("10.1.0.1", "n1")];

  it("a peer added while running: announced to it at once", () => {
    const planner = planned(world(ready));
    const { peers, routes } = planner.apply([set(peer("tor2"))]);
    expect(peers).toMatchObject([{ name: "tor2", nextHop: { IPv4: "session", IPv6: null } }]);
    expect(routes.map(({ peer: to, attributes }) => [to, attributes !== null])).toEqual([["tor2", true]]);
  });

  it("no peer at all, none named, or none for this node: peerNotSelected", () => {
    expect(outcome(world(ready).filter(({ kind }) => kind !== "BGPPeer"))).toBe("peerNotSelected");
    expect(outcome(but(world(ready), advertisement("all", { peers: ["other"] })))).toBe("peerNotSelected");
    const planner = planned(but(world(ready), peer("tor", { nodeSelectors: [labelled("rack", "r1")] })));
    expect(verdict(planner, VIP)).toBe("peerNotSelected");
    expect(planner.apply([set(node("n1", { metadata: { labels: { rack: "r1" } } }))]).peers).toMatchObject([
      { name: "tor", peer: { kind: "BGPPeer" } },
    ]);
    expect(planner.apply([set(node("n1"))])).toMatchObject({ peers: [{ name: "tor", peer: null }], routes: [{ attributes: null }] });
  });

  it("a family the session did not negotiate: peerFamilyNotNegotiated, and configured families count while nothing is known", () => {
    const objects = but(world(ready), peer("tor", { families: ["IPv6"] }));
    expect(outcome(objects)).toBe("peerFamilyNotNegotiated");
    const facts = [{ name: "session", peer: "tor", families: ["IPv4"], localAddress: ip("192.0.2.2") }] as const;
    expect(outcome(objects, { facts })).toBe("announced");
    expect(outcome(world(ready), { facts: [{ ...facts[0], families: ["IPv6"] }] })).toBe("peerFamilyNotNegotiated");
  });

  it("a session's own address on loopback is no next hop: noNextHop, unless one is set", () => {
    const facts = [{ name: "session", peer: "tor", families: ["IPv4"], localAddress: ip("127.0.0.1") }] as const;
    expect(outcome(world(ready), { facts })).toBe("noNextHop");
    expect(outcome(but(world(ready), peer("tor", { nextHop: { ipv4: ip("10.0.0.1"), ipv6: null } })), { facts })).toBe("announced");
    const internal = but(world(ready), peer("tor", { nextHopSource: "NodeInternalIP" }), node("n1", { internalIPs: [ip("10.0.0.7")] }));
    const planner = planned(internal, { facts });
    expect(planner.routes()[0]?.nextHop).toEqual({ tor: "10.0.0.7" });
  });

  it.each(["0.0.0.0", "127.0.0.1", "224.0.0.5", VIP])("a fixed next hop of %s: noNextHop", (hop) => {
    expect(outcome(but(world(ready), peer("tor", { nextHop: { ipv4: ip(hop), ipv6: null } })))).toBe("noNextHop");
  });

  it("IPv6 over an IPv4 session takes the Node's InternalIP, and without one: noNextHop", () => {
    const v6 = "2001:db8::1";
    const objects = but(
      world([endpoint("fd00:1::1", "n1")]),
      service("web", { loadBalancerIPs: [ip(v6)] }),
      slice("web", [endpoint("fd00:1::1", "n1")]),
    );
    expect(outcome(objects, {}, v6)).toBe("noNextHop");
    const planner = planned(but(objects, node("n1", { internalIPs: [ip("10.0.0.1"), ip("fd00::1")] })));
    expect(planner.routes()).toMatchObject([{ prefix: `${v6}/128`, nextHop: { tor: "fd00::1" } }]);
  });

  it("a session that says what was assumed changes nothing, whatever else it says", () => {
    const planner = planned(world(ready));
    const fact = { name: "session", peer: "tor", families: ["IPv4", "IPv6"], localAddress: ip("192.0.2.2") } as const;
    const { routes, peers, transitions } = planner.apply([{ input: "fact", fact }]);
    expect([routes, peers, transitions]).toEqual([[], [], []]);
    expect(planner.routes()[0]?.nextHop).toEqual({ tor: "192.0.2.2" });
  });
});

describe("a speaker that starts, stops and loses its source", () => {
  const objects = world([endpoint("10.1.0.1", "n1")]);

  it("API server gone at start: nothing is announced and nothing said of what was only noted", () => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    planner.note(objects.slice(0, -1).map(set));
    expect([planner.routes(), planner.services(), planner.decisions()]).toEqual([[], [], { announced: 0, notAnnounced: {} }]);
    planner.note(objects.slice(-1).map(set));
    expect(planner.decide().routes.map(({ attributes }) => attributes !== null)).toEqual([true]);
  });

  it("API server gone at run time: announced as before, however long, and its list when it is back changes nothing", () => {
    const planner = planned(objects, { facts: [{ name: "time", nowMillis: 0 }] });
    const later = planner.apply([{ input: "fact", fact: { name: "time", nowMillis: 86_400_000 } }]);
    expect([later.routes, later.transitions, later.wakeAtMillis]).toEqual([[], [], null]);
    const again = planner.apply([...objects].reverse().map((object) => set(structuredClone(object))));
    expect([again.routes, again.transitions, verdict(planner, VIP)]).toEqual([[], [], "announced"]);
  });

  it("restart with Graceful Restart: announced again with the same routes, whatever order the objects are listed in", () => {
    const before = planned(objects);
    const after = planned([...objects].reverse());
    expect(after.peerRoutes()).toEqual(before.peerRoutes());
    expect(prefixes(after)).toEqual([`${VIP}/32`]);
  });

  it("restart without it, on a node that came up just now: dataplaneNotReady until the service proxy answers", () => {
    const gate = { name: "gate", healthz: "http://127.0.0.1:10256/healthz", onlyWhereRequired: false } as const;
    const planner = planned(objects, { facts: [gate] });
    expect(verdict(planner, VIP)).toBe("dataplaneNotReady");
    planner.apply([{ input: "fact", fact: { name: "proxyAnswer", answer: { answer: "status", status: 200 } } }]);
    expect(verdict(planner, VIP)).toBe("announced");
  });
});
