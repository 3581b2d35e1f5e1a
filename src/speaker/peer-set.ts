/** The peers of this process: made, changed and ended as the decisions say, and found for whoever calls. */

import type { StopCause } from "../bgp/fsm/session.ts";
import type { Clock, Timer } from "../clock.ts";
import { deriveRouterId } from "../ip/router-id.ts";
import type { Log } from "../log.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import type { PeerChange, RouteChange } from "../plan/change.ts";
import { type Admission, type Callee, type Caller, findCallee } from "./listener.ts";
import { Peer, type PeerConfig, type PeerPorts } from "./peer.ts";
import { type PasswordAnswer, type PeerAccess, peerAccess, sameAccess } from "./peer-access.ts";
import { formatRemote, type Place } from "./peer-places.ts";
import { needsReset, sameEndpoint } from "./peer-settings.ts";

export interface PeerSetPorts extends PeerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  /** BGP Identifier of peers whose object names none. */
  routerId(): number;
  resetSpreadMillis(): number;
  /** This process goes on where another stopped, and forwarding has not suffered: the F bit until a peer was first Established (RFC 4724 §3). */
  forwardingPreserved(): boolean;
  password(peer: BGPPeer): PasswordAnswer;
  place(peer: BGPPeer): Place;
  /** The newest word on who may call, and on the peers that are not held down, with their addresses, after every change of a peer. */
  admitted(admissions: readonly Admission[], peers: readonly BGPPeer[]): void;
  /** A session ends because its peer was configured anew. */
  forgotten(peer: string): void;
  /** The peer is gone for good. */
  removed(peer: string): void;
}

/** How long a peer that goes may take to hear of its withdrawals. */
const PATIENCE_MILLIS = 700;
const CALLER_LOG_MILLIS = 60_000;
const CALLERS_REMEMBERED = 256;

export class PeerSet {
  readonly #ports: PeerSetPorts;
  readonly #peers = new Map<string, Peer>();
  readonly #leaving = new Set<Promise<void>>();
  /** Changes that reset a session wait for this node's turn. */
  readonly #waiting = new Map<string, { config: PeerConfig; readonly timer: Timer }>();
  readonly #callers = new Map<string, { at: number; suppressed: number }>();

  constructor(ports: PeerSetPorts) {
    this.#ports = ports;
  }

