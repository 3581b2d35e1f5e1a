import { formatFinding } from "../objects/findings.ts";
import type { Finding } from "../objects/kinds.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { printable } from "./terminal-text.ts";

/** A line per finding on stderr, where they do not mix with the result. */
export function reportFindings(findings: readonly Finding[]): void {
  for (const finding of findings) process.stderr.write(formatFindingLine(finding));
}

/** 3 when an object was refused; warnings change nothing. */
export function exitCodeFor(findings: readonly Finding[]): ExitCode {
  return findings.some(({ severity }) => severity === "error") ? EXIT.findings : EXIT.done;
}

/** One line, whatever stands in names of files and objects. */
export function formatFindingLine(finding: Finding): string {
  return `${printable(formatFinding(finding))}\n`;
}
