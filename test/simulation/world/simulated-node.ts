/** A node: a machine with a service proxy and a speaker, the real one. The speaker may stop, crash, or lose its machine, at any moment. */

import { parseConfig, type SpeakerConfig } from "../../../src/config/file.ts";
import type { LogEvent } from "../../../src/log.ts";
import { Metrics } from "../../../src/metrics.ts";
import type { ClusterObject, ObjectChange } from "../../../src/objects/kinds.ts";
import type { PlannerOptions } from "../../../src/plan/change.ts";
import { plannerOptionsOf } from "../../../src/speaker/planner-options.ts";
import type { SystemCalls } from "../../../src/speaker/sockopt/system-calls.ts";
import { Speaker } from "../../../src/speaker/speaker.ts";
import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Transport } from "../../../src/speaker/transport.ts";
import { ip } from "../../support/cluster-objects.ts";
import type { Dice } from "../../support/dice.ts";
import type { BfdLinks } from "./bfd-links.ts";
import type { Cluster } from "./cluster.ts";
import type { Host, Network } from "./network.ts";
import { isDrainedIn } from "./oracle.ts";
import { ServiceProxy } from "./service-proxy.ts";
import type { Setting } from "./setting.ts";
import { SimulatedSource } from "./simulated-source.ts";
import { ProcessClock } from "./virtual-clock.ts";
import { STATE_FILE, VirtualDisk } from "./virtual-disk.ts";

/** One life of a speaker. */
export interface SpeakerProcess {
  readonly clock: ProcessClock;
  readonly speaker: Speaker;
  readonly source: SimulatedSource;
  /** In the time of the world. */
  readonly startedAt: number;
  syncedAt: number | null;
  stopping: boolean;
  /** It goes on where the process before it stopped. */
  resumes: boolean;
}

export interface NodePorts {
  readonly network: Network;
  readonly cluster: Cluster;
  readonly setting: Setting;
  readonly dice: Dice;
  readonly bfd: BfdLinks;
  /** What a bug is planted with: puts something between the speaker and the network. */
  readonly wrap: (transport: Transport, node: SimulatedNode) => Transport;
  readonly wrapStorage: (storage: StateStorage, node: SimulatedNode) => StateStorage;
  log(node: string, event: LogEvent): void;
  /** Its speaker knows another cluster than before. */
  viewed(node: SimulatedNode): void;
  /** A process ended: by itself, or not. */
  ended(node: SimulatedNode, process: SpeakerProcess, how: "exit" | "kill"): void;
}

export class SimulatedNode {
  readonly name: string;
  readonly host: Host;
  readonly proxy: ServiceProxy;
  readonly config: SpeakerConfig;
  readonly plannerOptions: PlannerOptions;
  readonly disk: VirtualDisk;
  /** How far its time of day is from the right one. */
  wallOffsetMillis = 0;
  /** Another after each loss of power. */
  #boot = 0;
  /** Asked of the API server's Pod object: this stop is a rollout. */
  #podDeleted = false;
  /** `POST /api/v1/drain` on this node: what its process was told, or what its disk says to the next. */
  drainedByHand = false;
  /** The API server answers it. */
  reachable = true;
  process: SpeakerProcess | null = null;
  /** What the speaker knows; null before it knows all. */
  view: readonly ClusterObject[] | null = null;
  readonly #ports: NodePorts;

  constructor(name: string, ports: NodePorts) {
    this.name = name;
    this.#ports = ports;
    this.host = ports.network.host(ip(`10.0.0.${name.slice(1)}`));
    this.proxy = new ServiceProxy(name, ports.network.clock, ports.dice);
    this.proxy.hear(ports.cluster.objects);
    this.disk = new VirtualDisk(ports.network.clock, ports.dice);
    this.config = configOf(name, ports.setting);
    this.plannerOptions = plannerOptionsOf(this.config);
  }

  /** A service proxy is asked before anything is announced. */
  get isGated(): boolean {
    return this.#ports.setting.gate;
  }

