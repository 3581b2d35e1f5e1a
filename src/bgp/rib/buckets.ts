import type { AttributeTable } from "./attribute-table.ts";
import { grown } from "./family-prefixes.ts";
import { LinkedRows } from "./linked-rows.ts";

/**
 * The lists of prefixes to be announced: one per attribute set, made when its first prefix comes and given up when its last one leaves, in a queue that fixes
 * the order in which they are sent.
 */
export class Buckets {
  readonly #lists: LinkedRows;
  readonly #attributes: AttributeTable;
  /** The bucket of an attribute set, by its id, and back. */
  #bucketOf = new Int32Array(16);
  #attributeOf = new Int32Array(16);
  /** Lists as rows of one list. */
  readonly #queue = new LinkedRows();
  readonly #turns = this.#queue.create();

  constructor(lists: LinkedRows, attributes: AttributeTable) {
    this.#lists = lists;
    this.#attributes = attributes;
  }

  /** The bucket whose turn it is, 0 when there is none. */
  get first(): number {
    return this.#queue.head(this.#turns);
  }

  /** Attribute set of a bucket, 0 for any other list. */
  attributeOf(list: number): number {
    return this.#attributeOf[list] ?? 0;
  }

  append(attributeId: number, row: number): void {
    this.#lists.append(this.#bucketOf[attributeId] || this.#create(attributeId), row);
  }

  remove(row: number): void {
    const bucket = this.#lists.listOf(row);
    this.#lists.remove(row);
    if (this.#lists.head(bucket) === 0) this.#delete(bucket);
  }

  /** As `LinkedRows.cutHead`. */
  cutHead(bucket: number, last: number, count: number): void {
    this.#lists.cutHead(bucket, last, count);
    if (this.#lists.head(bucket) === 0) this.#delete(bucket);
  }

  /** The bucket had its turn and is not empty: the others come first. */
  yieldTurn(bucket: number): void {
    this.#queue.remove(bucket);
    this.#queue.append(this.#turns, bucket);
  }

  /** Buckets from the one whose turn is last to the first, until `visit` says no. */
  forEachBackwards(visit: (bucket: number) => boolean): void {
    for (let bucket = this.#queue.tail(this.#turns); bucket !== 0; bucket = this.#queue.previous(bucket)) if (!visit(bucket)) return;
  }

  #create(attributeId: number): number {
    const bucket = this.#lists.create();
    if (attributeId >= this.#bucketOf.length) this.#bucketOf = grown(this.#bucketOf, Math.max(this.#attributes.end, attributeId + 1) * 2);
    if (bucket >= this.#attributeOf.length) this.#attributeOf = grown(this.#attributeOf, bucket * 2);
    this.#queue.reserve(this.#attributeOf.length);
    this.#bucketOf[attributeId] = bucket;
    this.#attributeOf[bucket] = attributeId;
    this.#queue.append(this.#turns, bucket);
    return bucket;
  }

  #delete(bucket: number): void {
    this.#queue.remove(bucket);
    this.#bucketOf[this.attributeOf(bucket)] = 0;
    this.#attributeOf[bucket] = 0;
    this.#lists.delete(bucket);
  }
}
