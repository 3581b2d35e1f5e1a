/** An IP address as a binary value. Text is parsed in `parse.ts` and printed in `format.ts`; nothing else touches text. */

export type Family = "IPv4" | "IPv6";
export const FAMILIES = ["IPv4", "IPv6"] as const satisfies readonly Family[];

/** Octets of an address of the family: 4 or 16. */
export const ADDRESS_OCTETS = { IPv4: 4, IPv6: 16 } as const satisfies Record<Family, number>;

/**
 * Immutable; `octets` has 4 or 16 and must not be written to. Text of IPv4-mapped IPv6 (::ffff:0:0/96) is read as IPv4, so that only
 * a peer can send one.
 */
export interface Address {
  readonly family: Family;
  readonly octets: Uint8Array;
  /** One-byte string of the octets (length 4 or 16): equal exactly when the addresses are, cheap in a Map. */
  readonly key: string;
}

/** @throws {Error} unless there are 4 or 16 octets (a bug of the caller; peers' bytes are checked in bgp/wire). */
export function addressFromOctets(octets: Uint8Array): Address {
  switch (octets.length) {
    case 4:
      return new KeyedAddress("IPv4", keyOf4(octets));
    case 16:
      return new KeyedAddress("IPv6", keyOf16(octets));
    default:
      throw new Error(`an address has 4 or 16 octets, not ${octets.length}`);
  }
}

/** The address whose {@link Address.key} it is. */
export function addressOfKey(key: string): Address {
  return new KeyedAddress(key.length === 4 ? "IPv4" : "IPv6", key);
}

/** @param value the four octets as one number, the first the highest */
export function addressFromQuad(value: number): Address {
  return new KeyedAddress("IPv4", String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff));
}

/**
 * A cluster's worth of endpoints is a hundred thousand addresses that are compared and never sent: octets, which cost several times what the key does,
 * are made when somebody asks for them.
 */
class KeyedAddress implements Address {
  readonly family: Family;
  readonly key: string;
  #octets: Uint8Array | null = null;

  constructor(family: Family, key: string) {
    this.family = family;
    this.key = key;
  }

  get octets(): Uint8Array {
    this.#octets ??= octetsOf(this.key);
    return this.#octets;
  }
}

function octetsOf(key: string): Uint8Array {
  const octets = new Uint8Array(key.length);
  for (let i = 0; i < key.length; i++) octets[i] = key.charCodeAt(i);
  return octets;
}

/** fe80::/10 (RFC 4291 §2.5.6): means something only together with a link. */
export function isLinkLocal({ family, octets }: Address): boolean {
  return family === "IPv6" && octets[0] === 0xfe && ((octets[1] ?? 0) & 0xc0) === 0x80;
}

/** Numeric order, IPv4 before IPv6. */
export function compareAddresses(a: Address, b: Address): number {
  return a.octets.length - b.octets.length || compareOctets(a.octets, b.octets);
}

/** Order of two octet strings of equal length. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

// One argument per octet: spreading a typed array into a call costs thirty times as much.

function keyOf4(octets: Uint8Array): string {
  const at = (index: number): number => octets[index] ?? 0;
  return String.fromCharCode(at(0), at(1), at(2), at(3));
}

function keyOf16(octets: Uint8Array): string {
  const o = (index: number): number => octets[index] ?? 0;
  return String.fromCharCode(o(0), o(1), o(2), o(3), o(4), o(5), o(6), o(7), o(8), o(9), o(10), o(11), o(12), o(13), o(14), o(15));
}
