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
import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { formatRouterId } from "../ip/router-id.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Finding, ObjectChange } from "../objects/kinds.ts";
import type { PlanChange } from "../plan/change.ts";
import { Planner } from "../plan/planner.ts";
import type { Source, SourceBatch } from "../source/source.ts";
import type { SpeakerCommands, SpeakerView } from "../view/speaker-view.ts";
import { Bfd, type BfdPorts, startBfdThread } from "./bfd.ts";
import { type ReadBootId, readBootId } from "./boot-id.ts";
import { Commands } from "./commands.ts";
import { DataplaneProbes } from "./dataplane-probes.ts";
import { readGateways } from "./default-gateway.ts";
import { departureOf } from "./departure.ts";
import { EndOfRib } from "./end-of-rib.ts";
import { FindingLog } from "./finding-log.ts";
import { GraceWait } from "./grace-wait.ts";
import { type ReadAddresses, readHostAddresses } from "./host-addresses.ts";
import { askOverHttp, type HttpAsk } from "./http-ask.ts";
import { KubeReports, type ReportTo } from "./kube-reports.ts";
import { LastPeerHold } from "./last-peer-hold.ts";
import { advertiseOn, readRouters } from "./link-routers.ts";
import { LiveView } from "./live-view.ts";
import { OwnRouterId } from "./own-router-id.ts";
import { Passwords } from "./passwords.ts";
import { PeerPlaces, soughtPeer } from "./peer-places.ts";
import { PeerSet } from "./peer-set.ts";
import { plannerOptionsOf } from "./planner-options.ts";
import { Planning } from "./planning.ts";
import { PrefixTimes } from "./prefix-times.ts";
import { Recorder } from "./recorder.ts";
import { type ReloadReport, reloaded } from "./reload.ts";
import { type LoadedCalls, loadSystemCalls } from "./sockopt/system-calls.ts";
import { Stability } from "./stability.ts";
import { disk, type StateStorage } from "./state-storage.ts";
import { type Round, Timeline } from "./timeline.ts";
import { TransitionLog } from "./transitions.ts";
import { type Transport, tcp } from "./transport.ts";

export interface SpeakerOptions {
  readonly config: SpeakerConfig;
  readonly source: Source;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Addresses of this host; default: the system's. */
  readonly readAddresses?: ReadAddresses;
  /** An API server to tell of sessions and announcements; none by default. */
  readonly reportTo?: ReportTo | null;
  /** How sessions reach the network; default: TCP. */
  readonly transport?: Transport;
  /** How the data plane is probed; default: over HTTP. */
  readonly ask?: HttpAsk;
  /** 0 ≤ x < 1, for jitter; default: the system's. */
  readonly random?: () => number;
  /** Where the state file lives; default: the disk. */
  readonly storage?: StateStorage;
  /** This run of the kernel; default: what the system says. */
  readonly readBootId?: ReadBootId;
  /** Herald's own Pod is being deleted: the evidence that a stop is a rollout, and not the end of the machine. Default: there is none. */
  readonly ownPodDeleted?: () => boolean;
  /** Options of sockets; default: the kernel's, where koffi loads. */
  readonly loadSystemCalls?: () => LoadedCalls;
  /** Where BFD runs; default: a worker thread of the bundle. */
  readonly startBfdThread?: BfdPorts["startThread"];
}

/** Whatever peers do. */
const STOP_MILLIS = 1900;
/** Beyond the grace period of a drain. */
const DRAIN_PATIENCE_MILLIS = 500;

const SHUTDOWN: StopCause = { reason: "adminShutdown", text: "herald is shutting down" };

