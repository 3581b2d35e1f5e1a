import { SpeakerError } from "../errors.ts";
import { printable } from "./terminal-text.ts";

/** Exit codes of every command (docs: README). */
export const EXIT = { done: 0, failed: 1, usage: 2, findings: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Wrong use is 2, everything else that ends a command is 1. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SpeakerError && error.code === "USAGE" ? EXIT.usage : EXIT.failed;
}

/**
 * One line `herald: what: why: what to do`, or a line each where an error is several (a configuration file is refused with all of its faults);
 * `withStack` adds the stack, cause by cause. No newline at the end.
 */
export function formatFailure(error: unknown, withStack: boolean): string {
  const lines = describe(error)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const text = lines.map((line) => printable(`herald: ${line}`).trimEnd()).join("\n");
  return withStack ? `${text}\n${stackOf(error)}` : text;
}

function describe(error: unknown): string {
  if (error instanceof SpeakerError) return error.remedy === "" ? error.message : `${error.message}: ${error.remedy}`;
  const message = error instanceof Error ? error.message : String(error);
  return `internal error: ${message}: run again with --log-level debug and report what it prints`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const stack = error.stack ?? String(error);
  return error.cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(error.cause)}`;
}
