import { describe, expect, it } from "vitest";
import type { BGPAdvertisement, ClusterObject } from "../../../src/objects/kinds.ts";
import { advertisement, cidr, community, endpoint, gone, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned, prefixes, verdict } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";

/** Two Services on one address: `a` lives on n1 and n2, `b` where told. */
function shared(nodesOfB: readonly string[], policyOfB: "Local" | "Cluster" = "Local"): ClusterObject[] {
  return [
    ...["n1", "n2", "n3"].map((name) => node(name)),
    peer("tor"),
    advertisement("all"),
    service("a", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }),
    slice("a", [endpoint("10.1.0.1", "n1"), endpoint("10.1.0.2", "n2")]),
    service("b", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: policyOfB }),
    slice(
      "b",
      nodesOfB.map((name, i) => endpoint(`10.2.0.${i + 1}`, name)),
      { addressType: "IPv4" },
    ),
  ];
}

function announcing(objects: readonly ClusterObject[]): string[] {
  return ["n1", "n2", "n3"].filter((name) => prefixes(planned(objects, { node: name })).length > 0);
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((first, i) => permutations(list.filter((_, at) => at !== i)).map((rest) => [first, ...rest]));
}

describe("one address of several Services", () => {
  it("stays announced while any owner wants it, and goes with the last", () => {
    const planner = planned(shared(["n1"], "Cluster"));
    expect(planner.apply([gone(service("a"))]).routes).toEqual([]);
    expect(planner.apply([gone(service("b"))]).routes).toMatchObject([{ peer: "tor", attributes: null }]);
  });

  it("with different policies: only nodes with an endpoint of the Local owner announce", () => {
    expect(announcing(shared(["n3"], "Cluster"))).toEqual(["n1", "n2"]);
  });

  it("with two Local owners: only nodes that have endpoints of both", () => {
    expect(announcing(shared(["n2", "n3"]))).toEqual(["n2"]);
    const planner = planned(shared(["n2", "n3"]));
    expect(verdict(planner, VIP)).toBe("noLocalEndpoints");
    expect(planner.services()[0]?.detail).toBe("the address is shared with default/b, which has no usable endpoint on n1");
  });

  it("what one owner gains or loses decides for the others too, though nothing of theirs changed: noLocalEndpoints", () => {
    const planner = planned(shared(["n1", "n2"]));
    expect(verdict(planner, VIP)).toBe("announced");
    const b = (...on: readonly string[]) =>
      set(
        slice(
          "b",
          on.map((name, i) => endpoint(`10.2.0.${i + 1}`, name)),
        ),
      );
    expect(planner.apply([b("n2")]).routes).toMatchObject([{ attributes: null }]);
    const verdicts = () => planner.services().map(({ service: owner, reason }) => [owner, reason]);
    expect(verdicts()).toEqual([
      ["default/a", "noLocalEndpoints"],
      ["default/b", "noLocalEndpoints"],
    ]);
    expect(planner.apply([b("n1", "n2")]).routes).toHaveLength(1);
    expect(verdicts()).toEqual([
      ["default/a", ""],
      ["default/b", ""],
    ]);
  });

  it("merges attributes: communities united, the highest localPref, the lowest med, the fewest prepends", () => {
    const ibgp = peer("tor", { myASN: 65000, peerASN: 65000 });
    const wish = (name: string, more: Partial<BGPAdvertisement>) => advertisement(name, more);
    const planner = planned([
      node("n1"),
      ibgp,
      peer("ebgp"),
      wish("one", { localPref: 50, med: 7, asPathPrepend: 3, communities: ["65000:1"] }),
      wish("two", { localPref: 200, med: 5, asPathPrepend: 1, communities: ["65000:2"] }),
      wish("unset", { communities: ["65000:1"], asPathPrepend: 2 }),
      service("a", { loadBalancerIPs: [ip(VIP)] }),
      slice("a", [endpoint("10.1.0.1", "n1")]),
    ]);
    const routes = planner.peerRoutes();
    expect(routes).toHaveLength(2);
    for (const route of routes) expect(route).toMatchObject({ med: 5, communities: ["65000:1", "65000:2"] });
    expect(routes.map(({ peer: to, localPref, asPathPrepend }) => [to, localPref, asPathPrepend])).toEqual([
      ["ebgp", null, 1],
      ["tor", 200, 0],
    ]);
  });

  it("an owner without any counted endpoint does not hold the others back", () => {
    expect(announcing(shared([]))).toEqual(["n1", "n2"]);
  });

  it("where no node has endpoints of both, any owner suffices and sharedAddressDisagrees says so", () => {
    const objects = shared(["n3"]);
    expect(announcing(objects)).toEqual(["n1", "n2", "n3"]);
    expect(planned(objects).findings()).toMatchObject([{ code: "sharedAddressDisagrees", severity: "warning" }]);
  });

  it("an address that changes hands in one go is one replacement and never a withdrawal", () => {
    const one = [
      node("n1"),
      peer("tor"),
      advertisement("all"),
      slice("a", [endpoint("10.1.0.1", "n1")]),
      slice("b", [endpoint("10.1.0.2", "n1")]),
    ];
    const planner = planned([...one, service("a", { loadBalancerIPs: [ip(VIP)] })]);
    expect(planner.apply([gone(service("a")), set(service("b", { loadBalancerIPs: [ip(VIP)] }))]).routes).toEqual([]);
    expect(planner.routes()[0]?.owners).toEqual(["default/b"]);
    expect(planner.apply([set(service("a", { loadBalancerIPs: [ip(VIP)] })), gone(service("b"))]).routes).toEqual([]);
  });
});

