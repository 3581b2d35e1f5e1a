/**
 * What people write, as values. The `ip-address` package is the judge of what is an address; canonical dotted quads, nearly all there
 * are, are read directly (same answer, faster). Refusals are values with words: every caller knows better where the text stood.
 */
import { Address4, Address6 } from "ip-address";
import { type Address, addressFromOctets, addressFromQuad, type Family } from "./address.ts";
import { formatAddress, formatPrefix } from "./format.ts";
import { maxLength, type Prefix, prefixOf } from "./prefix.ts";

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** From `first` to `last`, both included, of one family, in order. */
export interface AddressRange {
  readonly first: Address;
  readonly last: Address;
}

/** An address without a length. IPv4-mapped IPv6 becomes IPv4; zone IDs and leading zeros are refused. */
export function parseAddress(text: string): Parsed<Address> {
  const quad = quadOf(text);
  if (quad >= 0) return { ok: true, value: addressFromQuad(quad) };
  if (text.includes("/")) return refuse(`"${text}" is a prefix where an address is expected`);
  const octets = readOctets(text);
  if (!octets.ok) return octets;
  return { ok: true, value: addressFromOctets(mappedQuad(octets.value) ?? octets.value) };
}

/**
 * `address/length`, or an address alone for its /32 or /128. Bits after the length are refused or made zero as `hostBits` says. An
 * IPv4-mapped prefix of at least /96 becomes the IPv4 prefix.
 */
export function parsePrefix(text: string, options: { readonly hostBits: "refuse" | "mask" }): Parsed<Prefix> {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const lengthText = slash < 0 ? null : text.slice(slash + 1);
  const quad = canonicalQuad(addressText);
  const read = quad === null ? readOctets(addressText) : ({ ok: true, value: quad } as const);
  if (!read.ok) return read;
  const length = parseLength(text, lengthText, read.value.length === 4 ? "IPv4" : "IPv6");
  if (!length.ok) return length;

  const mapped = mappedQuad(read.value);
  if (mapped !== null && length.value < 96) return refuse(`"${text}" covers more than the IPv4-mapped addresses`);
  const address = addressFromOctets(mapped ?? read.value);
  const prefix = prefixOf(address, mapped === null ? length.value : length.value - 96);
  if (options.hostBits === "refuse" && prefix.address.key !== address.key) {
    return refuse(`"${text}" has host bits: did you mean ${formatPrefix(prefix)}?`);
  }
  return { ok: true, value: prefix };
}

/** `first-last`, spaces around the dash allowed. */
export function parseRange(text: string): Parsed<AddressRange> {
  const parts = text.split("-");
  const [from, to] = parts;
  if (parts.length !== 2 || from === undefined || to === undefined) return refuse(`"${text}" is not a range like 192.0.2.10-192.0.2.20`);
  const first = parseAddress(from.trim());
  if (!first.ok) return first;
  const last = parseAddress(to.trim());
  if (!last.ok) return last;
  if (first.value.family !== last.value.family) return refuse(`"${text}" mixes IPv4 and IPv6`);
  if (first.value.key > last.value.key) {
    return refuse(`"${text}" runs backwards: write ${formatAddress(last.value)}-${formatAddress(first.value)}`);
  }
  return { ok: true, value: { first: first.value, last: last.value } };
}

function refuse(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why };
}

function parseLength(text: string, lengthText: string | null, family: Family): Parsed<number> {
  const most = maxLength(family);
  if (lengthText === null) return { ok: true, value: most };
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText)) {
    const mask = canonicalQuad(lengthText) === null ? "" : ": netmasks are not accepted";
    return refuse(`"${text}" needs a plain number after the slash${mask}`);
  }
  const length = Number(lengthText);
  if (length > most) return refuse(`"${text}" has a length over ${most}`);
  return { ok: true, value: length };
}

/** Octets of what the library accepts, IPv4-mapped still as IPv6. */
function readOctets(text: string): Parsed<Uint8Array> {
  const obstacle = knownObstacle(text);
  if (obstacle !== null) return refuse(obstacle);
  try {
    const octets = text.includes(":") ? groupOctets(new Address6(text).parsedAddress) : Uint8Array.from(new Address4(text).toArray());
    return { ok: true, value: octets };
  } catch {
    // The library's words are about its own grammar; whatever it refuses is, to the person, not an address.
    return refuse(`"${text}" is not an IP address`);
  }
}

/** Mistakes worth their own words, and what the library takes but we do not. */
function knownObstacle(text: string): string | null {
  if (text === "") return "an IP address is missing";
  if (text.trim() !== text) return `"${text}" has white space around the address`;
  if (text.includes("%")) return `"${text}" has a zone ID, which means nothing on another node`;
  if (text.startsWith("[") || text.endsWith("]")) return `"${text}" is in brackets`;
  if (/^\d+(\.\d+){3}$/.test(text) && /(^|\.)0\d/.test(text)) {
    return `"${text}" has a leading zero: some programs would read it as octal`;
  }
  return null;
}

function groupOctets(groups: readonly string[]): Uint8Array {
  const octets = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    const value = Number.parseInt(groups[i] ?? "0", 16);
    octets[2 * i] = value >>> 8;
    octets[2 * i + 1] = value & 0xff;
  }
  return octets;
}

/** The IPv4 octets inside ::ffff:0:0/96 (RFC 4291 §2.5.5.2), else null. */
function mappedQuad(octets: Uint8Array): Uint8Array | null {
  if (octets.length !== 16 || octets[10] !== 0xff || octets[11] !== 0xff) return null;
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return null;
  return octets.slice(12);
}

const ZERO = 0x30;
const DOT = 0x2e;

/** Four decimal octets without leading zeros, else null: exactly what the library takes as IPv4. */
function canonicalQuad(text: string): Uint8Array | null {
  const quad = quadOf(text);
  return quad < 0 ? null : Uint8Array.of(quad >>> 24, quad >>> 16, quad >>> 8, quad);
}

/** The octets of {@link canonicalQuad} as one number; -1 = it is none. */
function quadOf(text: string): number {
  if (text.length < 7 || text.length > 15) return -1;
  let quad = 0;
  let dots = 0;
  let value = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (value < 0 || dots === 3) return -1;
      quad = (quad << 8) | value;
      dots++;
      value = -1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || value === 0) return -1;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return -1;
  }
  return dots !== 3 || value < 0 ? -1 : ((quad << 8) | value) >>> 0;
}
