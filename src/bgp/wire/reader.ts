/** Reads big-endian fields from octets; reading past the end throws what `overrun` makes, so no caller can see an undefined octet. */
export class Reader {
  readonly #octets: Uint8Array;
  readonly #overrun: () => Error;
  #position = 0;

  constructor(octets: Uint8Array, overrun: () => Error) {
    this.#octets = octets;
    this.#overrun = overrun;
  }

  get remaining(): number {
    return this.#octets.length - this.#position;
  }

  u8(): number {
    const octet = this.#octets[this.#position];
    if (octet === undefined) throw this.#overrun();
    this.#position += 1;
    return octet;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** A view of the next `length` octets. */
  take(length: number): Uint8Array {
    if (length > this.remaining) throw this.#overrun();
    const start = this.#position;
    this.#position += length;
    return this.#octets.subarray(start, this.#position);
  }

  /** The next octet without moving on, or undefined at the end. */
  peek(): number | undefined {
    return this.#octets[this.#position];
  }
}
