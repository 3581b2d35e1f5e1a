/**
 * The last step of a decision: what is wanted goes to the outlet, and where that holds it back (checks 16 and 17) the decisions about it become
 * others, those of other Services included.
 */

import type { Address } from "../ip/address.ts";
import { hostPrefix } from "../ip/prefix.ts";
import type { Cause } from "./change.ts";
import type { Inventory } from "./inventory.ts";
import { type Decision, wantedOf } from "./judge.ts";
import type { Ledger } from "./ledger.ts";
import type { Outlet, PrefixWish } from "./outlet.ts";
import type { Round } from "./round.ts";
import { coveringPrefix, isHost, type Scene } from "./scene.ts";
import type { ServiceEntry } from "./service-entry.ts";

export class Sending {
  readonly outlet: Outlet;
  readonly #inventory: Inventory;
  readonly #ledger: Ledger;

  constructor(outlet: Outlet, inventory: Inventory, ledger: Ledger) {
    this.outlet = outlet;
    this.#inventory = inventory;
    this.#ledger = ledger;
  }

  want(wish: PrefixWish, round: Round): void {
    this.outlet.want(wish, round.emit);
  }

  /** What checks 16 and 17 make of a decision about the address. */
  overrule(scene: Scene, wanted: Decision, address: Address): Decision {
    if (!this.outlet.overrides) return wanted;
    return scene.judge.overrule(wanted, address.family, ({ advertisement }, mode) =>
      this.outlet.overrideOf((mode === "host" ? hostPrefix(address) : coveringPrefix(advertisement, address)).key),
    );
  }

  /** Brings the decisions about an address up to what is held back of it. */
  overruleHolders(scene: Scene, address: Address, cause: Cause | null, round: Round): void {
    for (const entry of this.#inventory.holders(address.key)) this.#overruleEntry(scene, entry, address.key, cause, round);
  }

  /** Tells what is sent otherwise, and brings all decisions up to what is held back. */
  settle(scene: Scene, round: Round): void {
    this.outlet.flush(round.emit);
    for (const { prefix, cause } of this.outlet.takeChanged()) {
      if (isHost(prefix)) {
        this.overruleHolders(scene, prefix.address, cause, round);
        continue;
      }
      // Of an aggregate the members are not listed: it is held back seldom enough to look for them.
      for (const [entry, { covering }] of this.#ledger.planned) {
        if (covering?.has(prefix.key) === true) this.#overruleEntry(scene, entry, null, cause, round);
      }
    }
  }

  /** @param key only this address; null = all. */
  #overruleEntry(scene: Scene, entry: ServiceEntry, key: string | null, cause: Cause | null, round: Round): void {
    const planned = this.#ledger.planned.get(entry);
    planned?.list.addresses.forEach((address, i) => {
      const old = planned.decisions[i];
      if (old === undefined || (key !== null && address.key !== key)) return;
      const decision = this.overrule(scene, wantedOf(old), address);
      if (decision !== old) this.#ledger.replace(entry, address, planned.decisions, i, decision, cause, round);
    });
  }
}
