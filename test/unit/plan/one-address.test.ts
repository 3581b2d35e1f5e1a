import { describe, expect, it } from "vitest";
import type { EndpointSlice } from "../../../src/objects/kinds.ts";
import type { PlanChange } from "../../../src/plan/change.ts";
import type { Planner } from "../../../src/plan/planner.ts";
import { parseSubject } from "../../../src/plan/subject.ts";
import { advertisement, endpoint, ip, node, peer, service, set, slice } from "../../support/cluster-objects.ts";
import { planned, prefixes, verdict } from "../../support/plan-outcome.ts";

const OWNERS = 20_000;
const VIP = "203.0.113.1";

function sliceOf(n: number, nodes: readonly string[]): EndpointSlice {
  return slice(
    `s${n}`,
    nodes.map((name, i) => endpoint(`10.${i + 1}.${n >> 8}.${n & 0xff}`, name)),
    { addressType: "IPv4" },
  );
}

/** A good Service of its own address, and `OWNERS` Local ones on another. */
function crowd(): Planner {
  const owners = Array.from({ length: OWNERS }, (_, n) => [
    service(`s${n}`, { loadBalancerIPs: [ip(VIP)], externalTrafficPolicy: "Local" }),
    sliceOf(n, ["n1", "n2"]),
  ]);
  const good = [service("good", { loadBalancerIPs: [ip("203.0.113.2")] }), slice("good", [endpoint("10.9.0.1", "n1")])];
  return planned([node("n1"), node("n2"), peer("tor"), advertisement("all"), ...good, ...owners.flat()]);
}

function told({ routes, transitions, transitionsOmitted }: PlanChange): { readonly routes: number; readonly decisions: number } {
  return { routes: routes.length, decisions: transitions.length + transitionsOmitted };
}

describe(`${OWNERS} Services on one address`, () => {
  const planner = crowd();

  it("are one route, beside the good Service's own", () => {
    expect(prefixes(planner)).toEqual([`${VIP}/32`, "203.0.113.2/32"]);
    expect(planner.decisions()).toEqual({ announced: OWNERS + 1, notAnnounced: {} });
  });

  it("a change of one owner that alters nothing for the address decides nothing else anew", () => {
    expect(told(planner.apply([set(sliceOf(7, ["n1", "n2", "n2"]))]))).toEqual({ routes: 0, decisions: 0 });
    expect(told(planner.apply([set(sliceOf(7, ["n1"]))]))).toEqual({ routes: 0, decisions: 0 });
    // It looks at the owner that changed; a hundred more calls find nothing left to do.
    for (let i = 0; i < 100; i++) expect(planner.decide(1).pending).toBe(0);
  });

  it("one owner that loses its last pod here takes the address away from this node: one withdrawal, in slices too", () => {
    planner.apply([set(sliceOf(7, ["n1", "n2"]))]);
    planner.note([set(sliceOf(11, ["n2"]))]);
    let [calls, routes] = [0, 0];
    for (let pending = 1; pending > 0; calls++) {
      const change = planner.decide(500);
      ({ pending } = change);
      routes += change.routes.length;
    }
    expect(routes).toBe(1);
    expect(calls, "no call does all").toBeGreaterThanOrEqual(OWNERS / 500);
    expect(prefixes(planner)).toEqual(["203.0.113.2/32"]);
    expect(planner.decisions().notAnnounced).toEqual({ noLocalEndpoints: OWNERS });
    expect(verdict(planner, "203.0.113.2")).toBe("announced");
  });

  it("an explanation of one owner is about that owner, and names who lacks a pod", () => {
    const explained = planner.explain(parseSubject("default/s3", "default"));
    expect(explained?.items).toHaveLength(1);
    expect(explained?.items[0]?.checks[10]?.text).toContain("shared with default/s11");
    expect(explained?.findings).toEqual([]);
  });
});