describe("attributes of one prefix", () => {
  const base = [node("n1"), peer("tor"), slice("web", [endpoint("10.1.0.1", "n1")]), service("web", { loadBalancerIPs: [ip(VIP)] })];
  const owners: readonly Partial<BGPAdvertisement>[] = [
    { localPref: 200, med: 10, asPathPrepend: 2, communities: ["65000:1", "no-export"] },
    { localPref: 50, asPathPrepend: 1, communities: ["65000:2", "large:1:2:3"] },
    { med: 5, asPathPrepend: 3, communities: ["65000:1"], extendedCommunities: ["0002fde800000064"] },
    { linkBandwidth: { bytesPerSecondPerEndpoint: 1000, transitive: true }, asPathPrepend: 4 },
  ];

  it("are united, highest, lowest and fewest, in whatever order the owners come", () => {
    const named = owners.map((spec, i) => advertisement(`d${i}`, spec));
    let orders = 0;
    for (const order of permutations(named)) {
      const planner = planned(base);
      for (const one of order) planner.apply([set(one)]);
      expect(planner.routes()).toEqual([
        {
          node: "n1",
          prefix: `${VIP}/32`,
          family: "IPv4",
          peers: ["tor"],
          nextHop: { tor: null },
          communities: ["65000:1", "65000:2", "65535:65281"],
          largeCommunities: ["1:2:3"],
          extendedCommunities: ["0x0002fde800000064"],
          localPref: null,
          med: 5,
          asPathPrepend: 1,
          linkBandwidth: 1000,
          owners: ["default/web"],
        },
      ]);
      orders++;
    }
    expect(orders).toBe(24);
    const found = planned([...base, ...named]).findings();
    expect(found).toMatchObject([
      { code: "attributeConflict", object: { kind: "BGPAdvertisement", name: "d0" }, field: "spec.asPathPrepend" },
    ]);
  });

  it("towards iBGP LOCAL_PREF shows, 100 where nothing is set, and no prepend", () => {
    const inside = peer("tor", { peerASN: "internal" });
    expect(planned([...base, inside, advertisement("all", { asPathPrepend: 2 })]).routes()).toMatchObject([
      { localPref: 100, asPathPrepend: 0 },
    ]);
    expect(planned([...base, inside, advertisement("all", { localPref: 7 })]).routes()).toMatchObject([{ localPref: 7 }]);
  });

  it("count an owner that cannot announce here at the moment: all nodes send equal values", () => {
    const two = [
      ...shared(["n1"], "Local").filter(({ kind }) => kind !== "BGPAdvertisement"),
      slice("b", [], { addressType: "IPv4" }),
      advertisement("for-a", {
        communities: ["65000:1"],
        serviceSelectors: [{ matchLabels: { "herald.dev/service-name": "a" }, matchExpressions: [] }],
      }),
      advertisement("for-b", {
        communities: ["65000:2"],
        serviceSelectors: [{ matchLabels: { "herald.dev/service-name": "b" }, matchExpressions: [] }],
      }),
    ];
    for (const name of ["n1", "n2"]) expect(planned(two, { node: name }).routes()[0]?.communities).toEqual(["65000:1", "65000:2"]);
  });

  it("differ between peers where advertisements name their peers", () => {
    const objects = [
      ...base,
      peer("tor2"),
      advertisement("one", { peers: ["tor"], communities: ["65000:1"] }),
      advertisement("two", { peers: ["tor2"], communities: ["65000:2"] }),
    ];
    expect(
      planned(objects)
        .routes()
        .map(({ peers, communities }) => [peers, communities]),
    ).toEqual([
      [["tor"], ["65000:1"]],
      [["tor2"], ["65000:2"]],
    ]);
  });

  it("follow an alias that changes, without a withdrawal", () => {
    const planner = planned([...base, community("names", { blue: "65000:7" }), advertisement("all", { communities: ["blue"] })]);
    const { routes } = planner.apply([set(community("names", { blue: "65000:8" }))]);
    expect(routes.map(({ attributes }) => attributes?.communities)).toEqual([[65000 * 65536 + 8]]);
  });
});

