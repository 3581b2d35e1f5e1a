/**
 * A whole world by seed: a cluster with its history, nodes that run the real speaker, routers, a network between them, and everything that goes wrong. After every
 * event the promises of docs/ARCHITECTURE.md are looked at; a {@link Violation} ends the world.
 */

import type { SessionSettings } from "../../../src/bgp/fsm/session.ts";
import { FAMILIES } from "../../../src/ip/address.ts";
import type { LogEvent } from "../../../src/log.ts";
import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Transport } from "../../../src/speaker/transport.ts";
import { ip } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { BfdLinks } from "./bfd-links.ts";
import { DAMPED_MILLIS, OPEN_SENT_MILLIS, QUIET_MILLIS, REFUSED_MILLIS, STOP_MILLIS } from "./bounds.ts";
import { Cluster } from "./cluster.ts";
import { MessageTap } from "./message-tap.ts";
import { Network } from "./network.ts";
import type { Pair } from "./pair.ts";
import { Promises } from "./promises.ts";
import { Router } from "./router.ts";
import { NODE_ASN, type RouterSetting, randomSetting, type Setting } from "./setting.ts";
import { SimulatedNode, type SpeakerProcess } from "./simulated-node.ts";
import { WorldTimeline } from "./timeline.ts";
import { Violation } from "./violation.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Wrongs what a speaker says or keeps. */
export interface Plant {
  transport?(transport: Transport, node: SimulatedNode): Transport;
  storage?(storage: StateStorage, node: SimulatedNode): StateStorage;
}

export interface WorldOptions {
  /** A bug to be found: something between the speaker and its world that does not do what it should. */
  readonly plant?: Plant;
}

/** What happened, so that a test can tell that anything did. */
export interface Tally {
  events: number;
  sessions: number;
  moves: number;
  resets: number;
  restarts: number;
  crashes: number;
  powerLosses: number;
  cuts: number;
  outages: number;
  /** NOTIFICATIONs of routers; those for too many prefixes among them; Hard Resets of either side. */
  notifications: number;
  refusals: number;
  hardResets: number;
  /** Sessions that ended because a speaker did not hear the router by BFD. */
  bfdDowns: number;
  /** Routes that a peer's limit left out at the end. */
  limited: number;
  /** State files that could not be written, that could not be removed, that were written slowly, and damaged ones that were found. */
  unwritable: number;
  unremovable: number;
  slowWrites: number;
  damagedFiles: number;
  /** Speakers that ended and started while the API server did not answer, and machines whose time of day stepped. */
  blindStarts: number;
  clockSteps: number;
  compared: number;
  collisions: number;
  /** Routes that outlived a session, that a speaker without knowledge announced, and that were looked for behind an End-of-RIB. */
  kept: number;
  restored: number;
  completed: number;
}

/** A promise is looked at again after so long, though nothing happened. */
const LOOK_MILLIS = 250;

export class World {
  readonly setting: Setting;
  readonly dice: Dice;
  readonly clock = new VirtualClock();
  readonly network: Network;
  readonly cluster: Cluster;
  readonly nodes: readonly SimulatedNode[];
  readonly routers = new Map<string, Router>();
  readonly timeline = new WorldTimeline(this.clock);
  readonly tally: Tally = {
    ...{ events: 0, sessions: 0, moves: 0, resets: 0, restarts: 0, crashes: 0, powerLosses: 0, cuts: 0, outages: 0, compared: 0 },
    ...{ collisions: 0, kept: 0, restored: 0, completed: 0, notifications: 0, refusals: 0, hardResets: 0, bfdDowns: 0, limited: 0 },
    ...{ unwritable: 0, unremovable: 0, slowWrites: 0, damagedFiles: 0, blindStarts: 0, clockSteps: 0 },
  };
  /** A speaker ended by itself. */
  onExit: (node: SimulatedNode) => void = () => {};
  /** Nothing is started any more. */
  ended = false;
  readonly #promises: Promises;
  readonly #bfd: BfdLinks;

