import { describe, expect, it } from "vitest";
import { hostPrefix } from "../../../src/ip/prefix.ts";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { AnnounceLimit } from "../../../src/plan/announce-limit.ts";
import { chosenOf } from "../../../src/plan/announcers.ts";
import { advertisement, cidr, endpoint, gone, ip, labelled, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned, prefixes, verdict } from "../../support/plan-outcome.ts";

const day = (n: number) => `2026-01-${String(n).padStart(2, "0")}T00:00:00Z`;
const pod = (name: string) => slice(name, [endpoint("10.1.0.1", "n1")]);
const aged = (name: string, address: string, created: number): ClusterObject =>
  service(name, { metadata: { creationTimestamp: day(created) }, loadBalancerIPs: [ip(address)] });

describe("announceLimit (check 17)", () => {
  const limited = (ipv4: number | null) => peer("tor", { families: ["IPv4", "IPv6"], announceLimit: { ipv4, ipv6: null } });
  const THREE = [aged("a", "203.0.113.1", 3), aged("b", "203.0.113.2", 1), aged("c", "203.0.113.3", 2), pod("a"), pod("b"), pod("c")];

  it("announceLimit: keeps the oldest by creationTimestamp, whatever the order of events", () => {
    for (const objects of [THREE, [...THREE].reverse()]) {
      const planner = planned([node("n1"), limited(2), advertisement("all"), ...objects]);
      expect(prefixes(planner)).toEqual(["203.0.113.2/32", "203.0.113.3/32"]);
      expect(verdict(planner, "203.0.113.1")).toBe("announceLimit");
      expect(planner.negatives()).toMatchObject([
        {
          peer: "tor",
          service: "default/a",
          reason: "announceLimit",
          detail: "announceLimit 2 of peer tor: 2 older IPv4 prefixes come first",
        },
      ]);
      const checks = planner.explain({ type: "service", namespace: "default", name: "a" })?.items[0]?.checks ?? [];
      expect(checks.at(16)).toMatchObject({
        number: 17,
        result: "fail",
        reason: "announceLimit",
        field: "spec.announceLimit.ipv4",
        value: "2",
      });
    }
  });

  it("of equal age the lower prefix; the families are counted apart", () => {
    const six = service("six", { loadBalancerIPs: [ip("2001:db8::1")] });
    const sixPod = slice("six", [endpoint("fd00::1", "n1")]);
    const equal = [aged("a", "203.0.113.9", 1), aged("b", "203.0.113.2", 1), pod("a"), pod("b"), six, sixPod];
    const planner = planned([node("n1", { internalIPs: [ip("fd00::1")] }), limited(1), advertisement("all"), ...equal]);
    expect(prefixes(planner)).toEqual(["203.0.113.2/32", "2001:db8::1/128"]);
  });

  it("one that goes makes room for the next, a higher limit for more, none for all", () => {
    const planner = planned([node("n1"), limited(1), advertisement("all"), ...THREE]);
    const { routes, transitions } = planner.apply([gone(aged("b", "203.0.113.2", 1))]);
    expect(routes.map(({ attributes }) => attributes !== null)).toEqual([false, true]);
    expect(transitions).toContainEqual(
      expect.objectContaining({ service: "default/c", announced: true, cause: expect.objectContaining({ name: "default/b" }) }),
    );
    expect(prefixes(planner)).toEqual(["203.0.113.3/32"]);
    planner.apply([set(limited(2))]);
    expect(prefixes(planner)).toEqual(["203.0.113.1/32", "203.0.113.3/32"]);
    planner.apply([set(limited(0))]);
    expect(prefixes(planner)).toEqual([]);
    planner.apply([set(limited(null))]);
    expect(prefixes(planner)).toEqual(["203.0.113.1/32", "203.0.113.3/32"]);
    expect(planner.decisions()).toEqual({ announced: 2, notAnnounced: {} });
  });

  it("a limit that comes while everything is announced withdraws the youngest", () => {
    const planner = planned([node("n1"), limited(null), advertisement("all"), ...THREE]);
    expect(planner.apply([set(limited(2))]).routes).toMatchObject([{ prefix: hostPrefix(ip("203.0.113.1")), attributes: null }]);
    expect(planner.apply([set(limited(2))]).routes).toEqual([]);
  });

  it("an aggregate is as old as its advertisement", () => {
    const wide = advertisement("wide", {
      metadata: { creationTimestamp: day(2) },
      aggregationLength: 24,
      serviceSelectors: [labelled("herald.dev/service-name", "a")],
    });
    const rest = advertisement("rest", { serviceSelectors: [labelled("herald.dev/service-name", "b")] });
    const objects = [aged("a", "198.51.100.1", 9), aged("b", "203.0.113.2", 3), pod("a"), pod("b"), wide, rest];
    expect(prefixes(planned([node("n1"), limited(1), ...objects]))).toEqual(["198.51.100.0/24"]);
  });

  it("keeps the first by age and prefix through a thousand random changes, and no more in memory than twice that", () => {
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const limit = new AnnounceLimit(20);
    const members = new Map<string, { age: string; prefix: ReturnType<typeof hostPrefix> }>();
    for (let i = 0; i < 5000; i++) {
      const prefix = hostPrefix(ip(`10.0.${random(2)}.${random(40)}`));
      if (random(3) === 0) {
        limit.remove(prefix.key, () => {});
        members.delete(prefix.key);
      } else {
        const place = { prefix, age: day(1 + random(9)) };
        limit.put(place, () => {});
        members.set(prefix.key, place);
      }
      const order = [...members.values()].sort((a, b) => (a.age < b.age ? -1 : a.age > b.age ? 1 : a.prefix.key < b.prefix.key ? -1 : 1));
      expect(order.slice(0, 20).filter((place) => limit.isCut(place.prefix.key))).toEqual([]);
      expect(order.slice(20).filter((place) => !limit.isCut(place.prefix.key))).toEqual([]);
    }
  });
});

