import type { ClusterObject } from "../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS, type PlannerOptions } from "../../src/plan/change.ts";
import type { Fact } from "../../src/plan/facts.ts";
import { Planner } from "../../src/plan/planner.ts";
import { set } from "./cluster-objects.ts";

export interface OutcomeOptions extends Partial<PlannerOptions> {
  readonly facts?: readonly Fact[];
}

/** A planner that has decided over these objects, for node `n1` unless told otherwise. */
export function planned(objects: readonly ClusterObject[], options: OutcomeOptions = {}): Planner {
  const { facts = [], ...rest } = options;
  const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1", ...rest });
  planner.apply([...objects.map(set), ...facts.map((fact) => ({ input: "fact", fact }) as const)]);
  return planner;
}

/** What is announced to anybody, as text, in order. */
export function prefixes(planner: Planner): string[] {
  return [...new Set(planner.routes().map(({ prefix }) => prefix))];
}

/** `announced` or the reason code of an address (of its only kind, or of the first). */
export function verdict(planner: Planner, address: string): string {
  const row = planner.services().find((one) => one.address === address);
  if (row === undefined) throw new Error(`no Service has ${address}`);
  return row.announced ? "announced" : row.reason;
}
