import { SpeakerError } from "../errors.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../plan/change.ts";
import { explainCluster } from "../plan/cluster.ts";
import type { ExplainItem } from "../plan/report.ts";
import { formatSubject, parseSubject, type Subject } from "../plan/subject.ts";
import { loadPaths } from "../source/directory/files.ts";
import type { ExplainView } from "../view/explain.ts";
import type { PeersView } from "../view/peers.ts";
import { formatExplain, mergeTimelines } from "./explain-text.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { exitCodeFor, reportFindings } from "./findings.ts";
import { isForPeople, printAnswers } from "./live.ts";
import { type OutputFormat, printResult } from "./output.ts";
import { requirePeer } from "./planned.ts";
import { type Answers, askAll, parseServer, type Server } from "./servers.ts";
import { nodesOf } from "./session-resets.ts";

export interface ExplainOptions {
  readonly output: OutputFormat;
  readonly namespace: string;
  readonly heraldNamespace: string;
  readonly subject: string;
  /** None = running speakers are asked. */
  readonly paths: readonly string[];
  readonly servers: readonly string[];
  /** null = all. */
  readonly node: string | null;
  readonly peer: string | null;
}

/** `herald explain`: the checks in order, from files or from running speakers. @throws {SpeakerError} SUBJECT_UNKNOWN */
export async function runExplain(options: ExplainOptions): Promise<ExitCode> {
  const subject = parseSubject(options.subject, options.namespace);
  return options.paths.length === 0 ? explainLive(options, subject) : explainFiles(options, subject);
}

async function explainFiles({ output, heraldNamespace, paths, node, peer }: ExplainOptions, subject: Subject): Promise<ExitCode> {
  const { objects, findings, withPlaces } = await loadPaths(paths, { heraldNamespace });
  if (peer !== null) requirePeer(peer, objects);
  const explained = explainCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, heraldNamespace, nodeFilter: node, peerFilter: peer }, subject);
  if (explained === null) {
    reportFindings(findings);
    if (node === null && nodesOf(objects).length === 0) {
      throw new SpeakerError("SUBJECT_UNKNOWN", `${paths.join(" ")}: there is no Node object, so nobody would announce anything`, {
        remedy: "name a node with --node to see what it would announce",
      });
    }
    throw unknownSubject(subject, paths.join(" "));
  }
  const result = { ...explained, findings: await withPlaces(explained.findings) };
  reportFindings(result.findings);
  await printResult(output, result, (style) => formatExplain({ items: result.items, timeline: [] }, style, Date.now()));
  reportNothing(output, subject, result.items, peer);
  return exitCodeFor(result.findings);
}

async function explainLive({ output, servers: names, node, peer }: ExplainOptions, subject: Subject): Promise<ExitCode> {
  const servers = names.map(parseServer);
  const answers = filterAnswers(await askSpeakers(servers, subject), node, peer);
  if (node !== null && answers.items.length === 0 && answers.errors.length === 0) {
    throw new SpeakerError("SUBJECT_UNKNOWN", `--node ${node}: none of the speakers asked is on that node`, {
      remedy: "name its speaker with --server",
    });
  }
  if (peer !== null && answers.items.length > 0) await requireLivePeer(peer, answers, servers);
  const items = answers.items.flatMap((answer) => answer.items);
  const findings = answers.items.flatMap((answer) => answer.findings);
  reportFindings([...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()]);
  const explained = { items, timeline: mergeTimelines(answers.items) };
  await printAnswers(output, answers, (style) => formatExplain(explained, style, Date.now()));
  // Of a route that a restart left the finding says all there is.
  const isRestored = findings.some(({ code }) => code === "restored");
  if (answers.items.length > 0 && !isRestored) reportNothing(output, subject, items, peer);
  return answers.errors.length === 0 ? exitCodeFor(findings) : EXIT.failed;
}

async function askSpeakers(servers: readonly Server[], subject: Subject): Promise<Answers<ExplainView>> {
  try {
    return await askAll<ExplainView>(servers, `/api/v1/explain?subject=${encodeURIComponent(formatSubject(subject))}`);
  } catch (error) {
    if (!(error instanceof SpeakerError) || error.code !== "SUBJECT_UNKNOWN") throw error;
    throw unknownSubject(subject, servers.map(({ name }) => name).join(" "));
  }
}

function filterAnswers(answers: Answers<ExplainView>, node: string | null, peer: string | null): Answers<ExplainView> {
  const ofPeer = (one: { readonly peer: string | null }): boolean => peer === null || one.peer === null || one.peer === peer;
  const items = answers.items
    .filter((answer) => node === null || answer.node === node)
    .map((answer) => ({ ...answer, items: answer.items.filter(ofPeer), timeline: answer.timeline?.filter(ofPeer) ?? null }));
  return { ...answers, items };
}

/** A peer that no answer names may be one that no answer got as far as. */
async function requireLivePeer(peer: string, answers: Answers<ExplainView>, servers: readonly Server[]): Promise<void> {
  if (answers.items.some(({ items }) => items.some((item) => item.peer === peer))) return;
  const sessions = await askAll<PeersView>(servers, "/api/v1/peers");
  if (sessions.items.some(({ items }) => items.some(({ name }) => name === peer))) return;
  throw new SpeakerError("SUBJECT_UNKNOWN", `--peer ${peer}: none of the speakers asked has a peer of that name`, {
    remedy: "herald peers lists them",
  });
}

function unknownSubject(subject: Subject, where: string): SpeakerError {
  const what = `${formatSubject(subject)}: no Service, address or prefix of that name in ${where}`;
  const remedy =
    subject.type === "service" ? "name a Service as namespace/name, or give its namespace with -n" : "herald services lists every address";
  return new SpeakerError("SUBJECT_UNKNOWN", what, { remedy });
}

/** People are told where JSON has an empty list. */
function reportNothing(output: OutputFormat, subject: Subject, items: readonly ExplainItem[], peer: string | null): void {
  if (items.length > 0 || !isForPeople(output)) return;
  const what = formatSubject(subject);
  const words =
    peer === null
      ? `No Service has an address in ${what}: it is a block of an advertisement.`
      : `Nothing about ${what} concerns peer ${peer}.`;
  process.stderr.write(`${words}\n`);
}
