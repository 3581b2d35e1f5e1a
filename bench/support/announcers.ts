/**
 * Herald and the daemons it is compared with, each as a process that holds N host routes and dials the receiver. Every one at its best: FRR without coalescing,
 * BIRD woken by `show status` (its main loop sleeps otherwise), GoBGP with its routes injected before the session.
 */

import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type HeraldOptions, type HeraldReport, hostOctets } from "./herald-announcer.ts";
import { RECEIVER_ADDRESS, RECEIVER_AS } from "./receiver.ts";

/** `herald-cold` is a process that announces for the first time, `herald` one that has rehearsed it. */
export const ANNOUNCERS = ["herald", "herald-cold", "bird", "frr", "gobgp", "exabgp"] as const;
export type AnnouncerName = (typeof ANNOUNCERS)[number];

export interface Announcer {
  readonly name: AnnouncerName;
  /** Called right before a measurement. */
  measuring(): void;
  /** Peak resident memory, MiB, and what else it knows of itself. Ends it. */
  stop(): Promise<{ readonly peakRssMiB: number; readonly loopDelayMax?: number }>;
}

const OWN_AS = 65001;
const BINARIES: Readonly<Record<AnnouncerName, string>> = {
  herald: process.execPath,
  "herald-cold": process.execPath,
  bird: "/usr/sbin/bird",
  frr: "/usr/lib/frr/bgpd",
  gobgp: "/usr/bin/gobgpd",
  exabgp: "/usr/sbin/exabgp",
};

export function isInstalled(name: AnnouncerName): boolean {
  return existsSync(BINARIES[name]);
}

/** Starts it and waits until its routes are loaded and it wants a session. */
export async function startAnnouncer(name: AnnouncerName, family: 4 | 6, count: number, port: number): Promise<Announcer> {
  if (name === "herald" || name === "herald-cold") return startHerald(name, family, count, port);
  const folder = mkdtempSync(join(tmpdir(), `herald-bench-${name}-`));
  chmodSync(folder, 0o755);
  const started = START[name](folder, family, count, port);
  await quiet(started.child, started.patienceMillis);
  let waker: NodeJS.Timeout | undefined;
  return {
    name,
    measuring: () => {
      if (name === "bird") waker ??= wake(join(folder, "ctl"));
    },
    stop: async () => {
      const peakRssMiB = peakOf(started.child.pid ?? 0);
      clearInterval(waker);
      await end(started.child);
      rmSync(folder, { recursive: true, force: true });
      return { peakRssMiB };
    },
  };
}

async function startHerald(name: "herald" | "herald-cold", family: 4 | 6, count: number, port: number): Promise<Announcer> {
  const child = spawnHerald({
    family,
    count,
    address: RECEIVER_ADDRESS,
    port,
    peerAs: RECEIVER_AS,
    source: null,
    rehearsed: name === "herald",
  });
  const lines: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => lines.push(...text.split("\n").filter((line) => line !== "")));
  while (lines.length === 0) await sleep(5);
  return {
    name,
    measuring: () => {
      child.stdin.write("measuring\n");
    },
    stop: async () => {
      child.stdin.end();
      await new Promise((resolve) => child.once("close", resolve));
      return JSON.parse(lines.at(-1) ?? "{}") as HeraldReport;
    },
  };
}

function spawnHerald(options: HeraldOptions): ChildProcessByStdio<Writable, Readable, null> {
  const args = ["--expose-gc", process.argv[1] ?? "", "herald-announcer", JSON.stringify(options)];
  return tracked(spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] }));
}

/** No daemon outlives the benchmark, however that ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

function tracked<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

interface Started {
  readonly child: ChildProcess;
  /** How long loading may take. */
  readonly patienceMillis: number;
}

const START: Readonly<
  Record<Exclude<AnnouncerName, "herald" | "herald-cold">, (folder: string, family: 4 | 6, count: number, port: number) => Started>
