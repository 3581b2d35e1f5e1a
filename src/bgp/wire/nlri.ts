/** Prefixes as NLRI: one length octet, then as many octets as the length needs (RFC 4271 §4.3, RFC 4760 §5). */
import { ADDRESS_OCTETS, addressFromOctets, type Family } from "../../ip/address.ts";
import { maxLength, type Prefix, prefixOf } from "../../ip/prefix.ts";
import type { NlriBlock } from "./messages.ts";

/** Number of prefixes in the octets, or -1 where a length is over the family's or a prefix runs past the end. One pass, no allocation. */
export function countNlri(octets: Uint8Array, family: Family): number {
  const longest = maxLength(family);
  const end = octets.length;
  let count = 0;
  let position = 0;
  while (position < end) {
    const length = octets[position] ?? 0;
    if (length > longest) return -1;
    position += 1 + ((length + 7) >>> 3);
    count += 1;
  }
  return position === end ? count : -1;
}

/**
 * Calls `visit` for every prefix of a valid block with the position of its first address octet and its length in bits; ceil(length / 8)
 * octets stand there. Host bits within the last octet are as the peer sent them.
 */
export function forEachPrefix(block: NlriBlock, visit: (octets: Uint8Array, position: number, length: number) => void): void {
  const { octets } = block;
  let position = 0;
  while (position < octets.length) {
    const length = octets[position] ?? 0;
    visit(octets, position + 1, length);
    position += 1 + ((length + 7) >>> 3);
  }
}

/** The prefixes of a valid block as values of their own, host bits masked. */
export function* prefixesOf(block: NlriBlock): Generator<Prefix, void, undefined> {
  const { octets, family } = block;
  let position = 0;
  while (position < octets.length) {
    const length = octets[position] ?? 0;
    const next = position + 1 + ((length + 7) >>> 3);
    const address = new Uint8Array(ADDRESS_OCTETS[family]);
    address.set(octets.subarray(position + 1, next));
    yield prefixOf(addressFromOctets(address), length);
    position = next;
  }
}

/** Octets of the prefix as NLRI: 1 to 5 or 1 to 17. */
export function nlriLength(prefix: Prefix): number {
  return 1 + ((prefix.length + 7) >>> 3);
}

/** Writes one prefix at `at` and returns where the next one goes. */
export function writeNlri(target: Uint8Array, at: number, prefix: Prefix): number {
  const end = at + nlriLength(prefix);
  target[at] = prefix.length;
  target.set(prefix.address.octets.subarray(0, end - at - 1), at + 1);
  return end;
}

/** A block of prefixes that are all of the family. */
export function nlriBlock(family: Family, prefixes: readonly Prefix[]): NlriBlock {
  const octets = new Uint8Array(prefixes.reduce((sum, prefix) => sum + nlriLength(prefix), 0));
  let position = 0;
  for (const prefix of prefixes) {
    if (prefix.address.family !== family) throw new Error(`a prefix of ${prefix.address.family} in a block of ${family}`);
    position = writeNlri(octets, position, prefix);
  }
  return { family, octets, count: prefixes.length };
}
