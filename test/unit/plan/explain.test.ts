import { describe, expect, it } from "vitest";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { explainCluster, planCluster } from "../../../src/plan/cluster.ts";
import { CHECKS, REASON_CHECK } from "../../../src/plan/reasons.ts";
import { formatSubject, parseSubject } from "../../../src/plan/subject.ts";
import { advertisement, cidr, endpoint, ip, labelled, node, peer, service, slice } from "../../support/cluster-objects.ts";
import { planned } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";
const OPTIONS = { ...DEFAULT_PLANNER_OPTIONS, nodeFilter: null, peerFilter: null };

const OBJECTS: readonly ClusterObject[] = [
  node("n2", { internalIPs: [ip("10.0.0.2")] }),
  node("n1", { internalIPs: [ip("10.0.0.1")] }),
  node("n3", { metadata: { labels: { rack: "r2" } } }),
  peer("tor", {
    nextHopSource: "NodeInternalIP",
    nodeSelectors: [labelled("rack", "r1"), { matchLabels: {}, matchExpressions: [{ key: "rack", operator: "DoesNotExist", values: [] }] }],
  }),
  peer("core", { families: ["IPv6"], nextHop: { ipv4: null, ipv6: ip("fd00::9") } }),
  advertisement("all", { communities: ["65000:1"] }),
  advertisement("cluster", { addresses: ["ClusterIP"], cidrs: [cidr("10.96.0.0/12")] }),
  service("web", { loadBalancerIPs: [ip(VIP)], clusterIPs: [ip("10.96.0.1")], externalTrafficPolicy: "Local" }),
  slice("web", [endpoint("10.1.2.2", "n1"), endpoint("10.1.2.3", "n2", "serving terminating")]),
];

describe("explain", () => {
  it("lists all seventeen checks in order, with what decided in words", () => {
    const explained = explainCluster(OBJECTS, OPTIONS, parseSubject(VIP, "default"));
    const on2 = explained?.items.find((item) => item.node === "n2");
    expect(on2).toMatchObject({ peer: null, advertisement: "all", service: "default/web", address: VIP, kind: "LoadBalancerIP" });
    expect(on2).toMatchObject({ announced: false, reason: "endpointsTerminating" });
    expect(on2?.checks.map(({ number, name }) => [number, name])).toEqual(CHECKS.map((name, i) => [i + 1, name]));
    expect(on2?.checks.map(({ result }) => result).join(" ")).toBe(`${"pass ".repeat(10)}fail${" notReached".repeat(6)}`);
    expect(on2?.checks[10]).toEqual({
      number: 11,
      name: "endpoints",
      result: "fail",
      assumed: false,
      reason: "endpointsTerminating",
      object: { kind: "EndpointSlice", namespace: "default", name: "web" },
      field: "endpoints",
      value: "10.1.2.3",
      text: "pod 10.1.2.3 on n2: serving, terminating",
    });
    expect(on2?.remedy).not.toContain("\n");
    expect(on2?.remedy).not.toBe("");
    expect(explained?.timeline).toBeNull();
  });

  it("marks what is taken for granted, and answers for every peer where the reason is the peer's", () => {
    const items = explainCluster(OBJECTS, OPTIONS, parseSubject("web", "default"))?.items.filter((item) => item.node === "n1") ?? [];
    expect(items.map(({ address, peer: to, announced, reason }) => [address, to, announced, reason])).toEqual([
      ["10.96.0.1", "core", false, "peerFamilyNotNegotiated"],
      [VIP, "core", false, "peerFamilyNotNegotiated"],
      ["10.96.0.1", "tor", true, ""],
      [VIP, "tor", true, ""],
    ]);
    const announced = items.find((item) => item.announced && item.address === VIP);
    expect(announced?.checks.filter(({ assumed }) => assumed).map(({ name }) => name)).toEqual(["dataplane", "peer"]);
    expect(announced?.checks[14]?.text).toBe("10.0.0.1, the node's InternalIP");
    expect(announced?.remedy).toBe("");
  });

  it("without a matching advertisement shows how far the furthest got", () => {
    const objects = [...OBJECTS, advertisement("all", { serviceSelectors: [labelled("tier", "gold")] })];
    const [item] = planned(objects).explain(parseSubject(VIP, "default"))?.items ?? [];
    expect(item).toMatchObject({ peer: null, advertisement: "all", reason: "noMatchingAdvertisement" });
    expect(item?.checks[5]).toMatchObject({
      result: "fail",
      field: "spec.serviceSelectors",
      text: "advertisement all does not select Service default/web",
    });
  });

  it("takes a prefix, an address or a name, and knows nothing of what does not exist", () => {
    const texts = ["203.0.113.0/24", VIP, "web", "default/web", "2001:db8::/32", "other/2001"];
    expect(texts.map((text) => parseSubject(text, "default").type)).toEqual([
      "prefix",
      "address",
      "service",
      "service",
      "prefix",
      "service",
    ]);
    expect(texts.map((text) => formatSubject(parseSubject(text, "default")))).toEqual([
      "203.0.113.0/24",
      VIP,
      "default/web",
      "default/web",
      "2001:db8::/32",
      "other/2001",
    ]);
    const planner = planned(OBJECTS);
    expect(planner.explain(parseSubject("203.0.113.0/24", "default"))?.items.map(({ address }) => address)).toEqual([VIP, VIP]);
    for (const unknown of ["198.51.100.1", "198.51.100.0/24", "nobody"])
      expect(planner.explain(parseSubject(unknown, "default"))).toBeNull();
  });

  it("gives every reason a check", () => {
    const numbers = Object.values(REASON_CHECK);
    expect(numbers).toHaveLength(19);
    for (const number of numbers) expect(CHECKS[number - 1]).toBeDefined();
  });
});

