/** What is decided at present for every Service, and how often for which reason. */

import type { Address } from "../ip/address.ts";
import type { Service } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import type { Cause } from "./change.ts";
import type { CoveringWishes } from "./covering.ts";
import { type Decision, wantedOf } from "./judge.ts";
import type { ReasonCode } from "./reasons.ts";
import type { Round } from "./round.ts";
import { type AddressList, kindAt, type ServiceEntry } from "./service-entry.ts";

/** What was decided for a Service the last time. */
export interface Planned {
  readonly service: Service;
  readonly epoch: number;
  readonly matching: readonly Advertisement[];
  readonly list: AddressList;
  /** By address; one refusal where there is no address. */
  readonly decisions: Decision[];
  covering: CoveringWishes | null;
}

/** Written by the planner alone. */
export class Ledger {
  readonly planned = new Map<ServiceEntry, Planned>();
  readonly #counts = new Map<ReasonCode | "", number>();

  /** The Service's old addresses are no longer (all) its own. Decisions of those that stay, at their new places. */
  moveAddresses(entry: ServiceEntry, before: Planned | undefined, cause: Cause | null, round: Round): Decision[] {
    const decisions = new Array<Decision>(Math.max(1, entry.addresses.addresses.length));
    if (before === undefined) return decisions;
    const places = new Map(entry.addresses.addresses.map((address, i) => [kindAt(entry.addresses, i) + address.key, i]));
    before.list.addresses.forEach((address, i) => {
      const old = before.decisions[i];
      if (old === undefined) return;
      round.touchBy(entry, address, cause, wantedOf(old).announcement);
      const place = places.get(kindAt(before.list, i) + address.key);
      if (place !== undefined) {
        decisions[place] = old;
        return;
      }
      this.count(old.reason, -1);
      if (!old.announced) return;
      const reason = entry.service === null ? "serviceDeleted" : "noAddress";
      const detail = entry.service === null ? "the Service is gone" : "the Service no longer has the address";
      round.transit({ service: entry.key, address, peer: null, announced: false, reason, detail, cause, turned: "withdrawn" });
    });
    const [alone] = before.decisions;
    if (before.list.addresses.length === 0 && alone !== undefined) this.count(alone.reason, -1);
    return decisions;
  }

  /** One decision takes the place of another, if there was one. */
  replace(
    entry: ServiceEntry,
    address: Address | null,
    decisions: Decision[],
    index: number,
    decision: Decision,
    cause: Cause | null,
    round: Round,
  ): void {
    const old = decisions[index];
    decisions[index] = decision;
    if (old !== undefined) this.count(old.reason, -1);
    this.count(decision.reason, 1);
    if (old === decision) return;
    if (old === undefined && decision.check <= 7 && !decision.announced) return;
    round.redecided({ entry, address, cause, decisions, index, before: old });
  }

  /** One decision more or less with this reason; "" = announced. */
  count(reason: ReasonCode | "", by: number): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + by);
  }

  /** How many are announced, and how many are not by reason. */
  totals(): { readonly announced: number; readonly notAnnounced: Readonly<Partial<Record<ReasonCode, number>>> } {
    const notAnnounced: Partial<Record<ReasonCode, number>> = {};
    for (const [reason, count] of this.#counts) if (reason !== "" && count > 0) notAnnounced[reason] = count;
    return { announced: this.#counts.get("") ?? 0, notAnnounced };
  }
}
