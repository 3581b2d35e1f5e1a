/**
 * Connection collision (RFC 4271 §6.8, RFC 6286 §2.3, RFC 4724 §4.2).
 *
 * Two speakers that dial each other hold two connections; both must drop the same one. The kept one is the one *opened by the dominant
 * side*: the higher BGP Identifier, or with equal identifiers the higher AS number. Both ends compute this from the same two OPENs.
 *
 * It is decided as soon as the first OPEN arrives, also against a connection still in OpenSent: its peer is the one whose identifier was
 * just learnt (the option of §6.8, "by means outside of the protocol"). Waiting for OpenConfirm, the rule's minimum, lets each end confirm
 * a different connection and then drop the other's choice.
 */

import { exchangedGracefulRestart } from "./negotiation.ts";
import type { Negotiated, SessionSettings, Slot } from "./session.ts";
import type { ConnectionState } from "./state.ts";

/** `keepBoth`: until the new connection is confirmed, when it replaces the Established one. */
export type Verdict = "closeOther" | "closeThis" | "keepBoth";

/** True when our side wins: the connection we opened is kept. Equal identifiers and AS numbers never get here (2/3). */
export function isDominant(settings: SessionSettings, negotiated: Negotiated): boolean {
  if (settings.routerId !== negotiated.peerRouterId) return settings.routerId > negotiated.peerRouterId;
  return settings.localAsn > negotiated.peerAsn;
}

/** An acceptable OPEN came in on `slot`; `other` is the state of the other slot. */
export function arbitrate(settings: SessionSettings, slot: Slot, negotiated: Negotiated, other: ConnectionState): Verdict {
  switch (other.name) {
    // A dial that is on its way, or waits, is not needed any more.
    case "Idle":
    case "Connect":
    case "Active":
      return "closeOther";
    case "OpenSent":
    case "OpenConfirm":
      return (slot === "outgoing") === isDominant(settings, negotiated) ? "closeOther" : "closeThis";
    case "Established":
      // A peer with Graceful Restart that opens a new connection has lost the old one (RFC 4724 §4.2). The RFC drops the old one at once;
      // here it goes when the new one is confirmed, so that a connection crossing the first on its way cannot end both.
      return exchangedGracefulRestart(other.negotiated) ? "keepBoth" : "closeThis";
  }
}
