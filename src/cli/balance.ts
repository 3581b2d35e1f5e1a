import { SpeakerError } from "../errors.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { balanceCluster } from "../plan/cluster.ts";
import type { BalanceView } from "../view/balance.ts";
import { formatBalance } from "./balance-text.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { hintingAtLive, isForPeople, printAnswers } from "./live.ts";
import { type AskedOrRead, pathsOrLive, readCluster, wordsForPaths } from "./live-cluster.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { loadSide } from "./planned.ts";
import { askAll, parseServer } from "./servers.ts";

export interface BalanceOptions extends AskedOrRead {
  readonly output: OutputFormat;
  readonly heraldNamespace: string;
  /** `namespace/name`; null = all. */
  readonly service: string | null;
  /** As written; null = not said. */
  readonly ecmpWidth: string | null;
}

const DEFAULT_ECMP_WIDTH = 64;
const MOST_ECMP_WIDTH = 4096;

/** `herald balance`: what part of each address's flows every node and endpoint gets. @throws {SpeakerError} USAGE, SUBJECT_UNKNOWN */
export async function runBalance(options: BalanceOptions): Promise<ExitCode> {
  const paths = pathsOrLive(options);
  return paths.length === 0 ? balanceLive(options) : balanceObjects({ ...options, paths });
}

async function balanceObjects({ output, heraldNamespace, service, ecmpWidth, paths, access }: BalanceOptions): Promise<ExitCode> {
  const width = ecmpWidth === null ? DEFAULT_ECMP_WIDTH : parseWidth(ecmpWidth);
  const readLive = () => readCluster(access, heraldNamespace);
  const { objects, findings, withPlaces } = await loadSide(paths, { heraldNamespace }, readLive);
  const report = balanceCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, heraldNamespace, ecmpWidth: width, service });
  if (report === null) {
    reportFindings(findings);
    throw new SpeakerError("SUBJECT_UNKNOWN", `${service}: no Service of that name in ${wordsForPaths(paths)}`, {
      remedy: "name a Service as namespace/name, or give its namespace with -n",
    });
  }
  const all = await withPlaces(report.findings);
  reportFindings(all);
  await printResult(output, { items: report.items }, (style) => formatBalance([{ node: null, items: report.items }], style));
  sayIfNothing(output, report.items.length === 0);
  return exitCodeFor(all);
}

async function balanceLive({ output, service, ecmpWidth, servers }: BalanceOptions): Promise<ExitCode> {
  if (ecmpWidth !== null) {
    throw new SpeakerError("USAGE", "--ecmp-width without PATH: a speaker goes by its own balance.ecmpWidth", {
      remedy: "change it in the speaker's configuration, or name files or directories of objects",
    });
  }
  const query = service === null ? "" : `?service=${encodeURIComponent(service)}`;
  const answers = await askAll<BalanceView>(servers.map(parseServer), `/api/v1/balance${query}`);
  await printAnswers(output, hintingAtLive(answers), (style) => formatBalance(answers.items, style));
  const isEmpty = answers.items.length > 0 && answers.items.every(({ items }) => items.length === 0);
  sayIfNothing(output, isEmpty);
  return answers.errors.length === 0 ? EXIT.done : EXIT.failed;
}

function sayIfNothing(output: OutputFormat, isEmpty: boolean): void {
  if (isEmpty && isForPeople(output)) process.stderr.write("No advertisement asks for an address of a Service.\n");
}

function parseWidth(text: string): number {
  const width = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (width >= 1 && width <= MOST_ECMP_WIDTH) return width;
  throw new SpeakerError("USAGE", `--ecmp-width ${text}: not a number of paths`, { remedy: `write 1 to ${MOST_ECMP_WIDTH}` });
}
