import { describe, expect, it } from "vitest";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { balanceCluster } from "../../../src/plan/cluster.ts";
import { runThrough, sortInPieces } from "../../../src/plan/pauses.ts";
import { Planner } from "../../../src/plan/planner.ts";
import type { BalanceItem } from "../../../src/plan/report.ts";
import { advertisement, cidr, endpoint, ip, labelled, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";

const VIP = ip("203.0.113.1");
const GIGABIT = { bytesPerSecondPerEndpoint: 125_000_000, transitive: true };
const LOCAL = { loadBalancerIPs: [VIP], externalTrafficPolicy: "Local" } as const;

function balance(objects: readonly ClusterObject[], ecmpWidth = 64): readonly BalanceItem[] {
  const report = balanceCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, ecmpWidth, service: null });
  if (report === null) throw new Error("no report");
  return report.items;
}

/** The report about the only address there is. */
function only(objects: readonly ClusterObject[], ecmpWidth = 64): BalanceItem {
  const items = balance(objects, ecmpWidth);
  const [item] = items;
  if (item === undefined || items.length !== 1) throw new Error(`${items.length} items`);
  return item;
}

function nodes(...names: readonly string[]): ClusterObject[] {
  return [...names.map((name) => node(name, { internalIPs: [ip(`10.0.0.${name.slice(1)}`)] })), peer("tor")];
}

/** Three pods on n1, one each on n2 and n3. */
const UNEVEN = slice("web", [
  endpoint("10.1.1.1", "n1"),
  endpoint("10.1.1.2", "n1"),
  endpoint("10.1.1.3", "n1"),
  endpoint("10.1.2.1", "n2"),
  endpoint("10.1.3.1", "n3"),
]);

const shares = (item: BalanceItem, way: "equal" | "weighted") => ({
  nodes: item.nodes.map(({ share }) => share[way]),
  pods: item.pods.map(({ share }) => share[way]),
});