describe("weights", () => {
  const linkBandwidth = { bytesPerSecondPerEndpoint: 125_000_000, transitive: true };
  const pods = [endpoint("10.1.0.1", "n1"), endpoint("10.1.0.2", "n1"), endpoint("10.1.0.3", "n2"), endpoint("10.1.0.4", "n1", "")];
  const world = (policy: "Local" | "Cluster") => [
    node("n1"),
    peer("tor"),
    advertisement("all", { linkBandwidth }),
    service("web", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: policy }),
    slice("web", pods),
  ];

  it("are counted local endpoints times perEndpoint under Local, once under Cluster", () => {
    expect(planned(world("Local")).routes()[0]?.linkBandwidth).toBe(250_000_000);
    expect(planned(world("Local"), { node: "n2" }).routes()[0]?.linkBandwidth).toBe(125_000_000);
    expect(planned(world("Cluster")).routes()[0]?.linkBandwidth).toBe(125_000_000);
    expect(planned(world("Local")).services()[0]?.weight).toBe(250_000_000);
  });

  it("are 1 for a ClusterIP that is local-only through externalTrafficPolicy alone", () => {
    const objects = [...world("Local"), advertisement("all", { linkBandwidth, addresses: ["ClusterIP"] })];
    const cluster = (internalTrafficPolicy: "Local" | "Cluster") =>
      service("web", { clusterIPs: [ip("10.96.0.1")], externalTrafficPolicy: "Local", internalTrafficPolicy });
    expect(planned([...objects, cluster("Cluster")]).routes()[0]?.linkBandwidth).toBe(125_000_000);
    expect(planned([...objects, cluster("Local")]).routes()[0]?.linkBandwidth).toBe(250_000_000);
  });

  it("change with the endpoints as one replacement", () => {
    const { routes } = planned(world("Local")).apply([set(slice("web", pods.slice(0, 1)))]);
    expect(routes.map(({ attributes }) => attributes?.linkBandwidth?.bytesPerSecond)).toEqual([125_000_000]);
  });

  it("add up over the Services of a shared address whose endpoints count here", () => {
    const both = [...shared(["n1", "n1"]), advertisement("all", { linkBandwidth })];
    expect(planned(both).routes()[0]?.linkBandwidth).toBe(3 * 125_000_000);
  });
});

describe("covering prefixes", () => {
  const two = [
    node("n1"),
    peer("tor"),
    advertisement("all", { aggregationLength: 24 }),
    service("a", { loadBalancerIPs: [ip("203.0.113.1")] }),
    slice("a", [endpoint("10.1.0.1", "n1")]),
    service("b", { loadBalancerIPs: [ip("203.0.113.2")], externalTrafficPolicy: "Local" }),
    slice("b", [endpoint("10.1.0.2", "n1")]),
  ];

  it("an aggregate stands while one Cluster member is eligible; Local members are host routes", () => {
    const planner = planned(two);
    expect(prefixes(planner)).toEqual(["203.0.113.0/24", "203.0.113.2/32"]);
    planner.apply([gone(slice("a", []))]);
    expect(prefixes(planner)).toEqual(["203.0.113.2/32"]);
    expect(planner.findings()).toMatchObject([{ code: "coveringPrefix", field: "spec.aggregationLength" }]);
  });

  it("an aggregate with mixed attributes merges those of all its members", () => {
    const mixed = [
      ...two,
      service("c", { metadata: { labels: { gold: "yes" } }, loadBalancerIPs: [ip("203.0.113.9")] }),
      slice("c", [endpoint("10.1.0.3", "n2")]),
    ];
    const gold = advertisement("gold", {
      aggregationLength: 24,
      communities: ["65000:9"],
      serviceSelectors: [{ matchLabels: { gold: "yes" }, matchExpressions: [] }],
    });
    const [aggregate] = planned([...mixed, gold]).routes();
    expect(aggregate).toMatchObject({ prefix: "203.0.113.0/24", communities: ["65000:9"], owners: ["default/a", "default/c"] });
  });

  it("a block is announced whatever the Services, and an address inside two blocks by the longer one", () => {
    const blocks = advertisement("all", { blocks: [cidr("203.0.113.0/24"), cidr("203.0.112.0/22")] });
    const planner = planned([...two, blocks]);
    expect(prefixes(planner)).toEqual(["203.0.112.0/22", "203.0.113.0/24", "203.0.113.2/32"]);
    expect(planner.routes().map(({ owners }) => owners)).toEqual([[], ["default/a"], ["default/b"]]);
    planner.apply([set(node("n1", { networkUnavailable: true }))]);
    expect(prefixes(planner)).toEqual([]);
  });

  it("a block of a single address takes no other address out of the wider block around it", () => {
    const blocks = advertisement("all", { aggregationLength: 31, blocks: [cidr("203.0.113.1/32"), cidr("203.0.113.0/24")] });
    expect(prefixes(planned([...two, blocks]))).toEqual(["203.0.113.0/24", "203.0.113.1/32", "203.0.113.2/32"]);
  });

  it("from an aggregate to host routes and back all prefixes change in one go", () => {
    const planner = planned(two);
    const { routes } = planner.apply([set(advertisement("all"))]);
    expect(routes.map(({ prefix, attributes }) => [prefix.length, attributes !== null])).toEqual([
      [32, true],
      [24, false],
    ]);
  });
});
