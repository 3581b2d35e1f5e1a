/** Check 17 over a fleet: of the prefixes of a family wanted for a peer of a node, the oldest are kept up to the peer's limit. */

import { FAMILIES, type Family } from "../ip/address.ts";
import { comparePrefixes, type Prefix } from "../ip/prefix.ts";
import { announcementTo } from "./announcement.ts";
import type { Announced } from "./contribution-sums.ts";
import type { Fleet } from "./fleet.ts";
import { compareText } from "./judge.ts";
import { type Paused, sortInPieces } from "./pauses.ts";
import { limitOf } from "./peers.ts";

/** One peer and family of one node. */
interface Line {
  readonly limit: number;
  wanted: number;
  /** Keys of prefixes beyond the limit. */
  readonly cut: Set<string>;
}

type Lines = ReadonlyMap<string, ReadonlyMap<string, Readonly<Record<Family, Line | null>>>>;

/** A prefix with the nodes on which its oldest owner is of that age. */
interface Standing {
  readonly prefix: Prefix;
  readonly age: string;
  readonly on: ReadonlyMap<string, Announced>;
}

export class FleetLimits {
  /** By node, then peer; nodes and peers without a limit are not in it. */
  readonly #lines: Lines;

  private constructor(lines: Lines) {
    this.#lines = lines;
  }

  /** @param wanted every prefix once, with the nodes that would announce it; null = a pause. */
  static *of(fleet: Fleet, wanted: Iterable<Omit<Standing, "age"> | null>): Paused<FleetLimits> {
    const limits = new FleetLimits(linesOf(fleet));
    const standing: Standing[] = [];
    for (const one of wanted) {
      if (one === null) yield null;
      else for (const age of new Set([...one.on.values()].map((announced) => announced.age))) standing.push({ ...one, age });
    }
    for (const { prefix, age, on } of yield* sortInPieces(standing, compareStandings)) {
      for (const [node, announced] of on) if (announced.age === age) limits.#admit(node, prefix, announced);
      yield null;
    }
    return limits;
  }

  /** What is left of the prefix's announcement on a node. */
  apply(node: string, { key, address }: Prefix, announced: Announced): Announced {
    const lines = this.#lines.get(node);
    const isCut = (peer: string) => lines?.get(peer)?.[address.family]?.cut.has(key) === true;
    const { peers, elsewhere } = announced.announcement;
    if (lines === undefined || !peers.some(({ peer }) => isCut(peer))) return announced;
    return {
      ...announced,
      announcement: announcementTo(
        peers.filter(({ peer }) => !isCut(peer)),
        elsewhere,
      ),
    };
  }

  /** The next prefix in line. */
  #admit(node: string, { key, address }: Prefix, { announcement }: Announced): void {
    for (const { peer } of announcement.peers) {
      const line = this.#lines.get(node)?.get(peer)?.[address.family] ?? null;
      if (line === null) continue;
      line.wanted++;
      if (line.wanted > line.limit) line.cut.add(key);
    }
  }
}

function linesOf({ members }: Fleet): Lines {
  const lines = new Map<string, Map<string, Record<Family, Line | null>>>();
  for (const { node, scene } of members.values()) {
    for (const { name, peer } of scene.parts.peers) {
      const [ipv4 = null, ipv6 = null] = FAMILIES.map((family) => {
        const limit = limitOf(peer, family);
        return limit === null ? null : { limit, wanted: 0, cut: new Set<string>() };
      });
      if (ipv4 === null && ipv6 === null) continue;
      const ofNode = lines.get(node) ?? new Map<string, Record<Family, Line | null>>();
      lines.set(node, ofNode.set(name, { IPv4: ipv4, IPv6: ipv6 }));
    }
  }
  return lines;
}

function compareStandings(a: Standing, b: Standing): number {
  return compareText(a.age, b.age) || comparePrefixes(a.prefix, b.prefix);
}
