/**
 * Every metric of Herald: name, help and labels in one place, base units, no Service name and no address in a label. Most values are kept as plain numbers
 * by their owner and read at the scrape; only the two histograms are fed as things happen.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "@prometheus-io/client";

/** Counts and states of one session, cumulative since the process started. */
export interface PeerMetrics {
  readonly name: string;
  readonly state: string;
  readonly flaps: number;
  readonly holdTimeSeconds: number;
  readonly announced: Readonly<Record<string, number>>;
  readonly pending: number;
  /** By direction and type of message. */
  readonly messages: Iterable<{ readonly direction: "sent" | "received"; readonly type: string; readonly count: number }>;
  readonly notifications: Iterable<{
    readonly direction: "sent" | "received";
    readonly code: number;
    readonly subcode: number;
    readonly count: number;
  }>;
  readonly updateErrors: Readonly<Record<string, number>>;
  /** null = BFD does not watch the peer. */
  readonly bfd: { readonly up: boolean; readonly detections: number } | null;
}

/** What is read at a scrape. */
export interface MetricsSource {
  measuredPeers(): Iterable<PeerMetrics>;
  decisions(): Iterable<{ readonly announced: boolean; readonly reason: string; readonly count: number }>;
  kinds(): Iterable<{ readonly kind: string; readonly synced: boolean; readonly lastEventAgeSeconds: number | null }>;
  invalidObjects(): ReadonlyMap<string, number>;
  sourceRestarts(): Iterable<{ readonly kind: string; readonly cause: string; readonly count: number }>;
  /** Everything that can drain this node, and whether it does. */
  drainCauses(): Iterable<{ readonly cause: string; readonly drains: boolean }>;
}

/** What is read at a scrape of a controller. */
export interface ControllerMetricsSource {
  kinds(): Iterable<{ readonly kind: string; readonly synced: boolean; readonly lastEventAgeSeconds: number | null }>;
  invalidObjects(): ReadonlyMap<string, number>;
  sourceRestarts(): Iterable<{ readonly kind: string; readonly cause: string; readonly count: number }>;
  leading(): boolean;
  /** Of the leader alone. */
  pools(): Iterable<{ readonly pool: string; readonly family: string; readonly assigned: number; readonly available: number }>;
}

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
}

const STATES = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
const CONVERGENCE_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const PLAN_BUCKETS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];

