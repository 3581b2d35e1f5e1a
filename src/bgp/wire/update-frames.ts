/**
 * The octets of an UPDATE around its NLRI, for a packer that owns one large buffer: every `frame…` writes all of one message at `at` but
 * the NLRI octets themselves and returns where those go; the message ends `…Length(…)` octets after `at`. RFC 7606 §5.1 sets the
 * shape: one of withdrawn routes, NLRI, MP_REACH_NLRI and MP_UNREACH_NLRI per message, and the MP attribute before all others.
 */
import type { Family } from "../../ip/address.ts";
import { ATTRIBUTE, FAMILY_CODES, FLAG, MESSAGE_TYPE } from "./iana.ts";

/** Octets of an UPDATE with neither withdrawn routes, attributes nor NLRI (RFC 4271 §4.3). */
export const EMPTY_UPDATE_OCTETS = 23;
/** Octets of the message header (RFC 4271 §4.1). */
export const HEADER_OCTETS = 19;

const MP_REACH_FIXED = 5; // AFI 2, SAFI 1, next hop length 1, reserved 1 (RFC 4760 §3)
const MP_UNREACH_FIXED = 3; // AFI 2, SAFI 1 (RFC 4760 §4)

/** Marker, length and type (RFC 4271 §4.1). Returns where the body goes. */
export function writeHeader(target: Uint8Array, at: number, length: number, type: number): number {
  target.fill(0xff, at, at + 16);
  writeU16(target, at + 16, length);
  target[at + 18] = type;
  return at + HEADER_OCTETS;
}

export function announceLength(attributesLength: number, nlriLength: number): number {
  return EMPTY_UPDATE_OCTETS + attributesLength + nlriLength;
}

/** Octets of NLRI that fit beside the attributes into a message of `limit` octets; negative when not even the attributes do. */
export function announceCapacity(limit: number, attributesLength: number): number {
  return limit - EMPTY_UPDATE_OCTETS - attributesLength;
}

/** IPv4 prefixes in the classic NLRI field: `attributes` has to hold NEXT_HOP. */
export function frameAnnounce(target: Uint8Array, at: number, attributes: Uint8Array, nlriLength: number): number {
  const body = writeHeader(target, at, announceLength(attributes.length, nlriLength), MESSAGE_TYPE.update);
  writeU16(target, body, 0);
  writeU16(target, body + 2, attributes.length);
  target.set(attributes, body + 4);
  return body + 4 + attributes.length;
}

export function mpAnnounceLength(nextHopLength: number, attributesLength: number, nlriLength: number): number {
  const value = MP_REACH_FIXED + nextHopLength + nlriLength;
  return EMPTY_UPDATE_OCTETS + attributeHeaderOctets(value) + value + attributesLength;
}

/** As {@link announceCapacity}, for MP_REACH_NLRI with a next hop field of 4, 16 or 32 octets. */
export function mpAnnounceCapacity(limit: number, nextHopLength: number, attributesLength: number): number {
  return valueCapacity(limit - EMPTY_UPDATE_OCTETS - attributesLength) - MP_REACH_FIXED - nextHopLength;
}

/**
 * Prefixes in MP_REACH_NLRI: `nextHop` is the next hop field, 16 octets or 32 with a link-local address behind, also for IPv4 prefixes
 * (RFC 8950 §3), or 4; `attributes` has no NEXT_HOP. The attributes follow the NLRI.
 */
export function frameMpAnnounce(
  target: Uint8Array,
  at: number,
  family: Family,
  nextHop: Uint8Array,
  attributes: Uint8Array,
  nlriLength: number,
): number {
  const value = MP_REACH_FIXED + nextHop.length + nlriLength;
  const body = writeHeader(target, at, mpAnnounceLength(nextHop.length, attributes.length, nlriLength), MESSAGE_TYPE.update);
  writeU16(target, body, 0);
  writeU16(target, body + 2, attributeHeaderOctets(value) + value + attributes.length);
  let position = writeAttributeHeader(target, body + 4, FLAG.optional, ATTRIBUTE.mpReach, value);
  position = writeFamily(target, position, family);
  target[position++] = nextHop.length;
  target.set(nextHop, position);
  position += nextHop.length;
  target[position++] = 0;
  target.set(attributes, position + nlriLength);
  return position;
}

export function withdrawLength(nlriLength: number): number {
  return EMPTY_UPDATE_OCTETS + nlriLength;
}

export function withdrawCapacity(limit: number): number {
  return limit - EMPTY_UPDATE_OCTETS;
}

/** IPv4 prefixes in the classic withdrawn-routes field. */
export function frameWithdraw(target: Uint8Array, at: number, nlriLength: number): number {
  const body = writeHeader(target, at, withdrawLength(nlriLength), MESSAGE_TYPE.update);
  writeU16(target, body, nlriLength);
  writeU16(target, body + 2 + nlriLength, 0);
  return body + 2;
}

export function mpWithdrawLength(nlriLength: number): number {
  const value = MP_UNREACH_FIXED + nlriLength;
  return EMPTY_UPDATE_OCTETS + attributeHeaderOctets(value) + value;
}

export function mpWithdrawCapacity(limit: number): number {
  return valueCapacity(limit - EMPTY_UPDATE_OCTETS) - MP_UNREACH_FIXED;
}

/** Prefixes in MP_UNREACH_NLRI. */
export function frameMpWithdraw(target: Uint8Array, at: number, family: Family, nlriLength: number): number {
  const value = MP_UNREACH_FIXED + nlriLength;
  const body = writeHeader(target, at, mpWithdrawLength(nlriLength), MESSAGE_TYPE.update);
  writeU16(target, body, 0);
  writeU16(target, body + 2, attributeHeaderOctets(value) + value);
  return writeFamily(target, writeAttributeHeader(target, body + 4, FLAG.optional, ATTRIBUTE.mpUnreach, value), family);
}

/** 23 octets for IPv4, 29 for IPv6. */
export function endOfRibLength(family: Family): number {
  return family === "IPv4" ? EMPTY_UPDATE_OCTETS : mpWithdrawLength(0);
}

/** End-of-RIB (RFC 4724 §2): an empty UPDATE for IPv4, an MP_UNREACH_NLRI without prefixes otherwise. Returns where the message ends. */
export function writeEndOfRib(target: Uint8Array, at: number, family: Family): number {
  return family === "IPv4" ? frameWithdraw(target, at, 0) + 2 : frameMpWithdraw(target, at, family, 0);
}

/** 3, or 4 where the value needs a two-octet length. */
export function attributeHeaderOctets(valueLength: number): number {
  return valueLength > 255 ? 4 : 3;
}

/** Flags, code and length; the extended-length bit only where the length needs it (RFC 4271 §4.3). Returns where the value goes. */
export function writeAttributeHeader(target: Uint8Array, at: number, flags: number, code: number, valueLength: number): number {
  target[at + 1] = code;
  if (valueLength > 255) {
    target[at] = flags | FLAG.extendedLength;
    return writeU16(target, at + 2, valueLength);
  }
  target[at] = flags & ~FLAG.extendedLength;
  target[at + 2] = valueLength;
  return at + 3;
}

/** The largest attribute value that fits with its header into `octets`. */
function valueCapacity(octets: number): number {
  return octets - 4 > 255 ? octets - 4 : Math.min(octets - 3, 255);
}

function writeFamily(target: Uint8Array, at: number, family: Family): number {
  const { afi, safi } = FAMILY_CODES[family];
  const end = writeU16(target, at, afi);
  target[end] = safi;
  return end + 1;
}

function writeU16(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 8;
  target[at + 1] = value;
  return at + 2;
}
