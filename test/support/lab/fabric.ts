/**
 * Hosts of a test: one network namespace each, joined by a bridge in one more. Root on Linux only. Addresses are the caller's;
 * nothing is reachable from outside the namespaces, so every daemon may use port 179.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { forgetProcess, registerProcess, testDirectory, testNamespace } from "../leftovers.ts";
import { until } from "./wait.ts";

export interface HostSpec {
  readonly name: string;
  /** With prefix length, `10.88.0.2/24`. */
  readonly addresses: readonly string[];
}

/** A process in a host's namespace, with its output in a file. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly exited: Promise<number | null>;

  constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
    this.exited = new Promise((resolve) => child.once("exit", resolve));
    const { pid } = child;
    if (pid === undefined) return;
    registerProcess(pid);
    child.once("exit", () => forgetProcess(pid));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  output(): string {
    return readFileSync(this.#log, "utf8");
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it; SIGKILL after 5 s. Resolves when it is gone. */
  async stop(name: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.running) return;
    this.#child.kill(name);
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.exited;
    clearTimeout(killer);
  }
}

export class Host {
  readonly name: string;
  readonly namespace: string;
  /** Scratch files of this host's daemons. */
  readonly directory: string;
  readonly daemons: Daemon[] = [];
  #started = 0;

  constructor(name: string) {
    this.name = name;
    this.namespace = testNamespace(name);
    this.directory = testDirectory(name);
  }

  start(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Daemon {
    this.#started += 1;
    const log = join(this.directory, `${program.split("/").at(-1) ?? program}-${this.#started}.log`);
    const output = openSync(log, "w");
    const child = spawn("ip", ["netns", "exec", this.namespace, program, ...args], {
      cwd: this.directory,
      stdio: ["ignore", output, output],
      env: { ...process.env, ...environment },
    });
    closeSync(output);
    const daemon = new Daemon(child, log);
    this.daemons.push(daemon);
    return daemon;
  }

  /** Runs a program to its end. @throws with its output unless it exits 0. */
  run(program: string, args: readonly string[]): string {
    return command("ip", ["netns", "exec", this.namespace, program, ...args]);
  }
}

export class Fabric {
  readonly #switch: string;
  readonly #hosts = new Map<string, Host>();

  /** `name` tells fabrics of one test process apart: host names must be unique in the process, so they carry it. */
  constructor(name: string, hosts: readonly HostSpec[]) {
    this.#switch = testNamespace(`${name}-sw`);
    try {
      command("ip", ["netns", "add", this.#switch]);
      command("ip", ["-n", this.#switch, "link", "add", "br0", "type", "bridge"]);
      command("ip", ["-n", this.#switch, "link", "set", "br0", "up"]);
      for (const spec of hosts) this.#join(name, spec);
    } catch (error) {
      // Nobody else can: a test whose set-up throws has no fabric to close.
      this.#remove();
      throw error;
    }
  }

  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name} in this fabric`);
    return host;
  }

  /** Cuts a host off, as a power cut does: nobody else sees a link go down. */
  cut(name: string): void {
    command("ip", ["-n", this.#switch, "link", "set", this.#port(name), "down"]);
  }

  mend(name: string): void {
    command("ip", ["-n", this.#switch, "link", "set", this.#port(name), "up"]);
  }

  #port(name: string): string {
    return `p${[...this.#hosts.keys()].indexOf(name) + 1}`;
  }

  /** Ends every process and removes namespaces and directories. */
  async close(): Promise<void> {
    const daemons = [...this.#hosts.values()].flatMap((host) => host.daemons);
    await Promise.all(daemons.map((daemon) => daemon.stop("SIGKILL")));
    this.#remove();
  }

  #remove(): void {
    for (const { namespace, directory } of this.#hosts.values()) {
      spawnSync("ip", ["netns", "delete", namespace]);
      rmSync(directory, { recursive: true, force: true });
    }
    spawnSync("ip", ["netns", "delete", this.#switch]);
  }

  #join(fabric: string, spec: HostSpec): void {
    const host = new Host(`${fabric}-${spec.name}`);
    this.#hosts.set(spec.name, host);
    const port = this.#port(spec.name);
    command("ip", ["netns", "add", host.namespace]);
    command("ip", ["-n", host.namespace, "link", "set", "lo", "up"]);
    command("ip", ["link", "add", "eth0", "netns", host.namespace, "type", "veth", "peer", "name", port, "netns", this.#switch]);
    command("ip", ["-n", this.#switch, "link", "set", port, "master", "br0", "up"]);
    for (const address of spec.addresses) {
      const duplicateDetection = address.includes(":") ? ["nodad"] : [];
      command("ip", ["-n", host.namespace, "addr", "add", address, "dev", "eth0", ...duplicateDetection]);
    }
    command("ip", ["-n", host.namespace, "link", "set", "eth0", "up"]);
  }
}

/** Waits until a file or socket that a daemon makes is there. */
export async function fileAppears(path: string): Promise<void> {
  await until(`${path} appears`, async () => spawnSync("test", ["-e", path]).status === 0);
}

function command(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`, { cause: error });
  return stdout;
}