describe("the balance of a Service with a Local policy", () => {
  const world = [...nodes("n1", "n2", "n3"), service("web", LOCAL), UNEVEN];

  it("3:1:1 under plain ECMP gives each node a third, and a pod that is alone three times the share of the others", () => {
    const item = only([...world, advertisement("all")]);
    expect(item).toEqual({
      service: "default/web",
      address: "203.0.113.1",
      family: "IPv4",
      kind: "LoadBalancerIP",
      paths: 3,
      ecmpWidth: 64,
      exceedsEcmpWidth: false,
      nodes: [
        { node: "n1", endpoints: 3, linkBandwidth: null, share: { equal: 1 / 3, weighted: 1 / 3 } },
        { node: "n2", endpoints: 1, linkBandwidth: null, share: { equal: 1 / 3, weighted: 1 / 3 } },
        { node: "n3", endpoints: 1, linkBandwidth: null, share: { equal: 1 / 3, weighted: 1 / 3 } },
      ],
      pods: [
        { endpoint: "10.1.1.1", node: "n1", share: { equal: 1 / 9, weighted: 1 / 9 } },
        { endpoint: "10.1.1.2", node: "n1", share: { equal: 1 / 9, weighted: 1 / 9 } },
        { endpoint: "10.1.1.3", node: "n1", share: { equal: 1 / 9, weighted: 1 / 9 } },
        { endpoint: "10.1.2.1", node: "n2", share: { equal: 1 / 3, weighted: 1 / 3 } },
        { endpoint: "10.1.3.1", node: "n3", share: { equal: 1 / 3, weighted: 1 / 3 } },
      ],
      maxMinRatio: { equal: 3, weighted: 3 },
      advice:
        "set linkBandwidth (weights) on advertisement all, or spread the pods of Service default/web evenly (topologySpreadConstraints or podAntiAffinity): 1 to 3 pods per node",
    });
  });

  it("3:1:1 with weights gives every pod the same", () => {
    const item = only([...world, advertisement("all", { linkBandwidth: GIGABIT })]);
    expect(item.nodes.map(({ linkBandwidth }) => linkBandwidth)).toEqual([375_000_000, 125_000_000, 125_000_000]);
    expect(shares(item, "weighted")).toEqual({ nodes: [0.6, 0.2, 0.2], pods: [0.2, 0.2, 0.2, 0.2, 0.2] });
    expect(item.maxMinRatio).toEqual({ equal: 3, weighted: 1 });
    expect(item.advice).toBe("");
  });

  it("rounds weights as a router does: 1:2:3 is 16, 33 and 50 parts of 99", () => {
    const pods = ["n1", "n2", "n2", "n3", "n3", "n3"].map((on, i) => endpoint(`10.1.0.${i + 1}`, on));
    const item = only([
      ...nodes("n1", "n2", "n3"),
      service("web", LOCAL),
      slice("web", pods),
      advertisement("all", { linkBandwidth: GIGABIT }),
    ]);
    expect(shares(item, "weighted").nodes).toEqual([16 / 99, 33 / 99, 50 / 99]);
    // 50/99/3 to 16/99.
    expect(item.maxMinRatio).toEqual({ equal: 3, weighted: 1.041667 });
  });

  it("says that more pods than the router's weights tell apart have to be spread", () => {
    const many = Array.from({ length: 300 }, (_, i) => endpoint(`10.1.${i >> 8}.${i & 255}`, "n1"));
    const item = only([
      ...nodes("n1", "n2"),
      service("web", LOCAL),
      slice("web", [...many, endpoint("10.2.0.1", "n2")]),
      advertisement("all", { linkBandwidth: GIGABIT }),
    ]);
    expect(shares(item, "weighted").nodes).toEqual([99 / 100, 1 / 100]);
    expect(item.maxMinRatio?.weighted).toBeCloseTo(3.030303, 5);
    expect(item.advice).toMatch(/^spread the pods of Service default\/web evenly .*: 1 to 300 pods per node are more than/);
  });

  it("takes no weights where one path has none, and says whose is missing", () => {
    const item = only([
      ...nodes("n1", "n2", "n3").map((object) =>
        object.metadata.name === "n3" ? node("n3", { metadata: { labels: { rack: "old" } }, internalIPs: [ip("10.0.0.3")] }) : object,
      ),
      service("web", LOCAL),
      UNEVEN,
      advertisement("new", {
        linkBandwidth: GIGABIT,
        nodeSelectors: [{ matchLabels: {}, matchExpressions: [{ key: "rack", operator: "DoesNotExist", values: [] }] }],
      }),
      advertisement("old", { nodeSelectors: [labelled("rack", "old")] }),
    ]);
    expect(item.nodes.map(({ linkBandwidth }) => linkBandwidth)).toEqual([375_000_000, 125_000_000, null]);
    expect(shares(item, "weighted")).toEqual(shares(item, "equal"));
    expect(item.advice).toMatch(/^give n3 a weight/);
  });

  it("leaves a drained node out, and shows its pod with nothing", () => {
    const drained = node("n3", { metadata: { annotations: { "herald.dev/drain": "kernel" } }, internalIPs: [ip("10.0.0.3")] });
    const item = only([...nodes("n1", "n2"), drained, service("web", LOCAL), UNEVEN, advertisement("all")]);
    expect(item.paths).toBe(2);
    expect(item.nodes.map((one) => one.node)).toEqual(["n1", "n2"]);
    expect(shares(item, "equal").pods).toEqual([1 / 6, 1 / 6, 1 / 6, 1 / 2, 0]);
    expect(item.maxMinRatio).toEqual({ equal: 3, weighted: 3 });
  });

  it("does not count an endpoint that is on no known node, nor one that is not ready", () => {
    const pods = [endpoint("10.1.1.1", "n1"), endpoint("10.1.2.1", "n2"), endpoint("10.1.9.9", null), endpoint("10.1.2.2", "n2", "")];
    const item = only([...nodes("n1", "n2"), service("web", LOCAL), slice("web", pods), advertisement("all")]);
    expect(item.pods.map(({ endpoint: address, node: on }) => `${address} ${on}`)).toEqual(["10.1.1.1 n1", "10.1.2.1 n2"]);
    expect(item.maxMinRatio).toEqual({ equal: 1, weighted: 1 });
  });

  it("counts pods that still serve while no ready one is left", () => {
    const pods = [endpoint("10.1.1.1", "n1", "serving terminating"), endpoint("10.1.2.1", "n2", "serving terminating")];
    const item = only([...nodes("n1", "n2"), service("web", LOCAL), slice("web", pods), advertisement("all")]);
    expect(item.nodes.map(({ endpoints }) => endpoints)).toEqual([1, 1]);
    expect(shares(item, "equal").pods).toEqual([0.5, 0.5]);
  });

  it("lists an address that an advertisement asks for and no node announces, with nothing for anybody", () => {
    const item = only([...nodes("n1"), service("web", LOCAL), slice("web", [endpoint("10.1.9.1", "gone")]), advertisement("all")]);
    expect(item).toMatchObject({ paths: 0, nodes: [], maxMinRatio: null });
    expect(item.pods).toEqual([{ endpoint: "10.1.9.1", node: "gone", share: { equal: 0, weighted: 0 } }]);
    expect(item.advice).toBe("announced by no node: herald explain default/web says why");
  });

  it("does not list what no advertisement asks for", () => {
    const other = service("other", { clusterIPs: [ip("10.96.0.1")], externalIPs: [ip("198.51.100.1")] });
    expect(balance([...world, other, advertisement("all")]).map((item) => item.service)).toEqual(["default/web"]);
  });
});

