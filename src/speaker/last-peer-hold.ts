import type { Clock, Timer } from "../clock.ts";
import type { Finding, ObjectChange } from "../objects/kinds.ts";
import { LastPeer } from "../plan/last-peer.ts";

export interface LastPeerHoldPorts {
  readonly clock: Clock;
  readonly node: string;
  /** Deletions that waited are in force now. */
  ended(changes: readonly ObjectChange[]): void;
}

/** The time of {@link LastPeer}: lets what waits go when its time has come, and says of it that it waits. */
export class LastPeerHold {
  readonly #ports: LastPeerHoldPorts;
  readonly #lastPeer: LastPeer;
  #timer: Timer | null = null;

  constructor(ports: LastPeerHoldPorts) {
    this.#ports = ports;
    this.#lastPeer = new LastPeer(ports.node);
  }

  /** The changes that are in force now. */
  apply(changes: readonly ObjectChange[]): readonly ObjectChange[] {
    const inForce = this.#lastPeer.apply(changes, this.#ports.clock.now());
    this.#setTimer();
    return inForce;
  }

  /** The peer that is held, as long as it is. */
  findings(): readonly Finding[] {
    const { held } = this.#lastPeer;
    if (held === null) return [];
    const { namespace, name } = held.peer.metadata;
    const message = "is deleted, and so were all other peers of this node within 5 s: it stays in force for 30 s";
    const where = { file: "", line: 0, column: 0, field: "" };
    const object = { kind: "BGPPeer", namespace, name } as const;
    return [{ severity: "warning", code: "lastPeerHeld", object, ...where, message, allowed: "a BGPPeer for this node" }];
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #setTimer(): void {
    const { clock, ended } = this.#ports;
    const { held } = this.#lastPeer;
    this.stop();
    if (held === null) return;
    this.#timer = clock.setTimer(held.untilMillis - clock.now(), () => {
      const due = this.#lastPeer.due(clock.now());
      // A timer may be a fraction early.
      this.#setTimer();
      ended(due);
    });
  }
}
