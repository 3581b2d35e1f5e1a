import { describe, expect, it } from "vitest";
import type { ClusterObject, Endpoint } from "../../../src/objects/kinds.ts";
import { type Damping, DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import type { Input } from "../../../src/plan/facts.ts";
import type { Planner } from "../../../src/plan/planner.ts";
import { advertisement, endpoint, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned, verdict } from "../../support/plan-outcome.ts";

const VIP = "203.0.113.1";
const time = (nowMillis: number): Input => ({ input: "fact", fact: { name: "time", nowMillis } });
const pods = (...endpoints: readonly Endpoint[]): Input => set(slice("a", endpoints, { addressType: "IPv4" }));
const here = (n: number): Endpoint => endpoint(`10.1.0.${n}`, "n1");
const THERE = endpoint("10.1.9.9", "n2");

function local(damping: Partial<Damping> = {}, more: readonly ClusterObject[] = []): Planner {
  const objects = [
    node("n1"),
    peer("tor"),
    advertisement("all", { linkBandwidth: { bytesPerSecondPerEndpoint: 100, transitive: true } }),
    service("a", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }),
    ...more,
  ];
  return planned(objects, { facts: [{ name: "time", nowMillis: 0 }], damping: { ...DEFAULT_PLANNER_OPTIONS.damping, ...damping } });
}

/** The weight that leaves with a change: null = withdrawn, undefined = nothing leaves. */
function sent(planner: Planner, ...inputs: readonly Input[]): number | null | undefined {
  const { routes } = planner.apply(inputs);
  expect(routes.length).toBeLessThanOrEqual(1);
  const [route] = routes;
  return route === undefined ? undefined : (route.attributes?.linkBandwidth?.bytesPerSecond ?? null);
}

