/** One peer of the state machine under a virtual clock: performs timers, keeps everything else for the test to look at. No sockets. */

import { openOf } from "../../src/bgp/fsm/capability-offer.ts";
import { initialPeer, type PeerState, stepPeer } from "../../src/bgp/fsm/peer.ts";
import type { PeerAction, PeerEvent, SessionSettings, Slot, StateName, TimerRef } from "../../src/bgp/fsm/session.ts";
import type { Message, NotificationMessage, OpenMessage, UpdateMessage } from "../../src/bgp/wire/messages.ts";

/** Our side: AS 65001, 10.0.0.5, hold time 90 s, IPv4. */
export const OUR_SETTINGS: SessionSettings = {
  localAsn: 65001,
  peerAsn: { kind: "number", asn: 65000 },
  routerId: 0x0a00_0005,
  holdTimeSeconds: 90,
  keepaliveTimeSeconds: null,
  connectTimeSeconds: 5,
  passive: false,
  families: ["IPv4"],
  extendedNextHop: false,
  extendedMessages: false,
  gracefulRestart: null,
  role: null,
  enhancedRouteRefresh: false,
  omitCapabilities: [],
};

/** The router's side of the same session: AS 65000, 10.0.0.1. */
export const ROUTER_SETTINGS: SessionSettings = {
  ...OUR_SETTINGS,
  localAsn: 65000,
  peerAsn: { kind: "number", asn: 65001 },
  routerId: 0x0a00_0001,
};

export const GRACEFUL = { restartTimeSeconds: 120, notification: false, forwardingPreserved: true } as const;

/** The router's OPEN. */
export function routerOpen(change: Partial<SessionSettings> = {}, fields: Partial<OpenMessage> = {}): OpenMessage {
  return { ...openOf({ ...ROUTER_SETTINGS, ...change }, false), ...fields };
}

export const KEEPALIVE = { name: "keepalive" } as const satisfies Message;
export const END_OF_RIB: UpdateMessage = {
  name: "update",
  announced: [],
  withdrawn: [],
  attributes: {},
  endOfRib: "IPv4",
  faults: [],
  action: "accept",
  ignoredFamilies: 0,
};

export function notification(code: number, subcode: number, data: readonly number[] = []): NotificationMessage {
  return { name: "notification", code, subcode, data: Uint8Array.from(data) };
}

export function refreshOf(afi: number, subtype = 0): Message {
  return { name: "routeRefresh", afi, safi: 1, subtype };
}

interface Armed {
  readonly ref: TimerRef;
  readonly at: number;
}

export class FsmDriver {
  now = 0;
  state: PeerState;
  /** Everything the peer asked for, in order. */
  readonly log: { readonly at: number; readonly action: PeerAction }[] = [];
  readonly #timers = new Map<string, Armed>();
  readonly #perform: (action: PeerAction) => void;

  constructor(settings: SessionSettings = OUR_SETTINGS, seed = 1, perform: (action: PeerAction) => void = () => {}) {
    this.state = initialPeer(settings, seed);
    this.#perform = perform;
  }

  /** Steps one event and returns its actions. */
  handle(event: PeerEvent): readonly PeerAction[] {
    if (event.name === "timer") this.#timers.delete(keyOf(event));
    const { state, actions } = stepPeer(this.state, event, this.now);
    this.state = state;
    for (const action of actions) {
      this.log.push({ at: this.now, action });
      if (action.name === "setTimer") this.#timers.set(keyOf(action), { ref: refOf(action), at: action.at });
      else if (action.name === "clearTimer") this.#timers.delete(keyOf(action));
    }
    for (const action of actions) this.#perform(action);
    return actions;
  }

  message(slot: Slot, message: Message): readonly PeerAction[] {
    return this.handle({ name: "message", slot, message });
  }

  /** Lets time pass; timers fire on the way, each at its time. */
  advance(millis: number): void {
    const end = this.now + millis;
    for (let due = this.nextTimer(); due !== null && due.at <= end; due = this.nextTimer()) {
      this.now = Math.max(this.now, due.at);
      this.fire(due);
    }
    this.now = end;
  }

  nextTimer(): Armed | null {
    let first: Armed | null = null;
    for (const armed of this.#timers.values()) if (first === null || armed.at < first.at) first = armed;
    return first;
  }

  fire({ ref }: Armed): void {
    this.handle({ name: "timer", ...ref });
  }

  /** `outgoing hold`, `idleHold`, ... sorted. */
  get timers(): readonly string[] {
    return [...this.#timers.keys()].sort();
  }

  /** Milliseconds until this timer fires, or null. */
  left(name: string): number | null {
    const armed = this.#timers.get(name);
    return armed === undefined ? null : armed.at - this.now;
  }

  stateOf(slot: Slot): StateName {
    return this.state[slot].name;
  }

  /** What was sent on the slot, in order. */
  sent(slot: Slot): readonly Message[] {
    return this.log.flatMap(({ action }) => (action.name === "send" && action.slot === slot ? [action.message] : []));
  }

  /** Started, first dial on its way. */
  dialling(): this {
    this.handle({ name: "start" });
    while (this.state.outgoing.name !== "Connect") this.advance(100);
    return this;
  }

  openSent(slot: Slot = "outgoing"): this {
    if (slot === "outgoing") this.dialling();
    else this.handle({ name: "start" });
    this.handle({ name: "tcpConnected", slot });
    return this;
  }

  /** Waits for the next dial and lets it succeed. */
  openSentAgain(): this {
    while (this.state.outgoing.name !== "Connect") {
      const next = this.nextTimer();
      if (next === null) throw new Error("no dial will come");
      this.advance(next.at - this.now);
    }
    this.handle({ name: "tcpConnected", slot: "outgoing" });
    return this;
  }

  openConfirm(slot: Slot = "outgoing", open: OpenMessage = routerOpen()): this {
    this.openSent(slot);
    this.message(slot, open);
    return this;
  }

  established(slot: Slot = "outgoing", open: OpenMessage = routerOpen()): this {
    this.openConfirm(slot, open);
    this.message(slot, KEEPALIVE);
    return this;
  }
}

function keyOf(ref: TimerRef): string {
  return ref.slot === null ? ref.timer : `${ref.slot} ${ref.timer}`;
}

function refOf(ref: TimerRef): TimerRef {
  return ref.slot === null ? { slot: null, timer: ref.timer } : { slot: ref.slot, timer: ref.timer };
}

/** The actions of one name. */
export function only<Name extends PeerAction["name"]>(
  actions: readonly PeerAction[],
  name: Name,
): readonly Extract<PeerAction, { readonly name: Name }>[] {
  const wanted = (action: PeerAction): action is Extract<PeerAction, { readonly name: Name }> => action.name === name;
  return actions.filter(wanted);
}

/** `6/7` or, with data, `5/1 04`, of every NOTIFICATION among the actions. */
export function notificationsIn(actions: readonly PeerAction[]): readonly string[] {
  return only(actions, "send").flatMap(({ message }) => {
    if (message.name !== "notification") return [];
    const data = [...message.data].map((octet) => octet.toString(16).padStart(2, "0")).join("");
    return [`${message.code}/${message.subcode}${data === "" ? "" : ` ${data}`}`];
  });
}
