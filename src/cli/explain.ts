import { SpeakerError } from "../errors.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { explainCluster } from "../plan/cluster.ts";
import { formatSubject, parseSubject } from "../plan/subject.ts";
import { loadPaths } from "../source/directory/files.ts";
import type { ExplainView } from "../view/explain.ts";
import { formatExplain } from "./explain-text.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { reportErrors } from "./live.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { askAll, parseServer } from "./servers.ts";

export interface ExplainOptions {
  readonly output: OutputFormat;
  readonly namespace: string;
  readonly heraldNamespace: string;
  readonly subject: string;
  /** None = running speakers are asked. */
  readonly paths: readonly string[];
  readonly servers: readonly string[];
}

/** `herald explain`: the checks in order, from files or from running speakers. @throws {SpeakerError} SUBJECT_UNKNOWN */
export async function runExplain(options: ExplainOptions): Promise<ExitCode> {
  return options.paths.length === 0 ? explainLive(options) : explainFiles(options);
}

async function explainFiles({ output, namespace, heraldNamespace, subject, paths }: ExplainOptions): Promise<ExitCode> {
  const { objects, findings, withPlaces } = await loadPaths(paths, { heraldNamespace });
  const parsed = parseSubject(subject, namespace);
  const explained = explainCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, heraldNamespace, nodeFilter: null, peerFilter: null }, parsed);
  if (explained === null) {
    reportFindings(findings);
    throw new SpeakerError(
      "SUBJECT_UNKNOWN",
      `${formatSubject(parsed)}: no Service, address or prefix of that name in ${paths.join(" ")}`,
      {
        remedy: "name a Service as namespace/name, or give its namespace with -n",
      },
    );
  }
  const result = { ...explained, findings: await withPlaces(explained.findings) };
  reportFindings(result.findings);
  await printResult(output, result, (wide) => formatExplain(result, wide));
  return exitCodeFor(result.findings);
}

async function explainLive({ output, namespace, subject, servers }: ExplainOptions): Promise<ExitCode> {
  const whole = formatSubject(parseSubject(subject, namespace));
  const answers = await askAll<ExplainView>(servers.map(parseServer), `/api/v1/explain?subject=${encodeURIComponent(whole)}`);
  reportErrors(answers.errors);
  await printResult(output, answers, (wide) => answers.items.map((item) => formatExplain(item, wide)).join("\n"));
  return answers.errors.length === 0 ? EXIT.done : EXIT.failed;
}