/** One per process. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #delay: IntervalHistogram;
  readonly #convergence: Histogram<"peer">;
  readonly #plan: Histogram;
  #source: MetricsSource | null = null;

  constructor(build: BuildInfo) {
    this.#delay = monitorEventLoopDelay({ resolution: 10 });
    const registers = [this.#registry];
    this.#convergence = new Histogram({
      name: "herald_convergence_seconds",
      help: "From a change seen by the source to its bytes handed to the kernel.",
      labelNames: ["peer"],
      buckets: CONVERGENCE_BUCKETS,
      registers,
    });
    this.#plan = new Histogram({ name: "herald_plan_seconds", help: "One round of planning.", buckets: PLAN_BUCKETS, registers });
    this.#sessionMetrics();
    this.#inputMetrics();
    this.#processMetrics(build);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** States whom to ask at a scrape. */
  setSource(source: MetricsSource): void {
    this.#source = source;
  }

  /** The same of a controller, with metrics that a speaker does not have. Once per process. */
  setControllerSource(source: ControllerMetricsSource): void {
    this.#gauge("leader", "1 while this controller leads.", [], (set) => set({}, source.leading() ? 1 : 0));
    this.#gauge("pool_addresses", "Addresses of pools by state.", ["pool", "family", "state"], (set) => {
      for (const { pool, family, assigned, available } of source.pools()) {
        set({ pool, family, state: "assigned" }, assigned);
        set({ pool, family, state: "available" }, available);
      }
    });
    this.#source = {
      measuredPeers: () => [],
      decisions: () => [],
      kinds: () => source.kinds(),
      invalidObjects: () => source.invalidObjects(),
      sourceRestarts: () => source.sourceRestarts(),
      drainCauses: () => [],
    };
  }

  observeConvergence(peer: string, millis: number): void {
    this.#convergence.observe({ peer }, millis / 1000);
  }

  observePlan(millis: number): void {
    this.#plan.observe(millis / 1000);
  }

  /** A peer is gone: its series end. */
  forgetPeer(peer: string): void {
    this.#convergence.remove({ peer });
  }

  /** The exposition format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Begins to watch the event loop. */
  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  #sessionMetrics(): void {
    this.#gauge("bgp_session_up", "1 while the session is Established.", ["peer"], (set, source) => {
      for (const peer of source.measuredPeers()) set({ peer: peer.name }, peer.state === "Established" ? 1 : 0);
    });
    this.#gauge("bgp_session_state", "1 for the state the session is in.", ["peer", "state"], (set, source) => {
      for (const peer of source.measuredPeers()) for (const state of STATES) set({ peer: peer.name, state }, peer.state === state ? 1 : 0);
    });
    this.#counter("bgp_session_flaps_total", "Times an Established session ended.", ["peer"], (add, source) => {
      for (const peer of source.measuredPeers()) add({ peer: peer.name }, peer.flaps);
    });
    this.#counter("bgp_messages_total", "BGP messages.", ["peer", "direction", "type"], (add, source) => {
      for (const peer of source.measuredPeers())
        for (const { direction, type, count } of peer.messages) add({ peer: peer.name, direction, type }, count);
    });
    this.#counter("bgp_notifications_total", "NOTIFICATION messages.", ["peer", "direction", "code", "subcode"], (add, source) => {
      for (const peer of source.measuredPeers()) {
        for (const { direction, code, subcode, count } of peer.notifications) {
          add({ peer: peer.name, direction, code: String(code), subcode: String(subcode) }, count);
        }
      }
    });
    this.#counter(
      "bgp_update_errors_total",
      "Received UPDATEs with errors by what was done (RFC 7606).",
      ["peer", "action"],
      (add, source) => {
        for (const peer of source.measuredPeers())
          for (const [action, count] of Object.entries(peer.updateErrors)) add({ peer: peer.name, action }, count);
      },
    );
    this.#gauge("bgp_announced_prefixes", "Prefixes the peer was told about.", ["peer", "family"], (set, source) => {
      for (const peer of source.measuredPeers())
        for (const [family, count] of Object.entries(peer.announced)) set({ peer: peer.name, family }, count);
    });
    this.#gauge("bgp_pending_prefixes", "Prefixes whose newest wish was not handed to the kernel yet.", ["peer"], (set, source) => {
      for (const peer of source.measuredPeers()) set({ peer: peer.name }, peer.pending);
    });
    this.#gauge("bfd_session_up", "1 while BFD hears the peer and is heard.", ["peer"], (set, source) => {
      for (const { name, bfd } of source.measuredPeers()) if (bfd !== null) set({ peer: name }, bfd.up ? 1 : 0);
    });
    this.#counter("bfd_detections_total", "Times BFD found the way to the peer gone.", ["peer"], (add, source) => {
      for (const { name, bfd } of source.measuredPeers()) if (bfd !== null) add({ peer: name }, bfd.detections);
    });
    this.#gauge("bgp_hold_time_seconds", "Hold time, negotiated while the session is up.", ["peer"], (set, source) => {
      for (const peer of source.measuredPeers()) set({ peer: peer.name }, peer.holdTimeSeconds);
    });
  }

  #inputMetrics(): void {
    this.#gauge("decisions", "Addresses of Services by what was decided for this node.", ["announced", "reason"], (set, source) => {
      for (const { announced, reason, count } of source.decisions()) set({ announced: String(announced), reason }, count);
    });
    this.#gauge("source_synced", "1 when the kind has been read completely.", ["kind"], (set, source) => {
      for (const { kind, synced } of source.kinds()) set({ kind }, synced ? 1 : 0);
    });
    this.#gauge(
      "source_last_event_age_seconds",
      "Age of the last word from the source, of the kind heard of least recently.",
      [],
      (set, source) => {
        let oldest: number | null = null;
        for (const { lastEventAgeSeconds } of source.kinds())
          if (lastEventAgeSeconds !== null) oldest = Math.max(oldest ?? 0, lastEventAgeSeconds);
        if (oldest !== null) set({}, oldest);
      },
    );
    this.#counter("source_restarts_total", "Faults after which the source began anew.", ["kind", "cause"], (add, source) => {
      for (const { kind, cause, count } of source.sourceRestarts()) add({ kind, cause }, count);
    });
    this.#gauge("invalid_objects", "Objects refused; the last valid version of each stays in force.", ["kind"], (set, source) => {
      for (const [kind, count] of source.invalidObjects()) set({ kind }, count);
    });
    this.#gauge("drained", "1 for what this node is drained by, from the first word to the end of the drain.", ["cause"], (set, source) => {
      for (const { cause, drains } of source.drainCauses()) set({ cause }, drains ? 1 : 0);
    });
  }

  #processMetrics(build: BuildInfo): void {
    const registers = [this.#registry];
    const info = new Gauge({ name: "herald_build_info", help: "Version that runs.", labelNames: ["version", "commit", "node"], registers });
    info.set({ version: build.version, commit: build.commit, node: process.versions.node }, 1);
    const delay = this.#delay;
    const gauge: Gauge<"quantile"> = new Gauge({
      name: "herald_event_loop_delay_seconds",
      help: "How late the event loop came to its timers since the last scrape.",
      labelNames: ["quantile"],
      registers,
      collect: () => {
        gauge.set({ quantile: "p50" }, delay.percentile(50) / 1e9);
        gauge.set({ quantile: "p99" }, delay.percentile(99) / 1e9);
        gauge.set({ quantile: "max" }, delay.max / 1e9);
        delay.reset();
      },
    });
    collectDefaultMetrics({ register: this.#registry });
  }

  #gauge(name: string, help: string, labelNames: string[], read: (set: Put, source: MetricsSource) => void): void {
    const gauge = new Gauge<string>({
      name: `herald_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        gauge.reset();
        if (this.#source !== null) read((labels, value) => gauge.set(labels, value), this.#source);
      },
    });
  }

  #counter(name: string, help: string, labelNames: string[], read: (add: Put, source: MetricsSource) => void): void {
    const counter = new Counter<string>({
      name: `herald_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        if (this.#source !== null) read((labels, value) => counter.inc(labels, value), this.#source);
      },
    });
  }
}

type Put = (labels: Record<string, string>, value: number) => void;
