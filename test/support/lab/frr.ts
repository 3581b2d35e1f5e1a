import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, fileAppears, type Host } from "./fabric.ts";
import { list, num, record, text } from "./json.ts";
import { type Router, type RouterSettings, sortPaths, type Table, type TablePath } from "./router.ts";

const FAMILY = { IPv4: "ipv4", IPv6: "ipv6" } as const;

/** Configuration of zebra with which it writes down what it asks of its kernel. */
export const TRACED_ROUTES = "log stdout debugging\nlog timestamp precision 6\ndebug zebra kernel";

interface FrrSettings extends RouterSettings {
  /** Lines of zebra's own configuration. */
  readonly zebra?: string;
  /** bgpd alone: a table, but no kernel. */
  readonly alone?: boolean;
}

/** FRR's bgpd beside its zebra, so that next hops are resolved and routes reach the namespace's kernel. */
export class Frr implements Router {
  readonly product = "FRR";
  readonly #host: Host;
  readonly #sockets: string;
  readonly #configuration: string;
  readonly #settings: FrrSettings;
  #zebra: Daemon | undefined;
  #bfdd: Daemon | undefined;
  #bgpd: Daemon | undefined;

  constructor(host: Host, settings: FrrSettings, configuration?: string) {
    this.#host = host;
    this.#settings = settings;
    this.#sockets = join(host.directory, "frr");
    this.#configuration = configuration ?? configurationOf(settings);
  }

