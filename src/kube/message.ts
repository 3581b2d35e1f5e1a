/**
 * The wire format of protobuf, read field by field: what an API server writes its own kinds in for those who ask. What is not wanted is passed over by its
 * length, so that `managedFields`, a third of every object, cost nothing. A message inside that is written twice is not merged: no server writes one so.
 */

/** How a value is written; the low three bits of its tag. */
const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;
const FIXED_32 = 5;

/** The fields of one message, in the order written. What is asked of a field is of the one that {@link next} came to last. */
export class Message {
  readonly #octets: Buffer;
  #at: number;
  #end: number;
  #field = 0;
  #wire = VARINT;
  #number = 0;
  #from = 0;

  constructor(octets: Buffer, from = 0) {
    this.#octets = octets;
    this.#at = from;
    this.#end = octets.length;
  }

  /** The number of the next field; 0 = there is none. @throws {SyntaxError} when the message is not whole */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.#varint();
    this.#field = tag >>> 3;
    this.#wire = tag & 7;
    switch (this.#wire) {
      case VARINT:
        this.#number = this.#signed();
        break;
      case DELIMITED: {
        const length = this.#varint();
        this.#pass(length);
        break;
      }
      case FIXED_64:
        this.#pass(8);
        break;
      case FIXED_32:
        this.#pass(4);
        break;
      default:
        throw new SyntaxError(`field ${this.#field} of a message has the unknown wire type ${this.#wire}`);
    }
    if (this.#field === 0) throw new SyntaxError("a field of a message has the number 0");
    return this.#field;
  }

  /** A whole number of 64 bits with its sign; exact up to 2^53. */
  number(): number {
    this.#expect(VARINT);
    return this.#number;
  }

  boolean(): boolean {
    return this.number() !== 0;
  }

  text(): string {
    this.#expect(DELIMITED);
    return this.#octets.toString("utf8", this.#from, this.#at);
  }

  /** A text of which there are few different ones: the same value every time, and no copy made of it. */
  word(): string {
    this.#expect(DELIMITED);
    return wordOf(this.#octets, this.#from, this.#at);
  }

  /** What `read` makes of the message that the field is: it sees that one's fields, and what it leaves is passed over. */
  within<T>(read: (message: Message) => T): T {
    this.#expect(DELIMITED);
    const outer = this.#end;
    const end = this.#at;
    this.#at = this.#from;
    this.#end = end;
    const value = read(this);
    this.#at = end;
    this.#end = outer;
    return value;
  }

  /** Adds the field, one entry of a mapping of texts, to `map`. */
  entry(map: Record<string, string>): void {
    const { key, value } = this.within(readEntry);
    // An assignment would set the mapping's own prototype.
    if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
    else map[key] = value;
  }

  octets(): Buffer {
    this.#expect(DELIMITED);
    return this.#octets.subarray(this.#from, this.#at);
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw new SyntaxError(`field ${this.#field} of a message has the wire type ${this.#wire}, not ${wire}`);
  }

  #pass(length: number): void {
    this.#from = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new SyntaxError("a message ends in the middle of a field");
  }

  /** A negative number has all ten octets (two's complement). */
  #signed(): number {
    const from = this.#at;
    const value = this.#varint();
    if (this.#at - from < 10) return value;
    let exact = 0n;
    for (let at = this.#at - 1; at >= from; at--) exact = (exact << 7n) | BigInt((this.#octets[at] ?? 0) & 0x7f);
    return Number(BigInt.asIntN(64, exact));
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    // Ten octets hold 64 bits: more are no number.
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw new SyntaxError("a message ends in the middle of a number");
      const octet = this.#octets[this.#at++] ?? 0;
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) return value;
      scale *= 128;
    }
    throw new SyntaxError("a number of a message is longer than ten octets");
  }
}

function readEntry(message: Message): { readonly key: string; readonly value: string } {
  let key = "";
  let value = "";
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) key = message.word();
    else if (field === 2) value = message.word();
  }
  return { key, value };
}

/** A power of two. */
const WORDS = 8192;
const LONGEST_WORD = 64;
/** By a hash of the octets; the last of each hash. */
const words: string[] = new Array<string>(WORDS).fill("");

function wordOf(octets: Buffer, from: number, end: number): string {
  const length = end - from;
  if (length > LONGEST_WORD) return octets.toString("utf8", from, end);
  let hash = length;
  for (let at = from; at < end; at++) hash = (Math.imul(hash, 31) + (octets[at] ?? 0)) | 0;
  const slot = (hash ^ (hash >>> 15)) & (WORDS - 1);
  const known = words[slot] ?? "";
  if (known.length === length && isWritten(known, octets, from)) return known;
  const word = octets.toString("utf8", from, end);
  // Of ASCII alone, octets are characters: another text would be taken for one with the same octets.
  if (word.length === length) words[slot] = word;
  return word;
}

function isWritten(word: string, octets: Buffer, from: number): boolean {
  for (let at = 0; at < word.length; at++) if (word.charCodeAt(at) !== octets[from + at]) return false;
  return true;
}
