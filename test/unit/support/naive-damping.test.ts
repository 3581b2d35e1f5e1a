import { describe, expect, it } from "vitest";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS, type PlannerOptions } from "../../../src/plan/change.ts";
import { advertisement, cidr, endpoint, ip, labelled, node, peer, service, slice } from "../../support/cluster-objects.ts";
import { naiveRank } from "../../support/naive/announcers.ts";
import { at, clusterWeb, pods, Scene, VIP, web, world } from "../../support/naive/scene.ts";

describe("check 14 of the naive planner", () => {
  const three = ["n1", "n2", "n3"];
  const of = (me: string, objects: readonly ClusterObject[], k = 1) =>
    new Scene([...objects, advertisement("all", { maxAnnouncers: k })], { node: me }).step([]).verdict();
  const base = [...three.map((name) => node(name)), peer("tor"), clusterWeb, pods("n1", "n2", "n3")];
  const announcing = (objects: readonly ClusterObject[], k = 1) => three.filter((name) => of(name, objects, k) === "announced");
  const ranked = [...three].sort((x, y) => naiveRank(VIP, y) - naiveRank(VIP, x));
  const [best = "", second = ""] = ranked;

  it("lets the k highest announce", () => {
    expect(announcing(base)).toEqual([best]);
    expect(announcing(base, 2).sort()).toEqual([best, second].sort());
    expect(announcing(base, 3)).toEqual(three);
    expect(three.filter((name) => of(name, base) === "announcerLimit")).toHaveLength(2);
  });

  it.each([
    ["is not ready", node(best, { ready: false })],
    ["is cordoned where that drains", node(best, { unschedulable: true })],
    ["is marked for drain", node(best, { metadata: { annotations: { "herald.dev/drain": "" } } })],
    ["has a drain taint", node(best, { taints: [{ key: "node.kubernetes.io/out-of-service", value: "", effect: "NoExecute" }] })],
    ["has no network", node(best, { networkUnavailable: true })],
    ["is excluded", node(best, { metadata: { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } } })],
  ])("gives no place to a node that %s", (_why, spoiled) => {
    const drain = { ...DEFAULT_PLANNER_OPTIONS.drain, cordon: true };
    const scene = new Scene([...base, spoiled, advertisement("all", { maxAnnouncers: 1 })], { node: second, drain });
    expect(scene.step([]).verdict()).toBe("announced");
  });

  it("keeps the place of a node that shuts down or drains by its own word", () => {
    expect(of(second, [...base, node(best, { shuttingDown: true })])).toBe("announcerLimit");
    const scene = new Scene([...base, advertisement("all", { maxAnnouncers: 1 })], { node: best });
    expect(scene.step([{ name: "drain", reason: "mine" }]).verdict()).toBe("nodeDrained");
  });

  it("takes nodes by the advertisement's and its peers' node selectors and by their own endpoints", () => {
    const racked = [...base, ...three.map((name) => node(name, { metadata: { labels: name === best ? {} : { rack: "r1" } } }))];
    expect(of(second, [...racked, peer("tor", { nodeSelectors: [labelled("rack", "r1")] })])).toBe("announced");
    const local = [...base, web({ healthCheckNodePort: null }), pods(second)];
    expect([of(second, local), of(best, local)]).toEqual(["announced", "noLocalEndpoints"]);
    const selected = new Scene([...racked, advertisement("all", { maxAnnouncers: 1, nodeSelectors: [labelled("rack", "r1")] })], {
      node: second,
    });
    expect(selected.step([]).verdict()).toBe("announced");
  });

  it("leaves out nodes without an object, this one too", () => {
    expect(of("n4", [...base, pods("n4")], 3)).toBe("announcerLimit");
  });

  it("comes after 13 and before 15, and for a peer that another advertisement reaches it does not matter", () => {
    const unlucky = ranked.at(-1) ?? "";
    const scene = new Scene(
      [
        ...base,
        advertisement("all", { maxAnnouncers: 1, peers: ["tor"] }),
        peer("tor", { nextHopSource: "NodeInternalIP" }),
        peer("six", { families: ["IPv6"] }),
      ],
      { node: unlucky },
    ).step([]);
    expect(scene.decision()).toBe("announcerLimit six=peerNotSelected tor=announcerLimit");
    expect(scene.step([], advertisement("every")).decision()).toBe("noNextHop six=peerNotSelected tor=noNextHop");
    expect(scene.step([], peer("tor")).decision()).toBe("announced six=peerNotSelected tor=announced");
  });

  it("counts the weight of a share beyond the limit", () => {
    const linkBandwidth = { bytesPerSecondPerEndpoint: 100, transitive: true };
    const unlucky = ranked.at(-1) ?? "";
    const scene = new Scene([...base, advertisement("all", { maxAnnouncers: 1, linkBandwidth }), advertisement("every")], {
      node: unlucky,
    });
    expect(scene.step([]).weight()).toBe(100);
  });
});

