import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./fabric.ts";

const TABLE = "cut";

/** Cuts a host off without a loss of carrier: everything on its eth0 is dropped, both ways. */
export class LinkCut {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Lets a connection to BGP's port be opened, and nothing be said on it. */
  dropAfterSyn(): void {
    this.#run(`table inet ${TABLE} {\nchain input { type filter hook input priority -300; tcp dport 179 tcp flags & syn == 0 drop; }\n}`);
  }

  /** Lets nothing that is said to BGP's port through, but for bare acknowledgments of what it says itself: those carry no data, and no PSH. */
  dropDataToBgp(): void {
    this.#run(`table inet ${TABLE} {\nchain input { type filter hook input priority -300; tcp dport 179 tcp flags & psh == psh drop; }\n}`);
  }

  /** Leaves calls to BGP's port without an answer; everything else goes on. */
  dropBgp(): void {
    this.#run(`table inet ${TABLE} {\nchain input { type filter hook input priority -300; tcp dport 179 drop; }\n}`);
  }

  /** The time at which the packets of before this can no longer come, in milliseconds since 1970. */
  cut(): number {
    const chain = (hook: string, match: string): string =>
      `chain ${hook} { type filter hook ${hook} priority -300; ${match} "eth0" drop; }`;
    this.#run(`table inet ${TABLE} {\n${chain("input", "iifname")}\n${chain("output", "oifname")}\n}`);
    return Date.now();
  }

  mend(): void {
    // Adding it first makes the deletion right whether it was there or not.
    this.#run(`add table inet ${TABLE}\ndelete table inet ${TABLE}`);
  }

  #run(rules: string): void {
    const file = join(this.#host.directory, "cut.nft");
    writeFileSync(file, `${rules}\n`);
    this.#host.run("nft", ["-f", file]);
  }
}
