import type { PrefixTable } from "../bgp/rib/prefix-table.ts";
import type { Prefix } from "../ip/prefix.ts";

/** When the route of each prefix took its present form: eight octets per prefix of the table, whoever it is sent to. */
export class PrefixTimes {
  readonly #prefixes: PrefixTable;
  #times = new Float64Array(1024);

  constructor(prefixes: PrefixTable) {
    this.#prefixes = prefixes;
  }

  /** The prefix has to be in the table: somebody wants it. Without anybody there is nothing to remember. */
  changed(prefix: Prefix, atEpochMillis: number): void {
    const id = this.#prefixes.find(prefix);
    if (id === 0) return;
    if (id >= this.#times.length) {
      const grown = new Float64Array(Math.max(id + 1, this.#times.length * 2));
      grown.set(this.#times);
      this.#times = grown;
    }
    this.#times[id] = atEpochMillis;
  }

  /** Milliseconds since the epoch; null when nobody wants the prefix. */
  since(prefix: Prefix): number | null {
    const id = this.#prefixes.find(prefix);
    return id === 0 ? null : (this.#times[id] ?? 0) || null;
  }
}
