import { expect, it } from "vitest";
import { WireError } from "../../src/errors.ts";

/** Octets of hex text; white space is for the reader. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Lower-case hex text of octets. */
export function toHex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** A whole message from the hex of everything behind the marker. */
export function message(text: string): Uint8Array {
  return hex("ff".repeat(16) + text);
}

export interface Codec<T> {
  readonly decode: (octets: Uint8Array) => T;
  readonly encode: (value: T) => Uint8Array;
}

export interface VectorOptions {
  /** Lengths below the whole at which decoding must fail; default: every one. */
  readonly refusesAt?: (length: number) => boolean;
}

/**
 * Four tests of one pair of octets and value: decodes, encodes, mirrors, and refuses every truncation with a `WireError` and nothing else.
 */
export function vector<T>(title: string, octetsHex: string, value: T, codec: Codec<T>, options: VectorOptions = {}): void {
  const octets = hex(octetsHex);
  it(`decodes ${title}`, () => {
    expect(codec.decode(octets)).toEqual(value);
  });
  it(`encodes ${title}`, () => {
    expect(toHex(codec.encode(value))).toBe(toHex(octets));
  });
  it(`mirrors ${title}`, () => {
    expect(toHex(codec.encode(codec.decode(octets)))).toBe(toHex(octets));
    expect(codec.decode(codec.encode(value))).toEqual(value);
  });
  it(`refuses every truncation of ${title}`, () => {
    const refuses = options.refusesAt ?? (() => true);
    let tried = 0;
    for (let length = 0; length < octets.length; length++) {
      const outcome = attempt(() => codec.decode(octets.slice(0, length)));
      if (refuses(length)) expect(outcome, `cut to ${length} octets`).toBeInstanceOf(WireError);
      tried += 1;
    }
    expect(tried).toBe(octets.length);
  });
}

/** The WireError thrown, or undefined when nothing was; any other class fails the test by being thrown on. */
export function attempt(action: () => unknown): WireError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

/** `3/1` of the WireError an action throws. @throws {Error} when it throws nothing. */
export function answerTo(action: () => unknown): string {
  const error = attempt(action);
  if (error === undefined) throw new Error("nothing was refused");
  return `${error.code}/${error.subcode}`;
}