describe("check 16 of the naive planner", () => {
  const away = pods("n2");
  const here = pods("n1", "n2");
  const plain = web({ healthCheckNodePort: null });
  const start = (options: Partial<PlannerOptions> = {}) => new Scene([...world(), plain, here], options).step([at(0)]);
  /** Withdraws and announces again, at these times. */
  const flap = (scene: Scene, down: number, up: number) => scene.step([at(down)], away).step([at(up)], here);

  it("holds the announcement after the third withdrawal within a minute back for five seconds", () => {
    const scene = start();
    expect(flap(flap(scene, 1000, 2000), 3000, 4000).verdict()).toBe("announced");
    expect(flap(scene, 5000, 6000).decision()).toBe("heldDown tor=heldDown");
    expect([scene.prefixes, scene.timers]).toEqual([[], [11_000]]);
    expect(scene.step([at(10_999)]).verdict()).toBe("heldDown");
    expect(scene.step([at(11_000)]).verdict()).toBe("announced");
    expect(flap(flap(flap(start(), 0, 1), 2, 3), 60_000, 60_001).verdict(), "the first is a minute ago").toBe("announced");
  });

  it("doubles up to a minute with every withdrawal, and forgets after five quiet minutes", () => {
    const scene = flap(flap(flap(start(), 1, 2), 3, 4), 5, 6).step([at(5006)]);
    const delays: number[] = [];
    let now = 5006;
    for (let i = 0; i < 5; i++) {
      flap(scene, now + 1, now + 2);
      const [until = 0] = scene.timers;
      delays.push(until - (now + 2));
      now = until;
      expect(scene.step([at(now)]).verdict()).toBe("announced");
    }
    expect(delays).toEqual([10_000, 20_000, 40_000, 60_000, 60_000]);
    const last = now - 60_000 - 1;
    expect(flap(scene, last + 300_000, last + 300_000).verdict()).toBe("announced");
  });

  it("starts the delay with the wish, and keeps its end when the wish goes and comes back", () => {
    const scene = flap(flap(start(), 1, 2), 3, 4).step([at(5)], away);
    expect(scene.step([at(20_000)], here).timers).toEqual([25_000]);
    scene.step([at(21_000)], away);
    expect(scene.step([at(24_000)], here).verdict()).toBe("heldDown");
    expect(
      scene
        .step([at(24_500)], away)
        .step([at(25_500)], here)
        .verdict(),
    ).toBe("announced");
  });

  it("holds nothing back that no other node could carry", () => {
    const alone = pods("n1");
    const scene = new Scene([...world(), plain, alone]).step([at(0)]);
    const none = slice("web", [], { addressType: "IPv4" });
    for (const now of [1, 2, 3, 4]) scene.step([at(now)], none).step([at(now)], alone);
    expect(scene.verdict()).toBe("announced");
    const held = flap(flap(flap(start(), 1, 2), 3, 4), 5, 6);
    expect(held.step([at(7)], alone).verdict()).toBe("announced");
    expect(held.step([at(8)], here).verdict(), "the delay is over").toBe("announced");
  });

  it("counts states after steps alone, and nothing without time or where it is off", () => {
    const damping = { ...DEFAULT_PLANNER_OPTIONS.damping, announceHoldDown: false };
    expect(flap(flap(flap(start({ damping }), 1, 2), 3, 4), 5, 6).verdict()).toBe("announced");
    const timeless = new Scene([...world(), plain, here]).step([]);
    for (let i = 0; i < 4; i++) timeless.step([], away).step([], here);
    expect(timeless.verdict()).toBe("announced");
  });

  it("holds a block as any other prefix: somebody else always has it", () => {
    const block = { blocks: [cidr("10.96.0.0/16")] };
    const scene = new Scene(world(block)).step([at(0)]);
    for (const now of [1, 3, 5]) scene.step([at(now)], advertisement("all")).step([at(now + 1)], advertisement("all", block));
    expect(scene.prefixes).toEqual([`${VIP}/32`]);
    expect(scene.step([at(5006)]).prefixes).toEqual(["10.96.0.0/16", `${VIP}/32`]);
  });
});

