import type { Family } from "../../ip/address.ts";
import type { UpdateMessage } from "../wire/messages.ts";

/** What a peer has sent so far, as numbers. A speaker that only announces keeps nothing else of it (RFC 4271 §3.2: its Adj-RIB-In has no reader). */
export interface AdjRibInCounts {
  readonly updates: number;
  readonly endOfRib: number;
  /** NLRI announced and withdrawn, each occurrence. */
  readonly announced: Readonly<Record<Family, number>>;
  readonly withdrawn: Readonly<Record<Family, number>>;
  /** UPDATEs whose routes an attribute error withdrew, and whose attributes were dropped (RFC 7606 §2). */
  readonly treatAsWithdraw: number;
  readonly attributeDiscard: number;
  /** MP attributes of families that were not negotiated (RFC 4760 §6). */
  readonly ignoredFamilies: number;
}

/** Counts UPDATEs of one peer without keeping them: memory stays flat whatever the peer sends. */
export class AdjRibInCounters {
  #counts: AdjRibInCounts = NOTHING;

  count(update: UpdateMessage): void {
    const before = this.#counts;
    const announced = { ...before.announced };
    const withdrawn = { ...before.withdrawn };
    for (const block of update.announced) announced[block.family] += block.count;
    for (const block of update.withdrawn) withdrawn[block.family] += block.count;
    this.#counts = {
      updates: before.updates + 1,
      endOfRib: before.endOfRib + (update.endOfRib === null ? 0 : 1),
      announced,
      withdrawn,
      treatAsWithdraw: before.treatAsWithdraw + (update.action === "withdraw" ? 1 : 0),
      attributeDiscard: before.attributeDiscard + (update.action === "discard-attributes" ? 1 : 0),
      ignoredFamilies: before.ignoredFamilies + update.ignoredFamilies,
    };
  }

  get counts(): AdjRibInCounts {
    return this.#counts;
  }
}

const NOTHING: AdjRibInCounts = {
  updates: 0,
  endOfRib: 0,
  announced: { IPv4: 0, IPv6: 0 },
  withdrawn: { IPv4: 0, IPv6: 0 },
  treatAsWithdraw: 0,
  attributeDiscard: 0,
  ignoredFamilies: 0,
};
