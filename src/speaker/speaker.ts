/**
 * The speaker: objects from the source, decisions from the planner, wishes to the peers. It starts what has a life of its own (source, listener, peers), ends it
 * in order, and shows all of it through {@link SpeakerView}.
 */

import { randomInt } from "node:crypto";
import type { StopCause } from "../bgp/fsm/session.ts";
import { AttributeTable } from "../bgp/rib/attribute-table.ts";
import { PrefixTable } from "../bgp/rib/prefix-table.ts";
import type { Clock } from "../clock.ts";
import type { SpeakerConfig } from "../config/file.ts";
import { SpeakerError } from "../errors.ts";
import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { deriveRouterId, formatRouterId } from "../ip/router-id.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { ObjectChange } from "../objects/kinds.ts";
import type { PlanChange } from "../plan/change.ts";
import { Planner } from "../plan/planner.ts";
import type { Source, SourceBatch } from "../source/source.ts";
import type { SpeakerCommands, SpeakerView } from "../view/speaker-view.ts";
import { Commands } from "./commands.ts";
import { DataplaneProbes } from "./dataplane-probes.ts";
import { FindingLog } from "./finding-log.ts";
import { type ReadAddresses, readHostAddresses } from "./host-addresses.ts";
import { askOverHttp, type HttpAsk } from "./http-ask.ts";
import type { Listener } from "./listener.ts";
import { LiveView } from "./live-view.ts";
import { PeerSet } from "./peer-set.ts";
import { Planning } from "./planning.ts";
import { PrefixTimes } from "./prefix-times.ts";
import { Recorder } from "./recorder.ts";
import { lockStateFile, type StateLock } from "./state-lock.ts";
import { type Round, Timeline } from "./timeline.ts";
import { recordTransitions } from "./transitions.ts";
import { type Transport, tcp } from "./transport.ts";

export interface SpeakerOptions {
  readonly config: SpeakerConfig;
  readonly source: Source;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Addresses of this host; default: the system's. */
  readonly readAddresses?: ReadAddresses;
  /** How sessions reach the network; default: TCP. */
  readonly transport?: Transport;
  /** How the data plane is probed; default: over HTTP. */
  readonly ask?: HttpAsk;
  /** 0 ≤ x < 1, for jitter; default: the system's. */
  readonly random?: () => number;
}

/** What a reload did: keys that are in force now, and keys whose change needs a new process. */
export interface ReloadReport {
  readonly changed: readonly string[];
  readonly needRestart: readonly string[];
}

const FIRST_TRANSITIONS = 10_000;

const SHUTDOWN: StopCause = { reason: "adminShutdown", text: "herald is shutting down" };

export class Speaker {
  /** For the admin server. */
  readonly view: SpeakerView;
  readonly #view: LiveView;
  readonly commands: SpeakerCommands;
  readonly #options: SpeakerOptions;
  readonly #planning: Planning;
  readonly #planner: Planner;
  readonly #probes: DataplaneProbes;
  readonly #peers: PeerSet;
  readonly #prefixes = new PrefixTable();
  readonly #attributes = new AttributeTable();
  readonly #times = new PrefixTimes(this.#prefixes);
  readonly #timeline = new Timeline();
  readonly #findings: FindingLog;
  readonly #listener: Pick<Listener, "start" | "stop">;
  readonly #ended = new AbortController();
  readonly #waitingForRoutes = new Set<string>();
  #config: SpeakerConfig;
  #recorder: Recorder | null = null;
  #lock: StateLock | null = null;
  #nodeAddresses: readonly Address[] = [];
  #routerId = 0;
  #startedAt = 0;
  #synced = false;
  #announcedSync = false;
  #firstTransitions = 0;
  #stopping: Promise<void> | null = null;
  #finished: Promise<void> = Promise.resolve();
  #listening: readonly { readonly address: Address; readonly port: number }[] = [];

