import { readFileSync } from "node:fs";
import { type Difference, replayLines } from "../bgp/fsm/replay.ts";
import { SpeakerError } from "../errors.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { type OutputFormat, printResult } from "./output.ts";

export interface ReplayOptions {
  readonly file: string;
  readonly output: OutputFormat;
}

/**
 * `herald replay FILE`: steps every recorded event again and compares the actions with those recorded. A difference is a failure (exit 1): this build
 * would have acted otherwise than the one that recorded.
 * @throws {SpeakerError} UNREADABLE
 */
export async function runReplay({ file, output }: ReplayOptions): Promise<ExitCode> {
  const result = replayLines(readLines(file));
  await printResult(output, { file, steps: result.steps, difference: result.difference }, () =>
    result.difference === null
      ? `${file}: ${result.steps} steps, every action as recorded\n`
      : describe(file, result.steps, result.difference),
  );
  return result.difference === null ? EXIT.done : EXIT.failed;
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").split("\n");
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new SpeakerError("UNREADABLE", `${file}: ${why === "ENOENT" ? "there is no such file" : why}`, {
      remedy: "name a file that --record wrote",
      cause,
    });
  }
}

function describe(file: string, steps: number, { line, peer, event, action, recorded, stepped }: Difference): string {
  return [
    `${file}:${line}: peer ${peer}, event ${event.name}: action ${action + 1} differs, after ${steps} steps`,
    `  recorded ${recorded === null ? "nothing" : JSON.stringify(recorded)}`,
    `  stepped  ${stepped === null ? "nothing" : JSON.stringify(stepped)}`,
    "",
  ].join("\n");
}
