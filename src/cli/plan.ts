import { SpeakerError } from "../errors.ts";
import type { ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { runAgainst } from "./plan-against.ts";
import { formatPlan } from "./plan-text.ts";
import { loadSide, type PlanFilter, planSide, requirePeer } from "./planned.ts";

export interface PlanOptions extends PlanFilter {
  readonly output: OutputFormat;
  readonly paths: readonly string[];
  /** Path of what is now; null = no comparison. */
  readonly against: string | null;
  /** Exit 3 when something would change. */
  readonly exitCode: boolean;
}

/** `herald plan`: what would be announced, or what would change. Goes on with the good objects. @throws {SpeakerError} */
export async function runPlan(options: PlanOptions): Promise<ExitCode> {
  const { against, paths, output, peer } = options;
  if (paths.length === 0) {
    throw new SpeakerError("UNSUPPORTED", "plan without PATH: this version reads no API server", {
      remedy: "name files or directories of objects, - for stdin, as in herald plan config/demo",
    });
  }
  if (against !== null) return runAgainst({ ...options, against });
  const side = await loadSide(paths, options);
  if (peer !== null) requirePeer(peer, side.objects);
  const planned = planSide(side, options);
  const report = { ...planned, findings: await side.withPlaces(planned.findings) };
  reportFindings(report.findings);
  await printResult(output, report, (style) => formatPlan(report, style));
  return exitCodeFor(report.findings);
}
