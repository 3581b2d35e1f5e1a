/**
 * The receiving side of the same BGP code: a session per speaker, stepped by the same state machine, and a table of what they announced.
 * It dials; so no process needs a port below 1024 or a second loopback address, which macOS has not.
 */

import { exchangedGracefulRestart } from "../bgp/fsm/negotiation.ts";
import { initialPeer, type PeerState, stepPeer } from "../bgp/fsm/peer.ts";
import type { Negotiated, PeerAction, PeerEvent, SessionSettings, TimerRef } from "../bgp/fsm/session.ts";
import { familyOf } from "../bgp/wire/iana.ts";
import type { UpdateMessage } from "../bgp/wire/messages.ts";
import { prefixesOf } from "../bgp/wire/nlri.ts";
import { systemClock } from "../clock.ts";
import { assertNever } from "../errors.ts";
import { type Address, addressFromOctets, type Family } from "../ip/address.ts";
import { WELL_KNOWN_COMMUNITIES } from "../ip/communities.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { lowestLinkBandwidth } from "../ip/link-bandwidth.ts";
import { isLinkAction, performLinkAction } from "../speaker/link-actions.ts";
import { MessageCounters } from "../speaker/message-counters.ts";
import { PeerSockets } from "../speaker/peer-sockets.ts";
import { SessionTimers } from "../speaker/session-timers.ts";
import { tcp } from "../speaker/transport.ts";
import { ReceivedPaths } from "./received-paths.ts";
import { type DemoNode, type DemoRouter, NODE_ASN, ROUTER_ASN } from "./router.ts";
import { leavingHopsOf, type ReceivedPath, type RouterTable, tableOf } from "./table.ts";

const ROUTER_ID = 0x0a_00_00_fe; // 10.0.0.254
const LOOPBACK = addressFromOctets(Uint8Array.of(127, 0, 0, 1));

export class BuiltinRouter implements DemoRouter {
  readonly product = "Built-in router";
  readonly dials = true;
  leavingHops: readonly string[] = [];
  readonly #sessions: Session[] = [];
  readonly #waiting = new Set<() => void>();
  #version = 0;
  #seen = 0;

  peers(): string {
    return `apiVersion: herald.dev/v1alpha1
kind: BGPPeer
metadata: { name: tor, namespace: herald-system }
spec:
  myASN: ${NODE_ASN}
  peerASN: ${ROUTER_ASN}
  peerAddress: 127.0.0.1
  passive: true
  holdTime: 9s
  families: [IPv4, IPv6]
  nextHopSource: NodeInternalIP
`;
  }

  async start(nodes: readonly DemoNode[], ports: ReadonlyMap<string, number>): Promise<void> {
    for (const { name } of nodes) {
      const session = new Session(LOOPBACK, ports.get(name) ?? 0, () => this.#onChange());
      this.#sessions.push(session);
      session.start();
    }
  }

  async established(): Promise<number> {
    this.#seen = this.#version;
    return this.#sessions.filter(({ established }) => established).length;
  }

  async table(): Promise<RouterTable> {
    this.#seen = this.#version;
    const received = this.#sessions.flatMap((session) => session.paths());
    this.leavingHops = leavingHopsOf(received);
    return tableOf(received);
  }

  changed(signal: AbortSignal, patienceMillis: number): Promise<void> {
    // Never at once: who asks in a loop would starve the sockets that the answer comes from.
    if (signal.aborted || this.#seen !== this.#version) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, patienceMillis);
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sessions.splice(0).map((session) => session.stop()));
  }

  #onChange(): void {
    this.#version++;
    for (const wake of [...this.#waiting]) wake();
  }
}

/** One session and what came over it (an Adj-RIB-In, RFC 4271 §3.2). */
class Session {
  readonly #address: Address;
  readonly #port: number;
  readonly #onChange: () => void;
  readonly #paths: ReceivedPaths;
  readonly #timers: SessionTimers;
  readonly #sockets: PeerSockets;
  readonly #events: PeerEvent[] = [];
  #state: PeerState = initialPeer(SETTINGS, Math.trunc(Math.random() * 0x1_0000_0000));
  #handling = false;
  #notified = false;
  #negotiated: Negotiated | null = null;
  established = false;

  constructor(address: Address, port: number, onChange: () => void) {
    this.#address = address;
    this.#port = port;
    this.#onChange = onChange;
    this.#paths = new ReceivedPaths(systemClock, onChange);
    this.#sockets = new PeerSockets({
      clock: systemClock,
      transport: tcp,
      counters: new MessageCounters(),
      handle: (event) => this.#handle(event),
    });
    this.#timers = new SessionTimers(systemClock, (ref) => this.#onTimer(ref));
  }