  constructor(options: SpeakerOptions) {
    const { config, log, metrics, clock, source, transport = tcp, random } = options;
    this.#options = options;
    this.#config = config;
    this.#findings = new FindingLog(log);
    this.#planner = new Planner({
      node: config.nodeName,
      heraldNamespace: config.namespace,
      loadBalancerClass: config.loadBalancerClass,
      serviceProxyName: config.serviceProxyName,
      ignoreExcludeLabel: config.ignoreExcludeLabel,
      drain: config.drain.on,
      damping: {
        announceHoldDown: config.announceHoldDown,
        weightHoldDownMillis: config.weightHoldDownMillis,
        weightTolerance: config.weightTolerance,
      },
      // Of a cluster's worth of first decisions nobody reads the timeline line by line.
      transitionLimit: 1000,
    });
    this.#planning = new Planning({
      clock,
      planner: this.#planner,
      meter: () => clock.now(),
      coalesceMillis: () => this.#config.coalesceMillis,
      changed: (change, round) => this.#changed(change, round),
      decided: (round, millis) => this.#decided(round, millis),
    });
    this.#probes = new DataplaneProbes(
      {
        clock,
        log,
        ask: options.ask ?? askOverHttp,
        readAddresses: options.readAddresses ?? readHostAddresses,
        random: random ?? Math.random,
        state: (fact) => this.#planning.state(fact),
      },
      config,
    );
    this.#peers = new PeerSet({
      clock,
      log,
      node: config.nodeName,
      prefixes: this.#prefixes,
      attributes: this.#attributes,
      transport,
      seed: () => (random === undefined ? randomInt(0x1_0000_0000) : Math.floor(random() * 0x1_0000_0000)),
      recorder: {
        header: (peer, settings, seed) => this.#recorder?.header(peer, settings, seed),
        step: (peer, at, event, actions) => this.#recorder?.step(peer, at, event, actions),
      },
      routerId: () => this.#routerId,
      resetSpreadMillis: () => this.#config.resetSpreadMillis,
      holding: () => this.#planning.holding,
      established: (peer, families, localAddress) => {
        this.#waitingForRoutes.add(peer.name);
        this.#planning.state({ name: "session", peer: peer.name, families, localAddress });
      },
      forgotten: (peer) => this.#planning.state({ name: "sessionForgotten", peer }),
      removed: (peer) => metrics.forgetPeer(peer),
      happened: (peer, kind, text) => this.#happened(peer, kind, text),
      handed: (peer, round) => {
        const millis = clock.now() - round.at;
        round.handedAfter.set(peer, millis);
        metrics.observeConvergence(peer, millis);
      },
    });
    this.#listener = transport.listen({ addresses: config.bgp.listen, port: config.bgp.port }, (caller) => this.#peers.call(caller));
    const parts = { node: config.nodeName, clock, source, planner: this.#planner, planning: this.#planning, peers: this.#peers };
    const view = new LiveView({
      ...parts,
      timeline: this.#timeline,
      times: this.#times,
      findings: this.#findings,
      synced: () => this.#synced,
      ecmpWidth: () => this.#config.balance.ecmpWidth,
    });
    this.#view = view;
    this.view = view;
    this.commands = new Commands({ ...parts, happened: (kind, text) => this.#happened(null, kind, text) });
    metrics.setSource(view);
  }

  /** Resolves after {@link stop}; rejects when the source cannot go on: the directory is not readable at the start. */
  get finished(): Promise<void> {
    return this.#finished;
  }

  /** Addresses and ports it accepts sessions on. */
  get listening(): readonly { readonly address: Address; readonly port: number }[] {
    return this.#listening;
  }

  /** @throws {SpeakerError} LOCKED, ADDRESS_IN_USE, CONFIG_INVALID: nothing is left running then. */
  async start(): Promise<void> {
    const { config, log, clock, metrics, source } = this.#options;
    this.#startedAt = clock.now();
    if (config.stateFile !== null) this.#lock = this.#takeLock(config.stateFile);
    try {
      this.#listening = await this.#listener.start();
    } catch (error) {
      this.#lock?.release();
      throw error;
    }
    for (const { address, port } of this.#listening) log({ event: "listener.ready", address: formatAddress(address), port });
    if (config.record !== null)
      this.#recorder = new Recorder(config.record, (why) => log({ event: "record.failed", file: config.record ?? "", why }));
    metrics.start();
    const words = config.source.type === "directory" ? config.source.directory : "kubernetes";
    log({ event: "speaker.started", node: config.nodeName, source: words });
    // Before the first objects: nothing is to be decided as if there were no gate.
    this.#probes.start();
    this.#finished = source.run(
      { batch: (batch) => this.#batch(batch), synced: () => this.#sync(), fault: (what, cause) => this.#fault(what, cause) },
      this.#ended.signal,
    );
    // Whoever starts a speaker looks at `finished`; until then a failure is not unhandled.
    this.#finished.catch(() => {});
  }

  /**
   * Withdraws everything, ends every session with Cease/2 and frees what was held, within two seconds. Safe to call twice.
   */
  stop(cause: StopCause = SHUTDOWN): Promise<void> {
    this.#stopping ??= this.#stop(cause);
    return this.#stopping;
  }

  /** Takes over what can change while it runs. The rest is named, and stays as it was. */
  reload(config: SpeakerConfig): ReloadReport {
    const before = this.#config;
    const changed: string[] = [];
    const needRestart: string[] = [];
    for (const key of CONFIG_KEYS) {
      if (JSON.stringify(before[key]) === JSON.stringify(config[key])) continue;
      (LIVE_KEYS.has(key) ? changed : needRestart).push(key.replace(/Millis$/, ""));
    }
    const { coalesceMillis, resetSpreadMillis, balance } = config;
    this.#config = { ...before, coalesceMillis, resetSpreadMillis, balance };
    this.#options.log({ event: "speaker.reloaded", changed, needRestart });
    return { changed, needRestart };
  }

  /** Sessions by name. */
  get peers(): PeerSet {
    return this.#peers;
  }

  async #stop(cause: StopCause): Promise<void> {
    const { log, clock, metrics } = this.#options;
    const start = clock.now();
    log({ event: "speaker.stopping", why: cause.text });
    this.#ended.abort();
    this.#planning.stop();
    this.#probes.stop();
    this.#listener.stop();
    await this.#peers.stop(cause);
    await this.#recorder?.close();
    this.#lock?.release();
    metrics.stop();
    log({ event: "speaker.stopped", milliseconds: Math.round(clock.now() - start) });
  }

  /** A directory that does not exist and cannot be made means that no state is kept: said, and no reason to stay down. */
  #takeLock(stateFile: string): StateLock | null {
    try {
      return lockStateFile(stateFile);
    } catch (error) {
      if (!(error instanceof SpeakerError) || error.code !== "UNREADABLE") throw error;
      this.#options.log({ event: "state.unavailable", why: error.message });
      return null;
    }
  }

  #batch(batch: SourceBatch): void {
    for (const change of batch.changes) this.#look(change);
    this.#findings.replace(batch.findings);
    this.#planning.add(
      batch.changes.map((change) => ({ input: "object", change }) as const),
      batch.at,
    );
  }

  /** The one object the speaker itself looks at: its own Node names its BGP Identifier. */
  #look(change: ObjectChange): void {
    if (change.type === "set" && change.object.kind === "Node" && change.object.metadata.name === this.#config.nodeName) {
      this.#nodeAddresses = change.object.internalIPs;
    }
  }

  #sync(): void {
    if (this.#synced) return;
    this.#synced = true;
    // For the life of the process: a Node that gets another address later is no reason to reset every session.
    this.#routerId = this.#config.bgp.routerID ?? deriveRouterId(this.#nodeAddresses, this.#config.nodeName);
    this.#planning.sync();
  }

  #fault(what: string, cause: unknown): void {
    this.#view.countFault(cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "other");
    this.#options.log({ event: "source.fault", what, why: cause instanceof Error ? cause.message : String(cause) });
  }

  #changed(change: PlanChange, round: Round): void {
    for (const peer of change.peers) if (peer.peer !== null) this.#peers.change(peer);
    const now = this.#options.clock.wall().getTime();
    for (const route of change.routes) {
      this.#peers.want(route);
      this.#times.changed(route.prefix, now);
    }
    // After its withdrawals: a peer that goes takes them along.
    for (const peer of change.peers) if (peer.peer === null) this.#peers.change(peer);
    this.#probes.follow(change.probes);
    // Of the first decisions on a big cluster the timeline keeps a part: what it lacks has been so since the start.
    if (!this.#announcedSync) this.#firstTransitions += change.transitions.length;
    if (this.#announcedSync || this.#firstTransitions <= FIRST_TRANSITIONS) recordTransitions(this.#timeline, change, round, now);
  }

  #decided(round: Round, millis: number): void {
    const { log, clock, metrics } = this.#options;
    metrics.observePlan(millis);
    for (const peer of this.#peers.all()) {
      peer.allowEndOfRib();
      if (this.#waitingForRoutes.delete(peer.name)) peer.openRoutes();
      peer.flush(round);
    }
    if (this.#announcedSync) return;
    this.#announcedSync = true;
    log({ event: "speaker.synced", milliseconds: Math.round(clock.now() - this.#startedAt), routerID: formatRouterId(this.#routerId) });
  }

  #happened(peer: string | null, kind: string, text: string): void {
    this.#timeline.add({
      atEpochMillis: this.#options.clock.wall().getTime(),
      service: "",
      address: null,
      peer,
      kind,
      reason: "",
      text,
      cause: null,
      round: null,
    });
  }
}

const CONFIG_KEYS = [
  "nodeName",
  "namespace",
  "source",
  "bgp",
  "admin",
  "loadBalancerClass",
  "serviceProxyName",
  "ignoreExcludeLabel",
  "stateFile",
  "resetSpreadMillis",
  "coalesceMillis",
  "dataplane",
  "announceHoldDown",
  "weightHoldDownMillis",
  "weightTolerance",
  "drain",
  "balance",
  "log",
  "record",
] as const satisfies readonly (keyof SpeakerConfig)[];

const LIVE_KEYS: ReadonlySet<keyof SpeakerConfig> = new Set(["coalesceMillis", "resetSpreadMillis", "balance"]);
