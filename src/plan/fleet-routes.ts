/**
 * What each node of a fleet announces: an address of one owner, one that several have a say in, and prefixes that cover many. The rules are
 * the planner's; what is left out is what only time and sessions know.
 */

import type { Address } from "../ip/address.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import { announce, contributionOf, NOTHING, type Share } from "./announcement.ts";
import { chosenOf } from "./announcers.ts";
import { type Announced, ageOfAdvertisements, ContributionSums } from "./contribution-sums.ts";
import type { Fleet, Group, Member } from "./fleet.ts";
import type { Decision } from "./judge.ts";
import type { Paused } from "./pauses.ts";
import type { Question, Scene } from "./scene.ts";
import { isLocalOnly } from "./service-checks.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";
import type { Sharing } from "./sharing.ts";

/** One address of one Service. */
export interface Place {
  readonly entry: ServiceEntry;
  readonly service: Service;
  readonly index: number;
  readonly address: Address;
  readonly kind: AddressKind;
}

/** A decision and the nodes of one group that make it: the group's own list where all do. */
export interface Outcome {
  readonly decision: Decision;
  readonly nodes: readonly string[];
  readonly group: Group;
}

/** By node; nodes that announce nothing are not in it. */
export type AnnouncedOn = ReadonlyMap<string, Announced>;

/** The Service's address at the index; null where it has none there. */
export function placeAt(entry: ServiceEntry, index: number): Place | null {
  const address = entry.addresses.addresses[index];
  if (entry.service === null || address === undefined) return null;
  return { entry, service: entry.service, index, address, kind: kindAt(entry.addresses, index) };
}

/** Every node's decision of checks 3 to 15 about an address. Nodes whose decision no share is eligible in may be missing. */
export function outcomesOf(fleet: Fleet, place: Place): Outcome[] {
  const { entry, service, index, address } = place;
  const sharing = fleet.sharing(address);
  const outcomes: Outcome[] = [];
  const placed = new Places(fleet, place, sharing);
  // With several owners every node may have another answer; with endpoints of its own those that have some.
  const apart = sharing !== null ? new Set(fleet.members.keys()) : nodesApart(place);
  for (const group of fleet.groups) {
    const matching = group.scene.matching(entry, service);
    if (matching.length === 0) continue;
    const question: Question = { entry, service, matching, memo: null };
    const ask = (scene: Scene, nodes: readonly string[]) => {
      for (const outcome of placed.apply(scene, { decision: scene.decide(question, index, sharing, undefined), nodes, group }))
        outcomes.push(outcome);
    };
    const rest = restOf(group, apart);
    const [first] = rest;
    const member = first === undefined ? undefined : fleet.members.get(first);
    if (member !== undefined) ask(member.scene, rest);
    for (const { node, scene } of membersOf(fleet, group, apart)) ask(scene, [node]);
  }
  return outcomes;
}

/** An address with one owner, from {@link outcomesOf}. */
export function announcedBySole({ service }: Place, outcomes: readonly Outcome[]): AnnouncedOn {
  const age = service.metadata.creationTimestamp;
  const on = new Map<string, Announced>();
  for (const { decision, nodes } of outcomes) {
    if (decision.announcement.peers.length === 0) continue;
    const announced = { announcement: decision.announcement, age };
    for (const node of nodes) on.set(node, announced);
  }
  return on;
}