  async start(): Promise<void> {
    mkdirSync(this.#sockets, { recursive: true });
    spawnSync("chown", ["frr:frr", this.#sockets]);
    const file = join(this.#host.directory, "bgpd.conf");
    writeFileSync(file, this.#configuration);
    const common = ["--vty_socket", this.#sockets, "-P", "0", "-z", join(this.#sockets, "zserv.api")];
    const alone = this.#settings.alone === true;
    if (!alone && this.#zebra?.running !== true) {
      // Without the option zebra deletes an IPv6 route to change it, as kernels of long ago needed.
      const zebraFile = join(this.#host.directory, "zebra.conf");
      writeFileSync(zebraFile, `${this.#settings.zebra ?? ""}\n`);
      const files = ["-f", zebraFile, "-i", join(this.#sockets, "zebra.pid")];
      this.#zebra = this.#host.start("/usr/lib/frr/zebra", ["--v6-rr-semantics", ...files, ...common], { TZ: "UTC" });
      await fileAppears(join(this.#sockets, "zserv.api"));
    }
    if (this.#settings.peers.some((peer) => peer.bfdIntervalMillis !== undefined) && this.#bfdd?.running !== true) {
      const pid = ["-i", join(this.#sockets, "bfdd.pid"), "--bfdctl", join(this.#sockets, "bfdd.sock")];
      this.#bfdd = this.#host.start("/usr/lib/frr/bfdd", [...pid, ...common]);
      await fileAppears(join(this.#sockets, "bfdd.vty"));
    }
    this.#bgpd = this.#host.start("/usr/lib/frr/bgpd", [
      "-f",
      file,
      "-i",
      join(this.#sockets, "bgpd.pid"),
      ...common,
      ...(alone ? ["-n", "-Z"] : []),
    ]);
    await fileAppears(this.vty);
  }

  /** The socket of bgpd's own command line. */
  get vty(): string {
    return join(this.#sockets, "bgpd.vty");
  }

  async stop(how: "crash" | "polite"): Promise<void> {
    await this.#bgpd?.stop(how === "crash" ? "SIGKILL" : "SIGTERM");
  }

  /** bgpd's log: sessions that came and went, and every NOTIFICATION. */
  output(): string {
    return this.#bgpd?.output() ?? "";
  }

  /** When zebra was about to ask its kernel for a route or to drop one, in milliseconds since 1970, in order; it has to write that down: {@link TRACED_ROUTES}. */
  routesSent(): readonly number[] {
    const lines = (this.#zebra?.output() ?? "").split("\n").filter((line) => /msg_encode: RTM_(NEW|DEL)ROUTE /.test(line));
    return lines.map((line) => Date.parse(`${line.slice(0, 23).replaceAll("/", "-")}Z`) + Number(line.slice(23, 26)) / 1000);
  }

  /** bgpd does nothing until {@link resume}: its kernel goes on taking connections and acknowledging what comes on them. */
  freeze(): void {
    this.#bgpd?.signal("SIGSTOP");
  }

  resume(): void {
    this.#bgpd?.signal("SIGCONT");
  }

  /** A line of configuration below `router bgp`, or several. */
  configure(...lines: readonly string[]): void {
    this.#configure("bgpd", `router bgp ${this.#settings.asn}`, ...lines);
  }

  /** The same in bfdd. */
  configureBfd(...lines: readonly string[]): void {
    this.#configure("bfdd", "bfd", ...lines);
  }

  /** What bfdd says about its session with the peer; undefined = it has none. */
  bfd(peer: string): Readonly<Record<string, unknown>> | undefined {
    const output = this.#host.run("vtysh", ["--vty_socket", this.#sockets, "-d", "bfdd", "-c", "show bfd peers json"]);
    return list(JSON.parse(output))
      .map(record)
      .find((session) => session["peer"] === peer);
  }

  /** Times that bfdd saw its session with the peer come up and go down, since it began. */
  bfdChanges(peer: string): { readonly ups: number; readonly downs: number } {
    const output = this.#host.run("vtysh", ["--vty_socket", this.#sockets, "-d", "bfdd", "-c", "show bfd peers counters json"]);
    const counters = list(JSON.parse(output))
      .map(record)
      .find((session) => session["peer"] === peer);
    if (counters === undefined) throw new Error(`bfdd has no session with ${peer}`);
    return { ups: num(counters["session-up"]), downs: num(counters["session-down"]) };
  }

  /** From here on bfdd writes down every change with its time: {@link bfdFailures}. */
  traceBfd(): void {
    this.#host.run("vtysh", [
      "--vty_socket",
      this.#sockets,
      "-d",
      "bfdd",
      ...["configure terminal", "log timestamp precision 3", "log stdout debugging", "debug bfd peer"].flatMap((line) => ["-c", line]),
    ]);
  }

  /** When bfdd's sessions went from Up to Down, in milliseconds since 1970, as {@link traceBfd} wrote it down. */
  bfdFailures(): readonly number[] {
    const lines = (this.#bfdd?.output() ?? "").split("\n").filter((line) => line.includes("state-change") && line.includes("up -> down"));
    return lines.map((line) => Date.parse(`${line.slice(0, 23).replaceAll("/", "-")}Z`));
  }

  #configure(daemon: string, ...lines: readonly string[]): void {
    const commands = ["configure terminal", ...lines].flatMap((line) => ["-c", line]);
    this.#host.run("vtysh", ["--vty_socket", this.#sockets, "-d", daemon, ...commands]);
  }

  established(peer: string): boolean {
    const neighbor = record(JSON.parse(this.#vtysh(`show bgp neighbors ${peer} json`)))[peer];
    return neighbor !== undefined && record(neighbor)["bgpState"] === "Established";
  }

  table(family: "IPv4" | "IPv6"): Table {
    return readFrrTable((command) => this.#vtysh(command), family);
  }

  /** Prefixes with a path that FRR keeps from a session that ended, until the peer says otherwise. */
  stale(family: "IPv4" | "IPv6"): string[] {
    const routes = record(record(JSON.parse(this.#vtysh(`show bgp ${FAMILY[family]} unicast json`)))["routes"] ?? {});
    return Object.entries(routes).flatMap(([prefix, paths]) =>
      list(paths).some((path) => record(path)["stale"] === true) ? [prefix] : [],
    );
  }

  /** The first path of a prefix, in FRR's own words. */
  path(family: "IPv4" | "IPv6", prefix: string): Record<string, unknown> {
    return record(list(record(JSON.parse(this.#vtysh(`show bgp ${FAMILY[family]} unicast ${prefix} json`)))["paths"])[0]);
  }

  /** Forgets what it holds against a neighbor, and begins anew. */
  clear(peer: string): void {
    this.#vtysh(`clear bgp ${peer}`);
  }

  /** What FRR says about a neighbor. */
  neighbor(peer: string): Record<string, unknown> {
    return record(record(JSON.parse(this.#vtysh(`show bgp neighbors ${peer} json`)))[peer]);
  }

  refresh(peer: string, family: "IPv4" | "IPv6"): void {
    this.#vtysh(`clear bgp ${FAMILY[family]} unicast ${peer} in`);
  }

  /** Runs one vtysh command and gives what it printed. */
  #vtysh(command: string): string {
    return this.#host.run("vtysh", ["--vty_socket", this.#sockets, "-d", "bgpd", "-c", command]);
  }
}

/** Reads bgpd's table with vtysh, wherever `ask` runs the command. */
export function readFrrTable(ask: (command: string) => string, family: "IPv4" | "IPv6"): Table {
  const output = ask(`show bgp ${FAMILY[family]} unicast json detail`).trim();
  const routes = output === "" ? {} : record(record(JSON.parse(output))["routes"] ?? {});
  // The first element of each list describes the prefix, the others are its paths.
  return new Map(Object.entries(routes).map(([prefix, entries]) => [prefix, sortPaths(list(entries).slice(1).map(pathOf))]));
}

function pathOf(entry: unknown): TablePath {
  const path = record(entry);
  const hop = record(list(path["nexthops"])[0]);
  const segments = list(record(path["aspath"])["segments"] ?? []);
  return {
    nextHop: text(hop["ip"]),
    asPath: segments.flatMap((segment) => list(record(segment)["list"]).map(num)),
    med: path["metric"] === undefined ? null : num(path["metric"]),
    localPref: path["locPrf"] === undefined ? null : num(path["locPrf"]),
    communities: communityTexts(path["community"]),
    largeCommunities: communityTexts(path["largeCommunity"]),
    extendedCommunities: path["extendedCommunity"] === undefined ? [] : extendedTexts(text(record(path["extendedCommunity"])["string"])),
  };
}

/** `RT:65000:100 LB:65001:375000000 (3.000 Gbps)`, without what stands in parentheses. */
function extendedTexts(output: string): readonly string[] {
  return output
    .split(/ (?=[A-Za-z]+:)/)
    .map((word) => word.replace(/ \(.*\)/, ""))
    .sort();
}

function communityTexts(value: unknown): readonly string[] {
  return value === undefined ? [] : list(record(value)["list"]).map(text).sort();
}

function configurationOf(settings: RouterSettings): string {
  const lines = [
    "frr defaults datacenter",
    "log stdout debugging",
    `router bgp ${settings.asn}`,
    ` bgp router-id ${settings.routerId}`,
    " no bgp ebgp-requires-policy",
    " no bgp network import-check",
    " bgp bestpath as-path multipath-relax",
  ];
  for (const peer of settings.peers) {
    lines.push(
      ` neighbor ${peer.address} remote-as ${peer.asn}`,
      ` neighbor ${peer.address} update-source ${peer.localAddress ?? settings.address}`,
    );
    lines.push(` neighbor ${peer.address} timers connect 1`);
    if (peer.password !== undefined) lines.push(` neighbor ${peer.address} password ${peer.password}`);
    if (peer.multihop !== undefined) lines.push(` neighbor ${peer.address} ebgp-multihop ${peer.multihop}`);
    if (peer.ttlSecurityHops !== undefined) lines.push(` neighbor ${peer.address} ttl-security hops ${peer.ttlSecurityHops}`);
    if (peer.bfdIntervalMillis !== undefined) {
      lines.push(` neighbor ${peer.address} bfd 3 ${peer.bfdIntervalMillis} ${peer.bfdIntervalMillis}`);
    }
    if (peer.passive) lines.push(` neighbor ${peer.address} passive`);
    if (peer.holdTimeSeconds !== undefined) {
      lines.push(` neighbor ${peer.address} timers ${Math.max(1, Math.floor(peer.holdTimeSeconds / 3))} ${peer.holdTimeSeconds}`);
    }
  }
  for (const family of ["IPv4", "IPv6"] as const) {
    lines.push(` address-family ${FAMILY[family]} unicast`, "  maximum-paths 64", "  maximum-paths ibgp 64");
    for (const peer of settings.peers) {
      lines.push(`  ${peer.families.includes(family) ? "" : "no "}neighbor ${peer.address} activate`);
    }
    lines.push(" exit-address-family");
  }
  return `${lines.join("\n")}\n`;
}
