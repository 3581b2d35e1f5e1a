import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Daemon, Host } from "./fabric.ts";
import { list, record } from "./json.ts";
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

/** The prefixes of one UPDATE. */
export interface DecodedUpdate {
  readonly withdrawn: readonly string[];
  readonly announced: readonly string[];
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

  /** Ends the capture and decodes what `address` sent, at least `updates` UPDATE messages. */
  async decode(address: string, updates: number): Promise<Decoded> {
    const source = await this.#complete(address, updates);
    return {
      malformed: this.#read(`${source} && (_ws.malformed || _ws.expert.severity >= 6291456) && bgp`, "frame.number"),
      types: this.#numbers(source, "bgp.type"),
      withdrawnOctets: this.#numbers(source, "bgp.update.withdrawn_routes.length"),
      attributes: this.#numbers(source, "bgp.update.path_attribute.type_code"),
    };
  }

  /** As {@link decode}, but gives the prefixes of each UPDATE, in order. */
  async updates(address: string, updates: number): Promise<readonly DecodedUpdate[]> {
    const source = await this.#complete(address, updates);
    const frames = JSON.parse(this.#tshark(`${source} && bgp.type == 2`, ["-T", "json", "--no-duplicate-keys", "-J", "bgp"]));
    return list(frames)
      .map((frame) => record(record(record(frame)["_source"])["layers"])["bgp"])
      .flatMap((messages) => (Array.isArray(messages) ? messages : [messages]))
      .map(record)
      .filter((message) => message["bgp.type"] === "2")
      .map((message) => ({ withdrawn: prefixesIn(message, WITHDRAWN), announced: prefixesIn(message, ANNOUNCED) }));
  }

  /**
   * The kernel hands packets over in blocks and drops what it holds at the end, so the capture goes on until `updates` UPDATE messages stand in the file.
   * Returns the filter for what `address` sent.
   */
  async #complete(address: string, updates: number): Promise<string> {
    const source = `${address.includes(":") ? "ipv6" : "ip"}.src == ${address}`;
    const count = (): number => this.#numbers(source, "bgp.type").filter((type) => type === 2).length;
    await until(`${updates} captured UPDATEs`, async () => updates === 0 || count() >= updates);
    await this.#daemon.stop("SIGINT");
    return source;
  }

  #numbers(source: string, field: string): number[] {
    return this.#read(`${source} && bgp`, field)
      .flatMap((line) => line.split(","))
      .filter((word) => word !== "")
      .map(Number);
  }

  /** One line per frame. */
  #read(filter: string, field: string): string[] {
    const output = this.#tshark(filter, ["-T", "fields", "-E", "occurrence=a", "-e", field]);
    return output.split("\n").filter((line) => line !== "");
  }

  #tshark(filter: string, options: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync("tshark", ["-r", this.#file, "-Y", filter, ...options], {
      encoding: "utf8",
      maxBuffer: 1 << 29,
    });
    if (status !== 0) throw new Error(`tshark: ${stderr}`);
    return stdout;
  }
}

const ANNOUNCED = ["bgp.nlri_prefix", "bgp.mp_reach_nlri_ipv6_prefix"];
const WITHDRAWN = ["bgp.withdrawn_prefix", "bgp.mp_unreach_nlri_ipv6_prefix"];

/** Every prefix under one of the keys, however deep; its length stands beside it. */
function prefixesIn(value: unknown, keys: readonly string[]): string[] {
  if (typeof value !== "object" || value === null) return [];
  const fields = Object.fromEntries(Object.entries(value));
  const own = keys.flatMap((key) => (fields[key] === undefined ? [] : [`${fields[key]}/${fields["bgp.prefix_length"]}`]));
  return [...own, ...Object.values(fields).flatMap((field) => prefixesIn(field, keys))];
}
