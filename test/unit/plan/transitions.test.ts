import { describe, expect, it } from "vitest";
import { advertisement, endpoint, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned } from "../../support/plan-outcome.ts";

const DUAL = service("a", { loadBalancerIPs: [ip("203.0.113.1"), ip("2001:db8::1")], externalTrafficPolicy: "Local" });
const v4 = (on: string, resourceVersion = "1") =>
  slice("a4", [endpoint("10.1.0.1", on)], { serviceName: "a", metadata: { resourceVersion } });
const v6 = (on: string, resourceVersion = "1") =>
  slice("a6", [endpoint("fd00::1", on)], { serviceName: "a", metadata: { resourceVersion } });

describe("lines of the timeline", () => {
  it("name the slice of the address's own family, whichever came last", () => {
    const world = [node("n1", { internalIPs: [ip("fd00::99")] }), peer("tor", { families: ["IPv4", "IPv6"] }), advertisement("all"), DUAL];
    const planner = planned([...world, v4("n2"), v6("n2")]);
    for (const order of [
      [v4("n1", "7"), v6("n1", "8")],
      [v6("n2", "9"), v4("n2", "10")],
    ]) {
      const { transitions } = planner.apply(order.map(set));
      const told = transitions.map(({ address, cause }) => [address?.family, cause?.name]);
      expect(told.sort()).toEqual([
        ["IPv4", "default/a4"],
        ["IPv6", "default/a6"],
      ]);
    }
  });

  it("name the Service where it changed after its slices", () => {
    const planner = planned([node("n1"), peer("tor"), advertisement("all"), DUAL, v4("n2")]);
    const cluster = service("a", { ...DUAL, metadata: { resourceVersion: "5" }, externalTrafficPolicy: "Cluster" });
    const { transitions } = planner.apply([set(v4("n2", "4")), set(cluster)]);
    expect(transitions).toMatchObject([{ announced: true, cause: { kind: "Service", resourceVersion: "5" } }]);
  });

  it("say of each peer what stands in its own way", () => {
    const planner = planned([node("n1"), peer("six", { families: ["IPv6"] }), peer("tor"), advertisement("all"), service("a")]);
    const { transitions } = planner.apply([
      set(service("a", { loadBalancerIPs: [ip("203.0.113.1")] })),
      set(slice("a", [endpoint("10.1.0.1", "n1")])),
    ]);
    expect(transitions).toMatchObject([
      { peer: "six", reason: "peerFamilyNotNegotiated", detail: "peer six is configured for IPv6, not IPv4" },
      { peer: "tor", reason: "", detail: "announced by advertisement all to tor" },
    ]);
  });
});
