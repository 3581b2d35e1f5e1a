import { setTimeout as sleep } from "node:timers/promises";
import { SpeakerError } from "../errors.ts";
import { ask, Daemon, freePort, requireProgram } from "./daemon.ts";
import { type DemoNode, type DemoRouter, NODE_ASN, ROUTER_ASN } from "./router.ts";
import { leavingHopsOf, type ReceivedPath, type RouterTable, tableOf } from "./table.ts";

/** Between two looks at a daemon's table. */
const POLL_MILLIS = 15;
const START_MILLIS = 10_000;
/** The daemon's own loopback address; each node has another. */
const ADDRESS = "127.0.0.2";

/** What a kind of daemon needs to know to be run and read. */
export interface DaemonSetting {
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  /** A second free port on 127.0.0.1, for a daemon's own API. */
  readonly apiPort: number;
  readonly asn: number;
  readonly routerId: string;
  readonly neighbors: readonly { readonly address: string; readonly asn: number }[];
}

/** How one kind of daemon is run and read. Programs are found before anything starts. */
export interface DaemonKind {
  /** Debian package. */
  readonly packageName: string;
  readonly daemon: string;
  readonly reader: string;
  /** Arguments that print the version, and where it stands in what they print. */
  readonly version: { readonly args: readonly string[]; readonly pattern: RegExp; readonly name: string };
  /** Writes the configuration and returns the arguments of the daemon. */
  configure(setting: DaemonSetting): readonly string[];
  /** Sessions that are up. @throws while it does not answer yet */
  established(reader: string, setting: DaemonSetting): Promise<number>;
  paths(reader: string, setting: DaemonSetting): Promise<readonly ReceivedPath[]>;
}

/** A real daemon on a loopback address of its own; the speakers call it from theirs. Linux only: other systems have just 127.0.0.1. */
export class DaemonRouter implements DemoRouter {
  readonly product: string;
  readonly dials = false;
  leavingHops: readonly string[] = [];
  readonly #kind: DaemonKind;
  readonly #daemon: string;
  readonly #reader: string;
  readonly #directory: string;
  readonly #port: number;
  readonly #apiPort: number;
  #setting: DaemonSetting | null = null;
  #process: Daemon | null = null;

  private constructor(
    kind: DaemonKind,
    programs: { daemon: string; reader: string; product: string },
    directory: string,
    ports: [number, number],
  ) {
    this.#kind = kind;
    this.#daemon = programs.daemon;
    this.#reader = programs.reader;
    this.product = programs.product;
    this.#directory = directory;
    [this.#port, this.#apiPort] = ports;
  }

  /** @throws {SpeakerError} UNSUPPORTED when the system or the daemon is missing */
  static async prepare(kind: DaemonKind, directory: string): Promise<DaemonRouter> {
    if (process.platform !== "linux") {
      throw new SpeakerError("UNSUPPORTED", `--router ${kind.version.name}: needs Linux, where all of 127.0.0.0/8 is local`, {
        remedy: "use --router builtin",
      });
    }
    const daemon = requireProgram(kind.daemon, kind.packageName);
    const reader = requireProgram(kind.reader, kind.packageName);
    const version = await versionOf(daemon, kind);
    return new DaemonRouter(kind, { daemon, reader, product: `${kind.version.name}${version}` }, directory, [
      await freePort(ADDRESS),
      await freePort("127.0.0.1"),
    ]);
  }

  peers(nodes: readonly DemoNode[]): string {
    return nodes.map((node) => peerOf(node, this.#port)).join("---\n");
  }

  async start(nodes: readonly DemoNode[]): Promise<void> {
    const setting: DaemonSetting = {
      directory: this.#directory,
      address: ADDRESS,
      port: this.#port,
      apiPort: this.#apiPort,
      asn: ROUTER_ASN,
      routerId: "10.0.0.254",
      neighbors: nodes.map(({ sessionAddress }) => ({ address: sessionAddress, asn: NODE_ASN })),
    };
    this.#setting = setting;
    const daemon = new Daemon(this.#kind.daemon, this.#daemon, this.#kind.configure(setting), this.#directory);
    this.#process = daemon;
    const deadline = performance.now() + START_MILLIS;
    for (;;) {
      daemon.requireRunning();
      try {
        await this.#kind.established(this.#reader, setting);
        return;
      } catch (cause) {
        if (performance.now() > deadline) throw new SpeakerError("UNREACHABLE", `${this.product} does not answer`, { cause });
        await sleep(POLL_MILLIS);
      }
    }
  }

  async established(): Promise<number> {
    return this.#setting === null ? 0 : this.#kind.established(this.#reader, this.#setting);
  }

  async table(): Promise<RouterTable> {
    const received = this.#setting === null ? [] : await this.#kind.paths(this.#reader, this.#setting);
    this.leavingHops = leavingHopsOf(received);
    return tableOf(received);
  }

  async changed(signal: AbortSignal, patienceMillis: number): Promise<void> {
    // A daemon tells nothing by itself: the next look is due. Ended by the signal, the sleep rejects; that is an end like the other.
    await sleep(Math.min(POLL_MILLIS, patienceMillis), undefined, { signal }).catch(() => {});
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

async function versionOf(daemon: string, kind: DaemonKind): Promise<string> {
  const { args, pattern } = kind.version;
  try {
    const found = pattern.exec(await ask(daemon, args, "both"))?.[1];
    return found === undefined ? "" : ` ${found}`;
  } catch {
    return ""; // Only for words.
  }
}

function peerOf({ name, sessionAddress }: DemoNode, port: number): string {
  return `apiVersion: herald.dev/v1alpha1
kind: BGPPeer
metadata: { name: tor-${name}, namespace: herald-system }
spec:
  myASN: ${NODE_ASN}
  peerASN: ${ROUTER_ASN}
  peerAddress: ${ADDRESS}
  peerPort: ${port}
  sourceAddress: ${sessionAddress}
  ebgpMultiHop: true
  holdTime: 9s
  families: [IPv4, IPv6]
  nextHopSource: NodeInternalIP
  nodeSelectors: [{ matchLabels: { kubernetes.io/hostname: ${name} } }]
`;
}
