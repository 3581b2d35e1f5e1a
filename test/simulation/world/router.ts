/**
 * A Top-of-Rack router: the receiving side of the same protocol code, stepped by the same state machine, with a table per neighbour that keeps routes through
 * a graceful restart. It dials, waits to be called, or both; then connections collide.
 */

import { exchangedGracefulRestart, exchangedNotificationBit } from "../../../src/bgp/fsm/negotiation.ts";
import { initialPeer, type PeerState, stepPeer } from "../../../src/bgp/fsm/peer.ts";
import type { Negotiated, PeerAction, PeerEvent, SessionSettings, StopCause, TimerRef } from "../../../src/bgp/fsm/session.ts";
import { CEASE, FAMILY_CODES } from "../../../src/bgp/wire/iana.ts";
import type { NotificationMessage } from "../../../src/bgp/wire/messages.ts";
import { assertNever } from "../../../src/errors.ts";
import type { Address, Family } from "../../../src/ip/address.ts";
import { isLinkAction, performLinkAction } from "../../../src/speaker/link-actions.ts";
import { MessageCounters } from "../../../src/speaker/message-counters.ts";
import { PeerSockets } from "../../../src/speaker/peer-sockets.ts";
import { SessionTimers } from "../../../src/speaker/session-timers.ts";
import type { Stream } from "../../../src/speaker/stream.ts";
import { AdjRibIn, type Move } from "./adj-rib-in.ts";
import type { Host, Network } from "./network.ts";
import { ProcessClock } from "./virtual-clock.ts";

export interface Neighbour {
  /** Node. */
  readonly name: string;
  readonly address: Address;
  readonly settings: SessionSettings;
}

export interface RouterEvents {
  /** A session came up, or went down for the reason. */
  session(node: string, up: boolean, why: string): void;
  moved(node: string, move: Move): void;
  /** For the timeline. */
  said(what: string): void;
}

export class Router {
  readonly name: string;
  readonly host: Host;
  readonly sessions = new Map<string, RouterSession>();
  readonly #network: Network;
  readonly #clock: ProcessClock;

  constructor(
    { name, host, neighbours }: { readonly name: string; readonly host: Host; readonly neighbours: readonly Neighbour[] },
    network: Network,
    random: () => number,
    events: RouterEvents,
  ) {
    this.name = name;
    this.host = host;
    this.#network = network;
    this.#clock = new ProcessClock(network.clock);
    for (const neighbour of neighbours) {
      const session = new RouterSession(neighbour, this.#clock, network.transport(host), Math.floor(random() * 0x1_0000_0000), events);
      this.sessions.set(neighbour.name, session);
    }
    host.listener = ({ socket, remoteAddress }) => {
      const session = [...this.sessions.values()].find(({ neighbour }) => neighbour.address.key === remoteAddress.key);
      if (session === undefined) socket.destroy();
      else session.accept(socket);
    };
    for (const session of this.sessions.values()) session.start();
  }

  /** The router loses power, or its operating system ends it: nothing of it is left. */
  crash(how: "fin" | "rst"): void {
    this.#network.kill(this.host, how);
    this.#clock.end();
  }
}

/** One session and what came over it. */
export class RouterSession {
  readonly neighbour: Neighbour;
  readonly rib: AdjRibIn;
  established = false;
  /** Families whose first dump has ended in this session. */
  readonly complete = new Set<Family>();
  readonly #clock: ProcessClock;
  readonly #events: RouterEvents;
  readonly #timers: SessionTimers;
  readonly #sockets: PeerSockets;
  readonly #queue: PeerEvent[] = [];
  #state: PeerState;
  #negotiated: Negotiated | null = null;
  #handling = false;

