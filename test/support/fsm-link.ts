/**
 * Two peers of the state machine and the network between them, under one virtual clock. A dial takes three one-way delays: the dialler is
 * connected after two, the other side after three, as in TCP. Each connection keeps its octets in order and has a delay per direction.
 */

import type { PeerAction, SessionSettings, Slot } from "../../src/bgp/fsm/session.ts";
import type { Message } from "../../src/bgp/wire/messages.ts";
import { FsmDriver } from "./fsm-driver.ts";

/** Milliseconds of one direction of a new connection. */
export type Delay = () => number;

export class FsmLink {
  now = 0;
  readonly a: Node;
  readonly b: Node;
  #order = 0;
  #connections = 0;
  #queue: Scheduled[] = [];

  constructor(a: SessionSettings, b: SessionSettings, seed: number, delay: Delay) {
    this.a = new Node("a", this, a, seed, delay);
    this.b = new Node("b", this, b, seed + 0x5eed, delay);
    this.a.other = this.b;
    this.b.other = this.a;
  }

  connectionId(): number {
    return ++this.#connections;
  }

  at(time: number, run: () => void): void {
    this.#queue.push({ at: time, order: this.#order++, run });
  }

  /** Runs until `end` or until nothing is left to happen. */
  runTo(end: number): void {
    for (;;) {
      const next = this.#queue.reduce<Scheduled | null>(earlier, null);
      const timers = [this.a, this.b].flatMap((node) => {
        const armed = node.driver.nextTimer();
        return armed === null ? [] : [{ node, armed }];
      });
      const timer = timers.sort((one, other) => one.armed.at - other.armed.at)[0];
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, timer?.armed.at ?? Number.POSITIVE_INFINITY);
      if (at > end) break;
      this.now = Math.max(this.now, at);
      this.a.driver.now = this.now;
      this.b.driver.now = this.now;
      if (next !== null && next.at <= at) {
        this.#queue = this.#queue.filter((event) => event !== next);
        next.run();
      } else if (timer !== undefined) {
        timer.node.driver.fire(timer.armed);
      }
    }
    this.now = end;
    this.a.driver.now = end;
    this.b.driver.now = end;
  }

  /** Connections with both ends attached. */
  get whole(): readonly Pipe[] {
    return [...this.a.ends.values()].flatMap(({ pipe }) => ([...this.b.ends.values()].some((end) => end.pipe === pipe) ? [pipe] : []));
  }
}

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

function earlier(first: Scheduled | null, event: Scheduled): Scheduled {
  return first === null || event.at < first.at || (event.at === first.at && event.order < first.order) ? event : first;
}

interface Pipe {
  readonly id: number;
  readonly dialler: "a" | "b";
}

/** One side's hold on a connection. */
interface End {
  readonly pipe: Pipe;
  /** Delay from this end to the other. */
  readonly delay: number;
  /** When the last thing sent from here arrives. */
  arrival: number;
  peer: End | null;
  attached: boolean;
  readonly deliver: (event: "closed" | Message) => void;
}

export class Node {
  readonly driver: FsmDriver;
  readonly ends = new Map<Slot, End>();
  readonly #name: "a" | "b";
  readonly #link: FsmLink;
  readonly #delay: Delay;
  other: Node | null = null;
  #dial: { aborted: boolean } | null = null;
  #offered: End | null = null;
  ups = 0;
  downs = 0;
  /** Set to have every dial of this node refused. */
  refused = false;

  constructor(name: "a" | "b", link: FsmLink, settings: SessionSettings, seed: number, delay: Delay) {
    this.#name = name;
    this.#link = link;
    this.#delay = delay;
    this.driver = new FsmDriver(settings, seed, (action) => this.#perform(action));
  }

  /** Which side dialled the connection that carries the session of this node; null = no session. */
  get sessionDialler(): "a" | "b" | null {
    for (const slot of ["outgoing", "incoming"] as const) {
      if (this.driver.stateOf(slot) === "Established") return this.ends.get(slot)?.pipe.dialler ?? null;
    }
    return null;
  }

  #perform(action: PeerAction): void {
    switch (action.name) {
      case "dial":
        this.#startDial();
        break;
      case "send":
        this.#transmit(action.slot, action.message);
        break;
      case "close":
        this.#close(action.slot);
        break;
      case "accept":
        if (this.#offered === null) throw new Error("accept without an offered connection");
        if (this.ends.has("incoming")) throw new Error("accept into a slot that is taken");
        this.ends.set("incoming", this.#offered);
        this.#offered = null;
        break;
      case "refuse":
        if (this.#offered !== null) this.#hangUp(this.#offered);
        this.#offered = null;
        break;
      case "established":
        this.ups++;
        break;
      case "down":
        this.downs++;
        break;
      default:
        break;
    }
  }

  #startDial(): void {
    const link = this.#link;
    const { other } = this;
    if (other === null) throw new Error("a node alone");
    const dial = { aborted: false };
    this.#dial = dial;
    const there = this.#delay();
    const back = this.#delay();
    const pipe: Pipe = { id: link.connectionId(), dialler: this.#name };
    link.at(link.now + there + back, () => {
      if (dial.aborted) return;
      this.#dial = null;
      if (this.refused) {
        this.driver.handle({ name: "tcpFailed", slot: "outgoing", why: "connection refused" });
        return;
      }
      const mine = this.#end(pipe, there, "outgoing");
      const theirs = other.#end(pipe, back, "incoming");
      mine.peer = theirs;
      theirs.peer = mine;
      this.ends.set("outgoing", mine);
      // Before anything sent on it can arrive.
      mine.arrival = link.now + there;
      link.at(mine.arrival, () => other.#offer(theirs));
      this.driver.handle({ name: "tcpConnected", slot: "outgoing" });
    });
  }

  #end(pipe: Pipe, delay: number, slot: Slot): End {
    const end: End = {
      pipe,
      delay,
      arrival: 0,
      peer: null,
      attached: true,
      deliver: (event) => {
        // What arrives for a connection that was closed here is dropped by the kernel.
        if (this.ends.get(slot) !== end) return;
        if (event !== "closed") {
          this.driver.message(slot, event);
          return;
        }
        this.ends.delete(slot);
        end.attached = false;
        this.driver.handle({ name: "tcpClosed", slot, why: "closed by the peer" });
      },
    };
    return end;
  }

  #offer(end: End): void {
    this.#offered = end;
    this.driver.handle({ name: "tcpConnected", slot: "incoming" });
    if (this.#offered !== null) throw new Error("neither accepted nor refused");
  }

  #transmit(slot: Slot, message: Message): void {
    const end = this.ends.get(slot);
    if (end === undefined) throw new Error(`sent on ${slot} without a connection`);
    this.#carry(end, message);
  }

  #carry(end: End, event: "closed" | Message): void {
    end.arrival = Math.max(end.arrival, this.#link.now + end.delay);
    const { peer } = end;
    this.#link.at(end.arrival, () => peer?.deliver(event));
  }

  #close(slot: Slot): void {
    if (slot === "outgoing" && this.#dial !== null) {
      this.#dial.aborted = true;
      this.#dial = null;
    }
    const end = this.ends.get(slot);
    if (end === undefined) return;
    this.ends.delete(slot);
    this.#hangUp(end);
  }

  #hangUp(end: End): void {
    end.attached = false;
    this.#carry(end, "closed");
  }
}
