/** A client's connections through the rack, and what the router's kernel did meanwhile, on one clock. */

import type { Daemon, Host } from "./fabric.ts";
import { num, record, text } from "./json.ts";
import { until } from "./wait.ts";

export interface Connection {
  /** Milliseconds since the epoch, as all times here. */
  readonly at: number;
  /** The first word of the pod; null = none came. */
  readonly greetedAt: number | null;
  readonly endedAt: number;
  /** `ok`, or how it failed: `refused`, `reset`, `timeout`, or the system's error code. */
  readonly outcome: string;
  readonly pod: string;
}

/** When the kernel's route of a prefix became another: the monitor has its turn, and stamps, after that. */
export interface Moment {
  /** The router's daemon was about to ask its kernel for it. */
  readonly notBefore: number;
  readonly seen: number;
}

interface RouteChange extends Moment {
  /** Empty = none any more. */
  readonly gateways: readonly string[];
}

export interface Tally {
  readonly opened: number;
  readonly failed: Readonly<Record<string, number>>;
  /** SYNs that the client's kernel had to send again. */
  readonly synRetransmits: number;
}

export class Traffic {
  readonly #client: Daemon;
  readonly #monitor: Daemon;
  readonly #host: Host;
  readonly #routesSent: () => readonly number[];
  readonly #retransmitsBefore: number;
  #ended: readonly Connection[] | null = null;

  private constructor(client: Daemon, monitor: Daemon, host: Host, routesSent: () => readonly number[]) {
    this.#routesSent = routesSent;
    this.#client = client;
    this.#monitor = monitor;
    this.#host = host;
    this.#retransmitsBefore = synRetransmits(host);
  }

  /** @param routesSent when the router's daemon asked its kernel for a route or to drop one, all of them so far and in order. */
  static async start(
    client: Host,
    router: Host,
    routesSent: () => readonly number[],
    program: string,
    to: { readonly address: string; readonly port: number; readonly perSecond: number; readonly holdMillis: number },
  ): Promise<Traffic> {
    const monitor = router.start("ip", ["-ts", "-o", "-4", "monitor", "route"]);
    const args = [program, to.address, String(to.port), String(to.perSecond), String(to.holdMillis)];
    const traffic = new Traffic(client.start(process.execPath, args), monitor, client, routesSent);
    await traffic.greetings(100);
    return traffic;
  }

  /** Resolves after so many more connections have ended: what was changed before has met traffic. */
  async flows(count = 100): Promise<void> {
    const enough = this.#ends().length + count;
    await until(`${count} more connections have ended`, async () => this.#ends().length >= enough, 60_000 + count * 100);
  }

  /** Resolves after so many more connections have been accepted by a pod. */
  async greetings(count: number): Promise<void> {
    const now = (): number => this.#lines().length - this.#ends().length;
    const enough = now() + count;
    await until(`${count} more connections have been greeted`, async () => now() >= enough, 60_000);
  }

  /** No more connections, and those under way brought to their end. */
  async stop(): Promise<Tally> {
    this.#client.signal("SIGTERM");
    await this.#client.exited;
    await this.#monitor.stop();
    this.#ended = this.#ends().map(connectionOf);
    return { ...tally(this.#ended), synRetransmits: synRetransmits(this.#host) - this.#retransmitsBefore };
  }

  /** After {@link stop}: all of them. */
  get connections(): readonly Connection[] {
    if (this.#ended === null) throw new Error("the traffic has not been stopped");
    return this.#ended;
  }

  /** Moments at which the kernel's route changed: with any change of the next hops flows may move, and with them those under way. */
  tableChanges(): readonly Moment[] {
    return this.#changes().map(({ notBefore, seen }) => ({ notBefore, seen }));
  }

  /** Moments at which the kernel took a gateway out of any route. */
  removals(gateway: string): readonly number[] {
    const changes = this.#changes();
    return changes.flatMap(({ seen, gateways }, index) =>
      !gateways.includes(gateway) && (index === 0 || (changes[index - 1]?.gateways.includes(gateway) ?? false)) ? [seen] : [],
    );
  }

  #changes(): readonly RouteChange[] {
    const lines = this.#monitor
      .output()
      .split("\n")
      .flatMap((line) => {
        const at = /^\[([0-9T:.-]+)\]/.exec(line)?.[1];
        return at === undefined || !line.includes("proto bgp") ? [] : [{ line, seen: millisOf(at) }];
      });
    const sent = [...this.#routesSent()];
    // The first ones are older than this traffic.
    sent.splice(0, sent.length - lines.filter(({ line }) => isOfDaemon(line)).length);
    let notBefore: number | undefined;
    return lines.map(({ line, seen }) => {
      // What somebody else does to the router's routes, as where it hashes resiliently, follows a change by the daemon.
      if (isOfDaemon(line)) notBefore = sent.shift();
      if (notBefore === undefined || notBefore > seen) throw new Error(`nobody asked for this route: ${line}`);
      const gateways = line.includes("Deleted ") ? [] : [...line.matchAll(/ via ([0-9.]+)/g)].map((match) => match[1] ?? "");
      return { notBefore, seen, gateways };
    });
  }

  #ends(): readonly string[] {
    return this.#lines().filter((line) => line !== "+");
  }

  #lines(): readonly string[] {
    return this.#client.output().split("\n").slice(0, -1);
  }
}

/** Connections that may have been opened but not over at the moment. */
export function inFlightAt(connections: readonly Connection[], { notBefore, seen }: Moment): readonly Connection[] {
  return connections.filter(({ at, endedAt }) => at <= seen && endedAt >= notBefore);
}

/** FRR's routes by eBGP have its distance for a metric. */
function isOfDaemon(line: string): boolean {
  return / metric 20\b/.test(line);
}

/** Milliseconds since the epoch, to the microsecond, of a local time like 2026-11-27T08:13:44.541677. */
function millisOf(text: string): number {
  return new Date(text).getTime() + Number(/\.(\d+)$/.exec(text)?.[1]?.slice(3) ?? 0) / 1000;
}

export function failuresOf(connections: readonly Connection[]): readonly Connection[] {
  return connections.filter(({ outcome }) => outcome !== "ok");
}

function tally(connections: readonly Connection[]): Pick<Tally, "opened" | "failed"> {
  const failed: Record<string, number> = {};
  for (const { outcome } of failuresOf(connections)) failed[outcome] = (failed[outcome] ?? 0) + 1;
  return { opened: connections.length, failed };
}

function connectionOf(line: string): Connection {
  const { at, greetedAt, endedAt, outcome, pod } = record(JSON.parse(line));
  return {
    at: num(at),
    greetedAt: greetedAt === null ? null : num(greetedAt),
    endedAt: num(endedAt),
    outcome: text(outcome),
    pod: text(pod),
  };
}

/** TcpExt TCPSynRetrans of a namespace. */
function synRetransmits(host: Host): number {
  const [names = "", values = ""] = host
    .run("cat", ["/proc/net/netstat"])
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"));
  return Number(values.split(" ")[names.split(" ").indexOf("TCPSynRetrans")]);
}
