/**
 * BFD between nodes and routers, as far as sessions of BGP can tell: a way that is lost is noticed by both ends within a fraction of a second, and a speaker that
 * ends in order says AdminDown first, which is no reason for anybody to end a session (RFC 5882 §4.2).
 */

import type { Timer } from "../../../src/clock.ts";
import type { BfdThreadPort } from "../../../src/speaker/bfd.ts";
import type { FromBfdThread } from "../../../src/speaker/bfd-messages.ts";
import type { Dice } from "../../support/dice.ts";
import type { ProcessClock, VirtualClock } from "./virtual-clock.ts";

/** Three packets of 50 to 150 ms that did not come; and from a way that works to Up. */
const DETECTION_MILLIS = { least: 150, most: 450 };
const UP_MILLIS = { least: 200, most: 1_500 };

export interface BfdLinksPorts {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  /** Packets go between the node and the router at the address. */
  isOpen(node: string, router: string): boolean;
  /** The router notices that the node is not heard any more. */
  routerLost(node: string, router: string): void;
  /** The speaker was told the same. */
  speakerLost(node: string, router: string): void;
}

interface Link {
  readonly node: string;
  /** Address. */
  readonly router: string;
  /** What the speaker calls the session; null = it watches nobody. */
  key: string | null;
  received: ((message: FromBfdThread) => void) | null;
  up: boolean;
  waiting: Timer | null;
}

export class BfdLinks {
  readonly #ports: BfdLinksPorts;
  readonly #links = new Map<string, Link>();

  constructor(ports: BfdLinksPorts) {
    this.#ports = ports;
  }

  /** The thread of one process. */
  thread(node: string, clock: ProcessClock): (received: (message: FromBfdThread) => void) => BfdThreadPort {
    return (received) => ({
      post: (message) => {
        if (message.type === "set") this.#watch(this.#link(node, message.target.address), message.key, received);
        else if (message.type === "remove") this.#farewell(({ key, node: name }) => name === node && key === message.key);
        else {
          this.#farewell(({ node: name }) => name === node);
          clock.setTimer(1, () => received({ type: "stopped" }));
        }
      },
      terminate: () => {},
    });
  }

  /** The process is gone without a word. */
  lost(node: string): void {
    for (const link of this.#links.values()) {
      if (link.node !== node) continue;
      link.key = null;
      link.received = null;
    }
    this.look();
  }

  /** Something happened to a link, a router or a node. */
  look(): void {
    for (const link of this.#links.values()) {
      const should = link.key !== null && this.#ports.isOpen(link.node, link.router);
      if (should === link.up) {
        link.waiting?.cancel();
        link.waiting = null;
        continue;
      }
      if (link.waiting !== null) continue;
      const { least, most } = should ? UP_MILLIS : DETECTION_MILLIS;
      link.waiting = this.#ports.clock.after(least + this.#ports.dice.below(most - least), () => {
        link.waiting = null;
        this.#turn(link, should);
      });
    }
  }

  #link(node: string, router: string): Link {
    const name = `${node} ${router}`;
    const known = this.#links.get(name) ?? { node, router, key: null, received: null, up: false, waiting: null };
    this.#links.set(name, known);
    return known;
  }

  #watch(link: Link, key: string, received: (message: FromBfdThread) => void): void {
    link.key = key;
    link.received = received;
    this.look();
  }

  /** AdminDown. */
  #farewell(isMeant: (link: Link) => boolean): void {
    for (const link of this.#links.values()) {
      if (!isMeant(link)) continue;
      link.key = null;
      link.received = null;
      link.up = false;
    }
    this.look();
  }

  #turn(link: Link, up: boolean): void {
    link.up = up;
    const { key, received, node, router } = link;
    if (key !== null && received !== null) {
      const [from, to] = up ? (["Down", "Up"] as const) : (["Up", "Down"] as const);
      received({ type: "state", key, from, to, cause: up ? "neighborUp" : "detectionTimeExpired", atEpochMillis: 0 });
      if (!up) this.#ports.speakerLost(node, router);
    }
    if (!up) this.#ports.routerLost(node, router);
  }
}
