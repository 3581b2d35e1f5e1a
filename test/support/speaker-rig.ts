/** A real speaker in this process: real sockets, a source that is told what to say, and no directory. */

import { type Clock, systemClock } from "../../src/clock.ts";
import { parseConfig, type SpeakerConfig } from "../../src/config/file.ts";
import type { LogEvent } from "../../src/log.ts";
import { Metrics } from "../../src/metrics.ts";
import { refOf } from "../../src/objects/check.ts";
import type { ClusterObject, Finding, Kind, ObjectChange } from "../../src/objects/kinds.ts";
import type { Source, SourceSink } from "../../src/source/source.ts";
import { type ReadAddresses, readHostAddresses } from "../../src/speaker/host-addresses.ts";
import { type LoadedCalls, loadSystemCalls } from "../../src/speaker/sockopt/system-calls.ts";
import { Speaker } from "../../src/speaker/speaker.ts";
import { accepted, ours } from "./raw-objects.ts";

export const NODE = "node-a";

/** A source that delivers what the test says. */
export class FakeSource implements Source {
  readonly #clock: Clock;
  #sink: SourceSink | null = null;
  #synced = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    this.#sink = sink;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  state(): readonly { readonly kind: Kind; readonly synced: boolean; readonly lastEventAgeMillis: number | null }[] {
    return [{ kind: "Service", synced: this.#synced, lastEventAgeMillis: this.#synced ? 0 : null }];
  }

  set(...objects: readonly ClusterObject[]): void {
    this.deliver(objects.map((object) => ({ type: "set", object })));
  }

  delete(...objects: readonly ClusterObject[]): void {
    this.deliver(objects.map((object) => ({ type: "delete", ref: refOf(object), resourceVersion: "" })));
  }

  deliver(changes: readonly ObjectChange[], findings: readonly Finding[] = []): void {
    this.#sink?.batch({ changes, findings, at: this.#clock.now() });
  }

  sync(): void {
    this.#synced = true;
    this.#sink?.synced();
  }

  fault(what: string, cause: unknown): void {
    this.#sink?.fault(what, cause);
  }
}

export interface Rig {
  readonly speaker: Speaker;
  readonly source: FakeSource;
  readonly logged: LogEvent[];
  readonly metrics: Metrics;
  readonly config: SpeakerConfig;
  /** Port it accepts sessions on; 0 = it does not. */
  readonly port: number;
}

/** Starts a speaker; `yaml` is its configuration. Port 0, no state file and no coalescing unless it says otherwise. */
export async function startSpeaker(
  options: {
    readonly yaml?: string;
    readonly listen?: readonly string[];
    readonly clock?: Clock;
    readonly readAddresses?: ReadAddresses;
    readonly readBootId?: () => string;
    readonly ownPodDeleted?: () => boolean;
    readonly loadSystemCalls?: () => LoadedCalls;
    /** Default: none. */
    readonly stateFile?: string;
  } = {},
): Promise<Rig> {
  const { clock = systemClock, listen = [], readAddresses = readHostAddresses, readBootId = () => "boot-1" } = options;
  const text = [
    `nodeName: ${NODE}`,
    "source: { directory: /nowhere }",
    `stateFile: ${JSON.stringify(options.stateFile ?? "")}`,
    "coalesce: 0s",
    "resetSpread: 0s",
    `bgp: { port: 0, listen: [${listen.map((address) => JSON.stringify(address)).join(", ")}] }`,
    options.yaml ?? "",
  ].join("\n");
  const config = parseConfig("rig.yaml", text, { env: {} });
  const logged: LogEvent[] = [];
  const metrics = new Metrics({ version: "0.0.0", commit: "test" });
  const source = new FakeSource(clock);
  const { ownPodDeleted = () => false, loadSystemCalls: load = loadSystemCalls } = options;
  const log = (event: LogEvent) => logged.push(event);
  const speaker = new Speaker({ config, source, metrics, clock, readAddresses, readBootId, ownPodDeleted, loadSystemCalls: load, log });
  await speaker.start();
  return { speaker, source, logged, metrics, config, port: speaker.listening[0]?.port ?? 0 };
}

/** A BGPPeer; `spec` over what a peer on 127.0.0.1 needs. */
export function bgpPeer(name: string, spec: Readonly<Record<string, unknown>>): ClusterObject & { readonly kind: "BGPPeer" } {
  const raw = ours("BGPPeer", {
    myASN: 65001,
    peerASN: 65000,
    peerAddress: "127.0.0.1",
    nextHop: { ipv4: "10.0.0.1", ipv6: "fd00::1" },
    ...spec,
  });
  return accepted("BGPPeer", { ...raw, metadata: { name, namespace: "herald-system" } });
}

export function advertisement(spec: Readonly<Record<string, unknown>> = {}): ClusterObject {
  return accepted("BGPAdvertisement", { ...ours("BGPAdvertisement", spec), metadata: { name: "all", namespace: "herald-system" } });
}

export function node(name = NODE, addresses: readonly string[] = ["10.0.0.1", "fd00::1"]): ClusterObject {
  return accepted("Node", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })), conditions: [{ type: "Ready", status: "True" }] },
  });
}

