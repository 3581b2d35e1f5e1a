import type { BGPPeer, ClusterObject, Node } from "../objects/kinds.ts";
import { peerSelectsNode } from "../plan/peers.ts";
import { holdReason, needsReset } from "../speaker/peer-settings.ts";

/** A session that would end, and the fields of its BGPPeer that end it. */
export interface SessionReset {
  readonly node: string;
  readonly peer: string;
  readonly fields: readonly string[];
}

/**
 * Sessions of nodes that are in both, whose peer changes in a way that what both OPENs said, or the ends of the connection, do not survive; or so that this
 * version holds it down. A peer that was held down before has no session to lose. By node and peer.
 */
export function sessionsReset(before: readonly ClusterObject[], after: readonly ClusterObject[]): SessionReset[] {
  const peersBefore = new Map(peersOf(before).map((peer) => [peer.metadata.name, peer]));
  const nodesBefore = new Map(nodesOf(before).map((node) => [node.metadata.name, node]));
  const resets = peersOf(after).flatMap((peer) => {
    const earlier = peersBefore.get(peer.metadata.name);
    const fields = earlier === undefined ? [] : resetFields(earlier, peer);
    if (earlier === undefined || fields.length === 0) return [];
    return nodesOf(after)
      .filter((node) => nodesBefore.has(node.metadata.name))
      .filter((node) => peerSelectsNode(earlier, nodesBefore.get(node.metadata.name)) && peerSelectsNode(peer, node))
      .map((node) => ({ node: node.metadata.name, peer: peer.metadata.name, fields }));
  });
  return resets.sort((a, b) => compareText(a.node, b.node) || compareText(a.peer, b.peer));
}

export function peersOf(objects: readonly ClusterObject[]): BGPPeer[] {
  return objects.filter((object): object is BGPPeer => object.kind === "BGPPeer");
}

export function nodesOf(objects: readonly ClusterObject[]): Node[] {
  return objects.filter((object): object is Node => object.kind === "Node");
}

/** The fields that, each changed alone, would end the session. */
function resetFields(before: BGPPeer, after: BGPPeer): string[] {
  if (holdReason(before) !== "") return [];
  const fields = FIELDS.filter((field) => {
    const changed = { ...before, [field]: after[field] };
    return holdReason(changed) !== "" || needsReset({ peer: before, routerId: 1 }, { peer: changed, routerId: 1 });
  });
  return fields.map((field) => FIELD_NAMES[field] ?? field);
}

const FIELDS = [
  ...(["myASN", "peerASN", "peerAddress", "interface", "defaultGateway", "peerPort", "sourceAddress", "vrf", "holdTimeSeconds"] as const),
  ...(["multihopTTL", "ttlSecurityHops", "password", "passwordSecret", "tcpAO", "bfdProfile", "gracefulRestart", "families"] as const),
  ...(["extendedNextHop", "extendedMessages", "routerID", "role", "omitCapabilities", "adminDown"] as const),
] satisfies readonly (keyof BGPPeer)[];

/** Where the name a person writes is another. */
const FIELD_NAMES: Readonly<Partial<Record<keyof BGPPeer, string>>> = { holdTimeSeconds: "holdTime" };

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
