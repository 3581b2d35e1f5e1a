/** Which NOTIFICATION a stop sends (RFC 4486, RFC 9003, RFC 9384), and when it goes as a Hard Reset (RFC 8538). */

import { CEASE } from "../wire/iana.ts";
import type { NotificationMessage } from "../wire/messages.ts";
import { asHardReset, ceaseOf } from "../wire/notification.ts";
import { exchangedNotificationBit } from "./negotiation.ts";
import type { Negotiated, StopCause } from "./session.ts";

interface Row {
  readonly subcode: number;
  /** With the N bit exchanged a plain Cease would make the peer keep our routes; these causes mean that they are gone. */
  readonly hard: boolean;
  /** The peer stays Idle until `start`: ManualStop rather than AutomaticStop (RFC 4271 §8.1.2). */
  readonly stays: boolean;
}

const ROWS = {
  adminShutdown: { subcode: CEASE.administrativeShutdown.subcode, hard: true, stays: true },
  deconfigured: { subcode: CEASE.peerDeconfigured.subcode, hard: true, stays: true },
  adminReset: { subcode: CEASE.administrativeReset.subcode, hard: false, stays: false },
  configChange: { subcode: CEASE.otherConfigurationChange.subcode, hard: false, stays: false },
  bfdDown: { subcode: CEASE.bfdDown.subcode, hard: true, stays: false },
  prefixLimit: { subcode: CEASE.maximumPrefixes.subcode, hard: false, stays: false },
  silent: { subcode: CEASE.unspecific.subcode, hard: false, stays: true },
} as const satisfies Record<StopCause["reason"], Row>;

/** The last words of a stop, or null for a silent one. `negotiated` is null before the peer's OPEN. */
export function ceaseFor(cause: StopCause, negotiated: Negotiated | null): NotificationMessage | null {
  if (cause.reason === "silent") return null;
  const { subcode, hard } = ROWS[cause.reason];
  const cease = ceaseOf(subcode, cause.text);
  return hard && negotiated !== null && exchangedNotificationBit(negotiated) ? asHardReset(cease) : cease;
}

/** True when only `start` ends this stop. */
export function staysStopped(reason: StopCause["reason"]): boolean {
  return ROWS[reason].stays;
}
