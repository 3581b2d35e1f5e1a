/** What files of objects, or the cluster's own, would announce, for the commands that plan. */

import { SpeakerError } from "../errors.ts";
import type { ClusterObject, Finding } from "../objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { planCluster } from "../plan/cluster.ts";
import { sortFindings } from "../plan/findings.ts";
import type { PlanReport } from "../plan/report.ts";
import { type Loaded, loadPaths } from "../source/directory/files.ts";
import type { Snapshot } from "../source/kubernetes/snapshot.ts";
import { LIVE } from "./live-cluster.ts";
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

/** Reads the cluster; whoever has two sides of it reads it once. */
export type ReadLive = () => Promise<Snapshot>;

/**
 * Objects of files, of the cluster (`live`), or of the cluster as it would be with the objects of files applied to it. Refused objects are findings; the
 * good ones go on. @throws {SpeakerError} UNREADABLE, UNREACHABLE
 */
export async function loadSide(
  paths: readonly string[],
  { heraldNamespace }: Pick<PlanFilter, "heraldNamespace">,
  readLive: ReadLive,
): Promise<Side> {
  const files = paths.filter((path) => path !== LIVE);
  const loaded = files.length === 0 ? null : await loadPaths(files, { heraldNamespace });
  if (loaded !== null && files.length === paths.length) return loaded;
  const live = await readLive();
  return loaded === null ? { ...live, withPlaces: async (found) => sortFindings([...live.findings, ...found]) } : applied(loaded, live);
}

/** What was refused in a file changes nothing in the cluster. */
function applied(loaded: Loaded, live: Snapshot): Side {
  const named = new Set(loaded.objects.map(({ kind, metadata }) => keyOf(kind, metadata)));
  return {
    objects: [...loaded.objects, ...live.objects.filter(({ kind, metadata }) => !named.has(keyOf(kind, metadata)))],
    findings: [...loaded.findings, ...live.findings],
    withPlaces: (found) => loaded.withPlaces([...live.findings, ...found]),
  };
}

function keyOf(kind: string, { namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return JSON.stringify([kind, namespace, name]);
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
