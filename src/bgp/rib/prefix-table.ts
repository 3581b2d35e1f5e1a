import type { Family } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { FamilyPrefixes } from "./family-prefixes.ts";

/**
 * Every prefix of the process as a small integer, shared by all peers: whoever refers to a prefix holds a reference, the last one to let go frees the
 * number for another prefix. An id is `row * 2`, plus 1 for IPv6; 0 and 1 are never ids. No object is kept per prefix.
 */
export class PrefixTable {
  readonly #families = { IPv4: new FamilyPrefixes("IPv4"), IPv6: new FamilyPrefixes("IPv6") } as const;

  /** The id of a prefix, with one more reference that the caller gives back by `release`. */
  intern(prefix: Prefix): number {
    return this.internOctets(prefix.address.family, prefix.address.octets, 0, prefix.length);
  }

  /** As `intern`, from octets at `offset` (only as many as `length` asks for are read), without making an object. */
  internOctets(family: Family, octets: Uint8Array, offset: number, length: number): number {
    return prefixId(family, this.#families[family].intern(octets, offset, length));
  }

  /** The id of a prefix somebody refers to, otherwise 0. Takes no reference. */
  find(prefix: Prefix): number {
    const { family, octets } = prefix.address;
    const row = this.#families[family].find(octets, 0, prefix.length);
    return row === 0 ? 0 : prefixId(family, row);
  }

  retain(id: number): void {
    this.rowsOf(familyOfId(id)).retain(rowOfId(id));
  }

  /** @throws {Error} when the id is not in use (a bug). */
  release(id: number): void {
    this.rowsOf(familyOfId(id)).release(rowOfId(id));
  }

  /** The prefix as a value; a new object each time. */
  prefix(id: number): Prefix {
    return this.rowsOf(familyOfId(id)).prefix(rowOfId(id));
  }

  /** Prefixes somebody refers to. */
  get size(): number {
    return this.#families.IPv4.size + this.#families.IPv6.size;
  }

  /** Rows allocated, for watching growth. */
  get capacity(): number {
    return this.#families.IPv4.capacity + this.#families.IPv6.capacity;
  }

  /** The rows of one family, for those who keep arrays by row. */
  rowsOf(family: Family): FamilyPrefixes {
    return this.#families[family];
  }
}

export function prefixId(family: Family, row: number): number {
  return row * 2 + (family === "IPv6" ? 1 : 0);
}

export function familyOfId(id: number): Family {
  return (id & 1) === 1 ? "IPv6" : "IPv4";
}

export function rowOfId(id: number): number {
  return id >>> 1;
}
