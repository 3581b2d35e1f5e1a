import type { WireError } from "../../errors.ts";
import { CEASE, MESSAGE_TYPE, notificationName } from "./iana.ts";
import type { NotificationMessage } from "./messages.ts";
import { receivedText, textOctets } from "./received-text.ts";
import { HEADER_OCTETS, writeHeader } from "./update-frames.ts";

const FIXED_OCTETS = HEADER_OCTETS + 2;
/** Every peer takes 4096 octets, whatever was negotiated (RFC 8654 §4). */
const MOST_DATA = 4096 - FIXED_OCTETS;

/** Body of a NOTIFICATION (RFC 4271 §4.5). Never throws: one without code or subcode reads as 0/0, a close without a reason. */
export function decodeNotification(body: Uint8Array): NotificationMessage {
  const [code, subcode] = body;
  if (code === undefined || subcode === undefined) return { name: "notification", code: 0, subcode: 0, data: new Uint8Array(0) };
  // A copy: it is shown long after the chunk it came in should have gone.
  return { name: "notification", code, subcode, data: body.slice(2) };
}

/** A whole NOTIFICATION; data that would take it over 4096 octets is cut off. */
export function encodeNotification({ code, subcode, data }: NotificationMessage): Uint8Array {
  const kept = data.subarray(0, MOST_DATA);
  const octets = new Uint8Array(FIXED_OCTETS + kept.length);
  const at = writeHeader(octets, 0, octets.length, MESSAGE_TYPE.notification);
  octets[at] = code;
  octets[at + 1] = subcode;
  octets.set(kept, at + 2);
  return octets;
}

/** The NOTIFICATION that answers broken octets. */
export function notificationOf({ code, subcode, data }: WireError): NotificationMessage {
  return { name: "notification", code, subcode, data };
}

/**
 * A Cease (RFC 4486). `text` goes with Administrative Shutdown and Reset only (RFC 9003 §2), as at most 255 octets of UTF-8, and is left
 * out where it is empty or the subcode is another.
 */
export function ceaseOf(subcode: number, text = ""): NotificationMessage {
  const octets = carriesText(CEASE.unspecific.code, subcode) ? textOctets(text, 255) : new Uint8Array(0);
  const data = octets.length === 0 ? octets : Uint8Array.of(octets.length, ...octets);
  return { name: "notification", code: CEASE.unspecific.code, subcode, data };
}

/** The operator's words in a Cease, also inside a Hard Reset; "" where there are none. Safe to print. */
export function shutdownText(notification: NotificationMessage): string {
  const { code, subcode, data } = hardResetInner(notification) ?? notification;
  if (!carriesText(code, subcode)) return "";
  // A length beyond the data is the sender's mistake, not a reason to lose the words (RFC 9003 §4).
  return receivedText(data.subarray(1, 1 + (data[0] ?? 0)));
}

/** The notification inside a Hard Reset (RFC 8538 §3): the receiver must not keep routes. One that is wrapped already stays as it is. */
export function asHardReset(notification: NotificationMessage): NotificationMessage {
  if (isHardReset(notification)) return notification;
  const { code, subcode, data } = notification;
  return { name: "notification", ...CEASE.hardReset, data: Uint8Array.of(code, subcode, ...data.subarray(0, MOST_DATA - 2)) };
}

/** What a Hard Reset wraps (RFC 8538 §3), or null for any other notification and for a Hard Reset without content. */
export function hardResetInner(notification: NotificationMessage): NotificationMessage | null {
  if (!isHardReset(notification) || notification.data.length < 2) return null;
  return decodeNotification(notification.data);
}

/** One line for people: `Cease/Administrative Shutdown "node drain"`, `Cease/Hard Reset of Cease/Administrative Shutdown`. */
export function describeNotification(notification: NotificationMessage): string {
  const inner = hardResetInner(notification);
  const name = notificationName(notification.code, notification.subcode);
  const wrapped = inner === null ? "" : ` of ${notificationName(inner.code, inner.subcode)}`;
  const text = shutdownText(notification);
  return `${name}${wrapped}${text === "" ? "" : ` "${text}"`}`;
}

function isHardReset({ code, subcode }: NotificationMessage): boolean {
  return code === CEASE.hardReset.code && subcode === CEASE.hardReset.subcode;
}

function carriesText(code: number, subcode: number): boolean {
  return code === 6 && (subcode === CEASE.administrativeShutdown.subcode || subcode === CEASE.administrativeReset.subcode);
}
