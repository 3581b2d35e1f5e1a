import { describe, expect, it } from "vitest";
import { parseAddress, parsePrefix } from "../../../src/ip/parse.ts";
import { containsAddress } from "../../../src/ip/prefix.ts";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { balanceCluster } from "../../../src/plan/cluster.ts";
import { Planner } from "../../../src/plan/planner.ts";
import type { BalanceItem, FlowShare, Route } from "../../../src/plan/report.ts";
import { set } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { randomCluster } from "../../support/random-cluster.ts";

/** More and other clusters: `HERALD_CLUSTERS=10000 HERALD_SEED=7 vitest run test/unit/plan/balance-properties.test.ts`. */
const CLUSTERS = Number(process.env["HERALD_CLUSTERS"] ?? 200);
const FIRST_SEED = Number(process.env["HERALD_SEED"] ?? 1);
const SEEDS = Array.from({ length: CLUSTERS }, (_, i) => FIRST_SEED + i);

function balance(objects: readonly ClusterObject[]): readonly BalanceItem[] {
  const report = balanceCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, ecmpWidth: 64, service: null });
  if (report === null) throw new Error("no report");
  return report.items;
}

/** What a planner of each node says, one after the other. */
function planEach(objects: readonly ClusterObject[]) {
  const nodes = objects.filter(({ kind }) => kind === "Node").map(({ metadata }) => metadata.name);
  const routes: Route[] = [];
  const announced = new Set<string>();
  for (const node of nodes) {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node });
    planner.apply(objects.map(set));
    routes.push(...planner.peerRoutes());
    for (const row of planner.services()) if (row.announced) announced.add(`${row.service} ${row.address} ${row.kind}`);
  }
  return { routes, announced };
}

/** Routes of the longest prefix around the address. */
function followed(routes: readonly Route[], text: string): Route[] {
  const address = parseAddress(text);
  let longest = -1;
  let found: Route[] = [];
  for (const route of routes) {
    const prefix = parsePrefix(route.prefix, { hostBits: "refuse" });
    if (!address.ok || !prefix.ok || !containsAddress(prefix.value, address.value) || prefix.value.length < longest) continue;
    if (prefix.value.length > longest) found = [];
    longest = prefix.value.length;
    found.push(route);
  }
  return found;
}

/** `node=weight`, sorted; a node that does not send its weight to every peer has none. */
function pathsIn(routes: readonly Route[]): string[] {
  const byNode = new Map<string, (number | null)[]>();
  for (const { node, linkBandwidth } of routes) byNode.set(node, [...(byNode.get(node) ?? []), linkBandwidth]);
  return [...byNode]
    .map(([node, weights]) => {
      const known = weights.flatMap((weight) => weight ?? []);
      return `${node}=${known.length < weights.length ? "none" : Math.min(...known)}`;
    })
    .sort();
}

const sum = (shares: readonly { readonly share: FlowShare }[], way: keyof FlowShare) =>
  shares.reduce((total, { share }) => total + share[way], 0);

const near = (a: number, b: number) => Math.abs(a - b) < 1e-9;

describe("the balance report over random clusters", () => {
  it("names for every address exactly the nodes whose planner announces it, with the weights they send", () => {
    let compared = 0;
    let withNodes = 0;
    const wrong: string[] = [];
    for (const seed of SEEDS) {
      const objects = randomCluster(new Dice(seed));
      const { routes, announced } = planEach(objects);
      const items = balance(objects);
      const listed = new Set(items.map(({ service, address, kind }) => `${service} ${address} ${kind}`));
      for (const key of announced) if (!listed.has(key)) wrong.push(`seed ${seed}: ${key} is missing`);
      for (const { service, address, kind, nodes } of items) {
        const key = `${service} ${address} ${kind}`;
        const expected = announced.has(key) ? pathsIn(followed(routes, address)) : [];
        const reported = nodes.map(({ node, linkBandwidth }) => `${node}=${linkBandwidth ?? "none"}`);
        if (reported.join() !== expected.join()) wrong.push(`seed ${seed}: ${key}: ${reported.join()} and not ${expected.join()}`);
        compared++;
        if (nodes.length > 0) withNodes++;
      }
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(CLUSTERS);
    expect(withNodes).toBeGreaterThan(CLUSTERS / 2);
  });

  it("shares out every flow once, and never less than none", () => {
    let shared = 0;
    const wrong: string[] = [];
    for (const seed of SEEDS) {
      for (const item of balance(randomCluster(new Dice(seed)))) {
        for (const way of ["equal", "weighted"] as const) {
          const [nodes, pods] = [sum(item.nodes, way), sum(item.pods, way)];
          const isNone = item.paths === 0;
          // A node that announces without an endpoint of its own, for another owner or by withoutEndpoints, may drop its part.
          const whole = item.pods.length > 0 && item.nodes.every(({ endpoints, share }) => endpoints > 0 || share[way] === 0);
          const right =
            [...item.nodes, ...item.pods].every(({ share }) => share[way] >= 0) &&
            near(nodes, isNone ? 0 : 1) &&
            (isNone || !whole ? pods < 1 + 1e-9 : near(pods, 1)) &&
            (!isNone || pods === 0);
          if (!right) wrong.push(`seed ${seed}: ${item.service} ${item.address} ${way}: nodes ${nodes}, pods ${pods}`);
          if (!isNone && whole) shared++;
        }
        if (item.maxMinRatio !== null && item.maxMinRatio.weighted <= 1.25 && item.advice !== "")
          wrong.push(`seed ${seed}: ${item.advice}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(shared).toBeGreaterThan(CLUSTERS);
  });

  it("is the same in whatever order the objects come", () => {
    for (const seed of SEEDS.slice(0, 50)) {
      const dice = new Dice(seed);
      const objects = randomCluster(dice);
      expect(balance(dice.shuffled(objects)), `seed ${seed}`).toEqual(balance(objects));
    }
  });
});