describe("announceHoldDown (section 9)", () => {
  /** Withdrawals and announcements a second apart, `elsewhere` pods on another node. */
  function flap(planner: Planner, from: number, times: number, elsewhere: readonly Endpoint[] = [THERE]): void {
    for (let i = 0; i < times; i++) {
      planner.apply([time(from + 2000 * i), pods(here(1), ...elsewhere)]);
      planner.apply([time(from + 2000 * i + 1000), pods(...elsewhere)]);
    }
  }

  it("heldDown: the third withdrawal within 60 s delays the next announcement by 5 s; a withdrawal never waits", () => {
    const planner = local();
    flap(planner, 0, 2);
    expect(sent(planner, time(4000), pods(here(1), THERE))).toBe(100);
    expect(sent(planner, time(5000), pods(THERE))).toBe(null);
    const change = planner.apply([time(6000), pods(here(1), THERE)]);
    expect([change.routes, change.wakeAtMillis]).toEqual([[], 11_000]);
    expect(verdict(planner, VIP)).toBe("heldDown");
    expect(planner.services()[0]?.detail).toBe("203.0.113.1/32 was withdrawn too often: announced again in 5 s");
    expect(planner.negatives()).toMatchObject([{ peer: "tor", reason: "heldDown" }]);
    expect(planner.routes()).toEqual([]);
    expect(sent(planner, time(10_999))).toBeUndefined();
    const released = planner.apply([time(11_000)]);
    expect(released.routes).toHaveLength(1);
    expect(released.transitions).toMatchObject([{ announced: true, cause: { kind: "Timer", name: "203.0.113.1/32" } }]);
    expect(verdict(planner, VIP)).toBe("announced");
  });

  it("doubles up to 60 s, and is forgotten after five quiet minutes", () => {
    const planner = local();
    flap(planner, 0, 3);
    const delays: number[] = [];
    let now = 6000;
    for (let i = 0; i < 5; i++) {
      const { wakeAtMillis } = planner.apply([time(now), pods(here(1), THERE)]);
      delays.push((wakeAtMillis ?? now) - now);
      now = wakeAtMillis ?? now;
      expect(planner.apply([time(now)]).routes).toHaveLength(1);
      now += 1000;
      planner.apply([time(now), pods(THERE)]);
      now += 1000;
    }
    expect(delays).toEqual([5000, 10_000, 20_000, 40_000, 60_000]);
    now += 300_000;
    planner.apply([time(now), pods(here(1), THERE)]);
    planner.apply([time(now + 60_001)]);
    expect(planner.apply([time(now + 300_001), pods(THERE)]).routes).toHaveLength(1);
    expect(planner.apply([time(now + 300_002), pods(here(1), THERE)]).routes).toHaveLength(1);
  });

  it("is skipped while no other node's endpoints count, at once when the last of them goes", () => {
    const alone = local();
    flap(alone, 0, 6, []);
    expect(sent(alone, time(20_000), pods(here(1)))).toBe(100);
    const planner = local();
    flap(planner, 0, 3);
    expect(sent(planner, time(6000), pods(here(1), THERE))).toBeUndefined();
    expect(sent(planner, time(7000), pods(here(1)))).toBe(100);
  });

  it("bounds what leaves under a flapping endpoint, and switched off bounds nothing", () => {
    for (const [announceHoldDown, most, least] of [
      [true, 30, 6],
      [false, 1200, 1200],
    ] as const) {
      const planner = local({ announceHoldDown, weightHoldDownMillis: 0, weightTolerance: 0 });
      let updates = 0;
      // Ten minutes of an endpoint that comes and goes every second.
      for (let i = 0; i < 1200; i++)
        updates += planner.apply([time(i * 500), i % 2 === 0 ? pods(here(1), THERE) : pods(THERE)]).routes.length;
      expect(updates).toBeLessThanOrEqual(most);
      expect(updates).toBeGreaterThanOrEqual(least);
    }
  });

  it("an address that moves to another Service within one change is no withdrawal", () => {
    const planner = local({}, [service("b", {})]);
    planner.apply([time(0), pods(here(1), THERE), set(slice("b", [here(2), THERE]))]);
    for (let i = 1; i < 10; i++) {
      const [from, to] = i % 2 === 1 ? ["a", "b"] : ["b", "a"];
      const { routes } = planner.apply([
        time(i * 1000),
        set(service(from ?? "", { externalTrafficPolicy: "Local" })),
        set(service(to ?? "", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" })),
      ]);
      expect(routes.filter(({ attributes }) => attributes === null)).toEqual([]);
      expect(verdict(planner, VIP)).toBe("announced");
    }
  });
});

describe("weights are damped (section 8)", () => {
  it("at most one change per prefix in weightHoldDown; the newest wins", () => {
    const planner = local();
    expect(sent(planner, time(0), pods(here(1)))).toBe(100);
    const change = planner.apply([time(1000), pods(here(1), here(2))]);
    expect([change.routes, change.wakeAtMillis]).toEqual([[], 10_000]);
    expect(planner.services()[0]).toMatchObject({
      weight: 100,
      detail: "announced by advertisement all to tor; its weight becomes 200 bytes/s in 9 s",
    });
    expect(planner.peerRoutes()).toMatchObject([{ linkBandwidth: 100 }]);
    expect(sent(planner, time(2000), pods(here(1), here(2), here(3)))).toBeUndefined();
    expect(sent(planner, time(10_000))).toBe(300);
    expect(planner.apply([time(11_000)]).wakeAtMillis).toBeNull();
  });

  it("a change under weightTolerance waits until it has been quiet for 60 s", () => {
    const planner = local();
    const many = Array.from({ length: 10 }, (_, i) => here(i + 1));
    expect(sent(planner, time(0), pods(...many))).toBe(1000);
    expect(sent(planner, time(20_000), pods(...many.slice(1)))).toBeUndefined();
    expect(sent(planner, time(50_000), pods(...many, here(11)))).toBeUndefined();
    expect(sent(planner, time(109_999))).toBeUndefined();
    expect(sent(planner, time(110_000))).toBe(1100);
  });

  it("goes at once to and from nothing", () => {
    const planner = local({ announceHoldDown: false });
    expect(sent(planner, time(0), pods(here(1), THERE))).toBe(100);
    expect(sent(planner, time(100), pods(THERE))).toBeNull();
    expect(sent(planner, time(200), pods(here(1), here(2), THERE))).toBe(200);
    expect(sent(planner, time(300), set(advertisement("all")))).toBeNull();
  });

  it("other attributes do not wait: they leave with the weight that was sent", () => {
    const planner = local();
    expect(sent(planner, time(0), pods(here(1)))).toBe(100);
    planner.apply([time(1000), pods(here(1), here(2))]);
    const weighted = { linkBandwidth: { bytesPerSecondPerEndpoint: 100, transitive: true } };
    const { routes } = planner.apply([time(2000), set(advertisement("all", { ...weighted, med: 7 }))]);
    expect(routes).toMatchObject([{ attributes: { med: 7, linkBandwidth: { bytesPerSecond: 100 } } }]);
    expect(sent(planner, time(10_000))).toBe(200);
  });

  it("weightHoldDown 0 and weightTolerance 0 send every change at once", () => {
    const planner = local({ weightHoldDownMillis: 0, weightTolerance: 0 });
    expect([1, 2, 3].map((n) => sent(planner, time(n), pods(...Array.from({ length: n }, (_, i) => here(i + 1)))))).toEqual([
      100, 200, 300,
    ]);
  });
});

describe("what damping remembers", () => {
  it("is gone once it cannot matter: 10,000 Services that came and went leave nothing to wake up for", () => {
    const planner = local();
    const services = Array.from({ length: 10_000 }, (_, i) => service(`s${i}`, { loadBalancerIPs: [ip(`198.18.${i >> 8}.${i & 255}`)] }));
    const slices = services.map(({ metadata }) => slice(metadata.name, [THERE]));
    expect(planner.apply([time(0), ...[...services, ...slices].map(set)]).routes).toHaveLength(10_000);
    expect(planner.apply([time(1000), ...services.map(({ metadata }) => set(slice(metadata.name, [])))]).routes).toHaveLength(10_000);
    expect(planner.apply([time(2000)]).wakeAtMillis).toBeNull();
  });
});
