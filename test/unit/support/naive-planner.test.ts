import { describe, expect, it } from "vitest";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import type { Fact, ProbeAnswer } from "../../../src/plan/facts.ts";
import { advertisement, cidr, endpoint, ip, labelled, node, peer, service, slice } from "../../support/cluster-objects.ts";
import { at, clusterWeb, pods, Scene, VIP, web, world } from "../../support/naive/scene.ts";
import { NaivePlanner, naivePlan } from "../../support/naive-planner.ts";

const GATE: Fact = { name: "gate", healthz: "http://127.0.0.1:10256/healthz", onlyWhereRequired: false };
const OK: ProbeAnswer = { answer: "status", status: 200 };
const DEAD: ProbeAnswer = { answer: "status", status: 503 };
const REFUSED: ProbeAnswer = { answer: "refused" };
const ALIVE: Fact = { name: "proxyAnswer", answer: OK };

function said(answer: ProbeAnswer, more: { readonly uid?: string; readonly port?: number; readonly family?: "IPv4" | "IPv6" } = {}): Fact {
  return { name: "healthCheckAnswer", service: "default/web", uid: "u1", family: "IPv4", port: 30001, answer, ...more };
}

describe("check 12a of the naive planner", () => {
  it("passes without a gate, where nothing can be asked, for Off, and for Prefer where only Require is gated", () => {
    const verdicts = (["Off", "Prefer", "Require"] as const).map((dataplaneGate) =>
      [[], [GATE], [{ ...GATE, healthz: null }], [{ ...GATE, onlyWhereRequired: true }]].map((facts) =>
        new Scene([...world({ dataplaneGate }), clusterWeb]).step(facts).verdict(),
      ),
    );
    const shut = "dataplaneNotReady";
    expect(verdicts).toEqual([
      ["announced", "announced", "announced", "announced"],
      ["announced", shut, "announced", "announced"],
      ["announced", shut, "announced", shut],
    ]);
  });

  it("opens for good with the first 200", () => {
    const scene = new Scene([...world({ dataplaneGate: "Require" }), clusterWeb]).step([GATE]);
    expect(scene.step([{ name: "proxyAnswer", answer: DEAD }]).verdict()).toBe("dataplaneNotReady");
    expect(scene.step([ALIVE]).verdict()).toBe("announced");
    scene.without(clusterWeb).step([{ name: "proxyAnswer", answer: REFUSED }], clusterWeb);
    expect(scene.verdict()).toBe("announced");
  });

  it("opens for Prefer after a minute of nothing but refusals, and stays open", () => {
    const scene = new Scene([...world(), clusterWeb]).step([GATE, at(1000), { name: "proxyAnswer", answer: REFUSED }]);
    scene.step([at(30_000), { name: "proxyAnswer", answer: { answer: "failed", why: "reset" } }]);
    scene.step([at(31_000), { name: "proxyAnswer", answer: REFUSED }]);
    scene.step([at(50_000), { name: "proxyAnswer", answer: REFUSED }]);
    expect(scene.step([at(90_999)]).verdict()).toBe("dataplaneNotReady");
    expect(scene.timers).toEqual([91_000]);
    expect(scene.step([at(91_000)]).verdict()).toBe("announced");
    scene.without(clusterWeb).step([{ name: "proxyAnswer", answer: DEAD }], clusterWeb);
    expect(scene.verdict()).toBe("announced");
    expect(
      scene
        .step([], advertisement("all", { dataplaneGate: "Require" }), { ...clusterWeb, metadata: { ...clusterWeb.metadata, uid: "u2" } })
        .verdict(),
    ).toBe("announced");
    const strict = new Scene([...world({ dataplaneGate: "Require" }), clusterWeb]).step([
      GATE,
      at(0),
      { name: "proxyAnswer", answer: REFUSED },
    ]);
    expect(strict.step([at(600_000)]).verdict()).toBe("dataplaneNotReady");
  });

  it("never opens by waiting that began before any time was stated", () => {
    const scene = new Scene([...world(), clusterWeb]).step([GATE, { name: "proxyAnswer", answer: REFUSED }]);
    expect(
      scene
        .step([at(0)])
        .step([at(600_000)])
        .verdict(),
    ).toBe("dataplaneNotReady");
  });

  it("withdraws nothing that was let through: by the advertisement's name, or by one that takes its place at the same peer", () => {
    const letThrough = () => {
      const scene = new Scene([...world({ dataplaneGate: "Off" }), clusterWeb]).step([GATE]);
      expect(scene.step([], advertisement("all", { dataplaneGate: "Require" })).verdict()).toBe("announced");
      return scene;
    };
    expect(letThrough().step([], advertisement("other")).without(advertisement("all")).verdict()).toBe("announced");
    const elsewhere = advertisement("other", { peers: ["another"] });
    expect(letThrough().step([], elsewhere).without(advertisement("all")).verdict()).toBe("dataplaneNotReady");
  });

  it("holds for blocks, which stay once they are announced", () => {
    const block = { blocks: [cidr("10.96.0.0/16")] };
    const scene = new Scene(world(block)).step([GATE]);
    expect(scene.prefixes).toEqual([]);
    expect(new Scene(world({ ...block, dataplaneGate: "Off" })).step([GATE]).step([], advertisement("all", block)).prefixes).toContain(
      "10.96.0.0/16",
    );
    expect(scene.step([ALIVE]).prefixes).toContain("10.96.0.0/16");
  });

  it("does not keep the weight of what it shuts from counting", () => {
    const linkBandwidth = { bytesPerSecondPerEndpoint: 100, transitive: true };
    const open = advertisement("open", { dataplaneGate: "Off", communities: ["65000:1"] });
    const scene = new Scene([...world({ linkBandwidth }), clusterWeb, open]).step([GATE]);
    expect([scene.verdict(), scene.weight()]).toEqual(["announced", 100]);
  });
});

