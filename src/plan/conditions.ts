/**
 * What is said of our own objects in their status: from what is found wrong with or between them, and from the sessions that speakers report. Words for
 * people; no decision reads them.
 */

import { type Aspect, aspect, listed } from "../objects/conditions.ts";
import type { BGPAdvertisement, BGPPeer, Community, Finding, IPAddressPool, Node } from "../objects/kinds.ts";
import { selectsNode } from "./advertisement.ts";
import { PLAN_FINDING_CODES } from "./findings.ts";
import { compareText } from "./judge.ts";
import { peerSelectsNode } from "./peers.ts";

/** Kinds that people write. */
export type OwnObject = BGPPeer | BGPAdvertisement | Community | IPAddressPool;

/** A session as a BGPNodeStatus tells of it. */
export interface ReportedSession {
  readonly established: boolean;
  /** "" = none. */
  readonly lastError: string;
}

export interface ConditionsInputs {
  /** Valid versions in force. */
  readonly objects: readonly OwnObject[];
  readonly nodes: readonly Node[];
  /** Of the source and of the planner. */
  readonly findings: readonly Finding[];
  /** By node, then by peer; a node that reports nothing is not in it. */
  readonly sessions: ReadonlyMap<string, ReadonlyMap<string, ReportedSession>>;
}

/** The status that one object is to have. */
export interface ObjectConditions {
  readonly kind: string;
  readonly name: string;
  /** metadata.generation of the version that is meant; null = that of a version that was refused, which nobody here has seen. */
  readonly generation: number | null;
  readonly aspects: readonly Aspect[];
  /** Of a BGPPeer: `2/3`; null = nobody reports, or another kind. */
  readonly sessions: string | null;
}

const UNRESOLVED: ReadonlySet<string> = new Set(["unknownPeer", "unknownPool", "unknownCommunity"]);
const CONFLICTS: ReadonlySet<string> = new Set(["ambiguousAlias", "attributeConflict", "overlappingAggregates", "duplicateObject"]);
const OF_THE_PLANNER: ReadonlySet<string> = new Set(PLAN_FINDING_CODES);

/** Of every object that is in force or was refused, by kind and name. */
export function conditionsOf(inputs: ConditionsInputs): ObjectConditions[] {
  const byObject = new Map<string, Finding[]>();
  for (const finding of inputs.findings) {
    if (finding.object === null) continue;
    const key = `${finding.object.kind}/${finding.object.name}`;
    const known = byObject.get(key);
    if (known === undefined) byObject.set(key, [finding]);
    else known.push(finding);
  }
  const found: ObjectConditions[] = [];
  const seen = new Set<string>();
  for (const object of inputs.objects) {
    const key = `${object.kind}/${object.metadata.name}`;
    seen.add(key);
    found.push(inForce(object, byObject.get(key) ?? [], inputs));
  }
  for (const [key, findings] of byObject) {
    const [first] = findings;
    if (first === undefined || first.object === null || seen.has(key) || !KINDS.has(first.object.kind) || !findings.some(refuses)) continue;
    const { kind, name } = first.object;
    found.push({ kind, name, generation: null, sessions: null, aspects: [refused(findings.filter(refuses), false)] });
  }
  return found.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name));
}

const KINDS: ReadonlySet<string> = new Set<OwnObject["kind"]>(["BGPPeer", "BGPAdvertisement", "Community", "IPAddressPool"]);

function inForce(object: OwnObject, findings: readonly Finding[], inputs: ConditionsInputs): ObjectConditions {
  const refusing = findings.filter(refuses);
  const { name, generation } = object.metadata;
  const accepted = refusing.length > 0 ? refused(refusing, true) : aspect("Accepted", "True", "Accepted", "valid, and in force");
  const peering = object.kind === "BGPPeer" ? peerAspects(object, inputs) : null;
  const rest = findings.filter((finding) => !refuses(finding));
  return {
    kind: object.kind,
    name,
    generation: refusing.length > 0 ? null : generation,
    sessions: peering?.sessions ?? null,
    aspects: [accepted, ...(peering === null ? [] : [peering.ready]), ...ofKind(object, rest, inputs), warnings(rest)],
  };
}

function ofKind(object: OwnObject, findings: readonly Finding[], inputs: ConditionsInputs): readonly Aspect[] {
  switch (object.kind) {
    case "BGPAdvertisement":
      return [advertisementReady(object, findings, inputs), resolvedRefs(findings), conflicted(findings)];
    case "Community":
      return [conflicted(findings)];
    case "BGPPeer":
    case "IPAddressPool":
      return [];
  }
}

/** The version that was written last is not the one in force. */
function refuses({ severity, code }: Finding): boolean {
  return severity === "error" && !OF_THE_PLANNER.has(code);
}

function refused(findings: readonly Finding[], hasEarlier: boolean): Aspect {
  const effect = hasEarlier ? "the last valid version stays in force" : "nothing of it is in force";
  return aspect("Accepted", "False", reasonOf(findings), `${wordsOf(findings)}; ${effect}`);
}