  /** By hand, or by its object as the cluster has it. */
  get isDrained(): boolean {
    return this.drainedByHand || isDrainedIn(this, this.#ports.cluster.objects);
  }

  get powered(): boolean {
    return this.host.powered;
  }

  start(): void {
    if (this.process !== null || !this.powered) return;
    const { network, cluster, setting, dice, wrap, wrapStorage, log } = this.#ports;
    const clock = new ProcessClock(network.clock, () => this.wallOffsetMillis);
    const source = new SimulatedSource({
      clock,
      world: network.clock,
      dice,
      cluster,
      reachable: () => this.reachable,
      viewed: (objects, synced) => this.#onView(objects, synced),
    });
    const speaker = new Speaker({
      config: this.config,
      source,
      metrics: METRICS,
      clock,
      log: (event) => {
        if (event.event === "state.restored" && this.process !== null) this.process.resumes = true;
        log(this.name, event);
      },
      readAddresses: () => [this.host.text, `fd00::${this.name.slice(1)}`],
      loadSystemCalls: () => (setting.bfd ? { ok: true, calls: CALLS } : { ok: false, why: "the simulated network has no socket options" }),
      transport: wrap(network.transport(this.host), this),
      ask: this.proxy.asker(clock),
      storage: wrapStorage(this.disk.storage(clock), this),
      readBootId: () => `boot ${this.#boot}`,
      ownPodDeleted: () => this.#podDeleted,
      startBfdThread: this.#ports.bfd.thread(this.name, clock),
      random: () => dice.below(0x1_0000_0000) / 0x1_0000_0000,
    });
    this.process = { clock, speaker, source, startedAt: network.clock.now, syncedAt: null, stopping: false, resumes: false };
    void speaker.start();
  }

  /** SIGTERM, of a rollout or of a node that goes down. */
  stop(podDeleted: boolean): void {
    const { process } = this;
    if (process === null || process.stopping) return;
    process.stopping = true;
    this.#podDeleted = podDeleted;
    void process.speaker.stop().then(() => {
      if (this.process !== process) return;
      this.#end("fin", "exit");
    });
  }

  drain(drained: boolean): void {
    const { process } = this;
    if (process === null || process.stopping) return;
    this.drainedByHand = drained;
    void (drained ? process.speaker.commands.drain("by hand") : process.speaker.commands.undrain());
  }

  /** SIGKILL. */
  crash(how: "fin" | "rst"): void {
    this.#end(how, "kill");
  }

  powerOff(): void {
    this.host.powered = false;
    this.#boot++;
    this.#end("fin", "kill");
  }

  powerOn(): void {
    this.host.powered = true;
  }

  changed(changes: readonly ObjectChange[]): void {
    this.process?.source.changed(changes);
    this.proxy.hear(this.#ports.cluster.objects);
  }

  setReachable(reachable: boolean): void {
    if (this.reachable === reachable) return;
    this.reachable = reachable;
    if (reachable) this.process?.source.restored();
  }

  #end(how: "fin" | "rst", why: "exit" | "kill"): void {
    const { process } = this;
    if (process !== null) this.#ports.ended(this, process, why);
    process?.clock.end();
    process?.source.end();
    this.process = null;
    this.#ports.bfd.lost(this.name);
    this.#podDeleted = false;
    // A command that was not answered yet may be lost.
    this.drainedByHand = this.disk.holds(`${STATE_FILE}.drain`);
    this.#ports.network.kill(this.host, how);
  }

  #onView(objects: readonly ClusterObject[], synced: boolean): void {
    const { process } = this;
    if (!synced || process === null) return;
    process.syncedAt ??= this.#ports.network.clock.now;
    this.view = objects;
    this.#ports.viewed(this);
  }
}

/** Options of sockets are set, and change nothing. */
const CALLS: SystemCalls = {
  socket: () => 0,
  bind: () => {},
  setsockopt: () => {},
  attachFilter: () => {},
  send: () => {},
  receive: () => 0,
  close: () => {},
};

/** One for all: nobody looks at them, and each would watch the real event loop. */
const METRICS = new Metrics({ version: "0.0.0", commit: "simulation" });

const configs = new Map<string, SpeakerConfig>();

/** Reading one takes longer than most of a world's events. */
function configOf(node: string, { gate, announceHoldDown, routersDial }: Setting): SpeakerConfig {
  const text = [
    `nodeName: ${node}`,
    "source: { kubernetes: {} }",
    `stateFile: ${STATE_FILE}`,
    "resetSpread: 2s",
    `bgp: { listen: [${routersDial ? `10.0.0.${node.slice(1)}` : ""}] }`,
    `dataplane: { healthz: "${gate ? "auto" : "off"}" }`,
    `announceHoldDown: ${announceHoldDown}`,
  ].join("\n");
  const known = configs.get(text) ?? parseConfig("simulation.yaml", text, { env: {}, hostname: node });
  configs.set(text, known);
  return known;
}
