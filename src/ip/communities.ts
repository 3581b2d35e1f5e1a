/**
 * BGP communities as values. Standard ones are unsigned 32-bit numbers (RFC 1997), large ones three numbers (RFC 8092), extended ones the
 * 16 lower-case hex digits of their eight octets (RFC 4360): a key that sorts like the octets, survives JSON and needs no parsing to send.
 */
import type { Parsed } from "./parse.ts";

/** Sixteen lower-case hex digits, without `0x`. */
export type ExtendedCommunity = string;

/** Three unsigned 32-bit numbers (RFC 8092 §3). */
export type LargeCommunity = readonly [global: number, local1: number, local2: number];

/** Standard communities with a registered name (RFC 1997, 7611, 7999, 8326, 9494). */
export const WELL_KNOWN_COMMUNITIES = {
  "graceful-shutdown": 0xffff0000,
  "accept-own": 0xffff0001,
  "llgr-stale": 0xffff0006,
  "no-llgr": 0xffff0007,
  blackhole: 0xffff029a,
  "no-export": 0xffffff01,
  "no-advertise": 0xffffff02,
  "no-export-subconfed": 0xffffff03,
  "no-peer": 0xffffff04,
} as const satisfies Record<string, number>;

export type WellKnownCommunity = keyof typeof WELL_KNOWN_COMMUNITIES;

export type ParsedCommunity =
  | { readonly ok: true; readonly kind: "standard"; readonly value: number }
  | { readonly ok: true; readonly kind: "large"; readonly value: LargeCommunity }
  | { readonly ok: false; readonly why: string };

/** `65000:1`, a well-known name, or `large:1:2:3`. */
export function parseCommunity(text: string): ParsedCommunity {
  if (isWellKnown(text)) return { ok: true, kind: "standard", value: WELL_KNOWN_COMMUNITIES[text] };
  const large = text.startsWith("large:");
  const fields = (large ? text.slice("large:".length) : text).split(":");
  if (!large && fields.length !== 2) {
    const hint = fields.length === 3 ? `: a large community is written large:${text}` : "";
    return { ok: false, why: `community "${text}" is neither 65000:1, large:1:2:3 nor a well-known name${hint}` };
  }
  if (large && fields.length !== 3) return { ok: false, why: `large community "${text}" needs three numbers, like large:1:2:3` };
  const limit = large ? 0xffff_ffff : 0xffff;
  const numbers: number[] = [];
  for (const field of fields) {
    const value = /^(0|[1-9]\d{0,9})$/.test(field) ? Number(field) : Number.NaN;
    if (!(value <= limit)) return { ok: false, why: `community "${text}": "${field}" is not a decimal number in 0..${limit}` };
    numbers.push(value);
  }
  const [first = 0, second = 0, third = 0] = numbers;
  if (large) return { ok: true, kind: "large", value: [first, second, third] };
  return { ok: true, kind: "standard", value: first * 65536 + second };
}

/** `0x` and 16 hex digits, either case. */
export function parseExtendedCommunity(text: string): Parsed<ExtendedCommunity> {
  if (!/^0x[0-9a-fA-F]{16}$/.test(text)) return { ok: false, why: `extended community "${text}" is not 0x and 16 hex digits` };
  return { ok: true, value: text.slice(2).toLowerCase() };
}

/** `65000:1`; numbers only, also for well-known ones. */
export function formatCommunity(value: number): string {
  return `${value >>> 16}:${value & 0xffff}`;
}

/** `1:2:3`. */
export function formatLargeCommunity([global, local1, local2]: LargeCommunity): string {
  return `${global}:${local1}:${local2}`;
}

/** `0x0004fde94cee6b28`. */
export function formatExtendedCommunity(value: ExtendedCommunity): string {
  return `0x${value}`;
}

/** Name of a well-known standard community, or undefined. */
export function wellKnownName(value: number): WellKnownCommunity | undefined {
  for (const name of WELL_KNOWN_NAMES) if (WELL_KNOWN_COMMUNITIES[name] === value) return name;
  return undefined;
}

/** Ascending, each once: equal sets have equal octets. */
export function sortCommunities(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** Ascending, each once (RFC 8092 §5: duplicates are not sent). */
export function sortLargeCommunities(values: Iterable<LargeCommunity>): LargeCommunity[] {
  const sorted = [...values].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  return sorted.filter((value, i) => i === 0 || !equalLarge(value, sorted[i - 1]));
}

/** Ascending by octets, each once. */
export function sortExtendedCommunities(values: Iterable<ExtendedCommunity>): ExtendedCommunity[] {
  return [...new Set(values)].sort();
}

const WELL_KNOWN_NAMES: readonly WellKnownCommunity[] = [
  "graceful-shutdown",
  "accept-own",
  "llgr-stale",
  "no-llgr",
  "blackhole",
  "no-export",
  "no-advertise",
  "no-export-subconfed",
  "no-peer",
];

function isWellKnown(text: string): text is WellKnownCommunity {
  return Object.hasOwn(WELL_KNOWN_COMMUNITIES, text);
}

function equalLarge(a: LargeCommunity, b: LargeCommunity | undefined): boolean {
  return b !== undefined && a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}
