/**
 * A graceful start (docs/semantics.md, "Exit, restart, loss"): the state file speaks until everything was read once and decided about. Its peers are sought
 * and told its routes at once; what is decided then replaces it as a whole.
 */

import type { Clock } from "../clock.ts";
import type { Family } from "../ip/address.ts";
import type { Log } from "../log.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import type { PeerChange, RouteChange } from "../plan/change.ts";
import type { Fact } from "../plan/facts.ts";
import { readState, type SavedState, type StateReader } from "./state-file.ts";
import type { OpenState } from "./state-storage.ts";

/** The state file's content where this process may speak from it; what it may not is said in the log, and a damaged file kept aside. */
export function loadState(store: OpenState, file: string, reader: StateReader, log: Log): SavedState | null {
  const ignore = (why: string, aside: string): null => {
    log({ event: "state.ignored", file, why, aside });
    return null;
  };
  try {
    const text = store.read();
    if (text === null) return null;
    const verdict = readState(text, reader);
    if (verdict.result === "damaged") return ignore(verdict.why, store.putAside());
    if (verdict.result !== "valid") return ignore(verdict.why, "");
    const { routes, peers, agreedAtEpochMillis } = verdict.state;
    log({
      event: "state.restored",
      file,
      routes: routes.length,
      peers: peers.length,
      agreedAt: new Date(agreedAtEpochMillis).toISOString(),
    });
    return verdict.state;
  } catch (error) {
    return ignore(error instanceof Error ? error.message : String(error), "");
  }
}

export interface RestorationPorts {
  state(fact: Fact): void;
  change(peer: PeerChange): void;
  want(route: RouteChange): void;
}

export class Restoration {
  /** What the process before this one left; null = this is no graceful start. */
  readonly saved: SavedState | null;
  readonly #unheard = new Map<string, BGPPeer>();
  #speaking = false;
  #over = false;

  constructor(saved: SavedState | null) {
    this.saved = saved;
  }

  /** Nothing was read completely yet: the state file alone speaks. */
  get speaking(): boolean {
    return this.#speaking;
  }

  /** What is announced is still what the state file said; null = decisions are in force. */
  get inForce(): SavedState | null {
    return this.#over ? null : this.saved;
  }

  begin(ports: RestorationPorts, clock: Pick<Clock, "now" | "wall">): void {
    const { saved } = this;
    if (saved === null) return;
    this.#speaking = true;
    const { routes, leavesAtEpochMillis } = saved;
    const leavesAtMillis = leavesAtEpochMillis === null ? null : clock.now() + leavesAtEpochMillis - clock.wall().getTime();
    ports.state({ name: "restored", routes, leavesAtMillis });
    for (const { peer, nextHop } of saved.peers) {
      this.#unheard.set(peer.metadata.name, peer);
      ports.change({ name: peer.metadata.name, peer, nextHop });
    }
    for (const { prefix, to } of saved.routes) for (const { peer, attributes } of to) ports.want({ peer, prefix, attributes });
  }

  /** Everything was read: what is decided from now on leaves as a whole. */
  synced(): void {
    this.#speaking = false;
  }

  /** The decisions know the peer. */
  heard(peer: string): void {
    this.#unheard.delete(peer);
  }

  /** The first decisions are complete: peers that they do not know are no longer there. */
  end(ports: Pick<RestorationPorts, "change">): void {
    this.#over = true;
    for (const name of this.#unheard.keys()) ports.change({ name, peer: null, nextHop: NOWHERE });
    this.#unheard.clear();
  }
}

const NOWHERE: Readonly<Record<Family, null>> = { IPv4: null, IPv6: null };
