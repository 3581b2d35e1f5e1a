import type { AttributeTable } from "./attribute-table.ts";
import { grown } from "./family-prefixes.ts";

/** Set where the peer has the route but is to be told again: such a value never equals a wish, so the row stays pending until it was. */
const STALE = 0x4000_0000;
const ATTRIBUTES = STALE - 1;

/** What one peer was told, as attribute set ids by prefix row. Holds the references to those sets. */
export class SentRows {
  readonly #attributes: AttributeTable;
  #rows = new Int32Array(64);
  #count = 0;
  #staleCount = 0;

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes;
  }

  reserve(capacity: number): void {
    if (capacity > this.#rows.length) this.#rows = grown(this.#rows, capacity);
  }

  /** Routes the peer has. */
  get count(): number {
    return this.#count;
  }

  /** Those that are still to be repeated. */
  get staleCount(): number {
    return this.#staleCount;
  }

  /** The set the peer has, 0 for none; one that is to be repeated equals no set. */
  mark(row: number): number {
    return this.#rows[row] ?? 0;
  }

  /** The set the peer has, 0 for none. */
  attributeId(row: number): number {
    return (this.#rows[row] ?? 0) & ATTRIBUTES;
  }

  /** The row was sent with a set. References are the caller's to take, for many rows at once; that to an older set is given back. */
  set(row: number, attributeId: number): void {
    const before = this.#rows[row] ?? 0;
    this.#rows[row] = attributeId;
    if (before === 0) {
      this.#count++;
      return;
    }
    if (before >= STALE) this.#staleCount--;
    this.#attributes.release(before & ATTRIBUTES);
  }

  /** The peer no longer has the row. Returns the set it had: its reference is now the caller's, to be given back when nothing needs the set any more. */
  clear(row: number): number {
    const before = this.#rows[row] ?? 0;
    if (before === 0) return 0;
    this.#rows[row] = 0;
    this.#count--;
    if (before >= STALE) this.#staleCount--;
    return before & ATTRIBUTES;
  }

  /** The row is to be sent again. False when the peer does not have it, or it is already. */
  markStale(row: number): boolean {
    const before = this.#rows[row] ?? 0;
    if (before === 0 || before >= STALE) return false;
    this.#rows[row] = before | STALE;
    this.#staleCount++;
    return true;
  }
}
