import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Daemon, Host } from "./fabric.ts";
import { until } from "./wait.ts";

/** What tshark, a decoder that is not ours, made of the messages of one speaker. */
export interface Decoded {
  /** Frames in which tshark found anything malformed or against the protocol. */
  readonly malformed: readonly string[];
  /** Message type of every message, in order. */
  readonly types: readonly number[];
  /** Octets of withdrawn routes in the classic field, one per UPDATE. */
  readonly withdrawnOctets: readonly number[];
  /** Type code of every path attribute, in order. */
  readonly attributes: readonly number[];
}

/** A capture of the BGP sessions of a host on port 179. */
export class Capture {
  readonly #file: string;
  readonly #daemon: Daemon;

  private constructor(file: string, daemon: Daemon) {
    this.#file = file;
    this.#daemon = daemon;
  }

  static async start(host: Host, name: string): Promise<Capture> {
    const file = join(host.directory, `${name}.pcap`);
    const daemon = host.start("dumpcap", ["-q", "-P", "-i", "eth0", "-f", "tcp port 179", "-w", file]);
    await until("dumpcap captures", async () => daemon.output().includes("File:"));
    return new Capture(file, daemon);
  }

  /**
   * Ends the capture and decodes what `address` sent. The kernel hands packets over in blocks and drops what it holds at the end, so the capture
   * goes on until `updates` UPDATE messages stand in the file.
   */
  async decode(address: string, updates: number): Promise<Decoded> {
    const source = `${address.includes(":") ? "ipv6" : "ip"}.src == ${address}`;
    const numbers = (field: string): number[] =>
      this.#read(`${source} && bgp`, field)
        .flatMap((line) => line.split(","))
        .filter((word) => word !== "")
        .map(Number);
    await until(`${updates} captured UPDATEs`, async () => numbers("bgp.type").filter((type) => type === 2).length >= updates);
    await this.#daemon.stop("SIGINT");
    return {
      malformed: this.#read(`${source} && (_ws.malformed || _ws.expert.severity >= 6291456) && bgp`, "frame.number"),
      types: numbers("bgp.type"),
      withdrawnOctets: numbers("bgp.update.withdrawn_routes.length"),
      attributes: numbers("bgp.update.path_attribute.type_code"),
    };
  }

  /** One line per frame. */
  #read(filter: string, field: string): string[] {
    const { status, stdout, stderr } = spawnSync(
      "tshark",
      ["-r", this.#file, "-Y", filter, "-T", "fields", "-E", "occurrence=a", "-e", field],
      {
        encoding: "utf8",
        maxBuffer: 1 << 29,
      },
    );
    if (status !== 0) throw new Error(`tshark: ${stderr}`);
    return stdout.split("\n").filter((line) => line !== "");
  }
}