  constructor(neighbour: Neighbour, clock: ProcessClock, transport: ReturnType<Network["transport"]>, seed: number, events: RouterEvents) {
    this.neighbour = neighbour;
    this.#clock = clock;
    this.#events = events;
    this.#state = initialPeer(neighbour.settings, seed);
    this.rib = new AdjRibIn(clock, (move) => this.#onMove(move));
    this.#sockets = new PeerSockets({ clock, transport, counters: new MessageCounters(), handle: (event) => this.#handle(event) });
    this.#timers = new SessionTimers(clock, (ref) => this.#onTimer(ref));
  }

  start(): void {
    this.#handle({ name: "start" });
  }

  accept(socket: Stream): void {
    this.#sockets.offer(socket, this.neighbour.address, null);
  }

  /** A connection waits for an OPEN or more. */
  get speaks(): boolean {
    return this.#sockets.connected;
  }

  /** Ends what there is, and says why. */
  stop(reason: StopCause["reason"]): void {
    this.#handle({ name: "stop", cause: { reason, text: "" } });
  }

  /** Asks for everything again (RFC 2918). */
  refresh(family: Family): void {
    const slot = this.#state.outgoing.name === "Established" ? "outgoing" : "incoming";
    if (!this.established) return;
    this.rib.refreshing(family);
    this.#sockets.send(slot, { name: "routeRefresh", ...FAMILY_CODES[family], subtype: 0 });
  }

  #handle(event: PeerEvent): void {
    this.#queue.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { state, actions } = stepPeer(this.#state, next, this.#clock.now());
        this.#state = state;
        for (const action of actions) this.#perform(action, lastWords(next, actions));
      }
    } finally {
      this.#handling = false;
    }
  }

  #perform(action: PeerAction, said: NotificationMessage | null): void {
    if (isLinkAction(action)) {
      performLinkAction(action, this.#sockets, this.#timers);
      return;
    }
    switch (action.name) {
      case "dial":
        this.#sockets.dial({ address: this.neighbour.address, port: 179, sourceAddress: null, options: null });
        break;
      case "established": {
        const { negotiated, slot } = action;
        this.#sockets.setContext(slot, negotiated);
        this.#negotiated = negotiated;
        this.established = true;
        this.complete.clear();
        this.#events.session(this.neighbour.name, true, "");
        this.rib.up(negotiated);
        break;
      }
      case "down":
        this.established = false;
        this.#events.session(this.neighbour.name, false, action.why);
        this.rib.down(this.#negotiated !== null && keepsRoutes(this.#negotiated, said) ? this.#negotiated : null);
        break;
      case "update":
        this.rib.take(action.message);
        break;
      case "transition":
        this.#events.said(`${this.neighbour.name}, ${action.slot}: ${action.from} to ${action.to}: ${action.why}`);
        break;
      // Nothing is announced by this side.
      case "refresh":
      case "error":
        break;
      default:
        assertNever(action);
    }
  }

  #onMove(move: Move): void {
    if (move.name === "endOfRib") this.complete.add(move.family);
    this.#events.moved(this.neighbour.name, move);
  }

  #onTimer(ref: TimerRef): void {
    if (this.#timers.expire(ref)) this.#handle({ name: "timer", ...ref });
  }
}

/** What either side said when the session went; null = TCP ended, or another connection took over. */
function lastWords(cause: PeerEvent, actions: readonly PeerAction[]): NotificationMessage | null {
  const gone = actions.find(({ name }) => name === "down");
  if (gone?.name !== "down") return null;
  if (cause.name === "message" && cause.message.name === "notification") return cause.message;
  for (const action of actions) {
    if (action.name === "send" && action.slot === gone.slot && action.message.name === "notification") return action.message;
  }
  return null;
}

/** Without a word routes stay (RFC 4724 §4.2); through a NOTIFICATION where both sides said N, unless it is a Hard Reset (RFC 8538 §4). */
function keepsRoutes(negotiated: Negotiated, said: NotificationMessage | null): boolean {
  if (said === null) return exchangedGracefulRestart(negotiated);
  const { code, subcode } = CEASE.hardReset;
  return exchangedNotificationBit(negotiated) && (said.code !== code || said.subcode !== subcode);
}
