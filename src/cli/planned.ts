/** What files of objects would announce, for the commands that plan. */

import { SpeakerError } from "../errors.ts";
import type { ClusterObject, Finding } from "../objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { planCluster } from "../plan/cluster.ts";
import type { PlanReport } from "../plan/report.ts";
import { loadPaths } from "../source/directory/files.ts";
import { nodesOf, peersOf } from "./session-resets.ts";

export interface PlanFilter {
  readonly heraldNamespace: string;
  /** null = every Node. */
  readonly node: string | null;
  readonly peer: string | null;
}

/** Objects of a side, and what was found while they were read. */
export interface Side {
  readonly objects: readonly ClusterObject[];
  readonly findings: readonly Finding[];
  /** Those and what the plan found, each with its place. */
  withPlaces(found: readonly Finding[]): Promise<readonly Finding[]>;
}

/** Refused objects are findings; the good ones go on. @throws {SpeakerError} UNREADABLE */
export async function loadSide(paths: readonly string[], { heraldNamespace }: PlanFilter): Promise<Side> {
  const { objects, findings, withPlaces } = await loadPaths(paths, { heraldNamespace });
  return { objects, findings, withPlaces };
}

/** With the findings of the plan alone: those of the files come with {@link Side.withPlaces}. */
export function planSide({ objects }: Pick<Side, "objects">, { heraldNamespace, node, peer }: PlanFilter): PlanReport {
  return planCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, heraldNamespace, nodeFilter: node, peerFilter: peer });
}

/** A misspelt name must not look like a peer without routes. @throws {SpeakerError} SUBJECT_UNKNOWN unless a side has it */
export function requirePeer(peer: string, ...sides: readonly (readonly ClusterObject[])[]): void {
  if (sides.some((objects) => peersOf(objects).some(({ metadata }) => metadata.name === peer))) return;
  throw new SpeakerError("SUBJECT_UNKNOWN", `--peer ${peer}: no BGPPeer of that name`, { remedy: "herald plan without --peer shows them" });
}

export function hasNode(objects: readonly ClusterObject[], name: string): boolean {
  return nodesOf(objects).some(({ metadata }) => metadata.name === name);
}
