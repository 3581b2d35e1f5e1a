/**
 * One peer: performs what the state machine says, and owns what belongs to the session: its sockets, its timers, its Adj-RIB-Out and its counters.
 * Every event goes through `#handle`, one at a time; nothing else changes the state.
 */

import { exchangedGracefulRestart, marksRoutes } from "../bgp/fsm/negotiation.ts";
import { initialPeer, type PeerState, peerStateName, stepPeer } from "../bgp/fsm/peer.ts";
import type { Negotiated, PeerAction, PeerEvent, Slot, StopCause, TimerRef } from "../bgp/fsm/session.ts";
import { AdjRibInCounters } from "../bgp/rib/adj-rib-in-counters.ts";
import type { RouteAttributes } from "../bgp/rib/route.ts";
import { assertNever } from "../errors.ts";
import { type Address, FAMILIES, type Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import type { NextHop } from "../plan/change.ts";
import { type Connection, describeSocketError } from "./connection.ts";
import type { DialTarget } from "./dialer.ts";
import { isLinkAction, performLinkAction } from "./link-actions.ts";
import { readLinkAddresses } from "./link-routers.ts";
import { MessageCounters } from "./message-counters.ts";
import type { PeerAccess } from "./peer-access.ts";
import { sameRemote } from "./peer-places.ts";
import { PeerRoutes, type PeerRoutesPorts } from "./peer-routes.ts";
import { endsRefusal, holdReason, needsReset, sameEndpoint, sessionSettings } from "./peer-settings.ts";
import { PeerSockets } from "./peer-sockets.ts";
import { PeerStatus, type PeerStatusPorts } from "./peer-status.ts";
import type { Recorder } from "./recorder.ts";
import { SessionTimers } from "./session-timers.ts";
import { replacesKey, type StreamOptions, sameKeys } from "./sockopt/streams.ts";
import type { LoadedCalls } from "./sockopt/system-calls.ts";
import type { Stream } from "./stream.ts";
import type { Round } from "./timeline.ts";
import type { Transport } from "./transport.ts";
import { onceRead } from "./unread-input.ts";

/** What a peer is to be: a new value replaces the old one whole. */
export interface PeerConfig {
  readonly peer: BGPPeer;
  /** Used where the object names none. */
  readonly routerId: number;
  /** This process goes on where another stopped. */
  readonly forwardingPreserved: boolean;
  readonly nextHop: Readonly<Record<Family, NextHop>>;
  readonly access: PeerAccess;
}

export interface PeerPorts extends PeerStatusPorts, PeerRoutesPorts {
  readonly transport: Pick<Transport, "dial">;
  /** 32 random bits for the jitter of the timers. */
  seed(): number;
  /** Options of sockets. */
  load(): LoadedCalls;
  /** Null = nothing is recorded. */
  readonly recorder: Pick<Recorder, "header" | "step"> | null;
  /** A session is up. {@link Peer.openRoutes} has to follow once the decisions know of it: no route leaves before. */
  established(peer: Peer, negotiated: Negotiated, localAddress: Address): void;
  /** The session has ended. Its connection is closed after this. */
  down(peer: Peer): void;
}

/** The session that is up. */
interface Session {
  readonly negotiated: Negotiated;
  readonly localAddress: Address;
  /** Of this host, on the link of a session between link-local addresses. */
  readonly global: Address | null;
  readonly connection: Connection;
}

export class Peer {
  readonly name: string;
  readonly counters = new MessageCounters();
  readonly status: PeerStatus;
  readonly #ports: PeerPorts;
  readonly #routes: PeerRoutes;
  readonly #timers: SessionTimers;
  readonly #received = new AdjRibInCounters();
  readonly #sockets: PeerSockets;
  readonly #events: PeerEvent[] = [];
  #config: PeerConfig;
  #state: PeerState;
  #handling = false;
  #session: Session | null = null;

  constructor(config: PeerConfig, ports: PeerPorts) {
    this.name = config.peer.metadata.name;
    this.#config = config;
    this.#ports = ports;
    this.#routes = new PeerRoutes(this.name, ports);
    const { clock, transport } = ports;
    this.#sockets = new PeerSockets({ clock, transport, counters: this.counters, handle: (event) => this.#handle(event) });
    this.#timers = new SessionTimers(ports.clock, (ref) => this.#onTimer(ref));
    this.status = new PeerStatus(this.name, ports);
    const settings = sessionSettings(config.peer, config.routerId, config.forwardingPreserved);
    const seed = ports.seed();
    this.#state = initialPeer(settings, seed);
    ports.recorder?.header(this.name, settings, seed);
  }

  get config(): PeerConfig {
    return this.#config;
  }

  /** Why no session is tried; "" = one is. */
  get held(): string {
    return holdReason(this.#config.peer, this.#config.access);
  }

  get received(): AdjRibInCounters["counts"] {
    return this.#received.counts;
  }

  get updatesSent(): number {
    return this.#routes.updates;
  }

  get pending(): number {
    return this.#routes.pending;
  }

  get unsendable(): readonly string[] {
    return this.#routes.unsendable;
  }

  announced(family: Family): number {
    return this.#routes.announced(family);
  }

  /** Sockets and timers it holds: 0 when it is stopped and everything has ended. */
  get resources(): number {
    return this.#sockets.size + this.#timers.size;
  }

  /** A connection of it waits for an OPEN or carries the session. */
  get busy(): boolean {
    return this.#sockets.connected;
  }

  /** Begins to seek a session, unless the object holds it down. */
  start(): void {
    const why = this.held;
    if (why === "") {
      this.#handle({ name: "start" });
      return;
    }
    this.status.held(why);
  }

  /** Ends the session as the cause says; stays down until {@link start} where the cause says so. */
  stop(cause: StopCause): void {
    this.#handle({ name: "stop", cause });
  }

  /** BFD lost the way to the peer: a session that is up ends at once (RFC 5882 §4.1), and is sought again as after any other end. */
  bfdDown(why: string): void {
    if (this.#session === null) return;
    this.#localError(why);
    this.stop({ reason: "bfdDown", text: "" });
  }

  /** Withdraws everything, waits until the kernel has it (at most `patienceMillis`), then stops and waits for the sockets to end. */
  async shutdown(cause: StopCause, patienceMillis: number): Promise<void> {
    await this.#routes.leave(patienceMillis);
    this.stop(cause);
    await this.ended();
    this.#timers.clearAll();
    this.#routes.withdrawAll();
  }

  /** The session is up, and the peer keeps our routes when its TCP connection just ends (RFC 4724 §4.2). */
  get isKeptByPeer(): boolean {
    return this.#session !== null && exchangedGracefulRestart(this.#session.negotiated);
  }

  /** Waits until the kernel has what is wished for so far (at most `patienceMillis`), then closes without a NOTIFICATION. */
  async leaveSilently(patienceMillis: number): Promise<void> {
    await this.#routes.handOver(patienceMillis);
    this.stop({ reason: "silent", text: "" });
    await this.ended();
    this.#timers.clearAll();
  }

  /** Resolves when no socket of it is left. */
  ended(): Promise<void> {
    return this.#sockets.ended();
  }

  /** The newest word on what it shall be. A session that is up ends only where the protocol needs it (Cease/6). */
  configure(config: PeerConfig): void {
    const before = this.#config;
    const heldBefore = this.held;
    this.#config = config;
    const { held } = this;
    const moved = !sameRemote(before.access.remote, config.access.remote) || replacesKey(before.access.stream, config.access.stream);
    if (held !== "" && heldBefore === "") this.stop({ reason: "adminShutdown", text: config.peer.adminDown?.reason ?? held });
    else if (held === "" && (moved || !sameEndpoint(before.peer, config.peer))) this.stop({ reason: "configChange", text: "" });
    // What the OPENs said cannot change under a session: the machine ends it where that is so.
    this.#handle({ name: "configure", settings: sessionSettings(config.peer, config.routerId, config.forwardingPreserved) });
    if (held === "" && heldBefore !== "") this.status.released();
    // Also ends the wait that a refusal under the old words brought.
    if (held !== heldBefore || (held === "" && (moved || needsReset(before, config) || endsRefusal(before.peer, config.peer))))
      this.start();
    else if (!sameKeys(before.access.stream, config.access.stream)) this.#changeKeys(before.access.stream);
    const session = this.#session;
    if (session === null) return;
    this.#sockets.trust(this.#socketOptions());
    this.#routes.setNextHops((family) => this.#nextHop(family, session));
  }

  /** The newest wish for a prefix; null = the peer shall not have it. Leaves with the next {@link flush}. */
  want(prefix: Prefix, attributes: RouteAttributes | null): void {
    this.#routes.want(prefix, attributes);
  }

  /** What it is to be told, for the state file. */
  get wishes(): Pick<PeerRoutes, "wanted" | "eachWish"> {
    return this.#routes;
  }

  /** The wishes so far are complete: each session says End-of-RIB after them. */
  allowEndOfRib(): void {
    this.#routes.allowEndOfRib();
  }

  /** Hands what is pending to the kernel, as far as it takes it. `round` is timed until all of it is there. */
  flush(round: Round | null = null): void {
    this.#routes.flush(round);
  }

  /** Sends everything again. */
  refresh(): void {
    this.#routes.refresh(FAMILIES);
  }

  /** The decisions know the session: routes may leave. Does nothing when the session has gone meanwhile. */
  openRoutes(): void {
    const session = this.#session;
    if (session === null || this.#routes.isOpen) return;
    const { negotiated, localAddress, connection, global } = session;
    this.#routes.open(connection, {
      localAsn: this.#config.peer.myASN,
      ibgp: negotiated.ibgp,
      asn4: negotiated.asn4,
      extendedNextHop: negotiated.extendedNextHop,
      onlyToCustomer: marksRoutes(this.#config.peer.role),
      enhancedRouteRefresh: negotiated.enhancedRouteRefresh,
      families: negotiated.families,
      sendLimit: negotiated.sendLimit,
      nextHop: { IPv4: this.#nextHop("IPv4", session), IPv6: this.#nextHop("IPv6", session) },
      linkLocalNextHop: global === null ? null : { global, linkLocal: localAddress },
    });
  }

  /** A connection that this peer made to us. */
  accept(socket: Stream): void {
    const { peer, access } = this.#config;
    if (this.held !== "" || access.remote === null || peer.vrf !== null) return void socket.destroy();
    try {
      this.#sockets.offer(socket, access.remote.address, this.#socketOptions());
    } catch (error) {
      socket.destroy();
      this.#localError(error);
    }
  }

  #handle(event: PeerEvent): void {
    this.#events.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const now = this.#ports.clock.now();
        const { state, actions } = stepPeer(this.#state, next, now);
        this.#state = state;
        this.#ports.recorder?.step(this.name, now, next, actions);
        for (const action of actions) this.#perform(action);
        if (next.name === "sendProgress") this.#routes.settle();
      }
    } finally {
      this.#handling = false;
    }
  }

  #perform(action: PeerAction): void {
    if (isLinkAction(action)) {
      performLinkAction(action, this.#sockets, this.#timers);
      return;
    }
    switch (action.name) {
      case "dial":
        this.#startDial();
        break;
      case "established":
        this.#onEstablished(action.slot, action.negotiated);
        break;
      case "down":
        this.#onDown(action.why);
        break;
      case "update":
        this.#received.count(action.message);
        if (action.message.faults.length > 0) this.status.updateFault(action.message);
        break;
      case "refresh":
        this.#routes.refresh([action.family]);
        break;
      case "transition":
        this.status.transition(action, peerStateName(this.#state));
        break;
      case "error":
        this.status.error(action.error);
        break;
      default:
        assertNever(action);
    }
  }

  #startDial(): void {
    const { peer, access } = this.#config;
    const { peerPort: port, sourceAddress } = peer;
    if (access.remote !== null) this.#sockets.dial({ ...access.remote, port, sourceAddress, options: this.#socketOptions() });
  }

  /** null = Node's own have to do: a peer that needs others is held down then. */
  #socketOptions(): DialTarget["options"] {
    const loaded = this.#ports.load();
    return loaded.ok ? { calls: loaded.calls, stream: this.#config.access.stream } : null;
  }

  /** The session goes on under new keys: segments that the other side signs with one that is gone are lost, and sent again until it has the new one too. */
  #changeKeys(before: StreamOptions): void {
    const { remote, stream } = this.#config.access;
    if (remote === null || (stream.md5Key === null && stream.aoKeys.length === 0)) return;
    this.#ports.log({ event: "peer.keyChanged", peer: this.name, sessionUp: this.#session !== null });
    try {
      this.#sockets.changeKeys(remote.address, before, this.#socketOptions());
    } catch (error) {
      this.#localError(error);
    }
    // A peer that was not answered because of its key is dialled again without waiting.
    if (this.#session === null) this.start();
  }

  /** A fault without a NOTIFICATION, in words. */
  #localError(error: unknown): void {
    const text = error instanceof Error ? describeSocketError(error) : String(error);
    this.status.error({ direction: "local", code: 0, subcode: 0, text, notification: null });
  }

  #onTimer(ref: TimerRef): void {
    const { slot, timer } = ref;
    if (slot === null || timer !== "hold") this.#expire(ref);
    else
      onceRead(
        this.#ports.clock,
        () => this.#sockets.get(slot)?.connection.readPending ?? false,
        () => this.#expire(ref),
      );
  }

  #expire(ref: TimerRef): void {
    if (this.#timers.expire(ref)) this.#handle({ name: "timer", ...ref });
  }

  #onEstablished(slot: Slot, negotiated: Negotiated): void {
    const link = this.#sockets.get(slot);
    if (link === undefined) return;
    const { localAddress, connection } = link;
    this.#sockets.setContext(slot, negotiated);
    this.#sockets.trust(this.#socketOptions());
    const zone = this.#config.access.remote?.zone ?? null;
    const global = zone === null ? null : (readLinkAddresses(zone)?.global ?? null);
    this.#session = { negotiated, localAddress, global, connection };
    this.status.established(negotiated, localAddress);
    this.#ports.established(this, negotiated, localAddress);
  }

  #onDown(why: string): void {
    if (this.#session === null) return;
    this.#session = null;
    this.#routes.close();
    this.status.down(why);
    this.#ports.down(this);
  }

  #nextHop(family: Family, { localAddress, global }: Session): Address | null {
    const nextHop = this.#config.nextHop[family];
    return nextHop === "session" ? (global ?? localAddress) : nextHop;
  }
}
