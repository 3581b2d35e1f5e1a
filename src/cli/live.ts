import { SpeakerError } from "../errors.ts";
import { EXIT, type ExitCode, formatFailure } from "./failure.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { type Answers, askAll, parseServer } from "./servers.ts";
import type { TableStyle } from "./table.ts";

export interface LiveOptions {
  readonly output: OutputFormat;
  /** What `--server` named, in order. */
  readonly servers: readonly string[];
}

/** A row of a live table: an item and the node that gave it. */
export type Row<Item> = Item & { readonly node: string };

/** One table over all nodes asked. */
export interface LiveTable<Item> {
  readonly path: string;
  readonly format: (rows: readonly Row<Item>[], style: TableStyle) => string;
  /** Said on stderr where there is no row. */
  readonly nothing: string;
}

/**
 * Asks the speakers and prints `{"items":[{"node","items":[…]}],"errors":[…]}`, or one table over all nodes. Speakers without an answer
 * are named on stderr too, and make the exit code 1.
 */
export async function runLive<Item extends object>(
  { output, servers }: LiveOptions,
  { path, format, nothing }: LiveTable<Item>,
): Promise<ExitCode> {
  const answers = await askAll<{ readonly node: string; readonly items: readonly Item[] }>(servers.map(parseServer), path);
  const rows = answers.items.flatMap(({ node, items }) => items.map((item): Row<Item> => ({ ...item, node })));
  await printAnswers(output, answers, (style) => format(rows, style));
  if (isForPeople(output) && rows.length === 0 && answers.items.length > 0) process.stderr.write(`${nothing}\n`);
  return answers.errors.length === 0 ? EXIT.done : EXIT.failed;
}

export function isForPeople(output: OutputFormat): boolean {
  return output === "table" || output === "wide";
}

/** Where no speaker answers, what the cluster holds may be what was wanted. */
export function hintingAtLive<T>(answers: Answers<T>): Answers<T> {
  const hints = answers.hints.map((hint) => (hint === "" ? "" : `${hint}, or write live as PATH to go by the cluster's objects`));
  return { ...answers, hints };
}

/** What the speakers said on stdout, and a line per speaker that said nothing, or no, on stderr. */
export async function printAnswers<T>(
  output: OutputFormat,
  { items, errors, hints }: Answers<T>,
  table: (style: TableStyle) => string,
): Promise<void> {
  for (const [i, { server, message }] of errors.entries()) {
    const error = new SpeakerError("UNREACHABLE", `no answer from ${server}: ${message}`, { remedy: hints[i] ?? "" });
    process.stderr.write(`${formatFailure(error, false)}\n`);
  }
  await printResult(output, { items, errors }, table);
}