describe("check 12b of the naive planner", () => {
  const shut = () => new Scene(world()).step([GATE, ALIVE, at(0)]);

  it("asks the Node's InternalIP until the first 200, whatever else is answered", () => {
    const scene = shut();
    expect([scene.verdict(), scene.probes]).toEqual(["dataplaneNotReady", ["default/web u1 IPv4 30001 at 10.0.0.1"]]);
    expect(
      scene
        .step([said(DEAD)])
        .step([at(60_000)])
        .verdict(),
      "an answer ends the silence",
    ).toBe("dataplaneNotReady");
    expect(scene.step([said(OK)]).verdict()).toBe("announced");
    expect(scene.probes).toEqual([]);
    expect(scene.step([said(DEAD)]).verdict()).toBe("announced");
  });

  it("ignores answers of another UID, port or family, and those that come before the decision that asks", () => {
    const scene = new Scene(world()).step([GATE, ALIVE, at(0), said(OK)]);
    scene.step([said(OK, { uid: "u2" }), said(OK, { port: 30002 }), said(OK, { family: "IPv6" })]);
    expect(scene.verdict()).toBe("dataplaneNotReady");
  });

  it("opens for Prefer after five seconds of silence, if the proxy was seen alive or cannot be asked", () => {
    expect(
      shut()
        .step([at(4999)])
        .verdict(),
    ).toBe("dataplaneNotReady");
    expect(
      shut()
        .step([at(5000)])
        .verdict(),
    ).toBe("announced");
    expect(shut().step([at(5000)]).probes, "nobody waits any more").toEqual([]);
    expect(
      new Scene(world())
        .step([{ ...GATE, healthz: null }, at(0)])
        .step([at(5000)])
        .verdict(),
    ).toBe("announced");
    const refused = new Scene(world()).step([GATE, { name: "proxyAnswer", answer: REFUSED }, at(0)]);
    expect(refused.step([at(60_000)]).verdict()).toBe("dataplaneNotReady");
    const strict = new Scene(world({ dataplaneGate: "Require" })).step([GATE, ALIVE, at(0)]);
    expect(strict.step([at(60_000)]).verdict()).toBe("dataplaneNotReady");
    expect(strict.probes).toHaveLength(1);
  });

  it("is open where the health check cannot be asked", () => {
    expect(
      shut()
        .step([said({ answer: "notAsked", why: "not here" })])
        .verdict(),
    ).toBe("announced");
    const scene = new Scene([...world({ dataplaneGate: "Require" }), node("n1")]).step([GATE, ALIVE, at(0)]);
    expect([scene.verdict(), scene.probes]).toEqual(["announced", []]);
  });

  it("is armed again when the endpoints here go and come back, not while they only change", () => {
    const scene = shut().step([said(OK)]);
    expect(scene.step([], pods("n1", "n1", "n2")).verdict()).toBe("announced");
    expect(scene.step([], pods("n2")).verdict()).toBe("noLocalEndpoints");
    expect(scene.step([at(1000)], pods("n1")).verdict()).toBe("dataplaneNotReady");
    expect(scene.timers).toEqual([6000]);
  });

  it("follows another UID or port, open when an address of the family was announced", () => {
    const scene = shut().step([said(OK)]);
    scene.step([], web({ uid: "u2" }));
    expect([scene.verdict(), scene.probes]).toEqual(["announced", []]);
    expect(scene.step([], web({ uid: "u2", healthCheckNodePort: 30002 })).verdict()).toBe("announced");
    const closed = shut().step([at(3000)], web({ uid: "u2" }));
    expect([closed.verdict(), closed.probes]).toEqual(["dataplaneNotReady", ["default/web u2 IPv4 30001 at 10.0.0.1"]]);
    expect(closed.step([at(7999)]).verdict()).toBe("dataplaneNotReady");
    expect(closed.step([at(8000)]).verdict()).toBe("announced");
  });

  it("judges families apart", () => {
    const both = [
      ...world(),
      node("n1", { internalIPs: [ip("10.0.0.1"), ip("fd00::1")] }),
      peer("tor", { families: ["IPv4", "IPv6"], nextHop: { ipv4: null, ipv6: ip("fd00::1") } }),
      web({ loadBalancerIPs: [ip(VIP), ip("2001:db8::1")] }),
      slice("web-6", [endpoint("fd00:1::1", "n1")], { serviceName: "web" }),
    ];
    const scene = new Scene(both).step([GATE, ALIVE, at(0)]).step([said(OK)]);
    expect([scene.verdict(), scene.verdict("2001:db8::1")]).toEqual(["announced", "dataplaneNotReady"]);
    expect(scene.probes).toEqual(["default/web u1 IPv6 30001 at fd00::1"]);
  });

  it("is not consulted while only serving endpoints are here, and does not withdraw when one gets ready", () => {
    const serving = slice("web", [endpoint("10.1.0.1", "n1", "serving")]);
    const scene = new Scene([...world({ endpointPolicy: "Serving" }), serving]).step([GATE, ALIVE, at(0)]);
    expect([scene.verdict(), scene.probes.length]).toEqual(["announced", 1]);
    expect(scene.step([], pods("n1")).verdict()).toBe("announced");
  });

  it("is for addresses of Services with a Local policy and a port alone", () => {
    expect(shut().step([], clusterWeb).verdict()).toBe("announced");
    expect(
      shut()
        .step([], web({ healthCheckNodePort: null }))
        .verdict(),
    ).toBe("announced");
    const internal = service("web", { clusterIPs: [ip("10.96.0.1")], internalTrafficPolicy: "Local", healthCheckNodePort: 30001 });
    const scene = new Scene([...world({ addresses: ["ClusterIP"] }), internal]).step([GATE, ALIVE, at(0)]);
    expect(scene.verdict("10.96.0.1")).toBe("announced");
  });

  it("is the same for an advertisement that is not gated, which makes the others start open too", () => {
    const scene = new Scene([...world({ dataplaneGate: "Off" })]).step([GATE, ALIVE, at(0)]);
    expect(scene.probes).toEqual([]);
    expect(scene.step([], advertisement("all")).verdict()).toBe("announced");
    expect(scene.probes).toEqual([]);
  });

  it("asks for Services that a gated advertisement selects here, whatever the kinds it wants", () => {
    const other = advertisement("other", { addresses: ["ClusterIP"] });
    const scene = new Scene([...world({ dataplaneGate: "Off" }), other]).step([GATE, ALIVE, at(0)]);
    expect([scene.verdict(), scene.probes.length]).toEqual(["announced", 1]);
    const foreign = { ...other, nodeSelectors: [labelled("rack", "r9")] };
    expect(scene.step([], foreign).probes).toEqual([]);
  });
});

describe("a copy of the naive planner", () => {
  it("goes its own way", () => {
    const objects = world();
    const planner = new NaivePlanner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1" });
    const before = planner.step(objects, [GATE, ALIVE, at(0)]);
    expect(planner.copy().step(objects, [at(5000)]).routes.size).toBe(1);
    expect(planner.step(objects, [at(1)])).toEqual(before);
    expect(planner.now).toBe(1);
  });

  it("decides from nothing as naivePlan does in one go", () => {
    const options = { ...DEFAULT_PLANNER_OPTIONS, node: "n1" };
    const plan = naivePlan(world(), [GATE], options);
    expect(plan).toEqual(new NaivePlanner(options).step(world(), [GATE]));
    expect([...plan.decisions.values()]).toEqual(["dataplaneNotReady"]);
  });
});
