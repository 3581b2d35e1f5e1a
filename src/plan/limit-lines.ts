/** Check 17 for all peers: who stands in line for which peer's limit of which family, and who is beyond it. */

import type { Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { AnnounceLimit } from "./announce-limit.ts";
import type { Announcement } from "./announcement.ts";
import type { PeerVerdict } from "./peers.ts";

/** A limit that leaves prefixes out, and how many. */
export interface ExceededLimit {
  readonly peer: string;
  readonly family: Family;
  readonly limit: number;
  readonly leftOut: number;
}

/** A prefix that may stand in lines. */
export interface InLine {
  readonly prefix: Prefix;
  /** creationTimestamp of the oldest owner. */
  age: string;
  /** Those it stands in. Changed by {@link LimitLines.stand} alone. */
  readonly lines: Set<string>;
}

/** Hears of a prefix, by its key, whose place in a line crossed the limit. */
type Crossed = (prefixKey: string) => void;

export class LimitLines {
  /** By line: a peer and a family. */
  readonly #limits = new Map<string, AnnounceLimit>();

  /** Some peer has a limit. */
  get some(): boolean {
    return this.#limits.size > 0;
  }

  *exceeded(): IterableIterator<ExceededLimit> {
    for (const [line, { limit, leftOut }] of this.#limits) if (leftOut > 0) yield { ...partsOf(line), limit, leftOut };
  }

  /** One of those it is announced to has a limit. */
  concern({ peers }: Announcement, family: Family): boolean {
    return this.some && peers.some(({ peer }) => this.#limits.has(lineOf(peer, family)));
  }

  /** Newest limits of the peers. @returns lines that are no more, and with them whoever stood there */
  set(peers: readonly PeerVerdict[], crossed: Crossed): ReadonlySet<string> {
    const wanted = new Map<string, number>();
    for (const { name, peer } of peers) {
      const { ipv4, ipv6 } = peer.announceLimit;
      if (ipv4 !== null) wanted.set(lineOf(name, "IPv4"), ipv4);
      if (ipv6 !== null) wanted.set(lineOf(name, "IPv6"), ipv6);
    }
    const gone = new Set([...this.#limits.keys()].filter((line) => !wanted.has(line)));
    for (const line of gone) this.#limits.delete(line);
    for (const [line, limit] of wanted) {
      const known = this.#limits.get(line);
      if (known === undefined) this.#limits.set(line, new AnnounceLimit(limit));
      else known.resize(limit, crossed);
    }
    return gone;
  }

  /** Puts a prefix in the lines of the peers it would go to, and takes it out of all others. @returns the peers that it is beyond the limit of */
  stand(entry: InLine, { peers }: Announcement, crossed: Crossed): string[] {
    if (!this.some && entry.lines.size === 0) return [];
    const { key, address } = entry.prefix;
    const limited: string[] = [];
    const left = new Set(entry.lines);
    entry.lines.clear();
    for (const { peer } of peers) {
      const line = lineOf(peer, address.family);
      const limit = this.#limits.get(line);
      if (limit === undefined) continue;
      left.delete(line);
      entry.lines.add(line);
      limit.put({ prefix: entry.prefix, age: entry.age }, crossed);
      if (limit.isCut(key)) limited.push(peer);
    }
    for (const line of left) this.#limits.get(line)?.remove(key, crossed);
    return limited;
  }
}

function lineOf(peer: string, family: Family): string {
  return `${family} ${peer}`;
}

function partsOf(line: string): { readonly family: Family; readonly peer: string } {
  return { family: line.startsWith("IPv4") ? "IPv4" : "IPv6", peer: line.slice("IPv4 ".length) };
}
