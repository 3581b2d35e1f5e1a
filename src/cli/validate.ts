import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { findInCluster } from "../plan/cluster.ts";
import { loadPaths } from "../source/directory/files.ts";
import type { ExitCode } from "./failure.ts";
import { exitCodeFor, formatFindingLine } from "./findings.ts";
import { type OutputFormat, printResult } from "./output.ts";

export interface ValidateOptions {
  readonly output: OutputFormat;
  readonly heraldNamespace: string;
  readonly paths: readonly string[];
}

/** `herald validate`: a line per finding on stdout, about objects and what they make of each other; a summary on stderr. @throws {SpeakerError} UNREADABLE */
export async function runValidate({ output, heraldNamespace, paths }: ValidateOptions): Promise<ExitCode> {
  const { files, objects, ignored, refused, withPlaces } = await loadPaths(paths, { heraldNamespace });
  const findings = await withPlaces(findInCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, heraldNamespace }));
  const value = { files, objects: objects.length + refused, ignored, findings };
  await printResult(output, value, () => findings.map(formatFindingLine).join(""));
  if (output === "table" || output === "wide") {
    const errors = findings.filter(({ severity }) => severity === "error").length;
    const counts = [
      count(files, "file"),
      count(value.objects, "object"),
      `${ignored} ignored`,
      count(errors, "error"),
      count(findings.length - errors, "warning"),
    ];
    process.stderr.write(`${counts.join(", ")}\n`);
  }
  return exitCodeFor(findings);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
