/** The routes in the kernel of a host, now and over time. */

import { spawnSync } from "node:child_process";
import type { Daemon, Host } from "./fabric.ts";
import { list, num, record, text } from "./json.ts";
import { until } from "./wait.ts";

export interface KernelHop {
  readonly gateway: string;
  /** 1 where all are equal. */
  readonly weight: number;
}

/** Prefixes that a routing daemon put there. */
export function kernelPrefixes(host: Host, family: "IPv4" | "IPv6"): readonly string[] {
  const output = host.run("ip", ["-j", family === "IPv4" ? "-4" : "-6", "route", "show", "proto", "bgp"]).trim();
  return list(output === "" ? [] : JSON.parse(output)).map((route) => withLength(text(record(route)["dst"])));
}

/** Next hops of a prefix, ordered by gateway; none when the kernel has no such route. */
export function kernelHops(host: Host, prefix: string): readonly KernelHop[] {
  const output = host.run("ip", ["-j", prefix.includes(":") ? "-6" : "-4", "route", "show", "exact", prefix]).trim();
  return list(output === "" ? [] : JSON.parse(output)).flatMap((route) => hopsOf(record(route)));
}

function hopsOf(route: Record<string, unknown>): readonly KernelHop[] {
  const hops = list(route["nexthops"] ?? [{ gateway: route["gateway"], weight: 1 }]).map(record);
  return hops
    .map((hop) => ({ gateway: text(hop["gateway"]), weight: num(hop["weight"]) }))
    .sort((a, b) => (a.gateway < b.gateway ? -1 : 1));
}

/** A change of one prefix as the kernel told it. */
export interface KernelChange {
  readonly prefix: string;
  readonly deleted: boolean;
  /** Gateways the route has from now on. */
  readonly gateways: readonly string[];
}

/**
 * Watches a host's kernel in two ways: every change of a route that it reports (which misses nothing), and a look-up of one address every few milliseconds
 * (which also sees what follows from several routes together).
 */
export class RouteWatch {
  readonly #monitor: Daemon;
  readonly #poll: Daemon;

  private constructor(monitor: Daemon, poll: Daemon) {
    this.#monitor = monitor;
    this.#poll = poll;
  }

  /** `address` has a route already. */
  static async start(host: Host, address: string): Promise<RouteWatch> {
    const monitor = host.start("ip", ["-o", address.includes(":") ? "-6" : "-4", "monitor", "route"]);
    const look = `while sleep 0.003; do ip route get ${address} >/dev/null 2>&1 && echo hit || echo miss; done`;
    const watch = new RouteWatch(monitor, host.start("sh", ["-c", look]));
    await until("the look-ups begin", async () => watch.#looks().length > 2);
    // The monitor says nothing at its start: a route of no consequence shows that it listens.
    const probe = address.includes(":") ? "2001:db8:ffff::1/128" : "192.0.2.255/32";
    await until("the monitor listens", async () => {
      spawnSync("ip", ["-n", host.namespace, "route", "replace", "blackhole", probe]);
      return monitor.output().includes(probe.split("/")[0] ?? "");
    });
    spawnSync("ip", ["-n", host.namespace, "route", "delete", "blackhole", probe]);
    return watch;
  }

  /** How often the address was looked up, and how often without finding a route. Both watches end. */
  async stop(): Promise<{ readonly looks: number; readonly misses: number; readonly changes: readonly KernelChange[] }> {
    await this.#poll.stop();
    await this.#monitor.stop();
    const looks = this.#looks();
    return { looks: looks.length, misses: looks.filter((look) => look === "miss").length, changes: this.changes() };
  }

  /** Changes so far of routes that a daemon keeps: the probe, and what the kernel does for an address of its own (`local …`, `proto kernel`), are none. */
  changes(): readonly KernelChange[] {
    return this.#monitor.output().split("\n").filter(isDaemonRoute).map(changeOf);
  }

  #looks(): readonly string[] {
    return this.#poll.output().split("\n").slice(0, -1);
  }
}

/** A type before the destination (`local`, `multicast`, `blackhole`) is not a route to a next hop; an address whose duplicate detection ends late shows as such. */
function isDaemonRoute(line: string): boolean {
  return /^(Deleted )?([0-9a-f.:/]+|default) /.test(line) && !line.includes(" proto kernel ");
}

/** `Deleted 203.0.113.1 nhid 9 proto bgp … \\tnexthop via 10.88.0.11 dev eth0 weight 16 …`; host prefixes are written without their length. */
function changeOf(line: string): KernelChange {
  const deleted = line.startsWith("Deleted ");
  const destination = (deleted ? line.slice("Deleted ".length) : line).split(" ")[0] ?? "";
  const gateways = [...line.matchAll(/ via (?:inet6? )?([0-9a-f.:]+)/g)].map((match) => match[1] ?? "");
  return { prefix: withLength(destination), deleted, gateways: gateways.sort() };
}

function withLength(destination: string): string {
  return destination.includes("/") ? destination : `${destination}/${destination.includes(":") ? 128 : 32}`;
}
