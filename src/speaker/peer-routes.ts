/** What one peer is told: its Adj-RIB-Out, pulled by the connection of the session that is up, and how long each round of wishes took to the kernel. */

import { AdjRibOut } from "../bgp/rib/adj-rib-out.ts";
import type { AttributeTable } from "../bgp/rib/attribute-table.ts";
import type { PrefixTable } from "../bgp/rib/prefix-table.ts";
import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { OutboundSession } from "../bgp/rib/session-attributes.ts";
import type { Clock } from "../clock.ts";
import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import { formatPrefix } from "../ip/format.ts";
import { comparePrefixes, type Prefix } from "../ip/prefix.ts";
import type { Log } from "../log.ts";
import type { Connection } from "./connection.ts";
import type { Round } from "./timeline.ts";

export interface PeerRoutesPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly prefixes: PrefixTable;
  readonly attributes: AttributeTable;
  /** A round of decisions is half-way: nothing of it may leave yet. */
  holding(): boolean;
  /** Every wish of the round is with the kernel. */
  handed(peer: string, round: Round): void;
}

/** How many rounds may wait for the kernel before the oldest is no longer timed. */
const MAX_ROUNDS = 256;
/** How many prefixes whose attributes do not fit a message are named. */
const MOST_NAMED = 100;

export class PeerRoutes {
  readonly #peer: string;
  readonly #ports: PeerRoutesPorts;
  readonly #rib: AdjRibOut;
  readonly #waiting = new Set<() => void>();
  #connection: Connection | null = null;
  readonly #rounds: Round[] = [];
  /** Unsendable prefixes as of the last look, and the ids of those that the log names. */
  #looked = { unsendable: 0, rejections: 0 };
  #named: ReadonlySet<number> = new Set();
  /** The last wish is known: no round of decisions holds it back. */
  #leaving = false;

  constructor(peer: string, ports: PeerRoutesPorts) {
    this.#peer = peer;
    this.#ports = ports;
    this.#rib = new AdjRibOut(ports.prefixes, ports.attributes);
  }

  /** Routes may leave. */
  get isOpen(): boolean {
    return this.#connection !== null;
  }

  /** UPDATEs since the process started. */
  get updates(): number {
    return this.#rib.updates;
  }

  get pending(): number {
    return this.#rib.pending;
  }

  announced(family: Family): number {
    return this.#rib.announced(family);
  }

  /** Wanted, but with attributes that leave no room for the prefix in a message of this session: the first hundred, in the order of all lists. */
  get unsendable(): readonly string[] {
    const ids: number[] = [];
    this.#rib.forEachUnsendable((id) => {
      if (ids.length < MOST_NAMED) ids.push(id);
    });
    return ids
      .map((id) => this.#ports.prefixes.prefix(id))
      .sort(comparePrefixes)
      .map(formatPrefix);
  }

  want(prefix: Prefix, attributes: RouteAttributes | null): void {
    this.#rib.want(prefix, attributes);
  }

  /** The newest wish for a prefix; null = the peer shall not have it. */
  wanted(prefix: Prefix): RouteAttributes | null {
    return this.#rib.wanted(prefix);
  }

  /** Every wish, some at a time; null = a moment at which other things may happen. */
  eachWish(): Generator<{ readonly prefix: Prefix; readonly attributes: RouteAttributes } | null> {
    return this.#rib.eachWish();
  }

  withdrawAll(): void {
    const ids: number[] = [];
    this.#rib.forEachWanted((id) => ids.push(id));
    for (const id of ids) this.#rib.wantId(id, 0);
  }

  allowEndOfRib(): void {
    this.#rib.allowEndOfRib();
  }

  /** The session is up and the decisions know of it: the connection begins to pull. */
  open(connection: Connection, session: OutboundSession): void {
    this.#connection = connection;
    this.#rib.open(session);
    connection.startPulling((buffer) => (this.#ports.holding() && !this.#leaving ? 0 : this.#rib.fill(buffer)));
    this.settle();
  }

  /** The session is down: wishes stay, nothing counts as sent. */
  close(): void {
    this.#connection?.stopPulling();
    this.#connection = null;
    this.#rib.close();
    for (const round of this.#rounds.splice(0)) round.handedAfter.delete(this.#peer);
    this.#wakeWaiting();
  }

  /** Hands what is pending to the kernel, as far as it takes it. `round` is timed until all of it is there. */
  flush(round: Round | null): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (round !== null && this.#rib.pending > 0) {
      if (this.#rounds.length >= MAX_ROUNDS) this.#rounds.shift()?.handedAfter.delete(this.#peer);
      this.#rounds.push(round);
      round.handedAfter.set(this.#peer, Number.POSITIVE_INFINITY);
    }
    connection.wake();
    this.settle();
  }

  setNextHops(nextHop: (family: Family) => Address | null): void {
    if (this.#connection === null) return;
    for (const family of FAMILIES) this.#rib.setNextHop(family, nextHop(family));
    this.flush(null);
  }

  /** Sends the routes of the families again. */
  refresh(families: readonly Family[]): void {
    for (const family of families) this.#rib.refresh(family);
    this.flush(null);
  }

  /** Withdraws everything; resolves when the kernel has it, the session ended, or patience did. */
  async leave(patienceMillis: number): Promise<void> {
    this.#leaving = true;
    if (!this.isOpen) return;
    this.withdrawAll();
    await this.handOver(patienceMillis);
  }

  /** Resolves when the kernel has all that is wished for, the session ended, or patience did. */
  async handOver(patienceMillis: number): Promise<void> {
    this.#leaving = true;
    if (!this.isOpen) return;
    this.flush(null);
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.setTimer(patienceMillis, resolve);
      this.#waiting.add(() => {
        timer.cancel();
        resolve();
      });
      this.settle();
    });
  }

  /** Looks whether all wishes are with the kernel. To be called when the kernel took something. */
  settle(): void {
    if (this.#connection === null || this.#connection.blocked || this.#rib.hasOutput) return;
    if (this.#rounds.length > 0) for (const round of this.#rounds.splice(0)) this.#ports.handed(this.#peer, round);
    this.#wakeWaiting();
    const { unsendable, rejections } = this.#rib;
    if (unsendable === this.#looked.unsendable && rejections === this.#looked.rejections) return;
    this.#looked = { unsendable, rejections };
    this.#reportUnsendable(unsendable);
  }

  #wakeWaiting(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Every prefix once, until it could be sent again. */
  #reportUnsendable(count: number): void {
    const named = new Set<number>();
    this.#rib.forEachUnsendable((id) => {
      if (this.#named.has(id)) named.add(id);
    });
    this.#rib.forEachUnsendable((id) => {
      if (named.has(id) || named.size >= MOST_NAMED) return;
      named.add(id);
      const prefix = formatPrefix(this.#ports.prefixes.prefix(id));
      const why = "its attributes leave no room for a prefix in a message of this session";
      this.#ports.log({ event: "peer.routeUnsendable", peer: this.#peer, prefix, count, why });
    });
    this.#named = named;
  }
}
