import { type Address, addressFromOctets } from "./address.ts";
import { formatAddress } from "./format.ts";
import { type Parsed, parseAddress } from "./parse.ts";

declare const routerIdBrand: unique symbol;
/** A BGP Identifier: any unsigned 32-bit number but zero, unique within its AS (RFC 6286 §2.1). */
export type RouterId = number & { readonly [routerIdBrand]: never };

/** From dotted-quad text. */
export function parseRouterId(text: string): Parsed<RouterId> {
  const address = parseAddress(text);
  if (!address.ok || address.value.family !== "IPv4" || text.includes(":")) {
    return { ok: false, why: `router ID "${text}" is not written like an IPv4 address` };
  }
  const value = addressNumber(address.value);
  if (!isRouterId(value)) return { ok: false, why: "router ID 0.0.0.0 is not allowed (RFC 6286)" };
  return { ok: true, value };
}

export function isRouterId(value: number): value is RouterId {
  return Number.isInteger(value) && value > 0 && value <= 0xffff_ffff;
}

/** Dotted quad of any unsigned 32-bit number, zero included: peers may send it. */
export function formatRouterId(value: number): string {
  return formatAddress(addressFromOctets(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)));
}

/**
 * The router ID where none is configured: the first usable IPv4 address of the node, otherwise FNV-1a of the node's name, so that it is
 * the same after every restart.
 */
export function deriveRouterId(addresses: readonly Address[], nodeName: string): RouterId {
  for (const address of addresses) {
    if (address.family !== "IPv4") continue;
    const value = addressNumber(address);
    if (isRouterId(value)) return value;
  }
  const hash = fnv1a(nodeName);
  return isRouterId(hash) ? hash : FALLBACK;
}

/** For the one name in four billion whose hash is zero. */
const FALLBACK = 1 as RouterId;

function addressNumber(address: Address): number {
  let value = 0;
  for (const octet of address.octets) value = value * 256 + octet;
  return value;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(text)) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0;
}
