/** A router and a node: whether what lies between them is in order, and since when. */

import type { Path } from "./adj-rib-in.ts";
import type { Network } from "./network.ts";
import type { Router, RouterSession } from "./router.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const NO_PATHS: ReadonlyMap<string, Path> = new Map();

export class Pair {
  readonly name: string;
  readonly router: string;
  readonly node: SimulatedNode;
  /** The speaker runs, knows all, and has a session with the router that is uncut and complete; null = not now. */
  cleanSince: number | null = null;
  /** The service proxy of the node answers; null = not now. */
  provenSince: number | null = null;
  /** When something last happened that may end a session. */
  causeAt = Number.NEGATIVE_INFINITY;
  /** Sessions that came up, and times the router asked for everything again. */
  sessions = 0;
  /** Those with the present process. */
  sessionsOfLife = 0;
  /** When the last one came up, and went down. */
  upAt = Number.NEGATIVE_INFINITY;
  /** When the first with the present process did. */
  firstUpAt = Number.NEGATIVE_INFINITY;
  downAt = Number.NEGATIVE_INFINITY;
  refreshes = 0;
  /** The router said that there were too many prefixes: the speaker waits for a minute before it tries again. */
  refused = false;
  /** Times the speaker was told to end, which withdraws everything, or began, and told what the state file says. */
  lives = 0;
  /** Since when nothing but the speaker itself kept it from the router; null = something does. */
  openSince: number | null = null;
  readonly #network: Network;
  readonly #routers: ReadonlyMap<string, Router>;

  constructor(router: string, node: SimulatedNode, network: Network, routers: ReadonlyMap<string, Router>) {
    this.name = `${router}/${node.name}`;
    this.router = router;
    this.node = node;
    this.#network = network;
    this.#routers = routers;
  }

  /** A gate may keep a route back that was announced before. */
  get mayBeGated(): boolean {
    return this.node.isGated && (this.provenSince === null || this.node.process?.syncedAt === null);
  }

  /** The speaker dials the router whenever there is no session. */
  get isSought(): boolean {
    const peer = this.node.process?.speaker.peers.get(this.router);
    return peer !== undefined && peer.held === "" && !peer.config.peer.passive && !this.refused;
  }

  /** A session that the router takes for up is one of the present process: what is on its way may come from one that is gone. */
  get isMeant(): boolean {
    const state = this.node.process?.speaker.peers.get(this.router)?.status.state;
    return state === "OpenConfirm" || state === "Established";
  }

  /** null while the router is down. */
  get session(): RouterSession | null {
    return this.#routers.get(this.router)?.sessions.get(this.node.name) ?? null;
  }

  get paths(): ReadonlyMap<string, Path> {
    return this.session?.rib.paths ?? NO_PATHS;
  }

  /** Changes of {@link Pair.paths} so far. */
  get moves(): number {
    return this.session?.rib.moves ?? 0;
  }

  /** The speaker hears of the cluster, or is not there to hear. */
  get informed(): boolean {
    return this.node.reachable || this.node.process === null;
  }

  get isCut(): boolean {
    const router = this.#routers.get(this.router);
    if (router === undefined) return true;
    return this.#network.isCut(router.host, this.node.host) || this.#network.hasBacklog(router.host, this.node.host);
  }

  look(now: number): void {
    const clean = this.#isClean();
    if (!clean) this.cleanSince = null;
    else this.cleanSince ??= now;
    const proven = this.node.proxy.alive;
    if (!proven) this.provenSince = null;
    else this.provenSince ??= now;
    if (this.isCut) this.causeAt = now;
    if (this.isCut || this.node.process === null || this.session === null) this.openSince = null;
    else this.openSince ??= now;
  }

  #isClean(): boolean {
    const { process, reachable } = this.node;
    const { session } = this;
    if (process === null || process.stopping || process.syncedAt === null || !reachable || this.isCut || session === null) return false;
    if (!session.established || session.complete.size < 2) return false;
    return process.speaker.peers.get(this.router)?.status.state === "Established";
  }
}
