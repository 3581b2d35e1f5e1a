import type { Address } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/** Dotted quad, or IPv6 as in RFC 5952 §4: lower case, no leading zeros, the longest run of zero groups (first of equals) as `::`. */
export function formatAddress(address: Address): string {
  return formatOctets(address.octets);
}

/** `192.0.2.1/32`, `2001:db8::/64`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatOctets(prefix.address.octets)}/${prefix.length}`;
}

function formatOctets(octets: Uint8Array): string {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return hexGroups(groups);
  return `${hexGroups(groups.slice(0, start))}::${hexGroups(groups.slice(start + length))}`;
}

function hexGroups(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
