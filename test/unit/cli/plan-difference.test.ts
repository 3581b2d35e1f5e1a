import { describe, expect, it } from "vitest";
import { differenceOf, isEmpty } from "../../../src/cli/plan-difference.ts";
import type { PlanReport, Route } from "../../../src/plan/report.ts";

function route(prefix: string, changes: Partial<Route> = {}): Route {
  const plain = {
    node: "node-1",
    peer: "tor",
    family: "IPv4",
    nextHop: "10.0.0.1",
    communities: [],
    largeCommunities: [],
    extendedCommunities: [],
  } as const;
  return { ...plain, localPref: null, med: null, asPathPrepend: 0, linkBandwidth: null, owners: ["shop/web"], prefix, ...changes };
}

function plan(...routes: Route[]): PlanReport {
  return { routes, notAnnounced: [], assumed: [], findings: [] };
}

describe("plan --against", () => {
  it("names what would be announced, withdrawn and changed, and which fields", () => {
    const before = plan(route("203.0.113.1/32"), route("203.0.113.2/32"), route("203.0.113.3/32"));
    const changed = route("203.0.113.2/32", { communities: ["65000:1"], med: 10 });
    const after = plan(changed, route("203.0.113.3/32"), route("203.0.113.4/32"));
    expect(differenceOf(before, after)).toEqual({
      announced: [route("203.0.113.4/32")],
      withdrawn: [route("203.0.113.1/32")],
      changed: [
        {
          node: "node-1",
          peer: "tor",
          prefix: "203.0.113.2/32",
          fields: ["communities", "med"],
          before: route("203.0.113.2/32"),
          after: changed,
        },
      ],
    });
  });

  it("tells routes of one prefix apart by node and peer", () => {
    const before = plan(route("203.0.113.1/32"));
    const after = plan(route("203.0.113.1/32", { peer: "tor-b" }), route("203.0.113.1/32", { node: "node-2" }));
    const { announced, withdrawn, changed } = differenceOf(before, after);
    expect([announced.length, withdrawn.length, changed.length]).toEqual([2, 1, 0]);
  });

  it("is silent about a change of owner: routers see none", () => {
    const difference = differenceOf(plan(route("203.0.113.1/32")), plan(route("203.0.113.1/32", { owners: ["shop/new"] })));
    expect(isEmpty({ ...difference, sessionsReset: [], findings: [] })).toBe(true);
  });
});