  start(): void {
    this.#handle({ name: "start" });
  }

  async stop(): Promise<void> {
    this.#handle({ name: "stop", cause: { reason: "adminShutdown", text: "the demo ends" } });
    this.#timers.clearAll();
    this.#paths.clear();
    await this.#sockets.ended();
  }

  paths(): readonly ReceivedPath[] {
    return this.#paths.all();
  }

  /** One event at a time: an action may lead to the next. */
  #handle(event: PeerEvent): void {
    this.#events.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const { state, actions } = stepPeer(this.#state, next, systemClock.now());
        this.#state = state;
        // Only a connection that ends without a word leaves routes behind (RFC 4724 §4.2).
        this.#notified =
          (next.name === "message" && next.message.name === "notification") ||
          actions.some((action) => action.name === "send" && action.message.name === "notification");
        for (const action of actions) this.#perform(action);
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
        this.#sockets.dial({ address: this.#address, port: this.#port, sourceAddress: null, options: null });
        break;
      case "established": {
        const { negotiated, slot } = action;
        this.#sockets.setContext(slot, negotiated);
        this.established = true;
        this.#negotiated = negotiated;
        this.#paths.sessionUp(preservedFamilies(negotiated));
        this.#onChange();
        break;
      }
      case "down":
        this.established = false;
        this.#paths.sessionDown(this.#notified ? 0 : restartMillis(this.#negotiated));
        this.#onChange();
        break;
      case "update":
        this.#onUpdate(action.message);
        break;
      // Nothing is announced by this side, and what happens is shown by the table.
      case "refresh":
      case "transition":
      case "error":
        break;
      default:
        assertNever(action);
    }
  }

  #onTimer(ref: TimerRef): void {
    // One turn for what lies in the socket: a busy machine must not end a session whose KEEPALIVE has come.
    setImmediate(() => {
      if (this.#timers.expire(ref)) this.#handle({ name: "timer", ...ref });
    });
  }

  #onUpdate(update: UpdateMessage): void {
    if (update.endOfRib !== null) this.#paths.endOfRib(update.endOfRib);
    for (const block of update.withdrawn) for (const prefix of prefixesOf(block)) this.#paths.withdraw(prefix);
    const leaving = (update.attributes.communities ?? []).includes(WELL_KNOWN_COMMUNITIES["graceful-shutdown"]);
    const bytesPerSecond = lowestLinkBandwidth(update.attributes.extendedCommunities ?? []);
    for (const block of update.announced) {
      const nextHop = formatAddress(block.nextHop.address);
      for (const prefix of prefixesOf(block))
        this.#paths.announce(prefix, { prefix: formatPrefix(prefix), nextHop, bytesPerSecond, leaving });
    }
    if (update.announced.length + update.withdrawn.length > 0) this.#onChange();
  }
}

/** Families whose routes the speaker says it still forwards (the F bit). */
function preservedFamilies({ capabilities }: Negotiated): readonly Family[] {
  return capabilities.received.flatMap((capability) =>
    capability.name === "gracefulRestart"
      ? capability.families.flatMap(({ afi, safi, forwarding }) => {
          const family = familyOf(afi, safi);
          return forwarding && family !== null ? [family] : [];
        })
      : [],
  );
}

/** For how long the speaker may be away. */
function restartMillis(negotiated: Negotiated | null): number {
  return negotiated === null || !exchangedGracefulRestart(negotiated)
    ? 0
    : (negotiated.peerGracefulRestart?.restartTimeSeconds ?? 0) * 1000;
}

const SETTINGS: SessionSettings = {
  localAsn: ROUTER_ASN,
  peerAsn: { kind: "number", asn: NODE_ASN },
  routerId: ROUTER_ID,
  holdTimeSeconds: 9,
  keepaliveTimeSeconds: null,
  connectTimeSeconds: 2,
  passive: false,
  families: ["IPv4", "IPv6"],
  extendedNextHop: false,
  extendedMessages: true,
  gracefulRestart: { restartTimeSeconds: 120, notification: false, forwardingPreserved: true },
  role: null,
  enhancedRouteRefresh: true,
  omitCapabilities: [],
};
