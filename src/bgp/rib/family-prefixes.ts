/**
 * The prefixes of one family as rows of typed arrays: a row number stands for a prefix, its NLRI octets (length octet, then the address) are stored once,
 * ready to be copied into an UPDATE. Rows are found by an open-addressing hash with linear probing; deletion moves later rows of a run back instead of
 * leaving tombstones, so churn never slows a lookup down. Row 0 is never used: 0 means "none" wherever rows are linked.
 */

import { ADDRESS_OCTETS, addressFromOctets, type Family } from "../../ip/address.ts";
import { type Prefix, prefixOf } from "../../ip/prefix.ts";

const FIRST_ROWS = 1024;

export class FamilyPrefixes {
  readonly family: Family;
  /** Octets from one row's NLRI to the next: one length octet and the whole address. */
  readonly stride: number;
  /** NLRI by row: `nlri[row * stride]` is the length, the address follows with its host bits zero. Replaced when the table grows. */
  nlri: Uint8Array;
  /** References by row while in use; in a free row `-1 - next free row`. */
  #references: Int32Array;
  /** Rows by hash, 0 = empty; always a power of two. */
  #slots: Int32Array;
  #rows = 1;
  #free = 0;
  #size = 0;
  readonly #probe: Uint8Array;

  constructor(family: Family) {
    this.family = family;
    this.stride = 1 + ADDRESS_OCTETS[family];
    this.nlri = new Uint8Array(FIRST_ROWS * this.stride);
    this.#references = new Int32Array(FIRST_ROWS);
    this.#slots = new Int32Array(FIRST_ROWS * 2);
    this.#probe = new Uint8Array(this.stride);
  }

  /** Prefixes in use. */
  get size(): number {
    return this.#size;
  }

  /** Rows allocated; every row in use is smaller. */
  get capacity(): number {
    return this.#references.length;
  }

  /** First row that was never used: iterate rows 1 up to it. */
  get end(): number {
    return this.#rows;
  }

  /** The row of the prefix, made if needed, with one more reference. Octets from `offset`; host bits are ignored. */
  intern(octets: Uint8Array, offset: number, length: number): number {
    this.#load(octets, offset, length);
    const slot = this.#findSlot();
    const found = this.#slots[slot] ?? 0;
    if (found !== 0) {
      this.#references[found] = (this.#references[found] ?? 0) + 1;
      return found;
    }
    return this.#insert(slot);
  }

  /** The row of the prefix, 0 when it is not in the table. */
  find(octets: Uint8Array, offset: number, length: number): number {
    this.#load(octets, offset, length);
    return this.#slots[this.#findSlot()] ?? 0;
  }

  retain(row: number): void {
    this.#references[row] = (this.#references[row] ?? 0) + 1;
  }

  /** Gives one reference back; the last one frees the row. @throws {Error} when the row is not in use (a bug). */
  release(row: number): void {
    const references = this.#references[row] ?? 0;
    if (references <= 0) throw new Error(`prefix row ${row} released more often than retained`);
    this.#references[row] = references - 1;
    if (references === 1) this.#remove(row);
  }

  /** True while somebody holds a reference. */
  inUse(row: number): boolean {
    return row > 0 && (this.#references[row] ?? 0) > 0;
  }

  length(row: number): number {
    return this.nlri[row * this.stride] ?? 0;
  }

  /** Octets of the row's NLRI on the wire: one for the length and as many of the address as it asks for (RFC 4271 §4.3). */
  nlriOctets(row: number): number {
    return 1 + ((this.length(row) + 7) >> 3);
  }

  /** Copies octets of `nlri`. A call into the engine pays only for many of them. */
  copy(start: number, end: number, buffer: Uint8Array, at: number): void {
    const { nlri } = this;
    if (end - start > 64) buffer.set(nlri.subarray(start, end), at);
    else for (let i = start; i < end; i++) buffer[at + i - start] = nlri[i] ?? 0;
  }

  /** The row as a value; a new object each time. */
  prefix(row: number): Prefix {
    const start = row * this.stride;
    return prefixOf(addressFromOctets(this.nlri.slice(start + 1, start + this.stride)), this.length(row));
  }

  /** Puts a masked prefix into the probe. */
  #load(octets: Uint8Array, offset: number, length: number): void {
    const probe = this.#probe;
    probe[0] = length;
    const whole = length >> 3;
    for (let i = 0; i < whole; i++) probe[i + 1] = octets[offset + i] ?? 0;
    for (let i = whole + 1; i < this.stride; i++) probe[i] = 0;
    const rest = length & 7;
    if (rest !== 0) probe[whole + 1] = (octets[offset + whole] ?? 0) & (0xff << (8 - rest));
  }

  /** The slot that holds the probe, or the empty one where it belongs. */
  #findSlot(): number {
    const mask = this.#slots.length - 1;
    const { stride, nlri } = this;
    const probe = this.#probe;
    let slot = hash(probe, 0, stride) & mask;
    for (;;) {
      const row = this.#slots[slot] ?? 0;
      if (row === 0) return slot;
      const start = row * stride;
      let i = 0;
      while (i < stride && nlri[start + i] === probe[i]) i++;
      if (i === stride) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #insert(slot: number): number {
    let row = this.#free;
    if (row !== 0) {
      this.#free = -1 - (this.#references[row] ?? 0);
    } else {
      row = this.#rows++;
      if (row >= this.#references.length) this.#growRows();
    }
    this.nlri.set(this.#probe, row * this.stride);
    this.#references[row] = 1;
    this.#slots[slot] = row;
    this.#size++;
    // Two thirds full: runs of linear probing stay short.
    if (this.#size * 3 > this.#slots.length * 2) this.#growSlots();
    return row;
  }

  #remove(row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const { nlri, stride } = this;
    let hole = hash(nlri, row * stride, stride) & mask;
    while (slots[hole] !== row) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const other = slots[slot] ?? 0;
      if (other === 0) break;
      const home = hash(nlri, other * stride, stride) & mask;
      // A row may fill the hole unless its home lies behind the hole, cyclically.
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = other;
        hole = slot;
      }
    }
    slots[hole] = 0;
    this.#references[row] = -1 - this.#free;
    this.#free = row;
    this.#size--;
  }

  #growRows(): void {
    const capacity = this.#references.length * 2;
    this.#references = grown(this.#references, capacity);
    const nlri = new Uint8Array(capacity * this.stride);
    nlri.set(this.nlri);
    this.nlri = nlri;
  }

  #growSlots(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2);
    const mask = slots.length - 1;
    for (let i = 0; i < old.length; i++) {
      const row = old[i] ?? 0;
      if (row === 0) continue;
      let slot = hash(this.nlri, row * this.stride, this.stride) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row;
    }
    this.#slots = slots;
  }
}

/** A copy with room for `capacity` numbers, new ones zero. */
export function grown(array: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity);
  larger.set(array);
  return larger;
}

/** Words of the address mixed one after the other, then murmur3's finaliser, so that neighbours spread. */
function hash(octets: Uint8Array, start: number, stride: number): number {
  let h = octets[start] ?? 0;
  for (let i = start + 1; i < start + stride; i += 4) {
    const word = ((octets[i] ?? 0) << 24) | ((octets[i + 1] ?? 0) << 16) | ((octets[i + 2] ?? 0) << 8) | (octets[i + 3] ?? 0);
    h = Math.imul(h ^ word, 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
