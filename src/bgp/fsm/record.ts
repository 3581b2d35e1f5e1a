/**
 * Sessions as JSON lines. A header holds what a peer starts from (settings and seed), each further line one event with the actions it led to:
 *
 *   {"record":"herald-session","version":1,"peer":"tor-1","seed":7,"settings":{...}}
 *   {"peer":"tor-1","at":1250.5,"event":{"name":"start"},"actions":[...]}
 *
 * Lines of several peers may be mixed. What JSON lacks is wrapped: octets as {"$octets":"hex"}, an address as {"$address":"hex"}, a
 * WireError as {"$wireError":{...}}.
 */

import { SpeakerError, WireError } from "../../errors.ts";
import { addressFromOctets } from "../../ip/address.ts";
import type { Seed } from "./jitter.ts";
import type { Millis, PeerAction, PeerEvent, SessionSettings } from "./session.ts";

const RECORD = "herald-session";
export const RECORD_VERSION = 1;

export type RecordLine =
  | { readonly kind: "header"; readonly peer: string; readonly seed: Seed; readonly settings: SessionSettings }
  /** `actions` stay as recorded: they are compared, never performed. */
  | {
      readonly kind: "step";
      readonly peer: string | null;
      readonly at: Millis;
      readonly event: PeerEvent;
      readonly actions: readonly unknown[];
    };

/** The line that opens the record of a peer; no line break. */
export function recordHeader(settings: SessionSettings, seed: Seed, peer: string): string {
  return JSON.stringify({ record: RECORD, version: RECORD_VERSION, peer, seed, settings });
}

/** One step; no line break. Without `peer` it belongs to the header before it. */
export function recordStep(at: Millis, event: PeerEvent, actions: readonly PeerAction[], peer?: string): string {
  return JSON.stringify({ ...(peer === undefined ? {} : { peer }), at, event: plain(event), actions: actions.map(plain) });
}

/** @throws {SpeakerError} UNREADABLE when the line is none of a record. */
export function parseRecordLine(line: string): RecordLine {
  const value = parsed(line);
  if (!isObject(value)) throw unreadable("not a JSON object");
  if ("record" in value) {
    const { record, version, peer, seed, settings } = value;
    if (record !== RECORD || version !== RECORD_VERSION) throw unreadable(`not a session record of version ${RECORD_VERSION}`);
    if (typeof peer !== "string" || typeof seed !== "number" || !isSettings(settings))
      throw unreadable("the header lacks peer, seed or settings");
    return { kind: "header", peer, seed, settings };
  }
  const { at, event, actions, peer } = value;
  const revivedEvent = revived(event);
  if (typeof at !== "number" || !Array.isArray(actions)) throw unreadable("a step needs at, event and actions");
  if (!isPeerEvent(revivedEvent)) throw unreadable("the event is none of a session");
  return { kind: "step", peer: typeof peer === "string" ? peer : null, at, event: revivedEvent, actions };
}

/** A value as it is recorded: only what JSON has, keys that are undefined left out. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $octets: hex(value) };
  if (value instanceof WireError) {
    const { code, subcode, data, severity, message } = value;
    return { $wireError: { code, subcode, data: plain(data), severity, message } };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  // An Address: family and key follow from its octets, and the key is no text.
  if (value["octets"] instanceof Uint8Array && typeof value["key"] === "string") return { $address: hex(value["octets"]) };
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) result[key] = plain(entry);
  return result;
}

/** The inverse of {@link plain}. @throws {SpeakerError} UNREADABLE for a wrapper with no such content. */
export function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived);
  if (!isObject(value)) return value;
  const { $octets, $address, $wireError } = value;
  if ($octets !== undefined) return octets($octets);
  if ($address !== undefined) return revivedAddress($address);
  if ($wireError !== undefined) return revivedWireError($wireError);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, revived(entry)]));
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new SpeakerError("UNREADABLE", "record: not JSON", { cause });
  }
}

function revivedAddress(value: unknown): unknown {
  const bytes = octets(value);
  if (bytes.length !== 4 && bytes.length !== 16) throw unreadable(`an address of ${bytes.length} octets`);
  return addressFromOctets(bytes);
}

