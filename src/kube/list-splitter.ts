/**
 * A list of the API, `{"kind":"ServiceList",…,"items":[{…},{…}]}`, taken apart while it arrives: each item by itself, so that no more than one object is
 * parsed at a time however long the list is. What is around the items comes at the end.
 */

import { textToParse } from "./managed-fields.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** An item longer than this is no object of an API server, which takes 1.5 MiB at most unless told otherwise. */
const MAX_ITEM_OCTETS = 64 << 20;
/** The key, its colon, and more white space than anybody writes. */
const KEY_OCTETS = 64;

export class ListSplitter {
  /** Octets outside the items. */
  readonly #around: Buffer[] = [];
  /** Parts of the item that is under way. */
  #item: Buffer[] = [];
  #itemOctets = 0;
  #depth = 0;
  #inText = false;
  #escaped = false;
  #inItems = false;

  /** Texts of the items that `chunk` completes. @throws {Error} when one grows beyond all measure. */
  push(chunk: Buffer): readonly string[] {
    const items: string[] = [];
    // Where what is not yet put anywhere begins.
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at];
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (octet === BACKSLASH) this.#escaped = true;
        else if (octet === QUOTE) this.#inText = false;
        continue;
      }
      switch (octet) {
        case QUOTE:
          this.#inText = true;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#depth++;
          if (this.#inItems) {
            // An item begins: what stands before it is a comma.
            if (this.#depth === 3) start = at;
          } else if (octet === OPEN_BRACKET && this.#depth === 2 && this.#follows(chunk.subarray(start, at))) {
            this.#inItems = true;
            this.#around.push(chunk.subarray(start, at + 1));
            start = at + 1;
          }
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#depth--;
          if (!this.#inItems) break;
          if (this.#depth === 2) {
            items.push(this.#take(chunk.subarray(start, at + 1)));
            start = at + 1;
          } else if (this.#depth === 1) {
            this.#inItems = false;
            start = at;
          }
          break;
        default:
      }
    }
    this.#keep(chunk.subarray(start));
    return items;
  }

  /** What was around the items: the list with `items` empty. @throws {SyntaxError} when the list is not whole */
  finish(): unknown {
    return JSON.parse(Buffer.concat(this.#around).toString("utf8"));
  }

  #keep(rest: Buffer): void {
    if (!this.#inItems) this.#around.push(rest);
    else if (this.#depth > 2) {
      this.#item.push(rest);
      this.#itemOctets += rest.length;
      if (this.#itemOctets > MAX_ITEM_OCTETS) throw new Error(`an item of the list is longer than ${MAX_ITEM_OCTETS} octets`);
    }
  }

  #take(end: Buffer): string {
    if (this.#item.length === 0) return textToParse(end);
    const text = textToParse(Buffer.concat([...this.#item, end]));
    this.#item = [];
    this.#itemOctets = 0;
    return text;
  }

  /** The key before the bracket is `items`. Only a structural bracket at the list's own level is asked about, so no text can look like it. */
  #follows(recent: Buffer): boolean {
    let tail = recent.toString("latin1");
    for (let index = this.#around.length - 1; index >= 0 && tail.length < KEY_OCTETS; index--)
      tail = (this.#around[index]?.toString("latin1") ?? "") + tail;
    return /"items"\s*:\s*$/.test(tail);
  }
}