describe("the plan of a whole cluster", () => {
  it("lists routes by node, peer and prefix, and one refusal for each address, per peer only where the reason is the peer's", () => {
    const report = planCluster(OBJECTS, OPTIONS);
    expect(report.routes.map((route) => [route.node, route.peer, route.prefix, route.nextHop, route.owners])).toEqual([
      ["n1", "tor", "10.96.0.1/32", "10.0.0.1", ["default/web"]],
      ["n1", "tor", `${VIP}/32`, "10.0.0.1", ["default/web"]],
    ]);
    expect(report.notAnnounced.map((one) => [one.node, one.peer, one.service, one.address, one.kind, one.reason])).toEqual([
      ["n1", "core", "default/web", "10.96.0.1", "ClusterIP", "peerFamilyNotNegotiated"],
      ["n1", "core", "default/web", VIP, "LoadBalancerIP", "peerFamilyNotNegotiated"],
      ["n2", null, "default/web", "10.96.0.1", "ClusterIP", "endpointsTerminating"],
      ["n2", null, "default/web", VIP, "LoadBalancerIP", "endpointsTerminating"],
      ["n3", null, "default/web", "10.96.0.1", "ClusterIP", "noLocalEndpoints"],
      ["n3", null, "default/web", VIP, "LoadBalancerIP", "noLocalEndpoints"],
    ]);
    expect(report.notAnnounced.every(({ detail }) => detail !== "")).toBe(true);
    expect(report.assumed).toEqual(["families", "nextHop", "dataplane"]);
    expect(report.findings).toEqual([]);
  });

  it("names a peer whose node selectors leave the node out", () => {
    const objects = [...OBJECTS, service("web", { loadBalancerIPs: [ip(VIP)] })];
    const on3 = planCluster(objects, { ...OPTIONS, nodeFilter: "n3" }).notAnnounced;
    expect(on3.map((one) => [one.peer, one.reason, one.detail])).toEqual([
      ["core", "peerFamilyNotNegotiated", "peer core is configured for IPv6, not IPv4"],
      ["tor", "peerNotSelected", "peer tor does not select node n3"],
    ]);
  });

  it("can be asked about one node, known or not, and one peer", () => {
    expect(planCluster(OBJECTS, { ...OPTIONS, nodeFilter: "n1", peerFilter: "core" })).toMatchObject({
      routes: [],
      notAnnounced: [{ peer: "core" }, { peer: "core" }],
    });
    const ghost = planCluster(OBJECTS, { ...OPTIONS, nodeFilter: "n9" });
    expect(ghost.findings).toMatchObject([{ code: "nodeUnknown", object: { name: "n9" } }]);
    expect(new Set(ghost.notAnnounced.map(({ reason }) => reason))).toEqual(new Set(["noLocalEndpoints"]));
    expect(planCluster([], OPTIONS).findings).toMatchObject([{ code: "nodeUnknown", object: null }]);
  });
});

describe("a planner on the move", () => {
  it("says what moved a decision", () => {
    const planner = planned(OBJECTS);
    const away = slice("web", [endpoint("10.1.2.3", "n2")], { metadata: { resourceVersion: "77" } });
    const { transitions } = planner.apply([{ input: "object", change: { type: "set", object: away } }]);
    expect(transitions.filter(({ address }) => address?.key === ip(VIP).key)).toMatchObject([
      {
        service: "default/web",
        peer: null,
        announced: false,
        reason: "noLocalEndpoints",
        detail: "no IPv4 endpoint on n1; ready on n2",
        cause: { kind: "EndpointSlice", name: "default/web", resourceVersion: "77" },
      },
    ]);
    expect(planner.decisions()).toEqual({ announced: 0, notAnnounced: { noLocalEndpoints: 2 } });
  });

  it("decides in slices and counts what is left", () => {
    const many = Array.from({ length: 5 }, (_, i) => [
      service(`s${i}`, { loadBalancerIPs: [ip(`203.0.113.${i + 10}`)] }),
      slice(`s${i}`, [endpoint("10.1.0.1", "n1")]),
    ]).flat();
    const planner = planned(OBJECTS);
    planner.note(many.map((object) => ({ input: "object", change: { type: "set", object } })));
    const pending: number[] = [];
    let routes = 0;
    do {
      const change = planner.decide(2);
      pending.push(change.pending);
      routes += change.routes.length;
    } while (pending.at(-1) !== 0);
    expect(pending).toEqual([3, 1, 0]);
    expect(routes).toBe(5);
  });
});
