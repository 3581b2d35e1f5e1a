/**
 * `herald plan PATH… --against OLD`: what going from OLD to PATH would do to the routers. Findings are those of PATH: what is wrong in OLD alone is mended
 * by going, and no fault of the change.
 */

import { SpeakerError } from "../errors.ts";
import type { ClusterObject, Finding } from "../objects/kinds.ts";
import type { PlanReport } from "../plan/report.ts";
import type { Snapshot } from "../source/kubernetes/snapshot.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { isForPeople } from "./live.ts";
import { LIVE, readCluster, wordsForPaths } from "./live-cluster.ts";
import { printResult } from "./output.ts";
import type { PlanOptions } from "./plan.ts";
import { differenceOf, isEmpty, type PlanDifference, summaryOf } from "./plan-difference.ts";
import { formatDifference } from "./plan-text.ts";
import { hasNode, loadSide, type PlanFilter, planSide, requirePeer, type Side } from "./planned.ts";
import { sessionsReset } from "./session-resets.ts";

/** @throws {SpeakerError} USAGE, UNREADABLE, UNREACHABLE, SUBJECT_UNKNOWN for a peer that neither side has */
export async function runAgainst(options: PlanOptions & { readonly against: string }): Promise<ExitCode> {
  const { against, paths, output, exitCode, peer, access, heraldNamespace } = options;
  if (against === "-" && paths.includes("-"))
    throw new SpeakerError("USAGE", "- on both sides: stdin can be read once", { remedy: "name a file or directory for one of them" });
  // Both sides may be of the cluster: of one moment of it, or the difference would be time's.
  let cluster: Promise<Snapshot> | null = null;
  const readLive = (): Promise<Snapshot> => {
    cluster ??= readCluster(access, heraldNamespace);
    return cluster;
  };
  const before = await loadSide([against], options, readLive);
  const read = await loadSide(paths, options, readLive);
  if (peer !== null) requirePeer(peer, before.objects, read.objects);
  const difference = await compareSides(before, read, options);
  reportFindings(difference.findings);
  reportOld(before.findings, against);
  await printResult(output, difference, (style) => formatDifference(difference, style));
  if (isForPeople(output)) process.stderr.write(`${summaryOf(difference)}\n`);
  return exitCode && !isEmpty(difference) ? EXIT.findings : exitCodeFor(difference.findings);
}

/** What going from one side to the other would do, as far as the filter goes. */
export async function compareSides(before: Side, read: Side, filter: PlanFilter): Promise<PlanDifference> {
  const { node, peer } = filter;
  const after = { ...read, objects: [...read.objects, ...keptInForce(before.objects, read)] };
  const [planBefore, planAfter] = planBoth(before, after, filter);
  const resets = sessionsReset(before.objects, after.objects);
  return {
    ...differenceOf(planBefore, planAfter),
    sessionsReset: resets.filter((reset) => (node === null || reset.node === node) && (peer === null || reset.peer === peer)),
    findings: await read.withPlaces(planAfter.findings),
  };
}

/** A node that one side alone has announces nothing on the other: there it is not even a node without labels. */
function planBoth(before: Side, after: Side, filter: PlanFilter): readonly [PlanReport, PlanReport] {
  const { node } = filter;
  const [was, is] = [before, after].map(({ objects }) => node !== null && hasNode(objects, node));
  const plan = (side: Side, isThere: boolean | undefined, other: boolean | undefined): PlanReport =>
    isThere !== true && other === true ? { routes: [], notAnnounced: [], assumed: [], findings: [] } : planSide(side, filter);
  return [plan(before, was, is), plan(after, is, was)];
}

/** Of an object that is refused the last valid version stays in force: nothing is withdrawn for a typing error. */
function keptInForce(before: readonly ClusterObject[], { objects, findings }: Side): ClusterObject[] {
  const keyOf = (kind: string, namespace: string, name: string) => JSON.stringify([kind, namespace, name]);
  const refused = new Set(
    findings.flatMap(({ severity, object }) =>
      severity === "error" && object !== null ? [keyOf(object.kind, object.namespace, object.name)] : [],
    ),
  );
  if (refused.size === 0) return [];
  const accepted = new Set(objects.map(({ kind, metadata }) => keyOf(kind, metadata.namespace, metadata.name)));
  return before.filter(({ kind, metadata }) => {
    const key = keyOf(kind, metadata.namespace, metadata.name);
    return refused.has(key) && !accepted.has(key);
  });
}

/** What was refused in OLD may be in force all the same: whoever compares has to know. */
function reportOld(findings: readonly Finding[], against: string): void {
  const refused = findings.filter(({ severity }) => severity === "error").length;
  if (refused === 0) return;
  const errors = refused === 1 ? "an error" : `${refused} errors`;
  const command = against === LIVE ? "plan" : "validate";
  process.stderr.write(`${wordsForPaths([against])}: compared without what has ${errors} there: herald ${command} ${against} lists them\n`);
}
