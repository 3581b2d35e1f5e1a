/**
 * Who announces a prefix, over all nodes of a fleet. What has to be known of all prefixes before anything can be said of one is gathered
 * first: covering prefixes where there are any, and who comes within the limit where a peer limits how many prefixes it is sent.
 */

import type { Address } from "../ip/address.ts";
import { hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { Announced } from "./contribution-sums.ts";
import type { Fleet } from "./fleet.ts";
import { type Covering, type Coverings, coveringsOf, gatherCoverings } from "./fleet-coverings.ts";
import { FleetLimits } from "./fleet-limits.ts";
import { type AnnouncedOn, announcedByAll, announcedBySole, type Outcome, outcomesOf, type Place, placeAt } from "./fleet-routes.ts";
import type { Paused } from "./pauses.ts";
import { isHost } from "./scene.ts";

export class FleetTable {
  readonly #fleet: Fleet;
  readonly #coverings: Coverings;
  readonly #limits: FleetLimits | null;
  /** Owners of one address mostly follow each other: it is settled once. */
  #joint: { readonly key: string; readonly on: AnnouncedOn } | null = null;

  private constructor(fleet: Fleet, coverings: Coverings, limits: FleetLimits | null) {
    this.#fleet = fleet;
    this.#coverings = coverings;
    this.#limits = limits;
  }

  static *gather(fleet: Fleet): Paused<FleetTable> {
    const coverings = yield* gatherCoverings(fleet);
    return new FleetTable(fleet, coverings, fleet.limits ? yield* FleetLimits.of(fleet, wantedPrefixes(fleet, coverings)) : null);
  }

  /** The address itself. @param outcomes of one of its owners. */
  *host(place: Place, outcomes: readonly Outcome[]): Paused<AnnouncedOn> {
    const { address } = place;
    if (this.#fleet.sharing(address) === null) return this.#kept(hostPrefix(address), announcedBySole(place, outcomes));
    if (this.#joint?.key !== address.key) {
      this.#joint = { key: address.key, on: this.#kept(hostPrefix(address), yield* announcedByAll(this.#fleet, address)) };
    }
    return this.#joint.on;
  }

  /** Prefixes that cover the address, the longest first. */
  *coverings(address: Address): IterableIterator<{ readonly prefix: Prefix; readonly on: AnnouncedOn }> {
    for (const covering of coveringsOf(this.#coverings, address)) {
      yield { prefix: covering.prefix, on: this.#kept(covering.prefix, announcersOf(this.#fleet, covering)) };
    }
  }

  #kept(prefix: Prefix, wanted: AnnouncedOn): AnnouncedOn {
    if (this.#limits === null) return wanted;
    const kept = new Map<string, Announced>();
    for (const [node, announced] of wanted) {
      const passing = this.#limits.apply(node, prefix, announced);
      if (passing.announcement.peers.length > 0) kept.set(node, passing);
    }
    return kept;
  }
}

/** Every prefix once, before any limit; null = a pause. */
function* wantedPrefixes(fleet: Fleet, coverings: Coverings): Generator<{ readonly prefix: Prefix; readonly on: AnnouncedOn } | null> {
  for (const covering of coverings.values()) {
    yield { prefix: covering.prefix, on: announcersOf(fleet, covering) };
    yield null;
  }
  // Blocks of a single address stand in line whether or not a Service has it.
  const blocks = fleet.common.parts.advertisements.flatMap(({ source }) => source.blocks).filter(isHost);
  const done = new Set<string>();
  for (const address of [...blocks.map((block) => block.address), ...serviceAddresses(fleet)]) {
    if (done.has(address.key)) continue;
    done.add(address.key);
    yield { prefix: hostPrefix(address), on: yield* announcersOfAddress(fleet, address) };
    yield null;
  }
}

function* serviceAddresses({ inventory }: Fleet): IterableIterator<Address> {
  for (const entry of inventory.services()) yield* entry.addresses.addresses;
}

function* announcersOfAddress(fleet: Fleet, address: Address): Paused<AnnouncedOn> {
  if (fleet.sharing(address) !== null) return yield* announcedByAll(fleet, address);
  const [entry] = fleet.inventory.holders(address.key);
  const index = entry?.addresses.addresses.findIndex(({ key }) => key === address.key) ?? -1;
  const place = entry === undefined ? null : placeAt(entry, index);
  return place === null ? new Map() : announcedBySole(place, outcomesOf(fleet, place));
}

function announcersOf({ members }: Fleet, covering: Covering): AnnouncedOn {
  const on = new Map<string, Announced>();
  for (const member of members.values()) {
    const announced = covering.on(member);
    if (announced.announcement.peers.length > 0) on.set(member.node, announced);
  }
  return on;
}