describe("maxAnnouncers (check 14)", () => {
  const NODES = ["n1", "n2", "n3", "n4", "n5"];
  const VIP = "203.0.113.1";
  const two = advertisement("all", { maxAnnouncers: 2 });
  const ready = (name: string, more: Parameters<typeof node>[1] = {}) => node(name, { ready: true, ...more });
  const world = (more: readonly ClusterObject[] = [], nodes: readonly ClusterObject[] = NODES.map((name) => ready(name))) => [
    ...nodes,
    peer("tor"),
    two,
    service("a", { loadBalancerIPs: [ip(VIP)] }),
    pod("a"),
    ...more,
  ];
  const announcing = (objects: readonly ClusterObject[]) => NODES.filter((name) => prefixes(planned(objects, { node: name })).length > 0);

  it("announcerLimit: the two nodes of highest rank announce, and every speaker agrees on them", () => {
    const chosen = chosenOf(NODES, ip(VIP), 2);
    expect(announcing(world())).toEqual([...chosen].sort());
    const other = NODES.find((name) => !chosen.includes(name)) ?? "";
    const planner = planned(world(), { node: other });
    expect(verdict(planner, VIP)).toBe("announcerLimit");
    expect(planner.negatives()).toMatchObject([
      { peer: null, reason: "announcerLimit", detail: `maxAnnouncers 2: ${chosen.join(", ")} rank first` },
    ]);
    const checks = planner.explain({ type: "address", address: ip(VIP) })?.items[0]?.checks;
    expect(checks?.[13]).toMatchObject({ number: 14, result: "fail", object: { kind: "BGPAdvertisement", name: "all" }, value: "2" });
  });

  it("a node that is not Ready, drained, excluded or without a peer holds no place", () => {
    const [first = "", second = "", third = ""] = chosenOf(NODES, ip(VIP), 3);
    const unfit: readonly Parameters<typeof node>[1][] = [
      { ready: false },
      { metadata: { annotations: { "herald.dev/drain": "yes" } } },
      { metadata: { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } } },
      { networkUnavailable: true },
    ];
    for (const more of unfit) {
      const nodes = NODES.map((name) => ready(name, name === first ? more : {}));
      expect(announcing(world([], nodes))).toEqual([second, third].sort());
    }
    const racked = NODES.map((name) => ready(name, name === first ? {} : { metadata: { labels: { rack: "r1" } } }));
    const picky = peer("tor", { nodeSelectors: [labelled("rack", "r1")] });
    expect(announcing([...world([], racked).filter(({ kind }) => kind !== "BGPPeer"), picky])).toEqual([second, third].sort());
  });

  it("follows a node that becomes NotReady and comes back", () => {
    const [first = "", , third = ""] = chosenOf(NODES, ip(VIP), 3);
    const planner = planned(world(), { node: third });
    expect(verdict(planner, VIP)).toBe("announcerLimit");
    expect(planner.apply([set(ready(first, { ready: false }))]).routes).toHaveLength(1);
    expect(planner.apply([set(ready(first))]).routes).toMatchObject([{ attributes: null }]);
  });

  it("under Local only nodes with an endpoint of their own are ranked", () => {
    const pods = slice("a", [endpoint("10.1.0.1", "n1"), endpoint("10.1.0.2", "n2"), endpoint("10.1.0.3", "n3")]);
    const objects = world([service("a", { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }), pods]);
    expect(announcing(objects)).toEqual(chosenOf(["n1", "n2", "n3"], ip(VIP), 2).sort());
  });

  it("blocks know no limit, and an advertisement without one announces everywhere", () => {
    const block = advertisement("block", { addresses: ["ClusterIP"], blocks: [cidr("10.96.0.0/16")], maxAnnouncers: 1 });
    expect(announcing([...world(), block])).toEqual(NODES);
    expect(announcing([...world(), advertisement("more")])).toEqual(NODES);
  });
});
