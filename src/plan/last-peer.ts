/**
 * When a CustomResourceDefinition goes, the API server says of every object of its kind that it was deleted, as if a person had meant each one. One
 * peer that goes is obeyed at once. Where all peers of this node go within 5 s, the last one stays in force for 30 s: time to see the warning, or for
 * the objects to come back, one by one and in any order, which then go on as if nothing had been.
 */

import type { BGPPeer, Node, ObjectChange } from "../objects/kinds.ts";
import { peerSelectsNode } from "./peers.ts";

const TOGETHER_MILLIS = 5_000;
const HOLD_MILLIS = 30_000;

/** A deletion that waits. */
export interface HeldPeer {
  readonly peer: BGPPeer;
  /** Monotonic; then it goes. */
  readonly untilMillis: number;
}

/** Looks at every object change before it is decided on, and keeps one deletion back where it would leave this node without peers. */
export class LastPeer {
  readonly #node: string;
  readonly #peers = new Map<string, BGPPeer>();
  #self: Node | undefined;
  #lastWentAt = Number.NEGATIVE_INFINITY;
  #held: { readonly deletion: ObjectChange; readonly peer: BGPPeer; readonly untilMillis: number } | null = null;

  /** @param node the Node whose peers count */
  constructor(node: string) {
    this.#node = node;
  }

  /** null = none waits. */
  get held(): HeldPeer | null {
    return this.#held;
  }

  /** The changes that are in force now, in order. */
  apply(changes: readonly ObjectChange[], nowMillis: number): readonly ObjectChange[] {
    if (!changes.some(concerns)) return changes;
    return changes.flatMap((change) => (concerns(change) ? this.#take(change, nowMillis) : [change]));
  }

  /** What waited long enough. */
  due(nowMillis: number): readonly ObjectChange[] {
    return this.#held === null || nowMillis < this.#held.untilMillis ? [] : this.#release();
  }

  #take(change: ObjectChange, nowMillis: number): readonly ObjectChange[] {
    if (change.type === "delete") return change.ref.kind === "BGPPeer" ? this.#remove(change, nowMillis) : this.#forgetNode(change);
    const { object } = change;
    if (object.kind === "Node") {
      if (object.metadata.name === this.#node) this.#self = object;
      return [change];
    }
    if (object.kind !== "BGPPeer") return [change];
    this.#peers.set(keyOf(object), object);
    // It is back: the deletion is forgotten.
    if (this.#held !== null && keyOf(this.#held.peer) === keyOf(object)) this.#held = null;
    // Another took its place: two objects for one router would be at odds.
    if (this.#held !== null && this.#counts(object) && areOneRouter(this.#held.peer, object)) return [...this.#release(), change];
    return [change];
  }

  #remove(change: ObjectChange & { readonly type: "delete" }, nowMillis: number): readonly ObjectChange[] {
    const key = `${change.ref.namespace}/${change.ref.name}`;
    const peer = this.#peers.get(key);
    this.#peers.delete(key);
    if (peer === undefined || !this.#counts(peer)) return [change];
    const isTogether = nowMillis < this.#lastWentAt + TOGETHER_MILLIS;
    this.#lastWentAt = nowMillis;
    if (!isTogether || this.#held !== null || [...this.#peers.values()].some((other) => this.#counts(other))) return [change];
    this.#held = { deletion: change, peer, untilMillis: nowMillis + HOLD_MILLIS };
    return [];
  }

  #forgetNode(change: ObjectChange & { readonly type: "delete" }): readonly ObjectChange[] {
    if (change.ref.name === this.#node) this.#self = undefined;
    return [change];
  }

  #release(): readonly ObjectChange[] {
    if (this.#held === null) return [];
    const { deletion } = this.#held;
    this.#held = null;
    return [deletion];
  }

  /** This node has a session with it. */
  #counts(peer: BGPPeer): boolean {
    return peer.adminDown === null && peerSelectsNode(peer, this.#self);
  }
}

function concerns(change: ObjectChange): boolean {
  const kind = change.type === "set" ? change.object.kind : change.ref.kind;
  return kind === "BGPPeer" || kind === "Node";
}

function areOneRouter(a: BGPPeer, b: BGPPeer): boolean {
  if (a.interface !== b.interface || a.defaultGateway !== b.defaultGateway) return false;
  return a.peerAddress?.key === b.peerAddress?.key && a.peerPort === b.peerPort;
}

function keyOf({ metadata }: BGPPeer): string {
  return `${metadata.namespace}/${metadata.name}`;
}
