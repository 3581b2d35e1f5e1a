import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, fileAppears, type Host } from "./fabric.ts";
import { type Router, type RouterPeer, type RouterSettings, sortPaths, type Table, type TablePath } from "./router.ts";

const TABLE = { IPv4: "master4", IPv6: "master6" } as const;

/** BIRD 2; its tables are read with `birdc show route all`. */
export class Bird implements Router {
  readonly product = "BIRD";
  readonly #host: Host;
  readonly #configuration: string;
  readonly #protocols: ReadonlyMap<string, string>;
  readonly #socket: string;
  #daemon: Daemon | undefined;

  constructor(host: Host, settings: RouterSettings) {
    this.#host = host;
    this.#configuration = configurationOf(settings);
    this.#protocols = new Map(settings.peers.map((peer, index) => [peer.address, protocolName(index)]));
    this.#socket = join(host.directory, "bird.ctl");
  }

  async start(): Promise<void> {
    const file = join(this.#host.directory, "bird.conf");
    writeFileSync(file, this.#configuration);
    this.#daemon = this.#host.start("bird", ["-f", "-c", file, "-s", this.#socket, "-P", join(this.#host.directory, "bird.pid")]);
    await fileAppears(this.#socket);
  }

  async stop(how: "crash" | "polite"): Promise<void> {
    await this.#daemon?.stop(how === "crash" ? "SIGKILL" : "SIGTERM");
    this.#host.run("rm", ["-f", this.#socket]);
  }

  /** A command of birdc that changes something. */
  command(text: string): string {
    return this.#birdc(text);
  }

  /** `show bfd sessions` has a session with the peer in this state. */
  bfdIs(peer: string, state: "Up" | "Down" | "Init" | "AdminDown"): boolean {
    return this.#birdc("show bfd sessions")
      .split("\n")
      .some((line) => line.startsWith(`${peer} `) && line.includes(` ${state} `));
  }

  /** Times that BIRD saw its BFD session with the peer come up and go down. */
  bfdChanges(peer: string): { readonly ups: number; readonly downs: number } {
    const lines = (this.#daemon?.output() ?? "").split("\n").filter((line) => line.includes(`Session to ${peer} changed state`));
    return {
      ups: lines.filter((line) => line.endsWith("to Up")).length,
      downs: lines.filter((line) => line.includes("from Up")).length,
    };
  }

  established(peer: string): boolean {
    return /\sEstablished\s/.test(this.#birdc(`show protocols ${this.#protocol(peer)}`));
  }

  table(family: "IPv4" | "IPv6"): Table {
    return parseTable(this.#birdc(`show route all table ${TABLE[family]}`));
  }

  refresh(peer: string): void {
    this.#birdc(`reload in ${this.#protocol(peer)}`);
  }

  #protocol(peer: string): string {
    const name = this.#protocols.get(peer);
    if (name === undefined) throw new Error(`BIRD has no protocol towards ${peer}`);
    return name;
  }

  #birdc(command: string): string {
    return this.#host.run(
      "birdc",
      ["-s", this.#socket, "-r", ...command.split(" ")].filter((word) => command.startsWith("show") || word !== "-r"),
    );
  }
}

/** Reads `show route all`: a line per path (the first of a prefix names it), its attributes indented below. */
export function parseTable(output: string): Table {
  const table = new Map<string, TablePath[]>();
  let prefix = "";
  let fields = new Map<string, string>();
  let last = "";
  const finish = (): void => {
    if (fields.size > 0) table.set(prefix, [...(table.get(prefix) ?? []), pathOf(fields)]);
    fields = new Map();
  };
  for (const line of output.split("\n")) {
    const route = /^(\S+\/\d+)?\s+unicast \[/.exec(line);
    if (route !== null) {
      finish();
      prefix = route[1] ?? prefix;
      continue;
    }
    const attribute = /^\tBGP\.(\w+): ?(.*)$/.exec(line);
    if (attribute?.[1] !== undefined) {
      last = attribute[1];
      fields.set(last, attribute[2] ?? "");
    } else if (line.startsWith("\t\t")) fields.set(last, `${fields.get(last)} ${line.trim()}`); // A long list goes on.
  }
  finish();
  return new Map([...table].map(([key, paths]) => [key, sortPaths(paths)]));
}

function pathOf(fields: ReadonlyMap<string, string>): TablePath {
  const number = (name: string): number | null => (fields.has(name) ? Number(fields.get(name)) : null);
  const tuples = (name: string): string[] =>
    [...(fields.get(name) ?? "").matchAll(/\(([\d, ]+)\)/g)].map((match) => (match[1] ?? "").replaceAll(/,\s*/g, ":")).sort();
  return {
    nextHop: nextHopOf(fields.get("next_hop") ?? ""),
    asPath: (fields.get("as_path") ?? "")
      .split(" ")
      .filter((word) => word !== "")
      .map(Number),
    med: number("med"),
    localPref: number("local_pref"),
    communities: tuples("community"),
    largeCommunities: tuples("large_community"),
    extendedCommunities: [...(fields.get("ext_community") ?? "").matchAll(/\(([^)]+)\)/g)]
      .map((match) => extendedOctets(match[1] ?? ""))
      .sort(),
  };
}

/** `fe80::1` of `:: fe80::1`, a next hop without a global address; else the global one. */
function nextHopOf(words: string): string {
  const [first = "", second = ""] = words.split(" ");
  return first === "::" ? second : first;
}

/** `rt, 65000, 100`, `rt, 192.0.2.1, 10`, `unknown 0x4004, 65000, 1290693416` or `generic, 0x80060000, 0x0`, as octets. */
function extendedOctets(output: string): string {
  const [kind = "", first = "", second = ""] = output.split(", ");
  const hex = (value: number, octets: number): string => value.toString(16).padStart(2 * octets, "0");
  if (kind === "generic") return `0x${hex(Number(first), 4)}${hex(Number(second), 4)}`;
  const subtype = kind === "rt" ? 2 : 3;
  if (first.includes(".")) {
    const octets = first.split(".").map((octet) => hex(Number(octet), 1));
    return `0x01${hex(subtype, 1)}${octets.join("")}${hex(Number(second), 2)}`;
  }
  const type = kind.startsWith("unknown ") ? Number(kind.slice("unknown ".length)) : Number(first) > 0xffff ? 0x0200 | subtype : subtype;
  // Types 1 and 2 have four octets in front, 0 and 0x40 two.
  const long = [1, 2].includes((type >> 8) & 0x3f);
  return `0x${hex(type, 2)}${hex(Number(first), long ? 4 : 2)}${hex(Number(second), long ? 2 : 4)}`;
}

function protocolName(index: number): string {
  return `node${index + 1}`;
}

// Next hops of iBGP are looked up in the tables, hence the direct routes.
function configurationOf(settings: RouterSettings): string {
  const protocols = settings.peers.map((peer, index) => protocolOf(settings, peer, protocolName(index)));
  const bfd = settings.peers.some((peer) => peer.bfdIntervalMillis !== undefined) ? "protocol bfd { debug { events }; }\n" : "";
  return `router id ${settings.routerId};\nlog stderr all;\nprotocol device { scan time 1; }\nprotocol direct { ipv4; ipv6; }\n${bfd}${protocols.join("\n")}\n`;
}

function protocolOf(settings: RouterSettings, peer: RouterPeer, name: string): string {
  const extended = peer.interface === undefined ? "" : "extended next hop on;";
  const channels = peer.families.map((family) => `  ${family.toLowerCase()} { import all; export none; ${extended} };`);
  return [
    `protocol bgp ${name} {`,
    `  local ${settings.address} as ${settings.asn};`,
    `  neighbor ${peer.address} as ${peer.asn};`,
    `  hold time ${peer.holdTimeSeconds ?? 90};`,
    "  connect delay time 1; connect retry time 1; error wait time 1, 2;",
    peer.passive ? "  passive yes;" : "",
    peer.interface === undefined ? "" : `  interface "${peer.interface}";`,
    peer.extendedMessages === true ? "  enable extended messages yes;" : "",
    peer.password === undefined ? "" : `  password "${peer.password}";`,
    peer.multihop === undefined ? "" : `  multihop ${peer.multihop};`,
    // BIRD counts hops in `multihop`, and a direct neighbour is the one it has without.
    peer.ttlSecurityHops === undefined ? "" : "  ttl security on;",
    peer.bfdIntervalMillis === undefined ? "" : `  bfd { interval ${peer.bfdIntervalMillis} ms; multiplier 3; };`,
    peer.bfdGraceful === true ? "  bfd graceful;" : "",
    ...channels,
    "}",
  ].join("\n");
}