function revivedWireError(value: unknown): WireError {
  if (!isObject(value)) throw unreadable("a $wireError without content");
  const { code, subcode, severity, message } = value;
  const data = revived(value["data"]);
  const known = severity === "reset" || severity === "withdraw" || severity === "discard";
  if (typeof code !== "number" || typeof subcode !== "number" || typeof message !== "string" || !known || !(data instanceof Uint8Array)) {
    throw unreadable("a $wireError without code, subcode, data, severity or message");
  }
  return new WireError({ code, subcode }, message, { data, severity });
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const octet of bytes) text += octet.toString(16).padStart(2, "0");
  return text;
}

function octets(text: unknown): Uint8Array {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) throw unreadable("octets that are not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Looks at what a step reads first; deeper damage shows as a difference. */
function isSettings(value: unknown): value is SessionSettings {
  if (!isObject(value)) return false;
  const numbers = ["localAsn", "routerId", "holdTimeSeconds", "connectTimeSeconds"].every((key) => typeof value[key] === "number");
  return numbers && isObject(value["peerAsn"]) && Array.isArray(value["families"]) && Array.isArray(value["omitCapabilities"]);
}

type Check = (event: Readonly<Record<string, unknown>>) => boolean;

const isSlot = (value: unknown) => value === "outgoing" || value === "incoming";

/** What each event must carry. */
const EVENT_CHECKS = {
  start: () => true,
  stop: ({ cause }) => isObject(cause) && STOP_REASONS.has(String(cause["reason"])) && typeof cause["text"] === "string",
  configure: ({ settings }) => isSettings(settings),
  tcpConnected: ({ slot }) => isSlot(slot),
  tcpFailed: ({ slot, why }) => isSlot(slot) && typeof why === "string",
  tcpClosed: ({ slot, why }) => isSlot(slot) && typeof why === "string",
  message: ({ slot, message }) => isSlot(slot) && isObject(message) && isMessage(message),
  wireError: ({ slot, error }) => isSlot(slot) && error instanceof WireError,
  timer: ({ slot, timer }) => (slot === null ? PEER_TIMERS : isSlot(slot) ? CONNECTION_TIMERS : NONE).has(String(timer)),
  updatesSent: ({ slot }) => isSlot(slot),
  sendProgress: ({ slot }) => isSlot(slot),
} as const satisfies Record<PeerEvent["name"], Check>;

const CHECKS: ReadonlyMap<unknown, Check> = new Map<unknown, Check>(Object.entries(EVENT_CHECKS));
const STOP_REASONS: ReadonlySet<string> = new Set([
  "adminShutdown",
  "adminReset",
  "deconfigured",
  "configChange",
  "bfdDown",
  "prefixLimit",
  "silent",
]);
const PEER_TIMERS: ReadonlySet<string> = new Set(["connectRetry", "idleHold"]);
const CONNECTION_TIMERS: ReadonlySet<string> = new Set(["connectTimeout", "hold", "keepalive", "sendHold"]);
const NONE: ReadonlySet<string> = new Set();

function isPeerEvent(value: unknown): value is PeerEvent {
  return isObject(value) && CHECKS.get(value["name"])?.(value) === true;
}

function isMessage(message: Readonly<Record<string, unknown>>): boolean {
  switch (message["name"]) {
    case "open":
      return (
        ["version", "myAs", "holdTimeSeconds", "bgpIdentifier"].every((key) => typeof message[key] === "number") &&
        isCapabilityList(message["capabilities"])
      );
    case "notification":
      return typeof message["code"] === "number" && typeof message["subcode"] === "number" && message["data"] instanceof Uint8Array;
    case "routeRefresh":
      return ["afi", "safi", "subtype"].every((key) => typeof message[key] === "number");
    case "update":
    case "keepalive":
      return true;
    default:
      return false;
  }
}

/** Negotiation reads these lists; a capability it does not look into needs a name only. */
function isCapabilityList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (capability: unknown) =>
        isObject(capability) &&
        typeof capability["name"] === "string" &&
        (capability["name"] !== "extendedNextHop" || Array.isArray(capability["entries"])),
    )
  );
}

function unreadable(why: string): SpeakerError {
  return new SpeakerError("UNREADABLE", `record: ${why}`);
}