  constructor(seed: number, steps: number, { plant }: WorldOptions = {}) {
    this.dice = new Dice(seed * 4);
    this.setting = randomSetting(new Dice(seed * 4 + 1), steps);
    this.network = new Network(this.clock, new Dice(seed * 4 + 2), this.setting.weather);
    this.cluster = new Cluster(this.dice, this.setting);
    const speakerDice = new Dice(seed * 4 + 3);
    this.#bfd = new BfdLinks({
      clock: this.clock,
      dice: this.dice,
      isOpen: (node, router) => this.#hears(node, router),
      routerLost: (node, router) => this.#routerAt(router)?.sessions.get(node)?.stop("bfdDown"),
      speakerLost: (node, router) => this.#promises.lost(node, router),
    });
    this.network.onLink = () => this.#bfd.look();
    this.nodes = this.setting.nodes.map(
      (name) =>
        new SimulatedNode(name, {
          network: this.network,
          cluster: this.cluster,
          setting: this.setting,
          dice: speakerDice,
          bfd: this.#bfd,
          wrap: (transport, node) => plant?.transport?.(transport, node) ?? transport,
          wrapStorage: (storage, node) => plant?.storage?.(storage, node) ?? storage,
          log: (node, event) => this.#logged(node, event),
          viewed: (node) => this.#promises.viewed(node),
          ended: (node, process, how) => this.#onEnd(node, process, how),
        }),
    );
    this.#promises = new Promises(this);
    this.cluster.onChange = (changes, words) => {
      this.timeline.add("cluster", words);
      this.#promises.touch();
      for (const node of this.nodes) node.changed(changes);
    };
    this.network.onSent = new MessageTap((from, frame) => this.#promises.sent(from, frame)).take;
  }

  /** Lets time go on, event by event. @throws {Violation} */
  async advance(millis: number): Promise<void> {
    const end = this.clock.now + millis;
    // What was done meanwhile may wait for a promise too.
    let busy = true;
    while (this.clock.now < end) {
      const until = Math.min(end, this.clock.now + LOOK_MILLIS);
      while (this.clock.advance(until)) {
        busy = true;
        this.tally.events++;
        await turn(SHORT_CHAIN);
        this.#promises.look();
      }
      if (busy) await turn(LONGEST_CHAIN);
      busy = false;
      this.#promises.tick();
    }
  }

  startRouter(setting: RouterSetting): void {
    if (this.routers.has(setting.name)) return;
    const router = new Router(
      {
        name: setting.name,
        host: this.network.host(ip(setting.address)),
        neighbours: this.nodes.map(({ name, host }) => ({ name, address: host.address, settings: this.#sessionSettings(setting) })),
      },
      this.network,
      () => this.dice.below(0x1_0000_0000) / 0x1_0000_0000,
      {
        session: (node, up, why) => this.#promises.session(setting.name, node, up, why),
        moved: (node, move) => this.#promises.moved(setting.name, node, move),
        said: (what) => this.timeline.add(setting.name, what),
      },
    );
    this.routers.set(setting.name, router);
    this.#bfd.look();
    this.touch();
  }

  crashRouter(name: string, how: "fin" | "rst"): void {
    const router = this.routers.get(name);
    if (router === undefined) return;
    this.routers.delete(name);
    this.causeOf((pair) => pair.router === name);
    router.crash(how);
    this.#bfd.look();
    this.touch();
  }

  get pairs(): readonly Pair[] {
    return this.#promises.pairs;
  }

  /** Its time of day is another: what its state file says of time may be misread. */
  clockStepped(node: SimulatedNode): void {
    this.#promises.clockStepped(node);
  }

  /** Something was done that may end sessions. */
  causeOf(isMeant: (pair: Pair) => boolean): void {
    for (const pair of this.#promises.pairs) if (isMeant(pair)) pair.causeAt = this.clock.now;
  }

  /** The process of the node is told to end, or ends. */
  ending(node: SimulatedNode): void {
    for (const pair of this.#promises.pairs) if (pair.node === node) pair.lives++;
    this.causeOf((pair) => pair.node === node);
    this.touch();
  }

  refresh(): void {
    const pair = this.dice.any(this.#promises.pairs);
    const { session } = pair ?? {};
    if (pair === undefined || !session?.established) return;
    this.timeline.add(pair.router, `asks ${pair.node.name} for everything again`);
    pair.refreshes++;
    for (const family of FAMILIES) session.refresh(family);
  }

  /** Somebody drained the node, or ended that. */
  drained(node: SimulatedNode): void {
    this.#promises.viewed(node);
    this.touch();
  }

  fail(promise: string, what: string): void {
    this.#promises.fail(new Violation(promise, what));
  }

  touch(): void {
    this.#promises.touch();
  }

  /** All is mended and nothing changes: tables are what the naive planner says. @throws {Violation} */
  async quiesce(): Promise<void> {
    this.timeline.add("world", "all is mended");
    const isPassive = this.cluster.objects.some((object) => object.kind === "BGPPeer" && object.passive);
    const isRefused = this.pairs.some(({ refused }) => refused);
    const millis = this.setting.damped ? DAMPED_MILLIS : QUIET_MILLIS;
    await this.advance(millis + (isPassive ? OPEN_SENT_MILLIS : 0) + (isRefused ? REFUSED_MILLIS : 0));
    this.#promises.atRest();
  }

  /** Every speaker is told to end: nothing is left of any. @throws {Violation} */
  async end(): Promise<void> {
    this.ended = true;
    for (const node of this.nodes) {
      this.ending(node);
      node.stop(false);
    }
    await this.advance(STOP_MILLIS);
    for (const { name, process } of this.nodes) {
      if (process !== null) throw new Violation("a stop ends within two seconds", `${name} has not ended`);
    }
    await this.advance(1_000);
    this.#promises.atEnd();
  }

  #onEnd(node: SimulatedNode, process: SpeakerProcess, how: "exit" | "kill"): void {
    this.#promises.ended(node, process, how);
    if (how === "kill") return;
    this.timeline.add(node.name, "has ended");
    this.onExit(node);
  }

  #logged(node: string, event: LogEvent): void {
    this.timeline.logged(node, event);
    if (event.event === "state.unwritable") this.tally.unwritable++;
    else if (event.event === "bfd.transition" && event.cause === "detectionTimeExpired") this.tally.bfdDowns++;
    else if (event.event === "state.unremovable") this.tally.unremovable++;
    else if (event.event === "state.ignored" && event.aside !== "") this.tally.damagedFiles++;
  }

  #routerAt(address: string): Router | undefined {
    return [...this.routers.values()].find(({ host }) => host.text === address);
  }

  /** Packets go both ways. */
  #hears(node: string, address: string): boolean {
    const host = this.nodes.find(({ name }) => name === node)?.host;
    const router = this.#routerAt(address);
    return host !== undefined && router !== undefined && host.powered && !this.network.isCut(host, router.host);
  }

  #sessionSettings({ name, asn }: RouterSetting): SessionSettings {
    return {
      localAsn: asn,
      peerAsn: { kind: "number", asn: NODE_ASN },
      // Above or below the nodes' 10.0.0.x: either side may be the dominant one.
      routerId: name === "tor1" ? 0x01_00_00_01 : 0x7f_00_00_02,
      holdTimeSeconds: 30,
      keepaliveTimeSeconds: null,
      connectTimeSeconds: 2,
      passive: !this.setting.routersDial,
      families: ["IPv4", "IPv6"],
      extendedNextHop: false,
      extendedMessages: true,
      gracefulRestart: { restartTimeSeconds: 20, notification: this.setting.gracefulRestart.notification, forwardingPreserved: false },
      role: null,
      enhancedRouteRefresh: false,
      omitCapabilities: [],
    };
  }
}

/** Chains of promises are mostly this short; what is left of a longer one goes on after the next event: later, and yet the same in every run. */
const SHORT_CHAIN = 4;
const LONGEST_CHAIN = 24;

/** What waits for a promise goes on. Without a turn of the real event loop, which costs more than most events. */
async function turn(links: number): Promise<void> {
  for (let i = 0; i < links; i++) await null;
}