describe("check 17 of the naive planner", () => {
  const dated = (name: string, address: string, creationTimestamp: string) =>
    service(name, { metadata: { creationTimestamp }, loadBalancerIPs: [ip(address)] });
  const services = [
    dated("young", "203.0.113.1", "2026-01-03T00:00:00Z"),
    dated("old", "203.0.113.9", "2026-01-01T00:00:00Z"),
    dated("mid", "203.0.113.5", "2026-01-02T00:00:00Z"),
  ];
  const slices = ["young", "old", "mid"].map((name, i) => slice(name, [endpoint(`10.1.0.${i + 1}`, "n2")]));
  const limited = (ipv4: number | null) => peer("tor", { announceLimit: { ipv4, ipv6: null } });
  const base = [node("n1"), peer("free"), limited(2), advertisement("all"), ...services, ...slices];

  it("keeps the oldest for the peer, and says so for it alone", () => {
    const scene = new Scene(base).step([]);
    expect(scene.decision("203.0.113.1")).toBe("announced free=announced tor=announceLimit");
    expect(scene.decision("203.0.113.9")).toBe("announced free=announced tor=announced");
    expect(new Scene([...base, peer("free", { families: ["IPv6"] })]).step([]).verdict("203.0.113.1")).toBe("announceLimit");
    expect(new Scene([...base, limited(3)]).step([]).decision("203.0.113.1")).toBe("announced free=announced tor=announced");
  });

  it("takes an owner without a date for the oldest, and the lower prefix of equals", () => {
    const same = [dated("young", "203.0.113.1", ""), dated("old", "203.0.113.9", ""), dated("mid", "203.0.113.5", "2020-01-01T00:00:00Z")];
    const scene = new Scene([...base, ...same]).step([]);
    expect(["203.0.113.1", "203.0.113.9", "203.0.113.5"].map((address) => scene.decision(address).includes("tor=announceLimit"))).toEqual([
      false,
      false,
      true,
    ]);
    const equal = new Scene([...base, ...services.map((s) => ({ ...s, metadata: { ...s.metadata, creationTimestamp: "" } }))]).step([]);
    expect(equal.decision("203.0.113.9")).toContain("tor=announceLimit");
  });

  it("counts what is held down as nothing", () => {
    const scene = new Scene([...base, limited(1)]).step([at(0)]);
    const old = slice("old", [endpoint("10.1.0.2", "n2")]);
    const gone = slice("old", [], { addressType: "IPv4" });
    for (const now of [1, 3, 5]) scene.step([at(now)], gone).step([at(now + 1)], old);
    expect([scene.verdict("203.0.113.9"), scene.decision("203.0.113.5")]).toEqual(["heldDown", "announced free=announced tor=announced"]);
    scene.step([at(5006)]);
    expect([scene.decision("203.0.113.9"), scene.decision("203.0.113.5")]).toEqual([
      "announced free=announced tor=announced",
      "announced free=announced tor=announceLimit",
    ]);
  });

  it("dates aggregates and blocks by their advertisements, a block of one address by both", () => {
    const aggregate = advertisement("all", { metadata: { creationTimestamp: "2026-02-01T00:00:00Z" }, aggregationLength: 31 });
    const block = advertisement("block", {
      metadata: { creationTimestamp: "2025-01-01T00:00:00Z" },
      addresses: ["ClusterIP"],
      blocks: [cidr("10.0.0.0/8")],
    });
    const scene = new Scene([...base, limited(1), aggregate, block]).step([]);
    expect(scene.prefixes).toEqual(["10.0.0.0/8", "203.0.113.0/31", "203.0.113.4/31", "203.0.113.8/31"]);
    expect(["203.0.113.1", "203.0.113.5", "203.0.113.9"].map((address) => scene.decision(address).includes("tor=announceLimit"))).toEqual([
      true,
      true,
      true,
    ]);
    const single = { ...block, blocks: [cidr("203.0.113.1/32")] };
    expect(new Scene([...base, limited(1), single]).step([]).decision("203.0.113.1")).toBe("announced free=announced tor=announced");
  });
});