export class Speaker {
  /** For the admin server. */
  readonly view: SpeakerView;
  readonly #view: LiveView;
  readonly commands: SpeakerCommands;
  readonly #options: SpeakerOptions;
  readonly #routerId: OwnRouterId;
  readonly #planning: Planning;
  readonly #planner: Planner;
  readonly #probes: DataplaneProbes;
  readonly #passwords: Passwords;
  readonly #places: PeerPlaces;
  readonly #bfd: Bfd;
  readonly #peers: PeerSet;
  readonly #prefixes = new PrefixTable();
  readonly #attributes = new AttributeTable();
  readonly #times = new PrefixTimes(this.#prefixes);
  readonly #timeline = new Timeline();
  readonly #transitions = new TransitionLog(this.#timeline);
  readonly #findings: FindingLog;
  readonly #lastPeer: LastPeerHold;
  readonly #listener: ReturnType<Transport["listen"]>;
  readonly #ended = new AbortController();
  readonly #waitingForRoutes = new Set<string>();
  readonly #reports: KubeReports | null;
  readonly #stability: Stability;
  readonly #endOfRib: EndOfRib;
  #config: SpeakerConfig;
  #recorder: Recorder | null = null;
  #sourceFindings: readonly Finding[] = [];
  #startedAt = 0;
  #synced = false;
  #announcedSync = false;
  #awaitsGates = false;
  readonly #grace: GraceWait;
  #stopping: Promise<void> | null = null;
  #finished: Promise<void> = Promise.resolve();
  #listening: readonly { readonly address: Address; readonly port: number }[] = [];

