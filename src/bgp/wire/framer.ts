/**
 * Messages out of a stream, however TCP cut it (RFC 4271 §4.1, §6.1). A message that lies within one chunk is handed out as a view of
 * that chunk; only one that spans chunks is copied. Memory is bounded whatever a peer sends: one message under assembly, of at most the
 * negotiated maximum and allocated only after its header was found valid, and the chunk pushed last.
 */
import { WireError } from "../../errors.ts";
import { HEADER_ERROR, MESSAGE_TYPE, messageTypeName } from "./iana.ts";
import type { Frame } from "./messages.ts";
import { HEADER_OCTETS } from "./update-frames.ts";

/** Longest message before, and for OPEN and KEEPALIVE also after, extended messages are negotiated (RFC 4271 §4.1, RFC 8654 §4). */
export const STANDARD_MAXIMUM = 4096;
/** Longest UPDATE, NOTIFICATION and ROUTE-REFRESH with extended messages (RFC 8654 §4). */
export const EXTENDED_MAXIMUM = 65535;

const EMPTY = new Uint8Array(0);
/** ROUTE-REFRESH is absent: its length errors have a NOTIFICATION of their own (RFC 7313 §5) and are found when it is decoded. */
const MINIMUM_OCTETS: Readonly<Record<number, number>> = {
  [MESSAGE_TYPE.open]: 29,
  [MESSAGE_TYPE.update]: 23,
  [MESSAGE_TYPE.notification]: 21,
};

/** Feed with `push`, then call `next` until it gives null. After a throw nothing more comes out. */
export class Framer {
  #chunk: Uint8Array = EMPTY;
  #offset = 0;
  /** Beginning of a message whose end has not arrived: a header's worth, then exactly the message. */
  #partial: Uint8Array = EMPTY;
  #partialLength = 0;
  #maximum = STANDARD_MAXIMUM;
  #dead = false;

  /** What we may receive from now on: {@link EXTENDED_MAXIMUM} once our own OPEN with capability 6 is in force (RFC 8654 §4). */
  setMaximum(maximum: typeof STANDARD_MAXIMUM | typeof EXTENDED_MAXIMUM): void {
    this.#maximum = maximum;
  }

  /** Octets received and not yet handed out. */
  get buffered(): number {
    return this.#partialLength + this.#chunk.length - this.#offset;
  }

  /** Takes a chunk over: it must not be written to afterwards, frames are views of it. */
  push(chunk: Uint8Array): void {
    if (this.#dead) return;
    // Sockets give Buffers, whose `slice` is a view: everything behind this line may rely on Uint8Array's, which copies.
    const octets = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#chunk = this.#offset === this.#chunk.length ? octets : concatenate(this.#chunk.subarray(this.#offset), octets);
    this.#offset = 0;
  }

  /**
   * The next whole message, or null until more is pushed.
   * @throws {WireError} 1/1, 1/2 or 1/3 as soon as a header is wrong, even before its body came.
   */
  next(): Frame | null {
    if (this.#dead) return null;
    return this.#partialLength > 0 ? this.#assemble() : this.#slice();
  }

  /** A message that begins in the chunk. */
  #slice(): Frame | null {
    const start = this.#offset;
    const available = this.#chunk.length - start;
    if (available < HEADER_OCTETS) return this.#setAside(HEADER_OCTETS);
    const length = this.#checkHeader(this.#chunk, start);
    if (length === null) return UNREADABLE_NOTIFICATION;
    if (available < length) return this.#setAside(length);
    const message = this.#chunk.subarray(start, start + length);
    this.#advance(length);
    return frameOf(message);
  }

  /** A message that began in an earlier chunk. */
  #assemble(): Frame | null {
    if (this.#partialLength < HEADER_OCTETS && !this.#fill(HEADER_OCTETS)) return null;
    const length = this.#checkHeader(this.#partial, 0);
    if (length === null) return UNREADABLE_NOTIFICATION;
    if (this.#partial.length < length) {
      const whole = new Uint8Array(length);
      whole.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = whole;
    }
    if (!this.#fill(length)) return null;
    const message = this.#partial;
    this.#partial = EMPTY;
    this.#partialLength = 0;
    return frameOf(message);
  }

  #setAside(wanted: number): null {
    if (this.#offset < this.#chunk.length) {
      this.#partial = new Uint8Array(wanted);
      this.#fill(wanted);
    }
    return null;
  }

  /** Moves octets from the chunk until the partial message has `wanted`; false when the chunk ends before. */
  #fill(wanted: number): boolean {
    const take = Math.min(wanted - this.#partialLength, this.#chunk.length - this.#offset);
    this.#partial.set(this.#chunk.subarray(this.#offset, this.#offset + take), this.#partialLength);
    this.#partialLength += take;
    this.#advance(take);
    return this.#partialLength === wanted;
  }

  #advance(octets: number): void {
    this.#offset += octets;
    if (this.#offset < this.#chunk.length) return;
    this.#chunk = EMPTY;
    this.#offset = 0;
  }

  /**
   * The message's length. Null for a NOTIFICATION of an impossible length, after which the stream is lost: an error in a NOTIFICATION
   * is never answered with one (RFC 4271 §6.4), so it is handed out empty and reads as the close that it announces.
   */
  #checkHeader(octets: Uint8Array, at: number): number | null {
    for (let i = 0; i < 16; i++) {
      if (octets[at + i] !== 0xff) throw this.#fail(HEADER_ERROR.notSynchronized, "the message does not begin with the marker", EMPTY);
    }
    const high = octets[at + 16] ?? 0;
    const low = octets[at + 17] ?? 0;
    const type = octets[at + 18] ?? 0;
    const length = (high << 8) | low;
    if (!this.#fits(type, length)) {
      if (type === MESSAGE_TYPE.notification) {
        this.#release();
        return null;
      }
      const message = `a length of ${length} is impossible for ${messageTypeName(type)}`;
      throw this.#fail(HEADER_ERROR.badLength, message, Uint8Array.of(high, low));
    }
    if (type < MESSAGE_TYPE.open || type > MESSAGE_TYPE.routeRefresh) {
      throw this.#fail(HEADER_ERROR.badType, `unknown ${messageTypeName(type)}`, Uint8Array.of(type));
    }
    return length;
  }

  #fits(type: number, length: number): boolean {
    if (type === MESSAGE_TYPE.keepalive) return length === HEADER_OCTETS;
    const maximum = type === MESSAGE_TYPE.open ? STANDARD_MAXIMUM : this.#maximum;
    return length >= (MINIMUM_OCTETS[type] ?? HEADER_OCTETS) && length <= maximum;
  }

  #fail(answer: { readonly code: number; readonly subcode: number }, message: string, data: Uint8Array): WireError {
    this.#release();
    return new WireError(answer, message, { data });
  }

  #release(): void {
    this.#dead = true;
    this.#chunk = EMPTY;
    this.#offset = 0;
    this.#partial = EMPTY;
    this.#partialLength = 0;
  }
}

const UNREADABLE_NOTIFICATION: Frame = { type: MESSAGE_TYPE.notification, body: EMPTY };

function frameOf(message: Uint8Array): Frame {
  return { type: message[18] ?? 0, body: message.subarray(HEADER_OCTETS) };
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
