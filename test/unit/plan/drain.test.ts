import { describe, expect, it } from "vitest";
import { PLAIN_ATTRIBUTES, type RouteAttributes } from "../../../src/bgp/rib/route.ts";
import type { Fact, Input, RestoredRoute } from "../../../src/plan/facts.ts";
import type { Planner } from "../../../src/plan/planner.ts";
import { advertisement, cidr, endpoint, gone, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned, prefixes, verdict } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";
const NEXT = "203.0.113.2";
const GRACEFUL_SHUTDOWN = 0xffff0000;
const LEAVING = { leaving: { gracePeriodMillis: 5000, prepend: 2 } };

const fact = (one: Fact): Input => ({ input: "fact", fact: one });
const time = (nowMillis: number): Input => fact({ name: "time", nowMillis });
const drain = (reason: string | null): Input => fact({ name: "drain", reason });
const web = (name: string, vip: string): Input[] => [
  set(service(name, { loadBalancerIPs: [ip(vip)] })),
  set(slice(name, [endpoint("10.1.0.1", "n2")])),
];

/** A node that announces a Service to two peers, at time 0. */
function announcing(): Planner {
  const planner = planned([], LEAVING);
  const objects = [node("n1"), node("n2"), peer("tor-a"), peer("tor-b"), advertisement("all", { asPathPrepend: 1, localPref: 200 })];
  planner.apply([time(0), ...objects.map(set), ...web("a", VIP)]);
  return planner;
}

