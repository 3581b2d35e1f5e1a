import type { Address, Family } from "../ip/address.ts";
import { hostPrefix, type Prefix, prefixOf } from "../ip/prefix.ts";
import { type Announcement, NOTHING } from "./announcement.ts";
import type { Place } from "./fleet-routes.ts";
import { type Decision, wantedOf } from "./judge.ts";
import type { PlannedView } from "./listing.ts";

/** One prefix of one node. The two differ where something is held back, or a weight waits. */
export interface RouteOn {
  readonly sent: Announcement;
  /** Weights are taken from here: how each speaker damps them is its own affair. */
  readonly wanted: Announcement;
}

/** What the node of a planner announces, by its own sessions, drains and gates. */
export class OwnRoutes {
  readonly node: string;
  readonly #view: PlannedView;
  readonly #lengths: Readonly<Record<Family, Set<number>>> = { IPv4: new Set(), IPv6: new Set() };
  readonly #coverings = new Map<string, { readonly prefix: Prefix; readonly wanted: Announcement }>();

  constructor(view: PlannedView) {
    this.node = view.scene.parts.options.node;
    this.#view = view;
    for (const { prefix, announcement } of view.coverings()) {
      this.#coverings.set(prefix.key, { prefix, wanted: announcement });
      this.#lengths[prefix.address.family].add(prefix.length);
    }
  }

  /** null while the address has not been decided about. */
  decisionOf({ entry, index }: Place): Decision | null {
    return this.#view.decisionsOf(entry)[index] ?? null;
  }

  host(place: Place): RouteOn {
    const decision = this.decisionOf(place);
    const wanted = this.#view.joint.wanted(place.address.key) ?? (decision === null ? NOTHING : wantedOf(decision).announcement);
    return this.#sent(hostPrefix(place.address), wanted);
  }

  covering(prefix: Prefix): RouteOn {
    return this.#sent(prefix, this.#coverings.get(prefix.key)?.wanted ?? NOTHING);
  }

  /** Prefixes that it announces, or would, around the address. */
  *coveringsOf(address: Address): IterableIterator<Prefix> {
    for (const length of this.#lengths[address.family]) {
      const covering = this.#coverings.get(prefixOf(address, length).key);
      if (covering !== undefined) yield covering.prefix;
    }
  }

  #sent({ key }: Prefix, wanted: Announcement): RouteOn {
    return { sent: this.#view.outlet.sentOf(key) ?? wanted, wanted };
  }
}
