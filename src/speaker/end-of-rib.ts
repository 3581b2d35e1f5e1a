/**
 * When sessions may say End-of-RIB (RFC 4724 §4.1): once everything was read and decided and each gate has had its first answer; at the latest some time
 * after the session came up, because the router forgets the routes of before when its patience is over.
 */

import type { Clock, Timer } from "../clock.ts";
import type { BGPPeer } from "../objects/kinds.ts";

/** What is told of it. */
export interface EndOfRibPeer {
  readonly name: string;
  readonly config: { readonly peer: Pick<BGPPeer, "gracefulRestart"> };
  allowEndOfRib(): void;
  flush(): void;
}

export interface EndOfRibPorts {
  readonly clock: Clock;
  /** null = restart time − 10 s. */
  deferralMillis(): number | null;
}

const BEFORE_RESTART_TIME_MILLIS = 10_000;
const LEAST_MILLIS = 5_000;

export class EndOfRib {
  readonly #ports: EndOfRibPorts;
  readonly #timers = new Map<string, Timer>();
  #complete = false;

  constructor(ports: EndOfRibPorts) {
    this.#ports = ports;
  }

  /** Of a session that came up. */
  established(peer: EndOfRibPeer): void {
    if (this.#complete) return;
    this.#timers.get(peer.name)?.cancel();
    const timer = this.#ports.clock.setTimer(deferralOf(peer, this.#ports.deferralMillis()), () => {
      this.#timers.delete(peer.name);
      peer.allowEndOfRib();
      peer.flush();
    });
    this.#timers.set(peer.name, timer);
  }

  /** A round of decisions is over, and these are the peers. @param awaitsGates somebody was asked and has not answered. */
  decided(peers: Iterable<EndOfRibPeer>, awaitsGates: boolean): void {
    if (!awaitsGates && !this.#complete) {
      this.#complete = true;
      this.stop();
    }
    if (this.#complete) for (const peer of peers) peer.allowEndOfRib();
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

/** Milliseconds from Established. */
export function deferralOf({ config }: EndOfRibPeer, eorDeferralMillis: number | null): number {
  const patience = config.peer.gracefulRestart.restartTimeSeconds * 1000 - BEFORE_RESTART_TIME_MILLIS;
  return Math.max(LEAST_MILLIS, Math.min(eorDeferralMillis ?? Number.POSITIVE_INFINITY, patience));
}