describe("the balance of other policies", () => {
  it("under Cluster every node gets the same and so does every pod, wherever it runs", () => {
    const item = only([
      ...nodes("n1", "n2", "n3"),
      service("web", { loadBalancerIPs: [VIP] }),
      UNEVEN,
      advertisement("all", { linkBandwidth: GIGABIT }),
    ]);
    expect(item.nodes.map(({ linkBandwidth }) => linkBandwidth)).toEqual([125_000_000, 125_000_000, 125_000_000]);
    expect(shares(item, "weighted")).toEqual({ nodes: [1 / 3, 1 / 3, 1 / 3], pods: [0.2, 0.2, 0.2, 0.2, 0.2] });
    expect([item.maxMinRatio, item.advice]).toEqual([{ equal: 1, weighted: 1 }, ""]);
  });

  it("under Cluster an endpoint without a node name gets its part", () => {
    const pods = [endpoint("10.1.1.1", null), endpoint("10.1.2.1", "n2")];
    const item = only([...nodes("n1", "n2"), service("web", { loadBalancerIPs: [VIP] }), slice("web", pods), advertisement("all")]);
    expect(item.pods.map(({ node: on, share }) => [on, share.equal])).toEqual([
      [null, 0.5],
      ["n2", 0.5],
    ]);
  });

  it("a ClusterIP that is local-only through externalTrafficPolicy is spread over the cluster by the proxy", () => {
    const web = service("web", { clusterIPs: [ip("10.96.0.1")], externalTrafficPolicy: "Local" });
    const item = only([
      ...nodes("n1", "n2", "n3", "n4"),
      web,
      UNEVEN,
      advertisement("all", { addresses: ["ClusterIP"], linkBandwidth: GIGABIT }),
    ]);
    expect(item.nodes.map((one) => [one.node, one.linkBandwidth])).toEqual([
      ["n1", 125_000_000],
      ["n2", 125_000_000],
      ["n3", 125_000_000],
    ]);
    expect(shares(item, "equal").pods).toEqual([0.2, 0.2, 0.2, 0.2, 0.2]);
  });

  it("a ClusterIP with internalTrafficPolicy Local stays on the node", () => {
    const web = service("web", { clusterIPs: [ip("10.96.0.1")], internalTrafficPolicy: "Local" });
    const item = only([...nodes("n1", "n2", "n3"), web, UNEVEN, advertisement("all", { addresses: ["ClusterIP"] })]);
    expect(item.maxMinRatio).toEqual({ equal: 3, weighted: 3 });
  });

  it("judges the families of a dual-stack Service apart", () => {
    const items = balance([
      node("n1", { internalIPs: [ip("10.0.0.1"), ip("fd00::1")] }),
      node("n2", { internalIPs: [ip("10.0.0.2"), ip("fd00::2")] }),
      peer("tor", { families: ["IPv4", "IPv6"], nextHopSource: "NodeInternalIP" }),
      service("web", { loadBalancerIPs: [ip("2001:db8::1"), VIP], externalTrafficPolicy: "Local" }),
      slice("four", [endpoint("10.1.1.1", "n1"), endpoint("10.1.2.1", "n2")], { serviceName: "web" }),
      slice("six", [endpoint("fd00:1::1", "n2")], { serviceName: "web" }),
      advertisement("all"),
    ]);
    expect(items.map(({ family, address, nodes: on }) => [family, address, on.map((one) => one.node)])).toEqual([
      ["IPv4", "203.0.113.1", ["n1", "n2"]],
      ["IPv6", "2001:db8::1", ["n2"]],
    ]);
  });

  it("sends nothing to nodes that the router prefers others to", () => {
    const spare = node("n3", { metadata: { labels: { spare: "yes" } }, internalIPs: [ip("10.0.0.3")] });
    const item = only([
      ...nodes("n1", "n2"),
      spare,
      service("web", { loadBalancerIPs: [VIP] }),
      UNEVEN,
      advertisement("all"),
      advertisement("spare", { nodeSelectors: [labelled("spare", "yes")], med: 100 }),
    ]);
    expect(item.paths).toBe(2);
    expect(shares(item, "equal").nodes).toEqual([0.5, 0.5, 0]);
  });
});