> = {
  bird(folder, family, count, port) {
    const channel = family === 4 ? "ipv4" : "ipv6";
    const lines = [
      "router id 10.0.0.1;",
      "protocol device { }",
      `protocol static { ${channel};`,
      ...hosts(family, count).map((host) => ` route ${host} blackhole;`),
      "}",
      `protocol bgp receiver { local 127.0.0.3 as ${OWN_AS}; neighbor ${RECEIVER_ADDRESS} port ${port} as ${RECEIVER_AS}; multihop; graceful restart on;`,
      " connect delay time 1; connect retry time 1; error wait time 1, 1;",
      ` ${channel} { import none; export all; next hop address ${nextHop(family)}; }; }`,
    ];
    const conf = write(folder, "bird.conf", lines);
    return { child: run(folder, "bird", ["-f", "-c", conf, "-s", join(folder, "ctl"), "-P", join(folder, "pid")]), patienceMillis: 60_000 };
  },
  frr(folder, family, count, port) {
    const lines = [
      `router bgp ${OWN_AS}`,
      " bgp router-id 10.0.0.1",
      " no bgp ebgp-requires-policy",
      " no bgp network import-check",
      " no bgp default ipv4-unicast",
      " coalesce-time 0",
      ` neighbor ${RECEIVER_ADDRESS} remote-as ${RECEIVER_AS}`,
      ` neighbor ${RECEIVER_ADDRESS} port ${port}`,
      ` neighbor ${RECEIVER_ADDRESS} ebgp-multihop 2`,
      ` neighbor ${RECEIVER_ADDRESS} disable-connected-check`,
      ` neighbor ${RECEIVER_ADDRESS} timers connect 1`,
      ` neighbor ${RECEIVER_ADDRESS} advertisement-interval 0`,
      ` neighbor ${RECEIVER_ADDRESS} update-source 127.0.0.2`,
      ` address-family ipv${family} unicast`,
      `  neighbor ${RECEIVER_ADDRESS} activate`,
      `  neighbor ${RECEIVER_ADDRESS} route-map NEXTHOP out`,
      ...hosts(family, count).map((host) => `  network ${host}`),
      " exit-address-family",
      "route-map NEXTHOP permit 10",
      ` set ${family === 4 ? "ip next-hop" : "ipv6 next-hop global"} ${nextHop(family)}`,
    ];
    const conf = write(folder, "bgpd.conf", lines);
    const args = [
      "-n",
      "-Z",
      "-S",
      "-l",
      "127.0.0.2",
      "-p",
      "1179",
      "-f",
      conf,
      "-i",
      join(folder, "pid"),
      "--vty_socket",
      folder,
      "-P",
      "0",
    ];
    return { child: run(folder, "frr", args), patienceMillis: 180_000 };
  },
  gobgp(folder, family, count, port) {
    const neighbor = (address: string, as: number, transport: readonly string[]) => [
      "[[neighbors]]",
      "[neighbors.config]",
      `neighbor-address = "${address}"`,
      `peer-as = ${as}`,
      "[neighbors.transport.config]",
      'local-address = "127.0.0.4"',
      ...transport,
      "[neighbors.timers.config]",
      "connect-retry = 1",
      "[neighbors.ebgp-multihop.config]",
      "enabled = true",
      "multihop-ttl = 2",
      "[neighbors.graceful-restart.config]",
      "enabled = true",
      "restart-time = 120",
      "[[neighbors.afi-safis]]",
      "[neighbors.afi-safis.config]",
      `afi-safi-name = "ipv${family}-unicast"`,
      "[neighbors.afi-safis.mp-graceful-restart.config]",
      "enabled = true",
    ];
    const conf = write(folder, "gobgpd.toml", [
      "[global.config]",
      "as = 65002",
      'router-id = "10.0.0.1"',
      `port = ${port + 1}`,
      'local-address-list = ["127.0.0.4"]',
      ...neighbor(RECEIVER_ADDRESS, RECEIVER_AS, [`remote-port = ${port}`]),
      // Its routes come from a Herald: its own command line needs a call for each.
      ...neighbor("127.0.0.6", OWN_AS, ["passive-mode = true"]),
    ]);
    const child = run(folder, "gobgp", ["-f", conf, "--api-hosts", `127.0.0.1:${port + 2}`, "--pprof-disable", "-l", "error"]);
    const feeder = spawnHerald({
      family,
      count,
      address: "127.0.0.4",
      port: port + 1,
      peerAs: 65002,
      source: "127.0.0.6",
      rehearsed: false,
    });
    child.once("exit", () => feeder.kill("SIGKILL"));
    return { child, patienceMillis: 120_000 };
  },
  exabgp(folder, family, count, port) {
    const conf = write(folder, "exabgp.conf", [
      `neighbor ${RECEIVER_ADDRESS} {`,
      " router-id 10.0.0.1;",
      " local-address 127.0.0.5;",
      ` local-as ${OWN_AS};`,
      ` peer-as ${RECEIVER_AS};`,
      " capability { graceful-restart 120; }",
      ` family { ipv${family} unicast; }`,
      " static {",
      ...hosts(family, count).map((host) => `  route ${host} next-hop ${nextHop(family)};`),
      " }",
      "}",
    ]);
    const environment = {
      "exabgp.daemon.user": "root",
      "exabgp.tcp.port": String(port),
      "exabgp.log.level": "CRIT",
      "exabgp.api.cli": "false",
    };
    return { child: run(folder, "exabgp", [conf], environment), patienceMillis: 180_000 };
  },
};

function run(
  folder: string,
  name: AnnouncerName,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const output = openSync(join(folder, "output"), "a");
  const child = tracked(spawn(BINARIES[name], args, { stdio: ["ignore", output, output], env: { ...process.env, ...environment } }));
  closeSync(output);
  return child;
}

function write(folder: string, file: string, lines: readonly string[]): string {
  const path = join(folder, file);
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o644 });
  return path;
}

function hosts(family: 4 | 6, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const octets = hostOctets(family === 4 ? "IPv4" : "IPv6", n);
    if (family === 4) return `${octets.join(".")}/32`;
    return `2001:db8::${((n >>> 16) & 0xffff).toString(16)}:${(n & 0xffff).toString(16)}/128`;
  });
}

function nextHop(family: 4 | 6): string {
  return family === 4 ? "10.0.0.5" : "fd00::5";
}

/** Waits until the process has used no processor time for 0.8 s: its routes are loaded. */
async function quiet(child: ChildProcess, patienceMillis: number): Promise<void> {
  const deadline = performance.now() + patienceMillis;
  let before = -1;
  let since = performance.now();
  await sleep(1500);
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`);
    const ticks = ticksOf(child.pid ?? 0);
    if (ticks > before + 1) since = performance.now();
    before = ticks;
    if (performance.now() - since > 800) return;
    await sleep(100);
  }
}

function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // It has ended by itself.
  }
}

/** `birdc show status` every 5 ms. */
function wake(control: string): NodeJS.Timeout {
  const socket = connect(control);
  socket.on("error", () => {});
  socket.resume();
  return setInterval(() => socket.write("show status\n"), 5);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
