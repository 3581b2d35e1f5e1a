/** Check 14: the k nodes that announce an address, by rendezvous hashing over what every speaker reads alike. */

import type { Address } from "../../../src/ip/address.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import type { AddressKind, BGPAdvertisement, Node, Service } from "../../../src/objects/kinds.ts";
import { endpointReason } from "./endpoints.ts";
import { selectsNode, standingReason } from "./selection.ts";
import type { World } from "./world.ts";

/** FNV-1a, 32 bit, unsigned. */
export function fnv1a32(octets: Uint8Array): number {
  let hash = 0x811c9dc5n;
  for (const octet of octets) hash = ((hash ^ BigInt(octet)) * 0x01000193n) & 0xffffffffn;
  return Number(hash);
}

/** The finalizer of MurmurHash3_x86_32, unsigned. */
export function fmix32(value: number): number {
  let hash = BigInt(value);
  hash ^= hash >> 16n;
  hash = (hash * 0x85ebca6bn) & 0xffffffffn;
  hash ^= hash >> 13n;
  hash = (hash * 0xc2b2ae35n) & 0xffffffffn;
  hash ^= hash >> 16n;
  return Number(hash);
}

export function naiveRank(addressText: string, node: string): number {
  return fmix32(fnv1a32(new TextEncoder().encode(`${addressText}|${node}`)));
}

/** This node is beyond the limit of the advertisement for the address. */
export function isBeyond(world: World, s: Service, kind: AddressKind, a: Address, d: BGPAdvertisement): boolean {
  if (d.maxAnnouncers === null) return false;
  const text = formatAddress(a);
  const candidates = world.nodes
    .filter((node) => isCandidate(world, s, kind, a, d, node))
    .map(({ metadata: { name } }) => ({ name, hash: naiveRank(text, name) }))
    .sort((x, y) => y.hash - x.hash || (x.name < y.name ? -1 : 1));
  return !candidates.slice(0, d.maxAnnouncers).some(({ name }) => name === world.options.node);
}

function isCandidate(world: World, s: Service, kind: AddressKind, a: Address, d: BGPAdvertisement, node: Node): boolean {
  return (
    selectsNode(d, node) &&
    standingReason(world, node) === "" &&
    node.ready &&
    world.peers.some((p) => (d.peers.length === 0 || d.peers.includes(p.metadata.name)) && selectsNode(p, node)) &&
    endpointReason(world, s, kind, a, d, node.metadata.name) === ""
  );
}