describe("the balance of addresses that have more to them", () => {
  it("maxAnnouncers leaves as many nodes as it says", () => {
    const item = only([
      ...nodes("n1", "n2", "n3"),
      service("web", { loadBalancerIPs: [VIP] }),
      UNEVEN,
      advertisement("all", { maxAnnouncers: 2 }),
    ]);
    expect(item.paths).toBe(2);
    expect(shares(item, "equal").nodes).toEqual([0.5, 0.5]);
  });

  it("a shared address is announced where all owners have pods, and weights that count both are no remedy", () => {
    const item = balance([
      ...nodes("n1", "n2", "n3"),
      service("web", LOCAL),
      UNEVEN,
      service("mail", LOCAL),
      slice("mail", [endpoint("10.2.2.1", "n2"), ...["1", "2", "3", "4", "5"].map((last) => endpoint(`10.2.3.${last}`, "n3"))]),
      advertisement("all", { linkBandwidth: GIGABIT }),
    ]);
    expect(item.map(({ service: key, nodes: on }) => [key, on.map((one) => [one.node, one.linkBandwidth])])).toEqual([
      [
        "default/mail",
        [
          ["n2", 250_000_000],
          ["n3", 750_000_000],
        ],
      ],
      [
        "default/web",
        [
          ["n2", 250_000_000],
          ["n3", 750_000_000],
        ],
      ],
    ]);
    expect(item[1]?.maxMinRatio).toEqual({ equal: 1, weighted: 3 });
    expect(item[1]?.advice).toBe("give default/web an address of its own: the weights count the pods of default/mail too");
  });

  it("an address within an aggregate is reached over all nodes that announce the aggregate", () => {
    const racks = ["n1", "n2"].map((name, i) =>
      node(name, { metadata: { labels: { rack: `r${i + 1}` } }, internalIPs: [ip(`10.0.0.${i + 1}`)] }),
    );
    const items = balance([
      ...racks,
      peer("tor"),
      service("web", { loadBalancerIPs: [VIP], metadata: { labels: { app: "web" } } }),
      UNEVEN,
      service("mail", { loadBalancerIPs: [ip("203.0.113.2")], metadata: { labels: { app: "mail" } } }),
      slice("mail", [endpoint("10.2.0.1", "n2")]),
      advertisement("one", { aggregationLength: 24, nodeSelectors: [labelled("rack", "r1")], serviceSelectors: [labelled("app", "web")] }),
      advertisement("two", { aggregationLength: 24, nodeSelectors: [labelled("rack", "r2")], serviceSelectors: [labelled("app", "mail")] }),
    ]);
    expect(items.map(({ service: key, nodes: on }) => [key, on.map((one) => one.node)])).toEqual([
      ["default/web", ["n1", "n2"]],
      ["default/mail", ["n1", "n2"]],
    ]);
  });

  it("a Local address in a block follows its own routes, not the block", () => {
    const item = only([
      ...nodes("n1", "n2", "n3", "n4"),
      service("web", LOCAL),
      UNEVEN,
      advertisement("all", { blocks: [cidr("203.0.113.0/24")] }),
    ]);
    expect(item.nodes.map((one) => one.node)).toEqual(["n1", "n2", "n3"]);
  });

  it("65 paths are more than a router of width 64 uses: no ratio can be told, and maxAnnouncers would settle it", () => {
    const names = Array.from({ length: 65 }, (_, i) => `n${i + 1}`);
    const pods = names.map((name, i) => endpoint(`10.1.0.${i + 1}`, name));
    const world = [...nodes(...names), service("web", LOCAL), slice("web", pods)];
    const item = only([...world, advertisement("all")]);
    expect(item).toMatchObject({ paths: 65, ecmpWidth: 64, exceedsEcmpWidth: true, maxMinRatio: null });
    expect(item.advice).toBe("set maxAnnouncers: 64 on advertisement all, or raise the router's limit: it uses 64 of 65 paths");
    expect(only([...world, advertisement("all")], 65)).toMatchObject({ exceedsEcmpWidth: false, maxMinRatio: { equal: 1 } });
    expect(only([...world, advertisement("all", { maxAnnouncers: 64 })])).toMatchObject({ paths: 64, exceedsEcmpWidth: false, advice: "" });
  });

  it("takes nodes that announce to different routers together", () => {
    const [tor1, tor2] = ["r1", "r2"].map((rack) => peer(`tor-${rack}`, { nodeSelectors: [labelled("rack", rack)] }));
    if (tor1 === undefined || tor2 === undefined) throw new Error("no peers");
    const racks = ["n1", "n2"].map((name, i) =>
      node(name, { metadata: { labels: { rack: `r${i + 1}` } }, internalIPs: [ip(`10.0.0.${i + 1}`)] }),
    );
    const item = only([...racks, tor1, tor2, service("web", { loadBalancerIPs: [VIP] }), UNEVEN, advertisement("all")]);
    expect(item.nodes.map((one) => one.node)).toEqual(["n1", "n2"]);
  });
});