/** An address that several have a say in. */
export function* announcedByAll(fleet: Fleet, address: Address): Paused<AnnouncedOn> {
  const { key } = address;
  const contributions = new ContributionSums();
  for (const entry of fleet.inventory.holders(key)) {
    const shares = new Map<string, Share[]>();
    for (let index = 0; index < entry.addresses.addresses.length; index++) {
      const place = placeAt(entry, index);
      if (place === null || place.address.key !== key) continue;
      for (const { decision, nodes } of outcomesOf(fleet, place)) {
        for (const node of nodes) shares.set(node, [...(shares.get(node) ?? []), ...decision.host]);
      }
    }
    const age = entry.service?.metadata.creationTimestamp ?? "";
    for (const [node, list] of shares) if (list.length > 0) contributions.add(node, contributionOf(list), age);
    yield null;
  }
  const on = new Map<string, Announced>();
  for (const { node, scene } of fleet.members.values()) {
    const block = scene.hostBlocks.get(key);
    if (block !== undefined) contributions.add(node, block.contribution, ageOfAdvertisements(block.contribution));
    const announced = contributions.announced([node], scene, address.family);
    if (announced.announcement.peers.length > 0) on.set(node, announced);
  }
  return on;
}

/** Check 14 for one address, for all nodes at once. */
class Places {
  readonly #fleet: Fleet;
  readonly #place: Place;
  readonly #sharing: Sharing | null;
  readonly #chosen = new Map<string, ReadonlySet<string>>();

  constructor(fleet: Fleet, place: Place, sharing: Sharing | null) {
    this.#fleet = fleet;
    this.#place = place;
    this.#sharing = sharing;
  }

  /** The decision of nodes that differ at most in the places they hold, as it is for each. */
  apply(scene: Scene, outcome: Outcome): Outcome[] {
    const { decision, nodes, group } = outcome;
    const shares = [...decision.host, ...decision.covering];
    const limited = this.#fleet.places.size === 0 ? [] : shares.filter(({ advertisement }) => this.#fleet.places.has(advertisement.name));
    if (limited.length === 0) return [outcome];
    const outcomes = new Map<string, Outcome & { readonly nodes: string[] }>();
    for (const node of nodes) {
      const beyond = (share: Share) => limited.includes(share) && !this.#chosenFor(share.advertisement.name).has(node);
      const pattern = shares.map((share) => (beyond(share) ? "b" : "-")).join("");
      const same = outcomes.get(pattern) ?? { decision: this.#without(scene, decision, beyond), nodes: [], group };
      same.nodes.push(node);
      outcomes.set(pattern, same);
    }
    return [...outcomes.values()];
  }

  #without({ parts }: Scene, decision: Decision, beyond: (share: Share) => boolean): Decision {
    const mark = (share: Share) => (beyond(share) ? { ...share, beyond: true } : share);
    const host = decision.host.map(mark);
    const { family } = this.#place.address;
    const announcement = host.length === 0 ? NOTHING : announce([[contributionOf(host), 1]], parts.peers, family, parts.pool);
    return { ...decision, host, covering: decision.covering.map(mark), announcement };
  }

  #chosenFor(name: string): ReadonlySet<string> {
    let chosen = this.#chosen.get(name);
    if (chosen === undefined) {
      const { common, places } = this.#fleet;
      const { entry, service, kind, address } = this.#place;
      const advertisement = common.parts.advertisements.find((one) => one.name === name);
      const question = { entry, service, matching: [], memo: null };
      const candidates = advertisement === undefined ? [] : common.candidatesFor(question, kind, address, advertisement, this.#sharing);
      chosen = new Set(chosenOf(candidates, address, places.get(name) ?? 0));
      this.#chosen.set(name, chosen);
    }
    return chosen;
  }
}

/** Nodes that may decide otherwise than the rest of their group. */
function nodesApart({ entry, service, kind, address }: Place): ReadonlySet<string> {
  return isLocalOnly(service, kind) ? new Set(entry.digest(address.family).nodes.map(({ node }) => node)) : NONE;
}

const NONE: ReadonlySet<string> = new Set();

function restOf({ nodes }: Group, apart: ReadonlySet<string>): readonly string[] {
  return apart.size === 0 ? nodes : nodes.filter((node) => !apart.has(node));
}

function* membersOf({ members }: Fleet, group: Group, apart: ReadonlySet<string>): IterableIterator<Member> {
  for (const node of apart) {
    const member = members.get(node);
    if (member?.group === group) yield member;
  }
}
