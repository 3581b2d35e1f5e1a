import { formatAddress } from "../ip/format.ts";
import type { PlanChange } from "../plan/change.ts";
import type { Round, Timeline } from "./timeline.ts";

/** Writes what a round decided anew into the timeline. */
export function recordTransitions(timeline: Timeline, change: PlanChange, round: Round, atEpochMillis: number): void {
  for (const { service, address, peer, announced, reason, detail, cause } of change.transitions) {
    timeline.add({
      atEpochMillis,
      service,
      address: address === null ? null : formatAddress(address),
      peer,
      kind: announced ? "announced" : "notAnnounced",
      reason,
      text: detail,
      cause,
      round,
    });
  }
}
