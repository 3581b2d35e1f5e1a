/**
 * What outlives the process (docs/semantics.md, "Static stability"): the lock on the state file, what it said at the start, and its newest content.
 */

import type { Clock } from "../clock.ts";
import { SpeakerError } from "../errors.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Log } from "../log.ts";
import type { PlanChange } from "../plan/change.ts";
import type { Planner } from "../plan/planner.ts";
import type { Source } from "../source/source.ts";
import { type AnnouncedRoutesPorts, announcedRoute, announcedRoutes } from "./announced-routes.ts";
import { DrainKeeper } from "./drain-keeper.ts";
import { loadState, Restoration, type RestorationPorts } from "./restoration.ts";
import type { SavedState, StateHeader } from "./state-file.ts";
import { StateKeeper } from "./state-keeper.ts";
import type { StateLock } from "./state-lock.ts";
import type { OpenState, StateStorage } from "./state-storage.ts";

export interface StabilityPorts extends AnnouncedRoutesPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly source: Source;
  readonly node: string;
  readonly heraldNamespace: string;
  /** null = nothing outlives the process. */
  readonly stateFile: string | null;
  readonly storage: StateStorage;
  readonly bootId: string;
  maxAgeMillis(): number;
  routerId(): number;
  readonly planner: Pick<Planner, "ownersOf" | "leavesAtMillis">;
}

/** Longest wait for the last write: a disk that hangs must not hold the node's shutdown up. */
const LAST_WRITE_MILLIS = 500;

export class Stability {
  /** The drain asked for through the admin API. */
  readonly drains: DrainKeeper;
  readonly #ports: StabilityPorts;
  #lock: StateLock | null = null;
  #store: OpenState | null = null;
  #keeper: StateKeeper | null = null;
  #restoration = new Restoration(null);
  #agreedAtEpochMillis: number | null = null;

  constructor(ports: StabilityPorts) {
    this.#ports = ports;
    this.drains = new DrainKeeper(ports);
  }

  /** The state file alone speaks. */
  get speaking(): boolean {
    return this.#restoration.speaking;
  }

  /** This process goes on where another stopped. */
  get isGracefulStart(): boolean {
    return this.#restoration.saved !== null;
  }

  /** Its BGP Identifier; null = this is no graceful start. */
  get savedRouterId(): number | null {
    return this.#restoration.saved?.routerId ?? null;
  }

  /** What is announced is still what the state file said; null = decisions are in force. */
  get restored(): SavedState | null {
    return this.#restoration.inForce;
  }

  /** Takes the state file and reads it. @throws {SpeakerError} LOCKED */
  open(): void {
    const { stateFile, log, clock, node, bootId, heraldNamespace } = this.#ports;
    if (stateFile === null) return;
    this.#lock = this.#takeLock(stateFile);
    if (this.#lock === null) return;
    const store = this.#ports.storage.open(stateFile);
    this.#store = store;
    const drainFile = `${stateFile}.drain`;
    this.drains.open(this.#ports.storage.open(drainFile), drainFile);
    const reader = { node, bootId, heraldNamespace, maxAgeMillis: this.#ports.maxAgeMillis(), nowEpochMillis: clock.wall().getTime() };
    // What a drained node announced before is not announced again, not even until everything was read.
    const isDrained = this.drains.drain !== null;
    if (!isDrained) this.#restoration = new Restoration(loadState(store, stateFile, reader, log));
    this.#keeper = new StateKeeper({
      clock,
      log,
      maxAgeMillis: () => this.#ports.maxAgeMillis(),
      header: () => this.#header(),
      routes: () => announcedRoutes(this.#ports),
      route: (prefix: Prefix) => announcedRoute(this.#ports, prefix),
      write: (pieces) => store.write(pieces),
    });
  }

  /** A graceful start speaks. */
  begin(ports: RestorationPorts): void {
    if (this.drains.drain !== null) ports.state(this.drains.fact());
    this.#restoration.begin(ports, this.#ports.clock);
  }

  /** Everything was read once. */
  synced(): void {
    this.#restoration.synced();
  }

  /** Part of a round, noted already. */
  changed({ routes, peers }: PlanChange): void {
    for (const { name } of peers) this.#restoration.heard(name);
    if (peers.length > 0) this.#keeper?.touch();
    for (const { prefix, attributes } of routes) this.#keeper?.changed(prefix, attributes === null);
  }

  /** A round is over. `first`: the first of all. */
  decided(first: boolean, ports: Pick<RestorationPorts, "change">): void {
    if (first) this.#restoration.end(ports);
    this.#keeper?.settled();
  }

  /** The next process goes on where this one stops. Before the first decisions there is nothing newer to say than the file says. */
  async keep(): Promise<void> {
    await this.#keeper?.finish(LAST_WRITE_MILLIS);
    this.#lock?.release();
  }

  /** The routes were withdrawn: there is nothing to go on with. */
  async discard(): Promise<void> {
    this.#keeper?.stop();
    await this.#keeper?.finish(LAST_WRITE_MILLIS);
    try {
      await this.#store?.discard();
    } catch (error) {
      const { log, stateFile } = this.#ports;
      log({ event: "state.unremovable", file: stateFile ?? "", why: error instanceof Error ? error.message : String(error) });
    }
    this.#lock?.release();
  }

  /** Nothing was begun. */
  abandon(): void {
    this.#keeper?.stop();
    this.#lock?.release();
  }

  #header(): StateHeader | null {
    // Until decisions are in force the file says all there is.
    if (this.#restoration.inForce !== null) return null;
    const { node, bootId, peers, routerId, planner, clock } = this.#ports;
    const saved = peers().map(({ config: { peer, nextHop } }) => ({ peer, nextHop }));
    const { leavesAtMillis } = planner;
    const leavesAtEpochMillis = leavesAtMillis === null ? null : clock.wall().getTime() + leavesAtMillis - clock.now();
    return { node, bootId, agreedAtEpochMillis: this.#agreedAt(), routerId: routerId(), leavesAtEpochMillis, peers: saved };
  }

  /** When a word last came about the kind that was heard of longest ago; while one is lost that moment stays where it was. */
  #agreedAt(): number {
    const now = this.#ports.clock.wall().getTime();
    let age = 0;
    for (const { lastEventAgeMillis } of this.#ports.source.state()) {
      if (lastEventAgeMillis === null) return this.#agreedAtEpochMillis ?? now;
      age = Math.max(age, lastEventAgeMillis);
    }
    this.#agreedAtEpochMillis = now - age;
    return this.#agreedAtEpochMillis;
  }

  /** A directory that does not exist and cannot be made means that no state is kept: said, and no reason to stay down. */
  #takeLock(stateFile: string): StateLock | null {
    try {
      return this.#ports.storage.lock(stateFile);
    } catch (error) {
      if (!(error instanceof SpeakerError) || error.code !== "UNREADABLE") throw error;
      this.#ports.log({ event: "state.unavailable", why: error.message });
      return null;
    }
  }
}
