import type { ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { type ClusterAccess, LIVE, readCluster, requireLive } from "./live-cluster.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { runAgainst } from "./plan-against.ts";
import { formatPlan } from "./plan-text.ts";
import { loadSide, type PlanFilter, planSide, requirePeer } from "./planned.ts";

export interface PlanOptions extends PlanFilter {
  readonly output: OutputFormat;
  /** None = the live cluster. */
  readonly paths: readonly string[];
  readonly access: ClusterAccess;
  /** Path of what is now, or `live`; null = no comparison. */
  readonly against: string | null;
  /** Exit 3 when something would change. */
  readonly exitCode: boolean;
}

/** `herald plan`: what would be announced, or what would change. Goes on with the good objects. @throws {SpeakerError} */
export async function runPlan(options: PlanOptions): Promise<ExitCode> {
  const { against, output, peer, access, heraldNamespace } = options;
  const paths = options.paths.length === 0 ? [LIVE] : options.paths;
  requireLive(access, against === null ? paths : [...paths, against]);
  if (against !== null) return runAgainst({ ...options, paths, against });
  const side = await loadSide(paths, options, () => readCluster(access, heraldNamespace));
  if (peer !== null) requirePeer(peer, side.objects);
  const planned = planSide(side, options);
  const report = { ...planned, findings: await side.withPlaces(planned.findings) };
  reportFindings(report.findings);
  await printResult(output, report, (style) => formatPlan(report, style));
  return exitCodeFor(report.findings);
}
