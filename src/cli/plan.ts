import { SpeakerError } from "../errors.ts";
import type { BGPPeer, ClusterObject, Finding, Node } from "../objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { planCluster } from "../plan/cluster.ts";
import { peerSelectsNode } from "../plan/peers.ts";
import type { PlanReport } from "../plan/report.ts";
import { loadPaths } from "../source/directory/files.ts";
import { needsReset } from "../speaker/peer-settings.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { differenceOf, isEmpty, type PlanDifference } from "./plan-difference.ts";
import { formatDifference, formatPlan } from "./plan-text.ts";

export interface PlanOptions {
  readonly output: OutputFormat;
  readonly heraldNamespace: string;
  readonly paths: readonly string[];
  /** null = every Node. */
  readonly node: string | null;
  readonly peer: string | null;
  /** Path of what is now; null = no comparison. */
  readonly against: string | null;
  /** Exit 3 when something would change. */
  readonly exitCode: boolean;
}

/** `herald plan`: what would be announced, or what would change. Goes on with the good objects. @throws {SpeakerError} */
export async function runPlan(options: PlanOptions): Promise<ExitCode> {
  if (options.paths.length === 0) throw noCluster("plan", "herald plan config/demo");
  const after = await planPaths(options.paths, options);
  if (options.against !== null) return compare(await planPaths([options.against], options), after, options);
  reportFindings(after.report.findings);
  await printResult(options.output, after.report, (wide) => formatPlan(after.report, wide));
  return exitCodeFor(after.report.findings);
}

/** An API server is not read yet: what would need one says so. */
export function noCluster(command: string, example: string): SpeakerError {
  return new SpeakerError("UNSUPPORTED", `${command} without PATH: this version reads no API server`, {
    remedy: `name files or directories of objects, - for stdin, as in ${example}`,
  });
}

interface Planned {
  readonly report: PlanReport;
  readonly objects: readonly ClusterObject[];
}

async function planPaths(paths: readonly string[], { heraldNamespace, node, peer }: PlanOptions): Promise<Planned> {
  if (paths.includes("live"))
    throw new SpeakerError("UNSUPPORTED", "live: this version reads no API server", { remedy: "name files or directories instead" });
  const { objects, withPlaces } = await loadPaths(paths, { heraldNamespace });
  if (peer !== null && !peersOf(objects).some(({ metadata }) => metadata.name === peer)) {
    throw new SpeakerError("SUBJECT_UNKNOWN", `--peer ${peer}: no BGPPeer of that name`, {
      remedy: "herald plan without --peer shows them",
    });
  }
  const planned = planCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, heraldNamespace, nodeFilter: node, peerFilter: peer });
  return { report: { ...planned, findings: await withPlaces(planned.findings) }, objects };
}

async function compare(before: Planned, after: Planned, { output, exitCode }: PlanOptions): Promise<ExitCode> {
  const findings: readonly Finding[] = [...before.report.findings, ...after.report.findings];
  const difference: PlanDifference = {
    ...differenceOf(before.report, after.report),
    sessionsReset: sessionsReset(before.objects, after.objects),
    findings,
  };
  reportFindings(findings);
  await printResult(output, difference, (wide) => formatDifference(difference, wide));
  if ((output === "table" || output === "wide") && isEmpty(difference)) process.stderr.write("Nothing would change.\n");
  return exitCode && !isEmpty(difference) ? EXIT.findings : exitCodeFor(findings);
}

/** Sessions of nodes that are in both, whose peer changes in a way that both sides' OPENs, or the ends of the connection, do not survive. */
function sessionsReset(before: readonly ClusterObject[], after: readonly ClusterObject[]): PlanDifference["sessionsReset"] {
  const peersBefore = new Map(peersOf(before).map((peer) => [peer.metadata.name, peer]));
  const nodesBefore = new Map(nodesOf(before).map((node) => [node.metadata.name, node]));
  const resets = peersOf(after).flatMap((peer) => {
    const earlier = peersBefore.get(peer.metadata.name);
    const fields = earlier === undefined ? [] : resetFields(earlier, peer);
    if (earlier === undefined || fields.length === 0) return [];
    return nodesOf(after)
      .filter((node) => nodesBefore.has(node.metadata.name))
      .filter((node) => peerSelectsNode(earlier, nodesBefore.get(node.metadata.name)) && peerSelectsNode(peer, node))
      .map((node) => ({ node: node.metadata.name, peer: peer.metadata.name, fields }));
  });
  return resets.sort((a, b) => compareText(a.node, b.node) || compareText(a.peer, b.peer));
}

/** The fields that, each changed alone, would end the session. */
function resetFields(before: BGPPeer, after: BGPPeer): string[] {
  const fields = FIELDS.filter((field) =>
    needsReset({ peer: before, routerId: 1 }, { peer: { ...before, [field]: after[field] }, routerId: 1 }),
  );
  return fields.map((field) => FIELD_NAMES[field] ?? field);
}

const FIELDS = [
  ...(["myASN", "peerASN", "peerAddress", "peerPort", "sourceAddress", "holdTimeSeconds", "gracefulRestart", "families"] as const),
  ...(["extendedNextHop", "extendedMessages", "routerID", "role", "omitCapabilities"] as const),
] satisfies readonly (keyof BGPPeer)[];

/** Where the name a person writes is another. */
const FIELD_NAMES: Readonly<Partial<Record<keyof BGPPeer, string>>> = { holdTimeSeconds: "holdTime" };

function peersOf(objects: readonly ClusterObject[]): BGPPeer[] {
  return objects.filter((object): object is BGPPeer => object.kind === "BGPPeer");
}

function nodesOf(objects: readonly ClusterObject[]): Node[] {
  return objects.filter((object): object is Node => object.kind === "Node");
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
