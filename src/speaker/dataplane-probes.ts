/**
 * The speaker's side of the data-plane gate (docs/dataplane.md): it asks what the planner cannot know and states the answers as facts. It decides nothing: an
 * answer that opens a gate ends the asking, and nothing that is answered later could shut it again.
 */

import type { Clock, Timer } from "../clock.ts";
import type { SpeakerConfig } from "../config/file.ts";
import type { Log } from "../log.ts";
import type { ProbeChange } from "../plan/change.ts";
import type { Fact } from "../plan/facts.ts";
import { type HealthCheckPorts, HealthCheckProbe } from "./health-check-probe.ts";
import { HostAddresses, type ReadAddresses } from "./host-addresses.ts";
import type { HttpAsk } from "./http-ask.ts";
import { type Asking, PLACES, ProbePool } from "./probe-pool.ts";
import { ServiceProxyProbe } from "./service-proxy-probe.ts";

export interface DataplanePorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly ask: HttpAsk;
  readonly readAddresses: ReadAddresses;
  /** 0 ≤ x < 1. */
  random(): number;
  state(fact: Fact): void;
}

/** Where kube-proxy and what replaces it say that they are alive. */
const AUTO = "http://127.0.0.1:10256/healthz";

/** More that start together than there are places come one after the other within this time, so that they do not return together for ever. */
const SPREAD_MILLIS = 100;
/** Changes taken over in one turn of the event loop. */
const TAKE_CHUNK = 128;

export class DataplaneProbes {
  readonly #ports: DataplanePorts;
  readonly #healthz: URL | null;
  readonly #onlyWhereRequired: boolean;
  readonly #pool: ProbePool;
  readonly #healthCheckPorts: HealthCheckPorts;
  readonly #healthChecks = new Map<string, Asking>();
  /** Not taken over yet. */
  #changes: ProbeChange[] = [];
  #timer: Timer | null = null;
  #stopped = false;

  constructor(ports: DataplanePorts, config: Pick<SpeakerConfig, "source" | "dataplane">) {
    this.#ports = ports;
    this.#healthz = proxyHealthz(config);
    this.#onlyWhereRequired = config.source.type === "directory";
    this.#pool = new ProbePool(ports);
    this.#healthCheckPorts = { ...ports, hostAddresses: new HostAddresses(ports.clock, ports.readAddresses) };
  }

  /** States that there is a gate, and begins to ask for the service proxy. Before the first decision. */
  start(): void {
    const words = this.#healthz === null ? null : shown(this.#healthz);
    this.#ports.state({ name: "gate", healthz: words, onlyWhereRequired: this.#onlyWhereRequired });
    if (this.#healthz !== null && words !== null) this.#pool.start(new ServiceProxyProbe(this.#ports, this.#healthz, words));
  }

  /** Takes over which health checks are to be asked, or no longer. One that is named again is asked anew: its gate was armed again. */
  follow(changes: readonly ProbeChange[]): void {
    if (this.#stopped || changes.length === 0) return;
    for (const change of changes) this.#changes.push(change);
    if (this.#timer === null) this.#take();
  }

  /** Ends all of it: no socket and no timer is left. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#changes = [];
    this.#pool.stop();
    this.#healthChecks.clear();
  }

  /** What is being asked, and exchanges under way: no more than there are places. */
  get size(): { readonly probes: number; readonly exchanges: number } {
    return this.#pool.size;
  }

  /** At once while they are few; of thousands a part in every turn of the event loop, in their order. */
  #take(): void {
    const many = this.#changes.length > PLACES;
    for (const change of this.#changes.splice(0, TAKE_CHUNK)) this.#change(change, many ? SPREAD_MILLIS * this.#ports.random() : 0);
    if (this.#changes.length === 0) return;
    this.#timer = this.#ports.clock.setTimer(0, () => {
      this.#timer = null;
      this.#take();
    });
  }

  #change(change: ProbeChange, delayMillis: number): void {
    const key = `${change.service} ${change.uid} ${change.family} ${change.port}`;
    this.#healthChecks.get(key)?.cancel();
    this.#healthChecks.delete(key);
    if (change.address === null) return;
    const probe = new HealthCheckProbe(this.#healthCheckPorts, change, change.address);
    this.#healthChecks.set(key, this.#pool.start(probe, delayMillis));
  }
}

/** What is asked about the service proxy; null = nothing. */
function proxyHealthz({ source, dataplane: { healthz } }: Pick<SpeakerConfig, "source" | "dataplane">): URL | null {
  switch (healthz) {
    case "off":
      return null;
    case "auto":
      // A directory of objects may well describe another cluster than the one this host is part of, if it is part of any.
      return source.type === "kubernetes" ? new URL(AUTO) : null;
    default:
      return healthz;
  }
}

/** Without what a URL may hold that is nobody's business. */
function shown(url: URL): string {
  const copy = new URL(url);
  copy.username = "";
  copy.password = "";
  return copy.href;
}
