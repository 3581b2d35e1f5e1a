import { SpeakerError } from "../errors.ts";
import { EXIT, type ExitCode, formatFailure } from "./failure.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { askAll, parseServer } from "./servers.ts";
import { type Column, formatTable } from "./table.ts";

export interface LiveOptions {
  readonly output: OutputFormat;
  /** What `--server` named, in order. */
  readonly servers: readonly string[];
}

/** A row of a live table: an item and the node that gave it. */
export type Row<Item> = Item & { readonly node: string };

/**
 * Asks the speakers and prints `{"items":[{"node","items":[…]}],"errors":[…]}`, or one table over all nodes. Speakers without an answer
 * are named on stderr too, and make the exit code 1.
 */
export async function runLive<Item extends object>(
  options: LiveOptions,
  path: string,
  columns: readonly Column<Row<Item>>[],
  nothing: string,
  inOrder: ((a: Item, b: Item) => number) | null = null,
): Promise<ExitCode> {
  const answers = await askAll<{ readonly node: string; readonly items: readonly Item[] }>(options.servers.map(parseServer), path);
  const rows = answers.items.flatMap(({ node, items }) => items.map((item): Row<Item> => ({ ...item, node })));
  // Servers answer each for itself; the rows of one table may want one order.
  if (inOrder !== null) rows.sort(inOrder);
  reportErrors(answers.errors);
  const answered = answers.items.length > 0;
  await printResult(options.output, answers, (wide) => formatTable(columns, rows, { wide }));
  if (options.output !== "json" && options.output !== "yaml" && rows.length === 0 && answered) process.stderr.write(`${nothing}\n`);
  return answers.errors.length === 0 ? EXIT.done : EXIT.failed;
}

/** One line per speaker that did not answer. */
export function reportErrors(errors: readonly { readonly server: string; readonly message: string }[]): void {
  for (const { server, message } of errors) {
    const error = new SpeakerError("UNREACHABLE", `no answer from ${server}: ${message}`, {
      remedy: "is a speaker running there? name it with --server",
    });
    process.stderr.write(`${formatFailure(error, false)}\n`);
  }
}

/** Time since an RFC 3339 instant as kubectl shows ages: `45s`, `12m`, `3h5m`, `2d4h`. */
export function formatAge(since: string, nowEpochMillis: number): string {
  const start = Date.parse(since);
  if (Number.isNaN(start)) return "<unknown>";
  const seconds = Math.max(0, Math.floor((nowEpochMillis - start) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 || hours >= 8 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 || days >= 8 ? `${days}d` : `${days}d${hours % 24}h`;
}

/** `125000000` octets per second as people write rates: `1Gbit/s`. */
export function formatRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  for (const [unit, size] of RATES) if (bits >= size) return `${trim(bits / size)}${unit}bit/s`;
  return `${trim(bits)}bit/s`;
}

const RATES: readonly (readonly [string, number])[] = [
  ["T", 1e12],
  ["G", 1e9],
  ["M", 1e6],
  ["k", 1e3],
];

function trim(value: number): string {
  return String(Number(value.toFixed(2)));
}
