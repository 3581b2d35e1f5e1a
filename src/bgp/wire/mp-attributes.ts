/**
 * MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4): whatever is wrong with them resets the session, for the prefixes are lost
 * (RFC 7606 §5.3, §7.11, §7.12).
 */
import { WireError } from "../../errors.ts";
import { addressFromOctets, type Family } from "../../ip/address.ts";
import { afiSafiName, familyOf, UPDATE_ERROR } from "./iana.ts";
import type { AnnouncedBlock, NextHop, UpdateContext, WithdrawnBlock } from "./messages.ts";
import { countNlri } from "./nlri.ts";
import { Reader } from "./reader.ts";

/** AFI 2, SAFI 1, next hop length 1, reserved 1. */
const MP_REACH_MINIMUM = 5;

/**
 * Value of MP_REACH_NLRI, or null for a family that was not negotiated, whose contents are not read (RFC 4760 §6).
 * @throws {WireError} 3/1, severity reset: too short, a next hop of a length the family does not have, bad NLRI.
 */
export function decodeMpReach(value: Uint8Array, context: UpdateContext): AnnouncedBlock | null {
  if (value.length < MP_REACH_MINIMUM) throw malformedReach(`${value.length} octets`);
  const reader = new Reader(value, () => malformedReach("the next hop runs past the end"));
  const afi = reader.u16();
  const safi = reader.u8();
  const nextHop = reader.take(reader.u8());
  reader.u8();
  const family = negotiatedFamily(afi, safi, context);
  if (family === null) return null;
  const octets = reader.take(reader.remaining);
  const count = countNlri(octets, family);
  if (count < 0) throw malformedReach(`bad ${afiSafiName(afi, safi)} NLRI`);
  return { family, octets, count, nextHop: decodeNextHopField(nextHop, family, context), multiprotocol: true };
}

/**
 * Value of MP_UNREACH_NLRI, or null for a family that was not negotiated.
 * @throws {WireError} 3/9, severity reset: too short, bad NLRI.
 */
export function decodeMpUnreach(value: Uint8Array, context: UpdateContext): WithdrawnBlock | null {
  const reader = new Reader(value, () => malformedUnreach(`${value.length} octets`));
  const afi = reader.u16();
  const safi = reader.u8();
  const family = negotiatedFamily(afi, safi, context);
  if (family === null) return null;
  const octets = reader.take(reader.remaining);
  const count = countNlri(octets, family);
  if (count < 0) throw malformedUnreach(`bad ${afiSafiName(afi, safi)} NLRI`);
  return { family, octets, count, multiprotocol: true };
}

/** The next hop field: 4, 16, or 32 octets with the link-local address behind the global one (RFC 2545 §3, RFC 8950 §3). */
export function encodeNextHopField({ address, linkLocal }: NextHop): Uint8Array {
  return linkLocal === null ? address.octets : Uint8Array.of(...address.octets, ...linkLocal.octets);
}

function decodeNextHopField(octets: Uint8Array, family: Family, context: UpdateContext): NextHop {
  const ipv6 = family === "IPv6" || context.extendedNextHop;
  if (octets.length === 4 && family === "IPv4") return { address: addressFromOctets(octets.slice()), linkLocal: null };
  if (octets.length === 16 && ipv6) return { address: addressFromOctets(octets.slice()), linkLocal: null };
  if (octets.length === 32 && ipv6) {
    return { address: addressFromOctets(octets.slice(0, 16)), linkLocal: addressFromOctets(octets.slice(16)) };
  }
  throw malformedReach(`a next hop of ${octets.length} octets for ${family}`);
}

function negotiatedFamily(afi: number, safi: number, context: UpdateContext): Family | null {
  const family = familyOf(afi, safi);
  return family !== null && context.families.includes(family) ? family : null;
}

function malformedReach(what: string): WireError {
  return new WireError(UPDATE_ERROR.malformedAttributeList, `MP_REACH_NLRI: ${what}`);
}

function malformedUnreach(what: string): WireError {
  return new WireError(UPDATE_ERROR.optionalAttribute, `MP_UNREACH_NLRI: ${what}`);
}
