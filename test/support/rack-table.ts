/** FRR's table in the words of {@link PathLines}. */

import { list, num, record, text } from "./lab/json.ts";
import type { Vty } from "./lab/vty.ts";
import { type PathLines, type PathWords, pathLines } from "./rack-expectation.ts";

const QUESTIONS = ["show bgp ipv4 unicast json detail", "show bgp ipv6 unicast json detail"];
/** bgpd writes a line per prefix. */
const ROW = /"([0-9a-f.:]+\/\d+)": (\[.*\])$/;

/** Reads the whole table again and again: what bgpd says in the same words as before is not taken apart again. */
export class RackTable {
  readonly #vty: Vty;
  #known: ReadonlyMap<string, string> = new Map();

  constructor(vty: Vty) {
    this.#vty = vty;
  }

  /** Both families. */
  async read(): Promise<PathLines> {
    const known = new Map<string, string>();
    const table = new Map<string, string>();
    for (const question of QUESTIONS) {
      const rows = (await this.#vty.ask(question)).split("\n").filter((line) => line.includes('"peerId"'));
      for (const row of rows) {
        const [, prefix, json] = ROW.exec(row) ?? [];
        if (prefix === undefined || json === undefined) throw new Error(`bgpd writes its table in another form: ${row.slice(0, 200)}`);
        // The first element describes the prefix, the others are its paths.
        const lines = this.#known.get(row) ?? pathLines(list(JSON.parse(json)).slice(1).map(wordsOf));
        known.set(row, lines);
        table.set(prefix, lines);
      }
    }
    this.#known = known;
    return table;
  }

  /** The paths of one prefix, "" when there is none. */
  async readPrefix(prefix: string): Promise<string> {
    const answer = record(JSON.parse(await this.#vty.ask(`show bgp ${prefix.includes(":") ? "ipv6" : "ipv4"} unicast ${prefix} json`)));
    return pathLines(list(answer["paths"] ?? []).map(wordsOf));
  }
}

function wordsOf(entry: unknown): PathWords {
  const path = record(entry);
  const [hop] = list(path["nexthops"]);
  const extended = path["extendedCommunity"] === undefined ? "" : text(record(path["extendedCommunity"])["string"]);
  const bandwidth = /LB:65001:(\d+)/.exec(extended)?.[1];
  return {
    session: text(record(path["peer"])["peerId"]),
    nextHop: text(record(hop)["ip"]),
    hops: num(record(path["aspath"])["length"]),
    med: path["metric"] === undefined ? null : num(path["metric"]),
    communities: textsOf(path["community"]),
    largeCommunities: textsOf(path["largeCommunity"]),
    octetsPerSecond: bandwidth === undefined ? null : Number(bandwidth),
  };
}

function textsOf(value: unknown): readonly string[] {
  return value === undefined ? [] : list(record(value)["list"]).map(text);
}