  constructor(options: SpeakerOptions) {
    const { config, log, metrics, clock, source, transport = tcp, random, loadSystemCalls: load = loadSystemCalls } = options;
    this.#options = options;
    this.#config = config;
    this.#routerId = new OwnRouterId(config.bgp.routerID, config.nodeName);
    this.#grace = new GraceWait(clock);
    this.#findings = new FindingLog(log);
    this.#planner = new Planner({
      ...plannerOptionsOf(config),
      leaving: { gracePeriodMillis: config.drain.gracePeriodMillis, prepend: config.drain.prepend },
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
    this.#endOfRib = new EndOfRib({ clock, deferralMillis: () => this.#config.eorDeferralMillis });
    this.#stability = new Stability({
      clock,
      log,
      source,
      node: config.nodeName,
      heraldNamespace: config.namespace,
      stateFile: config.stateFile,
      storage: options.storage ?? disk,
      bootId: (options.readBootId ?? readBootId)(),
      maxAgeMillis: () => this.#config.stateMaxAgeMillis,
      routerId: () => this.#routerId.value,
      peers: () => this.#peers.all(),
      planner: this.#planner,
    });
    this.#passwords = new Passwords({
      clock,
      log,
      namespace: config.namespace,
      read: source.readSecret?.bind(source) ?? null,
      wanted: () => this.#peers.secrets(),
      changed: () => this.#peers.renewAccess(),
    });
    this.#places = new PeerPlaces({
      clock,
      log,
      routersOn: (device) => readRouters(device, load()),
      gateways: readGateways,
      advertise: (device) => advertiseOn(device, load()),
      wanted: () => this.#peers.all().map(({ config, status }) => soughtPeer(config.peer, status)),
      changed: () => this.#peers.renewAccess(),
    });
    this.#bfd = new Bfd({
      log,
      startThread: options.startBfdThread ?? startBfdThread,
      later: (millis, act) => clock.setTimer(millis, act),
      down: (peer, why) => this.#peers.get(peer)?.bfdDown(why),
    });
    this.#peers = new PeerSet({
      clock,
      log,
      node: config.nodeName,
      prefixes: this.#prefixes,
      attributes: this.#attributes,
      transport,
      seed: () => (random === undefined ? randomInt(0x1_0000_0000) : Math.floor(random() * 0x1_0000_0000)),
      load,
      password: (peer) => this.#passwords.of(peer),
      admitted: (admissions, peers) => {
        this.#listener.admit(admissions);
        this.#bfd.follow(peers);
      },
      recorder: {
        header: (peer, settings, seed) => this.#recorder?.header(peer, settings, seed),
        step: (peer, at, event, actions) => this.#recorder?.step(peer, at, event, actions),
      },
      routerId: () => this.#routerId.value,
      resetSpreadMillis: () => this.#config.resetSpreadMillis,
      holding: () => this.#planning.holding && !this.#stability.speaking,
      forwardingPreserved: () => this.#stability.isGracefulStart,
      place: (peer) => this.#places.of(peer),
      established: (peer, { families, extendedNextHop }, localAddress) => {
        this.#endOfRib.established(peer);
        this.#bfd.sessionUp(peer.name);
        if (this.#stability.speaking) peer.openRoutes();
        else this.#waitingForRoutes.add(peer.name);
        this.#planning.state({ name: "session", peer: peer.name, families, localAddress, extendedNextHop });
      },
      down: (peer) => this.#bfd.sessionDown(peer),
      forgotten: (peer) => this.#planning.state({ name: "sessionForgotten", peer }),
      removed: (peer) => metrics.forgetPeer(peer),
      happened: (peer, kind, text) => this.#happened(peer, kind, text),
      handed: (peer, round) => {
        const millis = clock.now() - round.at;
        round.handedAfter.set(peer, millis);
        metrics.observeConvergence(peer, millis);
      },
    });
    this.#lastPeer = new LastPeerHold({ clock, node: config.nodeName, ended: (changes) => this.#decideOn(changes, clock.now()) });
    this.#listener = transport.listen(
      {
        addresses: config.bgp.listen,
        port: config.bgp.port,
        load,
        keyRefused: (address, error) => log({ event: "listener.keyRefused", address: formatAddress(address), why: String(error) }),
      },
      (caller) => this.#peers.call(caller),
    );
    const parts = { node: config.nodeName, clock, source, planner: this.#planner, planning: this.#planning, peers: this.#peers };
    const view = new LiveView({
      ...parts,
      timeline: this.#timeline,
      times: this.#times,
      findings: this.#findings,
      synced: () => this.#synced,
      restored: () => this.#stability.restored,
      bfd: this.#bfd,
      ecmpWidth: () => this.#config.balance.ecmpWidth,
    });
    this.#view = view;
    this.view = view;
    this.commands = new Commands({ ...parts, drains: this.#stability.drains, happened: (kind, text) => this.#happened(null, kind, text) });
    metrics.setSource(view);
    const look = () => ({ peers: view.peers().items, ready: view.ready(), waitingFor: view.waitingFor(), drain: view.drain() });
    const reporting = { clock, log, node: config.nodeName, namespace: config.namespace, random: Math.random, planner: this.#planner, look };
    const { reportTo = null } = options;
    this.#reports = reportTo === null ? null : new KubeReports({ ...reportTo, ...reporting }, config.status.node);
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
    this.#stability.open();
    try {
      this.#listening = await this.#listener.start();
    } catch (error) {
      this.#stability.abandon();
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
    this.#routerId.begin(this.#stability.savedRouterId);
    this.#stability.begin({
      state: (fact) => this.#planning.state(fact),
      change: (peer) => this.#peers.change(peer),
      want: (route) => this.#peers.want(route),
    });
    this.#finished = source.run(
      { batch: (batch) => this.#batch(batch), synced: () => this.#sync(), fault: (what, cause) => this.#fault(what, cause) },
      this.#ended.signal,
    );
    // Whoever starts a speaker looks at `finished`; until then a failure is not unhandled.
    this.#finished.catch(() => {});
  }

  /**
   * Ends every session as docs/restart.md says, by `shutdown`, drain and evidence, and frees what was held, within {@link stopMillis}. Safe to call twice.
   */
  stop(cause: StopCause = SHUTDOWN): Promise<void> {
    this.#stopping ??= this.#stop(cause);
    return this.#stopping;
  }

  /** A stop that waits for the end of a drain waits no longer: it withdraws, and says Cease/2. False = none waits. */
  hurry(): boolean {
    return this.#grace.giveUp();
  }

  /** How long a stop may take from now on, in milliseconds: a drain under way is finished first. */
  get stopMillis(): number {
    const waits = this.#planner.drain.phase === "leaving" && !this.#grace.givenUp;
    return STOP_MILLIS + (waits ? this.#config.drain.gracePeriodMillis + DRAIN_PATIENCE_MILLIS : 0);
  }

  /** Takes over what can change while it runs. The rest is named, and stays as it was. */
  reload(config: SpeakerConfig): ReloadReport {
    const { config: merged, report } = reloaded(this.#config, config);
    if (merged.status.node !== this.#config.status.node) this.#reports?.switchNodeStatus(merged.status.node);
    this.#config = merged;
    this.#options.log({ event: "speaker.reloaded", changed: report.changed, needRestart: report.needRestart });
    return report;
  }

  /** Sessions by name. */
  get peers(): PeerSet {
    return this.#peers;
  }

  async #stop(cause: StopCause): Promise<void> {
    const { log, clock, metrics } = this.#options;
    const start = clock.now();
    const podDeleted = this.#options.ownPodDeleted?.() ?? false;
    log({ event: "speaker.stopping", why: cause.text, podDeleted });
    const departure = departureOf(this.#config.shutdown, this.#planner.drain.phase, podDeleted);
    if (departure === "drain") await this.#grace.wait(this.#config.drain.gracePeriodMillis + DRAIN_PATIENCE_MILLIS);
    this.#ended.abort();
    this.#lastPeer.stop();
    this.#planning.stop();
    this.#probes.stop();
    this.#endOfRib.stop();
    this.#passwords.stop();
    this.#places.stop();
    this.#listener.stop();
    const reported = this.#reports?.stop();
    if (departure === "silent") {
      await Promise.all([this.#stability.keep(), this.#peers.leaveSilently(cause)]);
    } else {
      await this.#peers.stop(cause);
      await this.#stability.discard();
    }
    // After the last word of BGP, so that no router takes the end for a failure.
    await this.#bfd.stop();
    await reported;
    await this.#recorder?.close();
    metrics.stop();
    log({ event: "speaker.stopped", milliseconds: Math.round(clock.now() - start) });
  }

  #batch(batch: SourceBatch): void {
    for (const change of batch.changes) this.#look(change);
    this.#reports?.observe(batch);
    this.#sourceFindings = batch.findings;
    this.#decideOn(this.#lastPeer.apply(batch.changes), batch.at);
  }

  #decideOn(changes: readonly ObjectChange[], at: number): void {
    this.#findings.replace([...this.#sourceFindings, ...this.#lastPeer.findings()]);
    this.#planning.add(
      changes.map((change) => ({ input: "object", change }) as const),
      at,
    );
  }

  /** What the speaker itself looks at: its own Node names its BGP Identifier, a Secret holds a password, a BFDProfile says how a peer is watched. */
  #look(change: ObjectChange): void {
    this.#routerId.note(change);
    this.#passwords.note(change);
    this.#bfd.note(change);
  }

  #sync(): void {
    if (this.#synced) return;
    this.#synced = true;
    this.#stability.synced();
    this.#routerId.settle();
    // In a turn of its own: the source has used up this one for the end of its last list.
    this.#options.clock.immediate(() => this.#planning.sync());
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
    this.#reports?.changed(change);
    this.#stability.changed(change);
    this.#awaitsGates = change.awaitsGates;
    this.#transitions.record(change, round, now, !this.#announcedSync);
  }

  #decided(round: Round, millis: number): void {
    const { log, clock, metrics } = this.#options;
    metrics.observePlan(millis);
    this.#stability.decided(!this.#announcedSync, { change: (peer) => this.#peers.change(peer) });
    this.#endOfRib.decided(this.#peers.all(), this.#awaitsGates);
    if (this.#planner.drain.phase !== "leaving") this.#grace.over();
    for (const peer of this.#peers.all()) {
      if (this.#waitingForRoutes.delete(peer.name)) peer.openRoutes();
      peer.flush(round);
    }
    this.#reports?.decided();
    if (this.#announcedSync) return;
    this.#announcedSync = true;
    log({
      event: "speaker.synced",
      milliseconds: Math.round(clock.now() - this.#startedAt),
      routerID: formatRouterId(this.#routerId.value),
    });
  }

  #happened(peer: string | null, kind: string, text: string): void {
    this.#reports?.happened();
    const atEpochMillis = this.#options.clock.wall().getTime();
    this.#timeline.add({ atEpochMillis, service: "", address: null, peer, kind, reason: "", text, cause: null, round: null });
  }
}
