import { MOST_PEERS, type NodeStatus, type PeerSessionStatus, type SessionErrorStatus } from "../objects/bgp-node-status.ts";
import { type Aspect, aspect, cut, listed, toConditions } from "../objects/conditions.ts";
import type { Finding } from "../objects/kinds.ts";
import type { DrainState } from "../plan/drain-phase.ts";
import type { PeerView } from "../view/peers.ts";

/** What the speaker says about itself in its BGPNodeStatus: computed from what it shows, without I/O. */

export interface NodeStatusInputs {
  readonly version: string;
  readonly peers: readonly PeerView[];
  readonly decisions: { readonly announced: number; readonly notAnnounced: Readonly<Record<string, number>> };
  /** The first full state of every kind was read and decided on; otherwise what is waited for, in words. */
  readonly ready: boolean;
  readonly waitingFor: string;
  readonly drain: DrainState;
  /** Of the source, as they are now. */
  readonly findings: readonly Finding[];
}

/** @param before what was said last, whose times stay where nothing changed. */
export function nodeStatusOf(inputs: NodeStatusInputs, before: NodeStatus | null, now: Date): NodeStatus {
  const { peers, decisions, version } = inputs;
  const up = peers.filter(isUp);
  const known = new Map(before?.peers.map((peer) => [peer.name, peer]));
  return {
    version,
    sessions: { established: up.length, wanted: peers.length, summary: `${up.length}/${peers.length}` },
    announced: { ipv4: most(up, "IPv4"), ipv6: most(up, "IPv6") },
    addresses: {
      announced: decisions.announced,
      notAnnounced: Object.entries(decisions.notAnnounced)
        .filter(([, count]) => count > 0)
        .map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => (a.reason < b.reason ? -1 : 1)),
    },
    peers: peers.slice(0, MOST_PEERS).map((peer) => sessionOf(peer, known.get(peer.name))),
    conditions: toConditions(conditionsOf(inputs, up), before?.conditions ?? [], now, null),
  };
}

/** Equal for statuses that say the same: a session that is not established goes through states all the time. */
export function sameness(status: NodeStatus): string {
  return JSON.stringify({ ...status, peers: status.peers.map((peer) => (isUp(peer) ? peer : { ...peer, state: "" })) });
}

/** Equal for statuses that differ in nothing that somebody waits for: counts and words may come later. */
export function urgency({ peers, conditions }: NodeStatus): string {
  return JSON.stringify([
    peers.map((peer) => [peer.name, isUp(peer), peer.since]),
    conditions.map(({ type, status, reason }) => [type, status, reason]),
  ]);
}

/** Without what is not there: an API server takes no nulls. */
export function toStatusObject(status: NodeStatus): unknown {
  return { ...status, peers: status.peers.map(({ lastError, ...peer }) => (lastError === null ? peer : { ...peer, lastError })) };
}

function conditionsOf({ ready, waitingFor, peers, drain, findings }: NodeStatusInputs, up: readonly PeerView[]): readonly Aspect[] {
  const lost = findings.filter(({ code }) => code === "sourceLost");
  const refused = findings.filter(({ severity, object }) => severity === "error" && object !== null);
  return [
    ready
      ? aspect("Ready", "True", "Decided", "every kind was read, and every address decided on")
      : aspect("Ready", "False", "Waiting", `waits for ${waitingFor}`),
    sessionsAspect(peers, up),
    drain.phase !== "none"
      ? aspect("Drained", "True", "Drained", cut(`the node draws no new traffic: ${drain.text}`))
      : aspect("Drained", "False", "NotDrained", "the node is not drained"),
    lost.length > 0
      ? aspect("SourceLost", "True", "SourceLost", lost.map(({ message }) => message).join("; "))
      : aspect("SourceLost", "False", "SourcesServed", "every kind can be read"),
    refused.length > 0
      ? aspect("ObjectsAccepted", "False", "ObjectsRefused", `the last valid version is in force of ${listed(refused.map(nameOf))}`)
      : aspect("ObjectsAccepted", "True", "AllAccepted", "every object is valid"),
  ];
}

function sessionsAspect(peers: readonly PeerView[], up: readonly PeerView[]): Aspect {
  const type = "SessionsEstablished";
  const down = peers.filter((peer) => !isUp(peer)).map(({ name }) => name);
  if (down.length > 0) return aspect(type, "False", "SessionsDown", `no session with ${listed(down)}`);
  if (up.length === 0) return aspect(type, "False", "NoPeers", "no BGPPeer selects this node");
  return aspect(type, "True", "AllEstablished", "all sessions are established");
}

function sessionOf(peer: PeerView, before: PeerSessionStatus | undefined): PeerSessionStatus {
  const { name, peerAddress, peerASN, localASN, state, families, flaps, lastError } = peer;
  const stays = before !== undefined && !isUp(peer) && !isUp(before);
  return {
    name,
    peerAddress: peerAddress ?? "",
    peerASN,
    localASN,
    state,
    since: stays ? before.since : peer.since,
    families,
    announced: isUp(peer) ? { ipv4: peer.announced.IPv4, ipv6: peer.announced.IPv6 } : { ipv4: 0, ipv6: 0 },
    flaps,
    lastError: lastError === null ? null : errorOf({ ...lastError, text: cut(lastError.text) }, before?.lastError ?? null),
  };
}

function errorOf(error: SessionErrorStatus, before: SessionErrorStatus | null): SessionErrorStatus {
  const { direction, code, subcode, name, text } = error;
  const same =
    before !== null &&
    JSON.stringify({ ...before, at: error.at }) === JSON.stringify({ at: error.at, direction, code, subcode, name, text });
  return { at: same ? before.at : error.at, direction, code, subcode, name, text };
}

function isUp({ state }: { readonly state: string }): boolean {
  return state === "Established";
}

function most(up: readonly PeerView[], family: "IPv4" | "IPv6"): number {
  return up.reduce((greatest, { announced }) => Math.max(greatest, announced[family]), 0);
}

function nameOf({ object }: Finding): string {
  return object === null ? "" : `${object.kind} ${object.name}`;
}