/** A LoadBalancer Service and its one endpoint. */
export function service(name: string, ...ips: readonly string[]): ClusterObject[] {
  const metadata = { name, namespace: "default" };
  return [
    accepted("Service", {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { type: "LoadBalancer", clusterIPs: [clusterIP(name)] },
      status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
    }),
    ...["IPv4", "IPv6"].map((addressType) =>
      accepted("EndpointSlice", {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: `${name}-${addressType.toLowerCase()}`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
        addressType,
        endpoints: [{ addresses: [addressType === "IPv4" ? "10.1.0.1" : "fd01::1"], nodeName: NODE, conditions: { ready: true } }],
      }),
    ),
  ];
}

/** Of its own for every name that differs in its digits or length. */
function clusterIP(name: string): string {
  const n = Number(name.replace(/\D/g, "") || 0);
  return `10.${96 + (name.length % 16)}.${(n >> 8) & 255}.${n & 255}`;
}

/** Resolves once it holds; turns of the event loop, no clock. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, patienceMillis = 30_000): Promise<void> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > patienceMillis) throw new Error(`waited in vain for ${what}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Things to undo after a test, newest first. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];

  add<T>(value: T, undo: (value: T) => unknown): T {
    this.#steps.push(() => undo(value));
    return value;
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step();
  }
}

/** A speaker that listens on 127.0.0.1, with one passive peer `tor` there and one Service; nobody has called yet. */
export async function startListening(
  cleanup: Cleanup,
  options: {
    readonly spec?: Readonly<Record<string, unknown>>;
    readonly clock?: Clock;
    readonly yaml?: string;
    readonly ips?: readonly string[];
    readonly readAddresses?: ReadAddresses;
  } = {},
): Promise<Rig> {
  const { spec = {}, ips = ["192.0.2.1"], ...rest } = options;
  const rig = cleanup.add(await startSpeaker({ listen: ["127.0.0.1"], ...rest }), ({ speaker }) => speaker.stop());
  rig.source.set(node(), bgpPeer("tor", { passive: true, ...spec }), advertisement(), ...service("web", ...ips));
  await decided(rig);
  return rig;
}

/** Says that the source has told everything for the first time, and waits for the decisions. */
export async function decided({ source, speaker }: Rig): Promise<void> {
  source.sync();
  await eventually("the first decisions", () => speaker.view.ready());
}

/** What the admin API says about the peer. */
export function shown(rig: Rig, name = "tor") {
  const item = rig.speaker.view.peers().items.find((candidate) => candidate.name === name);
  if (item === undefined) throw new Error(`no peer ${name}`);
  return item;
}