describe("weights of the naive planner", () => {
  const linkBandwidth = { bytesPerSecondPerEndpoint: 100, transitive: true };
  const here = (n: number) => pods(...Array.from({ length: n }, () => "n1"), "n2");
  const plain = web({ healthCheckNodePort: null });
  const start = (n: number, options: Partial<PlannerOptions> = {}) =>
    new Scene([...world({ linkBandwidth }), plain, here(n)], options).step([at(0)]);

  it("change at most once in ten seconds", () => {
    const scene = start(1);
    expect(scene.step([at(9999)], here(2)).weight()).toBe(100);
    expect(scene.timers).toContain(10_000);
    expect(scene.step([at(10_000)]).weight()).toBe(200);
    expect(scene.step([at(19_999)], here(4)).weight()).toBe(200);
    expect(scene.step([at(20_000)], here(3)).weight(), "the newest wish").toBe(300);
  });

  it("wait for a quiet minute when the change is small", () => {
    const scene = start(10).step([at(20_000)], here(11));
    expect(scene.weight()).toBe(1000);
    scene.step([at(30_000)], here(9));
    expect(scene.step([at(89_999)]).weight()).toBe(1000);
    expect(scene.step([at(90_000)]).weight()).toBe(900);
    expect(
      start(10)
        .step([at(20_000)], here(8))
        .weight(),
      "a fifth is no small change",
    ).toBe(800);
  });

  it("go to and from nothing at once, and out with an announcement", () => {
    const scene = start(1);
    expect(scene.step([at(1)], advertisement("all")).weight()).toBe(null);
    expect(scene.step([at(2)], advertisement("all", { linkBandwidth })).weight()).toBe(100);
    expect(scene.step([at(3)], pods("n2")).weight()).toBe("none");
    expect(scene.step([at(4)], here(5)).weight()).toBe(500);
    expect(scene.step([at(5)], here(1)).weight(), "which counts as a change").toBe(500);
    expect(scene.step([at(10_004)]).weight()).toBe(100);
  });

  it("go at once without time, and where nothing is to be damped", () => {
    expect(new Scene([...world({ linkBandwidth }), plain, here(1)]).step([]).step([], here(2)).weight()).toBe(200);
    const damping = { ...DEFAULT_PLANNER_OPTIONS.damping, weightHoldDownMillis: 0, weightTolerance: 0 };
    expect(start(10, { damping }).step([], here(11)).weight()).toBe(1100);
  });

  it("let other attributes pass, and take transitive along", () => {
    const scene = start(1);
    const changed = { linkBandwidth: { ...linkBandwidth, transitive: false }, med: 7 };
    scene.step([at(1)], here(2), advertisement("all", changed));
    expect(scene.route()).toMatchObject({ med: 7, linkBandwidth: 100, transitive: true });
    expect(scene.step([at(10_000)]).route()).toMatchObject({ linkBandwidth: 200, transitive: false });
    expect(scene.step([at(10_001)], advertisement("all", { linkBandwidth })).route(), "alone it goes at once").toMatchObject({
      linkBandwidth: 200,
      transitive: true,
    });
  });
});
