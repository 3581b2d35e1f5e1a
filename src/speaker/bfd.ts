/**
 * BFD beside the sessions of BGP (RFC 5882): who is watched and how, what was detected, and whom to tell. The packets live in a thread of their own.
 *
 * BFD begins when the session is Established, as it does in FRR and BIRD. One that is up earlier is taken down once more by FRR, which gives its own BFD the
 * addresses of the session only then. It ends with the session: see {@link Bfd.sessionDown}.
 */

import { Worker } from "node:worker_threads";
import type { BfdState } from "../bgp/bfd/packet.ts";
import type { BfdCause } from "../bgp/bfd/session.ts";
import type { Timer } from "../clock.ts";
import { formatAddress } from "../ip/format.ts";
import type { Log } from "../log.ts";
import type { BFDProfile, BGPPeer, ObjectChange } from "../objects/kinds.ts";
import type { BfdTarget, FromBfdThread, ToBfdThread } from "./bfd-messages.ts";

/** The thread, or what a test puts in its place. */
export interface BfdThreadPort {
  post(message: ToBfdThread): void;
  terminate(): void;
}

export interface BfdPorts {
  readonly log: Log;
  /** `failed`: it ended by itself. */
  startThread(received: (message: FromBfdThread) => void, failed: (why: string) => void): BfdThreadPort;
  later(millis: number, act: () => void): Pick<Timer, "cancel">;
  /** The way to the peer is gone: its session has to end. Never for a peer that says AdminDown itself (RFC 5882 §4.2). */
  down(peer: string, why: string): void;
}

/** What is shown of one peer's BFD. */
export interface BfdStatus {
  readonly state: BfdState;
  /** Times that an Up session went Down without the peer's AdminDown. */
  readonly detections: number;
  /** Why it cannot be Up; "" = nothing known. */
  readonly fault: string;
}

/** A peer whose session has ended. */
interface EndedPeer {
  readonly name: string;
  /** Resolves when its connections are closed on both sides. */
  ended(): Promise<void>;
}

interface Watched {
  target: BfdTarget;
  state: BfdState;
  fault: string;
}

/** A thread that ended by itself is started anew after this long. */
const RESTART_MILLIS = 5000;
/** A BGP session that is back after less keeps its BFD. */
const LINGER_MILLIS = 2000;
/** How long the farewell of all sessions may take. */
const STOP_MILLIS = 300;

export class Bfd {
  readonly #ports: BfdPorts;
  readonly #profiles = new Map<string, BFDProfile>();
  /** By the ends of the session: peers that share them share the session. */
  readonly #watched = new Map<string, Watched>();
  readonly #keys = new Map<string, string>();
  readonly #detections = new Map<string, number>();
  /** Peers whose sessions are up, or have ended and are waited for. */
  readonly #sessions = new Map<string, "up" | EndedPeer>();
  /** Those that are waited for, by name. */
  readonly #lingering = new Map<string, Pick<Timer, "cancel">>();
  #restart: Pick<Timer, "cancel"> | null = null;
  #peers: readonly BGPPeer[] = [];
  #thread: BfdThreadPort | null = null;
  #stopped: (() => void) | null = null;
  #ended = false;

  constructor(ports: BfdPorts) {
    this.#ports = ports;
  }

  /** A profile changes the sessions that use it while they are up. One that is deleted stays in force for them. */
  note(change: ObjectChange): void {
    if (change.type !== "set" || change.object.kind !== "BFDProfile") return;
    this.#profiles.set(change.object.metadata.name, change.object);
    this.#apply();
  }

  /** The peers to be watched while their sessions are up, those that are held down left out. */
  follow(peers: readonly BGPPeer[]): void {
    this.#peers = peers;
    this.#apply();
  }

  /** From here on BFD watches the way to the peer. */
  sessionUp(peer: string): void {
    this.#linger(peer, null);
    this.#sessions.set(peer, "up");
    this.#apply();
  }

