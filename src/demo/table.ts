/** A router's table as this demo talks about it: per prefix the next hops that share its traffic, and in what proportion. */

import { parsePrefix } from "../ip/parse.ts";
import { comparePrefixes } from "../ip/prefix.ts";

export interface TablePath {
  readonly nextHop: string;
  readonly weight: number;
}

/** One ECMP group. Paths are ordered by next hop. */
export interface TableEntry {
  readonly prefix: string;
  readonly paths: readonly TablePath[];
}

/** Ordered: IPv4 before IPv6, numeric. */
export type RouterTable = readonly TableEntry[];

/** One path as a router received it; `bytesPerSecond` is its link bandwidth. */
export interface ReceivedPath {
  readonly prefix: string;
  readonly nextHop: string;
  readonly bytesPerSecond: number | null;
  /** With the community GRACEFUL_SHUTDOWN (RFC 8326). */
  readonly leaving: boolean;
}

/**
 * Groups paths into a table. Weights are the smallest whole numbers in the proportion of the link bandwidths; where a path of the group has none
 * they are all 1, because a router shares evenly then (RFC 10005).
 */
export function tableOf(received: readonly ReceivedPath[]): RouterTable {
  const groups = new Map<string, ReceivedPath[]>();
  for (const path of received) {
    const group = groups.get(path.prefix);
    if (group === undefined) groups.set(path.prefix, [path]);
    else group.push(path);
  }
  return sortTable([...groups].map(([prefix, paths]) => ({ prefix, paths: weigh(paths) })));
}

/** Next hops of paths that say they are about to go. */
export function leavingHopsOf(received: readonly ReceivedPath[]): readonly string[] {
  return [...new Set(received.filter(({ leaving }) => leaving).map(({ nextHop }) => nextHop))];
}

/** In the order of all lists. @throws {Error} when a prefix is none (a bug of the caller: routers print prefixes) */
export function sortTable(entries: readonly TableEntry[]): RouterTable {
  const keyed = entries.map((entry) => {
    const parsed = parsePrefix(entry.prefix, { hostBits: "mask" });
    if (!parsed.ok) throw new Error(`not a prefix: ${entry.prefix}`);
    return { entry, prefix: parsed.value };
  });
  return keyed.sort((a, b) => comparePrefixes(a.prefix, b.prefix)).map(({ entry }) => entry);
}

export function sameTable(a: RouterTable, b: RouterTable): boolean {
  return a.length === b.length && a.every((entry, index) => sameEntry(entry, b[index]));
}

/** Entries that are new or other in `after`; a prefix that went has no paths. */
export function tableChanges(before: RouterTable, after: RouterTable): RouterTable {
  const old = new Map(before.map((entry) => [entry.prefix, entry]));
  const current = new Set(after.map(({ prefix }) => prefix));
  const gone = before.filter(({ prefix }) => !current.has(prefix)).map(({ prefix }): TableEntry => ({ prefix, paths: [] }));
  return sortTable([...after.filter((entry) => !sameEntry(entry, old.get(entry.prefix))), ...gone]);
}

/** `203.0.113.40/32 via 10.0.0.1 ×3, 10.0.0.2, 10.0.0.3`; prefixes with the same paths stand together, groups are parted by `; `. */
export function formatTableLine(table: RouterTable): string {
  const groups = new Map<string, string[]>();
  for (const { prefix, paths } of table) {
    const via = formatPaths(paths);
    groups.set(via, [...(groups.get(via) ?? []), prefix]);
  }
  return [...groups].map(([via, prefixes]) => `${prefixes.join(", ")} ${via === "" ? "gone" : `via ${via}`}`).join("; ");
}

/** `10.0.0.1 ×3, 10.0.0.2`; weights only where they differ. */
export function formatPaths(paths: readonly TablePath[]): string {
  return paths.map(({ nextHop, weight }) => (weight === 1 ? nextHop : `${nextHop} ×${weight}`)).join(", ");
}

export function countPaths(table: RouterTable): number {
  return table.reduce((sum, { paths }) => sum + paths.length, 0);
}

function sameEntry(a: TableEntry, b: TableEntry | undefined): boolean {
  return b !== undefined && a.prefix === b.prefix && formatPaths(a.paths) === formatPaths(b.paths);
}

function weigh(paths: readonly ReceivedPath[]): TablePath[] {
  const bandwidths = paths.map(({ bytesPerSecond }) => bytesPerSecond ?? 0);
  const weights = bandwidths.every((value) => value > 0) ? proportions(bandwidths) : paths.map(() => 1);
  return paths.map(({ nextHop }, index) => ({ nextHop, weight: weights[index] ?? 1 })).sort((a, b) => compareHops(a.nextHop, b.nextHop));
}

/** Whole octets per second are exact enough: bandwidths are multiples of what one endpoint counts. */
function proportions(bandwidths: readonly number[]): number[] {
  const whole = bandwidths.map((value) => Math.max(1, Math.round(value)));
  const divisor = whole.reduce(greatestCommonDivisor);
  return whole.map((value) => value / divisor);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function compareHops(a: string, b: string): number {
  const [left, right] = [parsePrefix(a, { hostBits: "mask" }), parsePrefix(b, { hostBits: "mask" })];
  return left.ok && right.ok ? comparePrefixes(left.value, right.value) : a < b ? -1 : 1;
}
