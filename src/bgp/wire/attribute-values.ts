/** Values of single path attributes, decoder beside encoder. Decoders throw the severity RFC 7606 §7 gives the attribute. */
import { type Severity, WireError } from "../../errors.ts";
import { type Address, addressFromOctets } from "../../ip/address.ts";
import type { ExtendedCommunity, LargeCommunity } from "../../ip/communities.ts";
import { AS_TRANS, UPDATE_ERROR } from "./iana.ts";
import { type Aggregator, ORIGINS, type Origin } from "./messages.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** ORIGIN, one octet (RFC 4271 §4.3). @throws {WireError} 3/5 or 3/6, severity withdraw (RFC 7606 §7.1). */
export function decodeOrigin(value: Uint8Array): Origin {
  requireLength(value.length === 1, value, "withdraw");
  const origin = ORIGINS[value[0] ?? 0];
  if (origin === undefined) throw new WireError(UPDATE_ERROR.invalidOrigin, `ORIGIN ${value[0]}`, { severity: "withdraw" });
  return origin;
}

export function encodeOrigin(origin: Origin): Uint8Array {
  return Uint8Array.of(ORIGINS.indexOf(origin));
}

/**
 * NEXT_HOP, four octets (RFC 4271 §5.1.3). Whether packets can go there is {@link isUsableNextHop}'s to say.
 * @throws {WireError} 3/5, severity withdraw (RFC 7606 §7.3).
 */
export function decodeNextHop(value: Uint8Array): Address {
  requireLength(value.length === 4, value, "withdraw");
  return addressFromOctets(value.slice());
}

/** False for addresses no packet can be sent to: 0/8, 127/8, multicast, broadcast; ::, ::1, ff00::/8 (RFC 4271 §6.3). */
export function isUsableNextHop({ octets }: Address): boolean {
  const first = octets[0] ?? 0;
  if (octets.length === 4) {
    const multicast = first >= 224 && first < 240;
    return first !== 0 && first !== 127 && !multicast && !octets.every((octet) => octet === 255);
  }
  const last = octets[15] ?? 0;
  const highZero = octets.every((octet, i) => octet === 0 || i === 15);
  return first !== 0xff && !(highZero && last <= 1);
}

/**
 * MULTI_EXIT_DISC, LOCAL_PREF, ORIGINATOR_ID, OTC: one unsigned 32-bit number.
 * @throws {WireError} 3/5, severity withdraw (RFC 7606 §7.4, §7.5, §7.9, RFC 9234 §5).
 */
export function decodeNumber(value: Uint8Array): number {
  requireLength(value.length === 4, value, "withdraw");
  return viewOf(value).getUint32(0);
}

export function encodeNumber(number: number): Uint8Array {
  return encodeNumbers([number]);
}

/** COMMUNITIES, CLUSTER_LIST: one or more unsigned 32-bit numbers. @throws {WireError} 3/5, severity withdraw (RFC 7606 §7.8, §7.10). */
export function decodeNumbers(value: Uint8Array): number[] {
  requireMultiple(value, 4);
  const view = viewOf(value);
  const numbers: number[] = [];
  for (let at = 0; at < value.length; at += 4) numbers.push(view.getUint32(at));
  return numbers;
}

export function encodeNumbers(numbers: readonly number[]): Uint8Array {
  const octets = new Uint8Array(numbers.length * 4);
  const view = viewOf(octets);
  numbers.forEach((number, i) => {
    view.setUint32(i * 4, number);
  });
  return octets;
}

/** ATOMIC_AGGREGATE: nothing. @throws {WireError} 3/5, severity discard (RFC 7606 §7.6). */
export function decodeAtomicAggregate(value: Uint8Array): boolean {
  requireLength(value.length === 0, value, "discard");
  return true;
}

/** AGGREGATOR, or with `asn4` AS4_AGGREGATOR. @throws {WireError} 3/5 or 3/9 for AS 0 (RFC 7607 §2), severity discard (RFC 7606 §7.7). */
export function decodeAggregator(value: Uint8Array, asn4: boolean): Aggregator {
  requireLength(value.length === (asn4 ? 8 : 6), value, "discard");
  const reader = new Reader(value, unreachable);
  const asn = asn4 ? reader.u32() : reader.u16();
  if (asn === 0) throw new WireError(UPDATE_ERROR.optionalAttribute, "AS 0", { severity: "discard" });
  return { asn, routerId: reader.u32() };
}

/** Two octets put AS_TRANS where the number needs four (RFC 6793 §4.2.2). */
export function encodeAggregator({ asn, routerId }: Aggregator, asn4: boolean): Uint8Array {
  const writer = new Writer();
  if (asn4) writer.u32(asn);
  else writer.u16(asn > 0xffff ? AS_TRANS : asn);
  return writer.u32(routerId).finish();
}

/**
 * EXTENDED_COMMUNITIES (RFC 4360 §2): no type is unknown enough to be an error.
 * @throws {WireError} 3/5, severity withdraw (RFC 7606 §7.14).
 */
export function decodeExtendedCommunities(value: Uint8Array): ExtendedCommunity[] {
  requireMultiple(value, 8);
  const view = viewOf(value);
  const communities: ExtendedCommunity[] = [];
  for (let at = 0; at < value.length; at += 8) communities.push(hex32(view.getUint32(at)) + hex32(view.getUint32(at + 4)));
  return communities;
}

export function encodeExtendedCommunities(communities: readonly ExtendedCommunity[]): Uint8Array {
  const octets = new Uint8Array(communities.length * 8);
  const view = viewOf(octets);
  communities.forEach((community, i) => {
    view.setUint32(i * 8, Number.parseInt(community.slice(0, 8), 16));
    view.setUint32(i * 8 + 4, Number.parseInt(community.slice(8), 16));
  });
  return octets;
}

/** LARGE_COMMUNITY (RFC 8092 §5): repeated ones are dropped without a word. @throws {WireError} 3/5, severity withdraw (RFC 8092 §6). */
export function decodeLargeCommunities(value: Uint8Array): LargeCommunity[] {
  requireMultiple(value, 12);
  const view = viewOf(value);
  const communities = new Map<string, LargeCommunity>();
  for (let at = 0; at < value.length; at += 12) {
    const community: LargeCommunity = [view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8)];
    communities.set(community.join(":"), community);
  }
  return [...communities.values()];
}

export function encodeLargeCommunities(communities: readonly LargeCommunity[]): Uint8Array {
  return encodeNumbers(communities.flat());
}

function requireLength(fits: boolean, value: Uint8Array, severity: Severity): void {
  if (!fits) throw new WireError(UPDATE_ERROR.attributeLength, `a length of ${value.length}`, { severity });
}

/** Zero is no multiple here: an empty list is a syntax error (RFC 7606 §7.8 and its like). */
function requireMultiple(value: Uint8Array, unit: number): void {
  requireLength(value.length > 0 && value.length % unit === 0, value, "withdraw");
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** The length was checked before. */
function unreachable(): Error {
  return new Error("read past a checked length");
}