describe("a drain (docs/semantics.md, Drain)", () => {
  it("announces every route again to every peer with GRACEFUL_SHUTDOWN, LOCAL_PREF 0 and more prepends, and withdraws after the grace period", () => {
    const planner = announcing();
    const leaving = planner.apply([time(1000), drain("maintenance")]);
    expect(leaving.routes.map(({ peer: name, attributes }) => [name, attributes])).toEqual([
      ["tor-a", { ...PLAIN_ATTRIBUTES, communities: [GRACEFUL_SHUTDOWN], localPref: 0, asPathPrepend: 3 }],
      ["tor-b", { ...PLAIN_ATTRIBUTES, communities: [GRACEFUL_SHUTDOWN], localPref: 0, asPathPrepend: 3 }],
    ]);
    expect([leaving.drain, leaving.wakeAtMillis, verdict(planner, VIP)]).toEqual(["leaving", 6000, "announced"]);
    expect(checkTen(planner, VIP)).toEqual(["pass", "drained on this node: maintenance: withdrawn in 5 s"]);

    expect(planner.apply([time(5999)]).routes).toEqual([]);
    const left = planner.apply([time(6000)]);
    expect(left.routes.map(({ peer: name, attributes }) => [name, attributes])).toEqual([
      ["tor-a", null],
      ["tor-b", null],
    ]);
    expect([left.drain, left.wakeAtMillis, verdict(planner, VIP)]).toEqual(["drained", null, "nodeDrained"]);
    expect(checkTen(planner, VIP)[0]).toBe("fail");
  });

  it("says its time anew only when it ended: another cause meanwhile does not make it longer", () => {
    const planner = announcing();
    planner.apply([time(1000), drain("one")]);
    expect(planner.apply([time(4000), set(node("n1", { metadata: { annotations: { "herald.dev/drain": "two" } } }))]).drain).toBe(
      "leaving",
    );
    expect(planner.apply([time(4500), drain(null)]).drain).toBe("leaving");
    expect(planner.apply([time(6000)]).drain).toBe("drained");
    planner.apply([time(7000), set(node("n1"))]);
    expect(planner.apply([time(8000), drain("three")]).wakeAtMillis).toBe(13_000);
  });

  it("that ends within the grace period announces again with the attributes of before, and nothing else happens", () => {
    const planner = announcing();
    const [before] = planner.routes();
    planner.apply([time(1000), drain("maintenance")]);
    const { routes, drain: phase } = planner.apply([time(2000), drain(null)]);
    expect(routes.map(({ attributes }) => attributes?.communities)).toEqual([[], []]);
    expect([phase, planner.routes()]).toEqual(["none", [before]]);
    expect(planner.apply([time(10_000)]).routes).toEqual([]);
  });

  it("that ends later announces again", () => {
    const planner = announcing();
    planner.apply([time(1000), drain("maintenance")]);
    planner.apply([time(6000)]);
    expect(planner.apply([time(9000), drain(null)]).routes.map(({ attributes }) => attributes?.localPref)).toEqual([200, 200]);
  });

  it("does not announce what is first wanted while it lasts: nodeDrained, until it ends", () => {
    const planner = announcing();
    planner.apply([time(1000), drain("maintenance")]);
    expect(planner.apply([time(2000), ...web("b", NEXT)]).routes).toEqual([]);
    expect([verdict(planner, VIP), verdict(planner, NEXT)]).toEqual(["announced", "nodeDrained"]);
    expect(prefixes(planner)).toEqual([`${VIP}/32`]);
    expect(checkTen(planner, NEXT)).toEqual(["fail", "drained on this node: maintenance"]);
    const back = planner.apply([time(3000), drain(null)]);
    expect(new Set(back.routes.map(({ prefix }) => prefix.key))).toEqual(new Set([cidr(`${VIP}/32`).key, cidr(`${NEXT}/32`).key]));
    expect(verdict(planner, NEXT)).toBe("announced");
  });

  it("does not announce to a peer what it had not been told before, though others had: until the drain ends", () => {
    const planner = planned([], LEAVING);
    const onlyA = advertisement("all", { peers: ["tor-a"] });
    planner.apply([time(0), ...[node("n1"), node("n2"), peer("tor-a"), peer("tor-b"), onlyA].map(set), ...web("a", VIP)]);
    planner.apply([time(1000), drain("maintenance")]);
    expect(planner.apply([time(2000), set(advertisement("all"))]).routes).toEqual([]);
    expect(verdict(planner, VIP)).toBe("announced");
    const items = planner.explain({ type: "address", address: ip(VIP) })?.items.map(({ peer: name, reason }) => [name, reason]);
    expect(items).toEqual([
      ["tor-a", ""],
      ["tor-b", "nodeDrained"],
    ]);
    const other = planner.apply([time(3000), set(advertisement("all", { peers: ["tor-b"] }))]);
    expect(other.routes.map(({ peer: name, attributes }) => [name, attributes])).toEqual([["tor-a", null]]);
    expect([verdict(planner, VIP), checkTen(planner, VIP)]).toEqual(["nodeDrained", ["fail", "drained on this node: maintenance"]]);
    const back = planner.apply([time(4000), drain(null)]);
    expect(back.routes.map(({ peer: name, attributes }) => [name, attributes])).toEqual([["tor-b", PLAIN_ATTRIBUTES]]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("withdraws at once what goes meanwhile", () => {
    const planner = announcing();
    planner.apply([time(1000), drain("maintenance")]);
    const { routes } = planner.apply([time(2000), gone(service("a"))]);
    expect(routes.map(({ attributes }) => attributes)).toEqual([null, null]);
  });

  it("that is there from the start announces nothing and waits for nothing", () => {
    const objects = [node("n1"), node("n2"), peer("tor-a"), advertisement("all"), service("a", { loadBalancerIPs: [ip(VIP)] })];
    const facts: readonly Fact[] = [
      { name: "time", nowMillis: 0 },
      { name: "drain", reason: "maintenance" },
    ];
    const planner = planned([...objects, slice("a", [endpoint("10.1.0.1", "n2")])], { ...LEAVING, facts });
    expect([prefixes(planner), planner.drain.phase, verdict(planner, VIP)]).toEqual([[], "drained", "nodeDrained"]);
    expect(planner.apply([time(1)]).wakeAtMillis).toBeNull();
  });

  it("is no grace for a node that is excluded or without network", () => {
    const planner = announcing();
    const label = { "node.kubernetes.io/exclude-from-external-load-balancers": "" };
    expect(
      planner.apply([time(1000), set(node("n1", { metadata: { labels: label } }))]).routes.map(({ attributes }) => attributes),
    ).toEqual([null, null]);
  });

  it("goes through the same shape for aggregates", () => {
    const planner = planned([], LEAVING);
    const objects = [node("n1"), node("n2"), peer("tor"), advertisement("all", { aggregationLength: 24 })];
    planner.apply([time(0), ...objects.map(set), ...web("a", VIP)]);
    const told = (change: { readonly routes: readonly { readonly attributes: RouteAttributes | null }[] }) =>
      change.routes.map(({ attributes }) => attributes?.communities ?? null);
    expect(told(planner.apply([time(1000), drain("maintenance")]))).toEqual([[GRACEFUL_SHUTDOWN]]);
    expect(told(planner.apply([time(6000)]))).toEqual([null]);
  });
});

describe("routes that outlived a restart", () => {
  it("are told again only where something else is wanted, and withdrawn where nothing is", () => {
    const planner = planned([], LEAVING);
    const objects = [node("n1"), node("n2"), peer("tor-a"), advertisement("all")];
    const restored = fact({ name: "restored", routes: [route(VIP), route(NEXT), route("203.0.113.3", { med: 7 })] });
    const change = planner.apply([restored, time(0), ...objects.map(set), ...web("a", VIP), ...web("c", "203.0.113.3")]);
    expect(change.routes.map(({ prefix, attributes }) => [prefix.key, attributes?.med ?? attributes])).toEqual([
      [cidr("203.0.113.3/32").key, { ...PLAIN_ATTRIBUTES }],
      [cidr(`${NEXT}/32`).key, null],
    ]);
    expect(prefixes(planner)).toEqual([`${VIP}/32`, "203.0.113.3/32"]);
    expect(planner.apply([time(1000)]).routes).toEqual([]);
  });

  it("of a node that is drained meanwhile leave in the shape of a drain, and new ones do not come", () => {
    const planner = planned([], LEAVING);
    const objects = [node("n1"), node("n2"), peer("tor-a"), advertisement("all")];
    const restored = fact({ name: "restored", routes: [route(VIP)] });
    const change = planner.apply([restored, time(0), drain("x"), ...objects.map(set), ...web("a", VIP), ...web("b", NEXT)]);
    expect(change.routes.map(({ prefix, attributes }) => [prefix.key, attributes?.communities])).toEqual([
      [cidr(`${VIP}/32`).key, [GRACEFUL_SHUTDOWN]],
    ]);
    expect([change.drain, verdict(planner, NEXT)]).toEqual(["leaving", "nodeDrained"]);
    expect(planner.apply([time(5000)]).routes.map(({ attributes }) => attributes)).toEqual([null]);
  });

  it("of a node that was leaving already have what is left of that grace period, and no new one", () => {
    const told = [node("n1"), node("n2"), peer("tor-a"), advertisement("all")].map(set);
    const restored = (leavesAtMillis: number) => fact({ name: "restored", routes: [route(VIP)], leavesAtMillis });
    const planner = planned([], LEAVING);
    const change = planner.apply([restored(2000), time(0), drain("x"), ...told, ...web("a", VIP)]);
    expect([change.drain, change.wakeAtMillis]).toEqual(["leaving", 2000]);
    expect(planner.apply([time(2000)]).routes.map(({ attributes }) => attributes)).toEqual([null]);

    const over = planned([], LEAVING);
    const late = over.apply([restored(-1), time(0), drain("x"), ...told, ...web("a", VIP)]);
    expect([late.drain, late.routes.map(({ attributes }) => attributes)]).toEqual(["drained", [null]]);

    // A moment far ahead is that of a clock that was set back: the grace period is no longer than it says.
    const ahead = planned([], LEAVING).apply([restored(90_000), time(0), drain("x"), ...told, ...web("a", VIP)]);
    expect(ahead.wakeAtMillis).toBe(5000);

    const ended = planned([], LEAVING);
    ended.apply([restored(2000), time(0), ...told, ...web("a", VIP)]);
    expect(ended.apply([time(1000), drain("y")]).wakeAtMillis).toBe(6000);
  });

  it("start past the gates, those of their owners and that of the proxy; a new Service waits for its own", () => {
    const local = (name: string, vip: string): Input[] => [
      set(service(name, { loadBalancerIPs: [ip(vip)], externalTrafficPolicy: "Local", healthCheckNodePort: 30000 })),
      set(slice(name, [endpoint("10.1.0.1", "n1")])),
    ];
    const planner = planned([], {
      ...LEAVING,
      facts: [{ name: "gate", healthz: "http://127.0.0.1:10256/healthz", onlyWhereRequired: false }],
    });
    const objects = [node("n1", { internalIPs: [ip("10.0.0.1")] }), peer("tor-a"), advertisement("all")];
    const restored = fact({ name: "restored", routes: [route(VIP)] });
    const change = planner.apply([restored, time(0), ...objects.map(set), ...local("a", VIP), ...local("b", NEXT)]);
    expect([verdict(planner, VIP), verdict(planner, NEXT)]).toEqual(["announced", "dataplaneNotReady"]);
    expect([change.routes, change.awaitsGates]).toEqual([[], true]);
    // Silence is over after 5 s.
    const silent = planner.apply([time(5000)]);
    expect([verdict(planner, NEXT), silent.awaitsGates]).toEqual(["announced", false]);
  });
});

function route(vip: string, attributes: Partial<RouteAttributes> = {}): RestoredRoute {
  return { prefix: cidr(`${vip}/32`), owners: ["default/a"], to: [{ peer: "tor-a", attributes: { ...PLAIN_ATTRIBUTES, ...attributes } }] };
}

function checkTen(planner: Planner, vip: string): readonly (string | undefined)[] {
  const check = planner.explain({ type: "address", address: ip(vip) })?.items[0]?.checks.find(({ number }) => number === 10);
  return [check?.result, check?.text];
}
