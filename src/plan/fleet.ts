/**
 * Every node of the cluster as its own speaker sees it from objects alone. Most nodes differ in nothing that decides but their endpoints:
 * they form groups, and one of a group is asked for all. Limits on the number of announcers are taken out of the advertisements here and
 * applied where all nodes are seen together, so that nobody ranks all nodes once for each of them.
 */

import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import type { Finding } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { WishPool } from "./announcement.ts";
import type { PlannerOptions } from "./change.ts";
import { HealthGates } from "./health-gates.ts";
import type { Inventory } from "./inventory.ts";
import type { Paused } from "./pauses.ts";
import { limitOf, type PeerVerdict } from "./peers.ts";
import { isHost, Scene } from "./scene.ts";
import { SceneKeeper } from "./scene-keeper.ts";
import { Owners, type Sharing, viewOwner } from "./sharing.ts";

export interface Member {
  readonly node: string;
  readonly scene: Scene;
  readonly group: Group;
}

/** Nodes that decide alike about an address while they have no endpoint of it. */
export interface Group {
  /** By name as the fleet was mustered. */
  readonly nodes: readonly string[];
  /** Of the first of them. */
  readonly scene: Scene;
}

export interface Fleet {
  readonly inventory: Inventory;
  /** Of no node: for what is the same on all. */
  readonly common: Scene;
  /** Nodes that pass checks 8 to 10: the others announce nothing. */
  readonly members: ReadonlyMap<string, Member>;
  readonly groups: readonly Group[];
  /** maxAnnouncers by advertisement, where set. */
  readonly places: ReadonlyMap<string, number>;
  /** Some peer has an announceLimit. */
  readonly limits: boolean;
  readonly findings: readonly Finding[];
  /** What several owners of an address ask of a node; null = one Service has it to itself. Told once for the life of the fleet. */
  readonly sharing: (address: Address) => Sharing | null;
}

/** @param nodes by name. */
export function* muster(inventory: Inventory, options: Omit<PlannerOptions, "node">, nodes: Iterable<string>): Paused<Fleet> {
  const pool = new WishPool();
  const sceneOf = (node: string) => new SceneKeeper({ ...options, node }, inventory, pool, new HealthGates()).refresh().scene;
  const common = unlimited(sceneOf(""));
  const members = new Map<string, Member>();
  const groups = new Map<string, Group & { readonly nodes: string[] }>();
  const findings: Finding[] = [];
  let limits = false;
  for (const node of nodes) {
    yield null;
    const scene = unlimited(sceneOf(node));
    for (const finding of scene.parts.findings) findings.push(finding);
    if (scene.parts.obstacle !== null) continue;
    limits ||= scene.parts.peers.some(({ peer }) => FAMILIES.some((family) => limitOf(peer, family) !== null));
    const key = likenessOf(scene);
    const group = groups.get(key) ?? { nodes: [], scene };
    group.nodes.push(node);
    groups.set(key, group);
    members.set(node, { node, scene, group });
  }
  const places = new Map<string, number>();
  for (const { spec, name } of [...inventory.advertisements.values()].map((spec) => ({ spec, name: spec.metadata.name }))) {
    if (spec.maxAnnouncers !== null) places.set(name, spec.maxAnnouncers);
  }
  return { inventory, common, members, groups: [...groups.values()], places, limits, findings, sharing: sharingOf(common) };
}

/** The same scene without limits on the number of announcers. */
function unlimited(scene: Scene): Scene {
  const { advertisements } = scene.parts;
  if (advertisements.every(({ source }) => source.maxAnnouncers === null)) return scene;
  const without = (advertisement: Advertisement): Advertisement => ({
    ...advertisement,
    source: { ...advertisement.source, maxAnnouncers: null },
  });
  return new Scene({ ...scene.parts, advertisements: advertisements.map(without) }, null);
}

function sharingOf(common: Scene): Fleet["sharing"] {
  const { inventory, advertisements } = common.parts;
  const blocks = new Set(advertisements.flatMap(({ source }) => source.blocks.filter(isHost).map(({ address }) => address.key)));
  const known = new Map<string, Sharing>();
  return ({ key }) => {
    if (!inventory.isShared(key) && !blocks.has(key)) return null;
    const sharing = known.get(key) ?? judgeOwners(common, key);
    known.set(key, sharing);
    return sharing;
  };
}

function judgeOwners(common: Scene, key: string): Sharing {
  const owners = new Owners();
  for (const entry of common.parts.inventory.holders(key)) {
    const anywhere = entry.service === null ? [] : common.matchingAnywhere(entry, entry.service);
    owners.put(entry, viewOwner(common, entry, anywhere, key));
  }
  return owners.judge(common);
}

/** Equal for scenes without an obstacle that decide alike, endpoints and places apart. */
function likenessOf({ parts }: Scene): string {
  return JSON.stringify([parts.advertisements.map(({ selectsNode }) => selectsNode), parts.peers.map((peer) => wordsOf(peer, parts))]);
}

function wordsOf({ name, negotiated, nextHop }: PeerVerdict, { inventory, advertisements }: Scene["parts"]): unknown[] {
  // A next hop matters where it is an address that is announced: that address cannot lead to itself.
  const ownAddress = (family: Family) => {
    const key = nextHop[family].address?.key;
    if (key === undefined) return "";
    const isBlock = advertisements.some(({ source }) => source.blocks.some((block) => isHost(block) && block.address.key === key));
    return isBlock || inventory.has(key) ? key : "";
  };
  return [name, ...FAMILIES.flatMap((family) => [negotiated[family], nextHop[family].hop !== null, ownAddress(family)])];
}
