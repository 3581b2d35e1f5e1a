/** Writes big-endian fields into a buffer that grows: for everything but the hot path, which has `update-frames.ts`. */
export class Writer {
  #octets: Uint8Array = new Uint8Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#octets[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value);
  }

  octets(values: Uint8Array): this {
    this.#reserve(values.length);
    this.#octets.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.#octets.slice(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#octets.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#octets.length * 2));
    larger.set(this.#octets.subarray(0, this.#length));
    this.#octets = larger;
  }
}