  /**
   * Where BFD was up, the peer is told AdminDown: not before its end of the connection is closed, since FRR ends an Established session for it, against
   * RFC 5882 §4.2; and not at all when the session is back soon. Where BFD had gone down, it just ends: silence says what has to be said.
   */
  sessionDown(peer: EndedPeer): void {
    this.#sessions.set(peer.name, peer);
    // The machine closes the connections after it says that the session is down.
    void Promise.resolve()
      .then(() => peer.ended())
      .then(() => {
        if (this.#ended || this.#sessions.get(peer.name) !== peer) return;
        const isWatched = this.#keys.has(peer.name) && this.#peers.some(({ metadata }) => metadata.name === peer.name);
        if (isWatched)
          this.#linger(
            peer.name,
            this.#ports.later(LINGER_MILLIS, () => this.#forget(peer)),
          );
        else this.#forget(peer);
      });
  }

  /** null = the peer is not watched. */
  status(peer: string): BfdStatus | null {
    const key = this.#keys.get(peer);
    if (key === undefined) return null;
    const { state, fault } = this.#watched.get(key) ?? { state: "Down", fault: "" };
    return { state, fault, detections: this.#detections.get(peer) ?? 0 };
  }

  /** Tells every peer that this is no failure, and ends the thread. */
  async stop(): Promise<void> {
    this.#ended = true;
    for (const name of this.#lingering.keys()) this.#linger(name, null);
    this.#restart?.cancel();
    const thread = this.#thread;
    if (thread === null) return;
    this.#thread = null;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, STOP_MILLIS);
      this.#stopped = () => {
        clearTimeout(timer);
        resolve();
      };
      thread.post({ type: "stop" });
    });
    thread.terminate();
  }

  /** null = the peer is not waited for. */
  #linger(peer: string, timer: Pick<Timer, "cancel"> | null): void {
    this.#lingering.get(peer)?.cancel();
    if (timer === null) this.#lingering.delete(peer);
    else this.#lingering.set(peer, timer);
  }

  #apply(): void {
    if (this.#ended) return;
    const wanted = new Map<string, BfdTarget>();
    const followed = new Set(this.#peers.map(({ metadata }) => metadata.name));
    // One that is gone, or held down from now on, is watched until its session has ended.
    for (const [name, key] of this.#keys) {
      const target = this.#watched.get(key)?.target;
      if (followed.has(name)) continue;
      if (target !== undefined && this.#sessions.has(name)) wanted.set(key, target);
      else this.#keys.delete(name);
    }
    for (const peer of this.#peers) {
      const { name } = peer.metadata;
      const target = this.#targetOf(peer);
      if (target === null) {
        this.#keys.delete(name);
        continue;
      }
      const key = keyOf(target);
      this.#keys.set(name, key);
      // Of peers that share a session the first decides how.
      if (this.#sessions.has(name) && !wanted.has(key)) wanted.set(key, target);
    }
    for (const key of this.#watched.keys()) {
      if (wanted.has(key)) continue;
      this.#watched.delete(key);
      this.#thread?.post({ type: "remove", key });
    }
    for (const [key, target] of wanted) this.#watch(key, target);
  }

  #forget(peer: EndedPeer): void {
    if (this.#sessions.get(peer.name) !== peer) return;
    this.#linger(peer.name, null);
    this.#sessions.delete(peer.name);
    this.#apply();
  }

  #watch(key: string, target: BfdTarget): void {
    const known = this.#watched.get(key);
    if (known === undefined) this.#watched.set(key, { target, state: "Down", fault: "" });
    else if (JSON.stringify(known.target) === JSON.stringify(target)) return;
    else known.target = target;
    this.#start().post({ type: "set", key, target });
  }

  #start(): BfdThreadPort {
    this.#thread ??= this.#ports.startThread(
      (message) => this.#received(message),
      (why) => this.#threadFailed(why),
    );
    return this.#thread;
  }

  /** Nothing is known of anybody then: that is no reason to end sessions, and every reason to begin anew. */
  #threadFailed(why: string): void {
    if (this.#thread === null) return;
    this.#thread = null;
    this.#ports.log({ event: "bfd.fault", peers: [...this.#keys.keys()], why });
    this.#watched.clear();
    this.#restart?.cancel();
    this.#restart = this.#ports.later(RESTART_MILLIS, () => this.#apply());
  }

  #received(message: FromBfdThread): void {
    switch (message.type) {
      case "stopped":
        this.#stopped?.();
        break;
      case "fault": {
        const watched = this.#watched.get(message.key);
        if (watched === undefined || watched.fault === message.why) break;
        watched.fault = message.why;
        this.#ports.log({ event: "bfd.fault", peers: this.#peersOf(message.key), why: message.why });
        break;
      }
      case "state":
        this.#changed(message);
        break;
    }
  }

  #changed({ key, from, to, cause, atEpochMillis }: Extract<FromBfdThread, { readonly type: "state" }>): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    watched.state = to;
    watched.fault = "";
    const peers = this.#peersOf(key);
    const lost = from === "Up" && to === "Down" && (cause === "detectionTimeExpired" || cause === "neighborDown");
    this.#ports.log({ event: "bfd.transition", peers, from, to, cause, at: new Date(atEpochMillis).toISOString() });
    if (lost) this.#lost(peers, cause);
    // Without its BGP session one that is not up is of no more use, and would be up before BGP is.
    if (from === "Up") for (const peer of peers.map((name) => this.#sessions.get(name))) if (typeof peer === "object") this.#forget(peer);
  }

  #lost(peers: readonly string[], cause: BfdCause): void {
    const why = cause === "neighborDown" ? "BFD: the router says that it does not hear us" : "BFD: nothing was heard from the router";
    for (const peer of peers) {
      this.#detections.set(peer, (this.#detections.get(peer) ?? 0) + 1);
      this.#ports.down(peer, why);
    }
  }

  #peersOf(key: string): readonly string[] {
    return [...this.#keys].filter(([, one]) => one === key).map(([peer]) => peer);
  }

  #targetOf({ peerAddress, sourceAddress, vrf, bfdProfile, ebgpMultiHop, multihopTTL, ttlSecurityHops }: BGPPeer): BfdTarget | null {
    const profile = bfdProfile === null ? undefined : this.#profiles.get(bfdProfile);
    if (peerAddress === null || profile === undefined) return null;
    return {
      address: formatAddress(peerAddress),
      sourceAddress: sourceAddress === null ? null : formatAddress(sourceAddress),
      device: vrf,
      multihop: ebgpMultiHop || multihopTTL !== null || (ttlSecurityHops ?? 1) > 1,
      minimumTtl: profile.minimumTtl,
      settings: {
        desiredMinTxMillis: profile.transmitIntervalMillis,
        requiredMinRxMillis: profile.receiveIntervalMillis,
        multiplier: profile.detectMultiplier,
        passive: profile.passiveMode,
      },
    };
  }
}

/** `bfd-worker.ts`, which the build makes a file of its own beside every other (scripts/build.mjs). */
export const startBfdThread: BfdPorts["startThread"] = (received, failed) => {
  const worker = new Worker(new URL("bfd-worker.mjs", import.meta.url));
  let ended = false;
  worker.on("message", received);
  worker.on("error", (error) => failed(error instanceof Error ? error.message : String(error)));
  worker.on("exit", () => {
    if (!ended) failed("the BFD thread ended");
    ended = true;
  });
  // Its sockets must not keep a process alive that has nothing else to do.
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => {
      ended = true;
      void worker.terminate();
    },
  };
};

function keyOf({ address, sourceAddress, device, multihop }: BfdTarget): string {
  return `${address} ${sourceAddress ?? "-"} ${device ?? "-"} ${multihop}`;
}
