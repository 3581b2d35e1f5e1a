import { ADDRESS_OCTETS, type Address, addressFromOctets, compareAddresses, type Family } from "./address.ts";

/** Immutable; host bits are zero. */
export interface Prefix {
  readonly address: Address;
  /** 0..32 or 0..128. */
  readonly length: number;
  /** `address.key` plus one character for the length: equal exactly when the prefixes are. */
  readonly key: string;
}

/** Zeroes the host bits. @throws {Error} when the length does not fit the family (a bug of the caller). */
export function prefixOf(address: Address, length: number): Prefix {
  if (!Number.isInteger(length) || length < 0 || length > maxLength(address.family)) {
    throw new Error(`prefix length ${length} does not fit ${address.family}`);
  }
  const masked = maskAddress(address, length);
  return { address: masked, length, key: masked.key + String.fromCharCode(length) };
}

/** The /32 or /128 of an address. */
export function hostPrefix(address: Address): Prefix {
  return prefixOf(address, maxLength(address.family));
}

/** 32 or 128. */
export function maxLength(family: Family): number {
  return ADDRESS_OCTETS[family] * 8;
}

/** The address with all bits after `length` zero. */
export function maskAddress(address: Address, length: number): Address {
  const { octets } = address;
  let clean = true;
  for (let i = 0; i < octets.length; i++) {
    if (((octets[i] ?? 0) & ~octetMask(length, i) & 0xff) !== 0) {
      clean = false;
      break;
    }
  }
  if (clean) return address;
  return addressFromOctets(octets.map((octet, i) => octet & octetMask(length, i)));
}

/** True when every address of `inner` lies in `outer` (equal prefixes contain each other). */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, inner.address);
}

export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const { octets } = prefix.address;
  for (let i = 0; i * 8 < prefix.length; i++) {
    if (((octets[i] ?? 0) ^ (address.octets[i] ?? 0)) & octetMask(prefix.length, i)) return false;
  }
  return true;
}

/** IPv4 before IPv6, numeric, short before long: the order of all lists. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a.address, b.address) || a.length - b.length;
}

function octetMask(length: number, index: number): number {
  const bits = Math.min(8, Math.max(0, length - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}
