/**
 * A whole world by seed: a cluster with its history, nodes that run the real speaker, routers, a network between them, and everything that goes wrong. After every
 * event the promises of docs/ARCHITECTURE.md are looked at; a {@link Violation} ends the world.
 */

import type { SessionSettings } from "../../../src/bgp/fsm/session.ts";
import { MESSAGE_TYPE } from "../../../src/bgp/wire/iana.ts";
import type { Frame } from "../../../src/bgp/wire/messages.ts";
import { decodeNotification } from "../../../src/bgp/wire/notification.ts";
import { FAMILIES } from "../../../src/ip/address.ts";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import type { StateStorage } from "../../../src/speaker/state-storage.ts";
import type { Transport } from "../../../src/speaker/transport.ts";
import { ip } from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import type { Move } from "./adj-rib-in.ts";
import { DAMPED_MILLIS, MOST_STREAMS_PER_ROUTER, MOST_TIMERS, MOST_UNSENT_OCTETS, OPEN_SENT_MILLIS, QUIET_MILLIS, STATE_LAG_MILLIS, STOP_MILLIS } from "./bounds.ts";
import { Cluster } from "./cluster.ts";
import { EndOfRibWatch } from "./end-of-rib-watch.ts";
import { FlapBudget } from "./flap-budget.ts";
import { MessageTap } from "./message-tap.ts";
import { Network } from "./network.ts";
import { isDrainedIn, Oracle, type Wanted } from "./oracle.ts";
import { Pair } from "./pair.ts";
import { RestartWatch } from "./restart-watch.ts";
import { RouteTruth } from "./route-truth.ts";
import { Router } from "./router.ts";
import { SessionWatch } from "./session-watch.ts";
import { NODE_ASN, type RouterSetting, randomSetting, type Setting } from "./setting.ts";
import { SimulatedNode, type SpeakerProcess } from "./simulated-node.ts";
import { WorldTimeline } from "./timeline.ts";
import { Violation } from "./violation.ts";
import { VirtualClock } from "./virtual-clock.ts";
import type { VirtualStream } from "./virtual-stream.ts";

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
  cuts: number;
  outages: number;
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
    ...{ events: 0, sessions: 0, moves: 0, resets: 0, restarts: 0, crashes: 0, cuts: 0, outages: 0, compared: 0 },
    ...{ collisions: 0, kept: 0, restored: 0, completed: 0 },
  };
  readonly #truth: RouteTruth;
  readonly #endOfRib = new EndOfRibWatch();
  readonly #sessionWatch = new SessionWatch();
  readonly #restartWatch = new RestartWatch();
  /** A speaker ended by itself. */
  onExit: (node: SimulatedNode) => void = () => {};
  readonly #budget = new FlapBudget();
  readonly #pairs: readonly Pair[];
  readonly #oracle: Oracle;
  readonly #viewed = new Map<SimulatedNode, Wanted>();
  readonly #undrained = new Map<SimulatedNode, Wanted>();
  readonly #drained = new Set<SimulatedNode>();
  readonly #turnedAt = new Map<SimulatedNode, number>();
  readonly #peers = new Map<Pair, ClusterObject | undefined>();
  /** Nothing is started any more. */
  ended = false;
  /** A violation found where nobody could catch it. */
  #violation: Violation | null = null;
  #unseen = true;

  constructor(seed: number, steps: number, { plant }: WorldOptions = {}) {
    this.dice = new Dice(seed * 4);
    this.setting = randomSetting(new Dice(seed * 4 + 1), steps);
    this.network = new Network(this.clock, new Dice(seed * 4 + 2), this.setting.weather);
    this.cluster = new Cluster(this.dice, this.setting);
    const speakerDice = new Dice(seed * 4 + 3);
    this.#oracle = new Oracle(this.setting);
    this.#truth = new RouteTruth(this.setting.announceHoldDown);
    this.nodes = this.setting.nodes.map(
      (name) =>
        new SimulatedNode(name, {
          network: this.network,
          cluster: this.cluster,
          setting: this.setting,
          dice: speakerDice,
          wrap: (transport, node) => plant?.transport?.(transport, node) ?? transport,
          wrapStorage: (storage, node) => plant?.storage?.(storage, node) ?? storage,
          log: (node, event) => this.timeline.logged(node, event),
          viewed: (node) => this.#guard(() => this.#onView(node)),
          ended: (node, process, how) => this.#guard(() => this.#onEnd(node, process, how)),
        }),
    );
    this.#pairs = this.setting.routers.flatMap(({ name }) => this.nodes.map((node) => new Pair(name, node, this.network, this.routers)));
    this.cluster.onChange = (changes, words) => {
      this.timeline.add("cluster", words);
      this.#unseen = true;
      for (const node of this.nodes) node.changed(changes);
    };
    const tap = new MessageTap((from, frame) => this.#guard(() => this.#onMessage(from, frame)));
    this.network.onSent = tap.take;
  }

  /** Lets time go on, event by event. @throws {Violation} */
  async advance(millis: number): Promise<void> {
    const end = this.clock.now + millis;
    while (this.clock.now < end) {
      const until = Math.min(end, this.clock.now + LOOK_MILLIS);
      while (this.clock.advance(until)) {
        this.tally.events++;
        await turn(SHORT_CHAIN);
        this.#look();
      }
      await turn(LONGEST_CHAIN);
      this.#look();
      for (const pair of this.#pairs) pair.look(this.clock.now);
      this.#truth.tick(this.clock.now);
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
        session: (node, up, why) => this.#guard(() => this.#onSession(setting.name, node, up, why)),
        moved: (node, move) => this.#guard(() => this.#onMove(setting.name, node, move)),
        said: (what) => this.timeline.add(setting.name, what),
      },
    );
    this.routers.set(setting.name, router);
    this.touch();
  }

  crashRouter(name: string, how: "fin" | "rst"): void {
    const router = this.routers.get(name);
    if (router === undefined) return;
    this.routers.delete(name);
    this.causeOf((pair) => pair.router === name);
    router.crash(how);
    this.touch();
  }

  /** Something was done that may end sessions. */
  causeOf(isMeant: (pair: Pair) => boolean): void {
    for (const pair of this.#pairs) if (isMeant(pair)) pair.causeAt = this.clock.now;
  }

  /** The process of the node is told to end, or ends. */
  ending(node: SimulatedNode): void {
    for (const pair of this.#pairs) if (pair.node === node) pair.lives++;
    this.causeOf((pair) => pair.node === node);
    this.touch();
  }

  refresh(): void {
    const pair = this.dice.any(this.#pairs);
    const { session } = pair ?? {};
    if (pair === undefined || !session?.established) return;
    this.timeline.add(pair.router, `asks ${pair.node.name} for everything again`);
    pair.refreshes++;
    for (const family of FAMILIES) session.refresh(family);
  }

  /** Somebody drained the node, or ended that. */
  drained(node: SimulatedNode): void {
    this.#guard(() => this.#onView(node));
    this.touch();
  }

  fail(promise: string, what: string): void {
    this.#violation ??= new Violation(promise, what);
  }

  touch(): void {
    this.#unseen = true;
  }

  /** All is mended and nothing changes: tables are what the naive planner says. @throws {Violation} */
  async quiesce(): Promise<void> {
    this.timeline.add("world", "all is mended");
    const isPassive = this.cluster.objects.some((object) => object.kind === "BGPPeer" && object.passive);
    await this.advance((this.setting.damped ? DAMPED_MILLIS : QUIET_MILLIS) + (isPassive ? OPEN_SENT_MILLIS : 0));
    for (const pair of this.#pairs) {
      const wanted = new Map([...this.#wantedOf(pair.node)].filter(([key]) => key.startsWith(`${pair.router} `)));
      const has = new Map([...pair.paths].map(([prefix, { words, stale }]) => [`${pair.router} ${prefix}`, stale ? "stale" : words]));
      this.tally.compared += wanted.size;
      const differences = [...new Set([...wanted.keys(), ...has.keys()])].filter((key) => wanted.get(key) !== has.get(key));
      const [first] = differences;
      if (first === undefined) continue;
      throw new Violation(
        "at rest tables are what the naive planner says",
        `${pair.name} ${first} is ${has.get(first) ?? "not there"} instead of ${wanted.get(first) ?? "not there"}, and ${differences.length - 1} more`,
      );
    }
  }

  /** Every speaker is told to end: nothing is left of any. @throws {Violation} */
  async end(): Promise<void> {
    this.ended = true;
    this.tally.collisions = this.#sessionWatch.collisions;
    this.tally.kept = this.#restartWatch.kept;
    this.tally.restored = this.#restartWatch.restored;
    this.tally.completed = this.#endOfRib.checked;
    for (const node of this.nodes) {
      this.ending(node);
      node.stop(false);
    }
    await this.advance(STOP_MILLIS);
    for (const { name, process } of this.nodes) {
      if (process !== null) throw new Violation("a stop ends within two seconds", `${name} has not ended`);
    }
    await this.advance(1_000);
    for (const pair of this.#pairs) {
      if (pair.paths.size > 0) throw new Violation("no false route", `${pair.name} is left after the end`);
    }
  }

  /** Real callbacks must not swallow it. */
  #guard(look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation ??= error;
    }
  }

  #look(): void {
    if (this.#violation !== null) throw this.#violation;
    if (this.#unseen) {
      this.#unseen = false;
      const { now } = this.clock;
      for (const pair of this.#pairs) pair.look(now);
      this.#truth.look(this.#pairs, ({ node }) => this.#wantedOf(node), now);
      this.#lookAtMemory();
    }
  }

  #lookAtMemory(): void {
    for (const { name, process, host } of this.nodes) {
      if (process === null) continue;
      if (process.clock.pending > MOST_TIMERS) throw new Violation("memory is bounded", `${name} has ${process.clock.pending} timers`);
      const unsent = Math.max(0, ...[...host.streams].map(({ writableLength }) => writableLength));
      if (unsent > MOST_UNSENT_OCTETS) throw new Violation("memory is bounded", `${name} holds ${unsent} octets for one connection`);
      const most = MOST_STREAMS_PER_ROUTER * this.setting.routers.length;
      if (host.streams.size > most) throw new Violation("memory is bounded", `${name} has ${host.streams.size} connections`);
    }
  }

  #wantedOf(node: SimulatedNode): Wanted {
    return this.#oracle.wanted(node, this.cluster.objects);
  }

  #onView(node: SimulatedNode): void {
    const before = this.#viewed.get(node) ?? null;
    const after = this.#oracle.wanted(node, node.view ?? []);
    const undrained = { before: this.#undrained.get(node) ?? null, after: this.#oracle.undrained(node, node.view ?? []) };
    this.#undrained.set(node, undrained.after);
    const isDrained = node.drainedByHand || isDrainedIn(node, node.view ?? []);
    const turned = isDrained !== this.#drained.has(node);
    if (turned) this.#turnedAt.set(node, this.clock.now);
    if (isDrained) this.#drained.add(node);
    else this.#drained.delete(node);
    const peers = peersIn(node.view ?? []);
    this.#viewed.set(node, after);
    for (const pair of this.#pairs) {
      if (pair.node !== node) continue;
      if (this.#peers.get(pair) !== peers.get(pair.router)) pair.causeAt = this.clock.now;
      if (!peers.has(pair.router)) pair.sessionsOfLife = 0;
      this.#peers.set(pair, peers.get(pair.router));
      this.#budget.viewed(pair, undrained.before, undrained.after, turned ? "turned" : isDrained ? "lasts" : "none");
      this.#endOfRib.viewed(pair, before, after, this.clock.now);
      this.#restartWatch.viewed(pair, after, this.clock.now);
    }
  }

  #onEnd(node: SimulatedNode, { clock, syncedAt }: SpeakerProcess, how: "exit" | "kill"): void {
    const pairs = this.#pairs.filter((pair) => pair.node === node);
    const isLeaving = this.clock.now - Math.max(syncedAt ?? 0, this.#turnedAt.get(node) ?? 0) <= STATE_LAG_MILLIS;
    const leaving = isLeaving ? (this.#undrained.get(node) ?? new Map()) : new Map();
    this.#restartWatch.ended(node, pairs, syncedAt !== null, leaving, this.clock.now);
    for (const pair of pairs) {
      pair.lives++;
      pair.sessionsOfLife = 0;
    }
    this.touch();
    if (how === "kill") return;
    this.timeline.add(node.name, "has ended");
    this.onExit(node);
    if (clock.pending > 0) throw new Violation("memory is bounded", `${node.name} ended and left ${clock.pending} timers behind`);
    const left = [...node.host.streams].filter(({ isOpen }) => isOpen).length;
    if (left > 0) throw new Violation("memory is bounded", `${node.name} ended and left ${left} connections behind`);
  }

  #onSession(router: string, nodeName: string, up: boolean, why: string): void {
    const pair = this.#pair(router, nodeName);
    this.timeline.add(router, up ? `session with ${nodeName} is up` : `session with ${nodeName} is down: ${why}`);
    this.#unseen = true;
    if (up) {
      this.tally.sessions++;
      pair.sessions++;
      if (pair.sessionsOfLife++ === 0) pair.firstUpAt = this.clock.now;
      pair.upAt = this.clock.now;
      this.#endOfRib.sessionUp(pair);
    } else pair.downAt = this.clock.now;
    if (!up) this.#sessionWatch.down(pair, why, this.clock.now);
  }

  #onMove(router: string, nodeName: string, move: Move): void {
    const pair = this.#pair(router, nodeName);
    this.tally.moves++;
    this.#unseen = true;
    switch (move.name) {
      case "announced":
        this.timeline.add(router, `${move.prefix} of ${nodeName} ${move.path.words}`);
        break;
      case "withdrawn":
        this.timeline.add(router, `${move.prefix} of ${nodeName} is withdrawn`);
        break;
      case "lost":
        this.timeline.add(router, `${move.prefix} of ${nodeName} is lost: ${move.why}`);
        break;
      case "endOfRib": {
        this.timeline.add(router, `End-of-RIB of ${nodeName} for ${move.family}`);
        const wanted = this.#viewed.get(pair.node) ?? new Map();
        const isComplete = !this.setting.gate && !this.setting.announceHoldDown && !pair.node.isDrained;
        this.#endOfRib.ended(pair, move.family, wanted, isComplete, this.clock.now);
      }
    }
    this.#budget.moved(pair, move);
    this.#restartWatch.moved(pair, move, this.clock.now);
  }

  #onMessage(from: VirtualStream, { type, body }: Frame): void {
    if (type !== MESSAGE_TYPE.notification) return;
    const { code, subcode } = decodeNotification(body);
    this.timeline.add(from.host.text, `NOTIFICATION ${code}/${subcode} to ${from.remote.text}`);
    this.#sessionWatch.notified(from, code, subcode);
  }

  #pair(router: string, node: string): Pair {
    const pair = this.#pairs.find((one) => one.router === router && one.node.name === node);
    if (pair === undefined) throw new Error(`no pair ${router} ${node}`);
    return pair;
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
      gracefulRestart: { restartTimeSeconds: 20, notification: false, forwardingPreserved: false },
      role: null,
      enhancedRouteRefresh: false,
      omitCapabilities: [],
    };
  }
}

/** By router. */
function peersIn(objects: readonly ClusterObject[]): ReadonlyMap<string, ClusterObject> {
  return new Map(objects.flatMap((object) => (object.kind === "BGPPeer" ? [[object.metadata.name, object] as const] : [])));
}

/** Chains of promises are mostly this short; what is left of a longer one goes on after the next event: later, and yet the same in every run. */
const SHORT_CHAIN = 4;
const LONGEST_CHAIN = 24;

/** What waits for a promise goes on. Without a turn of the real event loop, which costs more than most events. */
async function turn(links: number): Promise<void> {
  for (let i = 0; i < links; i++) await null;
}
