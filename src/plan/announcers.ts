/**
 * Check 14: which nodes announce an address where an advertisement limits their number. Every speaker ranks the same nodes by the same hash
 * (rendezvous hashing), so all agree without talking, and a node that comes or goes moves only its own share. Only what objects say counts.
 */

import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import type { BGPPeer, Node } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { selectsNode, selectsPeer } from "./advertisement.ts";
import type { DrainSigns } from "./change.ts";
import { nodeObstacle } from "./node-checks.ts";
import { peerSelectsNode } from "./peers.ts";

/**
 * A node's place for an address; the highest announce. FNV-1a (32 bit) over `address|node` in UTF-8, then murmur3's 32-bit finalizer, which
 * spreads names that differ in their last digit alone. @returns 0..4294967295
 */
export function rank(addressText: string, node: string): number {
  return fmix32(fnv1a(fnv1a(FNV_OFFSET, `${addressText}|`), node));
}

/** The first `count` of the nodes by rank, ties by name; in that order. */
export function chosenOf(candidates: Iterable<string>, address: Address, count: number): string[] {
  const text = formatAddress(address);
  return [...candidates]
    .map((node) => ({ node, rank: rank(text, node) }))
    .sort((a, b) => b.rank - a.rank || (a.node < b.node ? -1 : 1))
    .slice(0, count)
    .map(({ node }) => node);
}

/** True when fewer than `count` of the candidates rank before the node, which is one of them. */
export function isChosen(candidates: Iterable<string>, node: string, address: Address, count: number): boolean {
  const prefix = fnv1a(FNV_OFFSET, `${formatAddress(address)}|`);
  const own = fmix32(fnv1a(prefix, node));
  let before = 0;
  for (const other of candidates) {
    if (other === node) continue;
    const theirs = fmix32(fnv1a(prefix, other));
    if (theirs < own || (theirs === own && other > node)) continue;
    before++;
    if (before >= count) return false;
  }
  return true;
}

/** A node that may hold a place: ready, and past checks 8 to 10 by what its object says of annotation, taint and cordon. */
export function mayHoldPlace(node: Node, options: { readonly ignoreExcludeLabel: boolean; readonly drain: DrainSigns }): boolean {
  return node.ready && nodeObstacle(node, { ...options, drain: { ...options.drain, nodeShutdown: false } }) === null;
}

/** Nodes that may hold a place under the advertisement, whatever the Service: selected, and with a peer that it selects. */
export function nodesWithPlace(
  advertisement: Advertisement,
  nodes: Iterable<Node>,
  peers: readonly BGPPeer[],
  options: { readonly ignoreExcludeLabel: boolean; readonly drain: DrainSigns },
): Set<string> {
  const selected = peers.filter(({ metadata }) => selectsPeer(advertisement, metadata.name));
  const names = new Set<string>();
  for (const node of nodes) {
    if (!mayHoldPlace(node, options) || !selectsNode(advertisement.source, node)) continue;
    if (selected.some((peer) => peerSelectsNode(peer, node))) names.add(node.metadata.name);
  }
  return names;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const UTF8 = new TextEncoder();

function fnv1a(hash: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return fnv1aOctets(hash, UTF8.encode(text.slice(i)));
    hash = Math.imul(hash ^ code, FNV_PRIME);
  }
  return hash;
}

function fnv1aOctets(hash: number, octets: Uint8Array): number {
  for (const octet of octets) hash = Math.imul(hash ^ octet, FNV_PRIME);
  return hash;
}

function fmix32(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