describe("the workload that advice names", () => {
  const CASES = [
    [["api-7d9f6b8c4-x2kzq", "api-7d9f6b8c4-b4lmn", "api-5c9d8f7b6-qwrtz"], "workload api"],
    [["db-0", "db-1", "db-2"], "workload db"],
    [["agent-x2kzq", "agent-b4lmn"], "workload agent"],
    [["api-7d9f6b8c4-x2kzq", "worker-7d9f6b8c4-b4lmn"], "the pods of Service default/web"],
    [[null, null], "the pods of Service default/web"],
  ] as const;

  it.each(CASES)("%j: %s", (names, workload) => {
    const pods = [...names, names[0]].map((pod, i) => ({ ...endpoint(`10.1.0.${i + 1}`, i === 1 ? "n2" : "n1"), pod }));
    const item = only([...nodes("n1", "n2"), service("web", LOCAL), slice("web", pods), advertisement("all")]);
    expect(item.maxMinRatio?.equal).toBeGreaterThan(1.25);
    expect(item.advice).toContain(`spread ${workload} evenly`);
  });
});

describe("the balance report of a speaker", () => {
  const world = [
    ...nodes("n1", "n2", "n3"),
    service("web", { loadBalancerIPs: [VIP] }),
    UNEVEN,
    advertisement("all", { linkBandwidth: GIGABIT }),
  ];
  const report = (planner: Planner) => [...planner.balance({ ecmpWidth: 8, service: null })].flatMap((item) => item ?? []);

  it("is the same on every node while objects say it all", () => {
    const reports = ["n1", "n2", "n3"].map((name) => {
      const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: name });
      planner.apply(world.map(set));
      return report(planner);
    });
    expect(reports[0]).toEqual(balance(world, 8));
    expect(reports[1]).toEqual(reports[0]);
    expect(reports[2]).toEqual(reports[0]);
  });

  it("leaves its own node out when it is drained by command, which other nodes cannot know", () => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    planner.apply([...world.map(set), { input: "fact", fact: { name: "drain", reason: "kernel" } }]);
    expect(report(planner)[0]?.nodes.map((one) => one.node)).toEqual(["n2", "n3"]);
  });

  it("leaves its own node out while its session has not negotiated the family", () => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    const fact = { name: "session", peer: "tor", families: [], localAddress: ip("10.0.0.1") } as const;
    planner.apply([...world.map(set), { input: "fact", fact }]);
    expect(report(planner)[0]?.nodes.map((one) => one.node)).toEqual(["n2", "n3"]);
  });

  it("shows weights as they are wanted while they wait to be sent", () => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    const local = world.map((object) => (object.kind === "Service" ? service("web", LOCAL) : object));
    planner.apply([{ input: "fact", fact: { name: "time", nowMillis: 0 } }, ...local.map(set)]);
    const fewer = slice("web", [...UNEVEN.endpoints].slice(1));
    const { routes } = planner.apply([{ input: "fact", fact: { name: "time", nowMillis: 1000 } }, set(fewer)]);
    expect(routes).toEqual([]);
    expect(report(planner)[0]?.nodes.map((one) => one.linkBandwidth)).toEqual([250_000_000, 125_000_000, 125_000_000]);
  });

  it("leaves its own node out of an address that is held down", () => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    const local = world.map((object) => (object.kind === "Service" ? service("web", LOCAL) : object));
    const elsewhere = slice("web", [...UNEVEN.endpoints].slice(3));
    planner.apply([{ input: "fact", fact: { name: "time", nowMillis: 0 } }, ...local.map(set)]);
    const at = (nowMillis: number, object: ClusterObject) =>
      planner.apply([{ input: "fact", fact: { name: "time", nowMillis } }, set(object)]);
    for (let flap = 1; flap <= 3; flap++) {
      at(flap * 1000, elsewhere);
      at(flap * 1000 + 500, UNEVEN);
    }
    expect(planner.services()[0]?.reason).toBe("heldDown");
    const [item] = report(planner);
    expect(item?.nodes.map((one) => one.node)).toEqual(["n2", "n3"]);
    expect(item?.pods.map(({ share }) => share.equal)).toEqual([0, 0, 0, 0.5, 0.5]);
  });

  it("reports one Service when asked for one, and knows which there are", () => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    planner.apply([...world, service("mail", { loadBalancerIPs: [ip("203.0.113.2")] })].map(set));
    const items = [...planner.balance({ ecmpWidth: 8, service: "default/mail" })].flatMap((item) => item ?? []);
    expect(items.map((item) => item.service)).toEqual(["default/mail"]);
    expect([planner.knowsService("default/mail"), planner.knowsService("other/mail"), planner.knowsService("mail")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("long work in pieces", () => {
  it("sorts as sort does, however many items there are, with equal ones in their order", () => {
    const dice = new Dice(1);
    const compare = (a: { readonly key: number }, b: { readonly key: number }) => a.key - b.key;
    const sizes = [0, 1, 511, 512, 513, 1024, 5000];
    for (const size of sizes) {
      const items = Array.from({ length: size }, (_, at) => ({ key: dice.below(50), at }));
      expect(runThrough(sortInPieces(items, compare)), `${size}`).toEqual([...items].sort(compare));
    }
  });
});
