/** Aggregates and blocks that the nodes of a fleet announce. */

import type { Address } from "../ip/address.ts";
import { maxLength, type Prefix, prefixOf } from "../ip/prefix.ts";
import { type Announced, ageOfAdvertisements, ContributionSums } from "./contribution-sums.ts";
import { coveringWishes } from "./covering.ts";
import type { Fleet, Group, Member } from "./fleet.ts";
import { outcomesOf, placeAt } from "./fleet-routes.ts";
import { type Decision, refusal } from "./judge.ts";
import type { Paused } from "./pauses.ts";
import { isLocalOnly } from "./service-checks.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** By prefix key. */
export type Coverings = ReadonlyMap<string, Covering>;

/** A prefix that stands for many addresses. */
export class Covering {
  readonly prefix: Prefix;
  readonly #sums = new ContributionSums();
  readonly #byGroup = new Map<Group, Announced>();

  constructor(prefix: Prefix) {
    this.prefix = prefix;
  }

  get sums(): ContributionSums {
    return this.#sums;
  }

  /** Once all is summed up. */
  on({ node, scene, group }: Member): Announced {
    const { family } = this.prefix.address;
    if (this.#sums.has(node)) return this.#sums.announced([nameOf(group), node], scene, family);
    let announced = this.#byGroup.get(group);
    if (announced === undefined) {
      announced = this.#sums.announced([nameOf(group)], scene, family);
      this.#byGroup.set(group, announced);
    }
    return announced;
  }
}

export function* gatherCoverings(fleet: Fleet): Paused<Coverings> {
  const coverings = new Map<string, Covering>();
  if (!fleet.common.covers) return coverings;
  const at = (prefix: Prefix) => {
    const known = coverings.get(prefix.key) ?? new Covering(prefix);
    coverings.set(prefix.key, known);
    return known;
  };
  for (const group of fleet.groups) {
    for (const { prefix, contribution } of group.scene.blocks.values())
      at(prefix).sums.add(nameOf(group), contribution, ageOfAdvertisements(contribution));
  }
  for (const entry of fleet.inventory.services()) {
    yield null;
    for (const [name, decisions] of coveringDecisions(fleet, entry)) {
      for (const { prefix, contribution } of coveringWishes(entry.addresses, decisions)?.values() ?? [])
        at(prefix).sums.add(name, contribution, ageOfAdvertisements(contribution));
    }
  }
  return coverings;
}

/** The longest of them, down to the shortest, that cover an address. */
export function* coveringsOf(coverings: Coverings, address: Address): IterableIterator<Covering> {
  if (coverings.size === 0) return;
  for (let length = maxLength(address.family) - 1; length >= 0; length--) {
    const covering = coverings.get(prefixOf(address, length).key);
    if (covering !== undefined) yield covering;
  }
}

/** A Service's decisions by address, under the name of a group where all of its nodes make them, of a node otherwise. */
function coveringDecisions(fleet: Fleet, entry: ServiceEntry): Map<string, Decision[]> {
  const { addresses } = entry.addresses;
  const outcomes = addresses.map((_, index) => {
    const place = placeAt(entry, index);
    // Local-only addresses are announced by themselves.
    if (place === null || isLocalOnly(place.service, place.kind)) return [];
    return outcomesOf(fleet, place);
  });
  const byGroup = outcomes.every((list) => list.every(({ nodes, group }) => nodes === group.nodes));
  const decisions = new Map<string, Decision[]>();
  outcomes.forEach((list, index) => {
    for (const { decision, nodes, group } of list) {
      for (const name of byGroup ? [nameOf(group)] : nodes) {
        const known = decisions.get(name) ?? addresses.map(() => NOT_ASKED);
        known[index] = decision;
        decisions.set(name, known);
      }
    }
  });
  return decisions;
}

const NOT_ASKED = refusal("noMatchingAdvertisement");

/** No node has such a name. */
function nameOf({ nodes }: Group): string {
  return `group of ${nodes[0] ?? ""}`;
}
