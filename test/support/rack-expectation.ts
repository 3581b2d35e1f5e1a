/** What the router of a {@link RackHistory} should hold: the naive planner asked for each of the nodes, island by island. */

import { DEFAULT_PLANNER_OPTIONS } from "../../src/plan/change.ts";
import { list, num, record, text } from "./lab/json.ts";
import { naivePlan } from "./naive-planner.ts";
import { islandOf, NODES, nodeAddress, type RackHistory } from "./rack-history.ts";

/** Prefix → one line per path, in the order of sessions. */
export type PathLines = ReadonlyMap<string, string>;

/** One path as a line: what two tables are compared by. */
export interface PathWords {
  /** Address of the session it came over. */
  readonly session: string;
  readonly nextHop: string;
  readonly hops: number;
  readonly med: number | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly octetsPerSecond: number | null;
}

/** The lines of all prefixes that lie on one of the islands, planned together. */
export function expectedPaths(history: RackHistory, islands: readonly number[]): PathLines {
  const objects = history.objects(islands);
  const isHere = new Set(islands);
  const paths = new Map<string, PathWords[]>();
  for (const node of NODES) {
    for (const [key, json] of naivePlan(objects, [], { ...DEFAULT_PLANNER_OPTIONS, node }).routes) {
      const [peer = "", prefix = ""] = key.split(" ");
      // Blocks are announced without any Service, so by every island's plan.
      if (!isHere.has(islandOf(prefix))) continue;
      paths.set(prefix, [...(paths.get(prefix) ?? []), wordsOf(history, node, peer, prefix, json)]);
    }
  }
  return new Map([...paths].map(([prefix, words]) => [prefix, pathLines(words)]));
}

export function pathLines(words: readonly PathWords[]): string {
  const lines = words.map(
    ({ session, nextHop, hops, med, communities, largeCommunities, octetsPerSecond }) =>
      `${session}: via ${nextHop}, ${hops} hops, MED ${med}, [${[...communities].sort()}] [${[...largeCommunities].sort()}], ${octetsPerSecond} octets/s`,
  );
  return lines.sort().join("\n");
}

function wordsOf(history: RackHistory, node: string, peer: string, prefix: string, json: string): PathWords {
  const attributes = record(JSON.parse(json));
  const family = prefix.includes(":") ? "IPv6" : "IPv4";
  const octetsPerSecond = attributes["linkBandwidth"];
  return {
    session: nodeAddress(node, peer === "tor6" ? "IPv6" : "IPv4"),
    nextHop: history.fixedNextHop(peer, family) ?? nodeAddress(node, family),
    hops: 1 + num(attributes["prepend"]),
    med: attributes["med"] === null ? null : num(attributes["med"]),
    communities: list(attributes["communities"]).map((value) => `${num(value) >>> 16}:${num(value) & 0xffff}`),
    largeCommunities: list(attributes["large"]).map(text),
    // Sent as a single (RFC 10005).
    octetsPerSecond: octetsPerSecond === null ? null : Math.fround(num(octetsPerSecond)),
  };
}