function resolvedRefs(findings: readonly Finding[]): Aspect {
  const unresolved = findings.filter(({ code }) => UNRESOLVED.has(code));
  return unresolved.length > 0
    ? aspect("ResolvedRefs", "False", reasonOf(unresolved), wordsOf(unresolved))
    : aspect("ResolvedRefs", "True", "ResolvedRefs", "every object that it names exists");
}

function conflicted(findings: readonly Finding[]): Aspect {
  const conflicts = findings.filter(({ code }) => CONFLICTS.has(code));
  return conflicts.length > 0
    ? aspect("Conflicted", "True", reasonOf(conflicts), wordsOf(conflicts))
    : aspect("Conflicted", "False", "NoConflicts", "no other object says otherwise");
}

function warnings(findings: readonly Finding[]): Aspect {
  const others = findings.filter(({ code }) => !UNRESOLVED.has(code) && !CONFLICTS.has(code));
  return others.length > 0
    ? aspect("HasWarnings", "True", reasonOf(others), wordsOf(others))
    : aspect("HasWarnings", "False", "NoWarnings", "there is nothing to look at");
}

function peerAspects(peer: BGPPeer, { nodes, sessions }: ConditionsInputs): { readonly ready: Aspect; readonly sessions: string | null } {
  const { name } = peer.metadata;
  const wanted = nodes.filter((node) => peerSelectsNode(peer, node));
  const reporting = wanted.filter((node) => sessionOf(sessions, node, name) !== undefined);
  const up = reporting.filter((node) => isUp(sessions, node, name));
  const summary = wanted.length === 0 || reporting.length === 0 ? null : `${up.length}/${wanted.length}`;
  const ready = (status: Aspect["status"], reason: string, message: string) => ({
    ready: aspect("Ready", status, reason, message),
    sessions: summary,
  });
  if (wanted.length === 0) return ready("False", "NoNodes", "nodeSelectors match no Node: nobody peers with it");
  if (peer.adminDown !== null) return ready("False", "AdminDown", `kept down: ${peer.adminDown.reason || "adminDown is set"}`);
  if (reporting.length === 0) return ready("Unknown", "NoNodeStatus", NOBODY_REPORTS);
  if (up.length === wanted.length) return ready("True", "Established", `established on ${nodesWords(wanted.length)}`);
  const down = wanted.filter((node) => !up.includes(node));
  const words = down.map((node) => {
    const why = node.ready ? (sessionOf(sessions, node, name)?.lastError ?? "reports nothing") : "the Node is not ready";
    return why === "" ? node.metadata.name : `${node.metadata.name} (${why})`;
  });
  return ready("False", "SessionsDown", `established on ${up.length} of ${nodesWords(wanted.length)}; not on ${listed(words)}`);
}

function advertisementReady(
  advertisement: BGPAdvertisement,
  findings: readonly Finding[],
  { objects, nodes, sessions }: ConditionsInputs,
): Aspect {
  const ready = (status: Aspect["status"], reason: string, message: string) => aspect("Ready", status, reason, message);
  const idle = findings.filter(({ code }) => code === "selectsNothing");
  if (idle.length > 0) return ready("False", reasonOf(idle), wordsOf(idle));
  const peers = objects.filter((object) => object.kind === "BGPPeer");
  const named = advertisement.peers.length === 0 ? peers : peers.filter(({ metadata }) => advertisement.peers.includes(metadata.name));
  if (named.length === 0) return ready("False", "NoPeers", "there is no BGPPeer that it announces to");
  const selected = nodes.filter((node) => selectsNode(advertisement, node));
  let wanted = 0;
  let reporting = 0;
  let up = 0;
  for (const node of selected) {
    for (const peer of named) {
      if (!peerSelectsNode(peer, node)) continue;
      wanted++;
      if (sessionOf(sessions, node, peer.metadata.name) !== undefined) reporting++;
      if (isUp(sessions, node, peer.metadata.name)) up++;
    }
  }
  if (wanted === 0) return ready("False", "NoNodes", "no Node matches its nodeSelectors and those of one of its peers");
  if (reporting === 0) return ready("Unknown", "NoNodeStatus", NOBODY_REPORTS);
  const words = `${up} of the ${wanted} sessions that it announces over are established`;
  return up === 0 ? ready("False", "NoSession", words) : ready("True", "SessionsEstablished", words);
}

const NOBODY_REPORTS = "no speaker reports sessions: none runs on these nodes, or status.node is off";

type Sessions = ConditionsInputs["sessions"];

function sessionOf(sessions: Sessions, node: Node, peer: string): ReportedSession | undefined {
  return sessions.get(node.metadata.name)?.get(peer);
}

/** What a node that is not ready said before may long be over. */
function isUp(sessions: Sessions, node: Node, peer: string): boolean {
  return node.ready && sessionOf(sessions, node, peer)?.established === true;
}

function nodesWords(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}

/** The code of the first, in CamelCase. */
function reasonOf([first]: readonly Finding[]): string {
  const code = first?.code ?? "Unknown";
  return code.slice(0, 1).toUpperCase() + code.slice(1);
}

function wordsOf(findings: readonly Finding[]): string {
  return findings.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join("; ");
}