  get(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** By name. */
  all(): Peer[] {
    return [...this.#peers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A session this node wants, other words for one, or none any more. */
  change({ name, peer, nextHop }: PeerChange): void {
    const known = this.#peers.get(name);
    if (peer === null) {
      if (known !== undefined) this.#remove(known);
      this.#admit();
      return;
    }
    const config: PeerConfig = {
      peer,
      nextHop,
      routerId: this.#ports.routerId(),
      forwardingPreserved: this.#ports.forwardingPreserved(),
      access: this.#access(peer),
    };
    if (known === undefined) this.#add(config);
    else this.#configure(known, config);
    this.#admit();
  }

  /** Names of the Secrets that its peers refer to. */
  secrets(): ReadonlySet<string> {
    const peers = [...this.#peers.values()].map(({ config }) => config.peer);
    return new Set(
      peers.flatMap(({ passwordSecret, tcpAO }) =>
        [passwordSecret ?? [], tcpAO.map((key) => key.passwordSecret)].flat().map(({ name }) => name),
      ),
    );
  }

  /** Passwords or addresses may have changed. */
  renewAccess(): void {
    for (const peer of this.#peers.values()) {
      const access = this.#access(peer.config.peer);
      const waiting = this.#waiting.get(peer.name);
      if (waiting !== undefined) waiting.config = { ...waiting.config, access: this.#access(waiting.config.peer) };
      if (!sameAccess(access, peer.config.access)) peer.configure({ ...peer.config, access });
    }
    this.#admit();
  }

  want({ peer, prefix, attributes }: RouteChange): void {
    this.#peers.get(peer)?.want(prefix, attributes);
  }

  /** Whoever calls: the peer it is, or nobody, and then the connection is closed at once. */
  call(caller: Caller): void {
    const callees: (Callee & { readonly peer: Peer })[] = [];
    for (const peer of this.#peers.values()) {
      const { peerPort, sourceAddress, passive } = peer.config.peer;
      const { remote } = peer.config.access;
      if (remote === null) continue;
      callees.push({ peer, name: peer.name, ...remote, port: peerPort, sourceAddress, passive, busy: peer.busy });
    }
    const callee = findCallee(callees, caller);
    if (callee === null) this.#turnAway(caller);
    else callee.peer.accept(caller.socket);
  }

  /** Withdraws everything from everybody and ends all sessions. */
  stop(cause: StopCause): Promise<void> {
    return this.#stopAll((peer) => peer.shutdown(cause, PATIENCE_MILLIS));
  }

  /** Ends all sessions without a word where the peer then keeps our routes (RFC 4724 §4); the others as {@link stop} does. */
  leaveSilently(cause: StopCause): Promise<void> {
    return this.#stopAll((peer) => (peer.isKeptByPeer ? peer.leaveSilently(PATIENCE_MILLIS) : peer.shutdown(cause, PATIENCE_MILLIS)));
  }

  async #stopAll(stop: (peer: Peer) => Promise<void>): Promise<void> {
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    const stopping = [...this.#peers.values()].map(stop);
    await Promise.all([...stopping, ...this.#leaving]);
  }

  #access(peer: BGPPeer): PeerAccess {
    return peerAccess(peer, this.#ports.password(peer), () => this.#ports.load(), this.#ports.place(peer));
  }

  #admit(): void {
    const free = this.all().filter(({ held }) => held === "");
    const admissions = free.flatMap(({ config: { peer, access } }): Admission[] => {
      if (access.remote === null || peer.vrf !== null) return [];
      const { md5Key, aoKeys, minimumTtl } = access.stream;
      return [{ address: access.remote.address, md5Key, aoKeys, minimumTtl }];
    });
    this.#ports.admitted(
      admissions,
      // A link-local address is reached through its device, as a peer in a VRF is.
      free.map(({ config: { peer, access } }) => ({
        ...peer,
        peerAddress: access.remote?.address ?? null,
        vrf: peer.vrf ?? access.remote?.zone ?? null,
      })),
    );
  }

  #add(config: PeerConfig): void {
    const peer = new Peer(config, this.#ports);
    this.#peers.set(peer.name, peer);
    const { remote } = config.access;
    this.#ports.log({ event: "peer.added", peer: peer.name, address: remote === null ? "" : formatRemote(remote) });
    peer.start();
  }

  #remove(peer: Peer): void {
    this.#peers.delete(peer.name);
    this.#waiting.get(peer.name)?.timer.cancel();
    this.#waiting.delete(peer.name);
    this.#ports.log({ event: "peer.removed", peer: peer.name });
    const leaving = peer.shutdown({ reason: "deconfigured", text: "" }, PATIENCE_MILLIS);
    this.#leaving.add(leaving);
    void leaving.then(() => {
      this.#leaving.delete(leaving);
      if (!this.#peers.has(peer.name)) this.#ports.removed(peer.name);
    });
  }

  /** Where a session would end, each node waits for its own moment, so that the group of nodes never goes at once. */
  #configure(peer: Peer, config: PeerConfig): void {
    const waiting = this.#waiting.get(peer.name);
    const urgent = config.peer.adminDown !== null;
    // A peer that keeps our routes meanwhile need not wait.
    const kept = peer.isKeptByPeer && sameEndpoint(peer.config.peer, config.peer);
    if (!urgent && !kept && peer.status.state === "Established" && needsReset(peer.config, config)) {
      if (waiting !== undefined) {
        waiting.config = config;
        return;
      }
      // The hash of the node's name serves as its turn.
      const delay = (deriveRouterId([], this.#ports.node) / 0x1_0000_0000) * this.#ports.resetSpreadMillis();
      if (delay >= 1) {
        const timer = this.#ports.clock.setTimer(delay, () => {
          const due = this.#waiting.get(peer.name);
          this.#waiting.delete(peer.name);
          if (due !== undefined) this.#apply(peer, due.config);
        });
        this.#waiting.set(peer.name, { config, timer });
        return;
      }
    }
    waiting?.timer.cancel();
    this.#waiting.delete(peer.name);
    this.#apply(peer, config);
  }

  #apply(peer: Peer, config: PeerConfig): void {
    const reset = needsReset(peer.config, config);
    this.#ports.log({ event: "peer.configured", peer: peer.name, reset });
    peer.configure(config);
    if (reset) this.#ports.forgotten(peer.name);
  }

  #turnAway({ socket, remoteAddress, zone = null, remotePort }: Caller): void {
    socket.destroy();
    const address = formatRemote({ address: remoteAddress, zone });
    const now = this.#ports.clock.now();
    const known = this.#callers.get(address);
    if (known !== undefined && now - known.at < CALLER_LOG_MILLIS) {
      known.suppressed++;
      return;
    }
    // Addresses are the callers' to choose where spoofing is possible: forget the oldest rather than grow.
    if (known === undefined && this.#callers.size >= CALLERS_REMEMBERED) {
      const [oldest] = this.#callers.keys();
      if (oldest !== undefined) this.#callers.delete(oldest);
    }
    this.#callers.set(address, { at: now, suppressed: 0 });
    const why = "no BGPPeer of this node has that peerAddress";
    this.#ports.log({ event: "listener.unknownCaller", address, port: remotePort, why, suppressed: known?.suppressed ?? 0 });
  }
}
