import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Daemon, Host } from "./fabric.ts";
import { list, num, record, text } from "./json.ts";
import { type Router, type RouterSettings, sortPaths, type Table, type TablePath } from "./router.ts";
import { until } from "./wait.ts";

const API = "127.0.0.1:50051";
const FAMILY = { IPv4: "ipv4", IPv6: "ipv6" } as const;

/** gobgpd; its table is `gobgp global rib`. */
export class Gobgp implements Router {
  readonly product = "gobgpd";
  readonly #host: Host;
  readonly #configuration: string;
  #daemon: Daemon | undefined;

  /** `configuration` replaces what the settings would give. */
  constructor(host: Host, settings: RouterSettings, configuration?: string) {
    this.#host = host;
    this.#configuration = configuration ?? configurationOf(settings);
  }

  async start(): Promise<void> {
    const file = join(this.#host.directory, "gobgpd.toml");
    writeFileSync(file, this.#configuration);
    const daemon = this.#host.start("gobgpd", ["-f", file, "--api-hosts", API, "--log-level", "debug"]);
    this.#daemon = daemon;
    await until("gobgpd answers", async () => this.#ask(["global"]) !== "");
  }

  async stop(how: "crash" | "polite"): Promise<void> {
    await this.#daemon?.stop(how === "crash" ? "SIGKILL" : "SIGTERM");
  }

  established(peer: string): boolean {
    // 6 = ESTABLISHED in the API's enumeration of session states.
    const neighbors = list(JSON.parse(this.#ask(["-j", "neighbor"])));
    return neighbors.some((neighbor) => {
      const state = record(record(neighbor)["state"]);
      return state["neighbor_address"] === peer && state["session_state"] === 6;
    });
  }

  table(family: "IPv4" | "IPv6"): Table {
    return readGobgpTable((args) => this.#ask(args), family);
  }

  refresh(peer: string, family: "IPv4" | "IPv6"): void {
    this.#ask(["neighbor", peer, "softresetin", "-a", FAMILY[family]]);
  }

  /** Prefixes that the peer has withdrawn on the wire, in all of its sessions since gobgpd started. */
  withdrawn(peer: string): number {
    const states = list(JSON.parse(this.#ask(["-j", "neighbor"]))).map((neighbor) => record(record(neighbor)["state"]));
    const state = states.find((one) => one["neighbor_address"] === peer);
    if (state === undefined) throw new Error(`gobgpd has no neighbour ${peer}`);
    // Fields that are 0 are left out.
    return num(record(record(state["messages"])["received"])["withdraw_prefix"] ?? 0);
  }

  #ask(args: readonly string[]): string {
    return this.#host.run("gobgp", args);
  }
}

/** Reads the global table with the `gobgp` program, wherever `ask` runs it. */
export function readGobgpTable(ask: (args: readonly string[]) => string, family: "IPv4" | "IPv6"): Table {
  const output = ask(["-j", "global", "rib", "-a", FAMILY[family]]).trim();
  const routes = output.startsWith("{") ? record(JSON.parse(output)) : {};
  return new Map(Object.entries(routes).map(([prefix, paths]) => [prefix, sortPaths(list(paths).map(pathOf))]));
}

function pathOf(path: unknown): TablePath {
  const attributes = new Map(list(record(path)["attrs"]).map((attribute) => [num(record(attribute)["type"]), record(attribute)]));
  const reach = attributes.get(14);
  const segments = list(attributes.get(2)?.["as_paths"] ?? []);
  const numbers = list(attributes.get(8)?.["communities"] ?? []).map(num);
  return {
    nextHop: text(attributes.get(3)?.["nexthop"] ?? reach?.["nexthop"]),
    asPath: segments.flatMap((segment) => list(record(segment)["asns"]).map(num)),
    med: optional(attributes.get(4)?.["metric"]),
    localPref: optional(attributes.get(5)?.["value"]),
    communities: numbers.map((value) => `${value >>> 16}:${value & 0xffff}`).sort(),
    largeCommunities: list(attributes.get(32)?.["value"] ?? [])
      .map(record)
      .map((large) => `${num(large["ASN"])}:${num(large["LocalData1"])}:${num(large["LocalData2"])}`)
      .sort(),
    extendedCommunities: list(attributes.get(16)?.["value"] ?? [])
      .map((community) => extendedText(record(community)))
      .sort(),
  };
}

/** gobgpd takes either form of link bandwidth for the non-transitive one (type 64). */
function extendedText(community: Record<string, unknown>): string {
  if (community["subtype"] === 4) return `LB:${num(community["asn"])}:${num(community["bandwidth"])}`;
  return `${num(community["type"])}:${num(community["subtype"])}:${text(community["value"])}`;
}

function optional(value: unknown): number | null {
  return value === undefined ? null : num(value);
}

function configurationOf(settings: RouterSettings): string {
  const lines = ["[global.config]", `  as = ${settings.asn}`, `  router-id = "${settings.routerId}"`];
  for (const peer of settings.peers) {
    lines.push(
      "[[neighbors]]",
      "  [neighbors.config]",
      `    neighbor-address = "${peer.address}"`,
      `    peer-as = ${peer.asn}`,
      "  [neighbors.transport.config]",
      `    passive-mode = ${peer.passive}`,
      `    local-address = "${settings.address}"`,
      "  [neighbors.timers.config]",
      "    connect-retry = 1",
      "    idle-hold-time-after-reset = 1",
      `    hold-time = ${peer.holdTimeSeconds ?? 90}`,
      `    keepalive-interval = ${Math.max(1, Math.floor((peer.holdTimeSeconds ?? 90) / 3))}`,
      "  [neighbors.error-handling.config]",
      "    treat-as-withdraw = true",
    );
    for (const family of peer.families) {
      lines.push("  [[neighbors.afi-safis]]", "    [neighbors.afi-safis.config]", `      afi-safi-name = "${FAMILY[family]}-unicast"`);
    }
  }
  return `${lines.join("\n")}\n`;
}
