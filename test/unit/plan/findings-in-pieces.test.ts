import { describe, expect, it } from "vitest";
import type { ClusterObject, Finding } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { findInCluster, findInPieces } from "../../../src/plan/cluster.ts";
import { Planner } from "../../../src/plan/planner.ts";
import { advertisement, set } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { randomCluster } from "../../support/random-cluster.ts";

const CLUSTERS = 60;

/** Every node asked by itself, all at once. */
function plainly(objects: readonly ClusterObject[]): string[] {
  const nodes = objects.flatMap((object) => (object.kind === "Node" ? [object.metadata.name] : []));
  const found = (nodes.length === 0 ? [""] : nodes).flatMap((node): Finding[] => {
    const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node });
    planner.apply(objects.map(set));
    return planner.findings().filter(({ code }) => code !== "nodeUnknown");
  });
  return [...new Set(found.map((finding) => JSON.stringify(finding)))].sort();
}

describe("what is wrong between the objects of a cluster", () => {
  it("is the same however small the pieces are in which it is looked for", () => {
    let withFindings = 0;
    let pauses = 0;
    for (let seed = 1; seed <= CLUSTERS; seed++) {
      const dice = new Dice(seed);
      const objects = randomCluster(dice);
      if (dice.chance(2)) objects.push(advertisement("wide", { aggregationLength: 24, localPref: 50 }));
      const work = findInPieces(objects, DEFAULT_PLANNER_OPTIONS, 1);
      let step = work.next();
      for (; step.done !== true; step = work.next()) pauses++;
      const pieces = step.value.map((finding) => JSON.stringify(finding));
      expect(pieces, `seed ${seed}`).toEqual(findInCluster(objects, DEFAULT_PLANNER_OPTIONS).map((finding) => JSON.stringify(finding)));
      expect([...pieces].sort(), `seed ${seed}`).toEqual(plainly(objects));
      if (pieces.length > 0) withFindings++;
    }
    expect(withFindings).toBeGreaterThan(CLUSTERS / 3);
    expect(pauses).toBeGreaterThan(CLUSTERS * 10);
  });
});
