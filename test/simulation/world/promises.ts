/** The promises of docs/ARCHITECTURE.md, looked at together: hears of all that happens in a world and says when one is not kept. */

import { MESSAGE_TYPE } from "../../../src/bgp/wire/iana.ts";
import type { Frame } from "../../../src/bgp/wire/messages.ts";
import { decodeNotification } from "../../../src/bgp/wire/notification.ts";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import type { Move } from "./adj-rib-in.ts";
import { GRACE_MILLIS, MOST_STREAMS_PER_ROUTER, MOST_TIMERS, MOST_UNSENT_OCTETS, WRITE_LAG_MILLIS } from "./bounds.ts";
import { EndOfRibWatch } from "./end-of-rib-watch.ts";
import { FlapBudget } from "./flap-budget.ts";
import { isDrainedIn, Oracle, type Wanted } from "./oracle.ts";
import { Pair } from "./pair.ts";
import { RestartWatch } from "./restart-watch.ts";
import { RouteTruth } from "./route-truth.ts";
import { SessionWatch } from "./session-watch.ts";
import type { SimulatedNode, SpeakerProcess } from "./simulated-node.ts";
import { Violation } from "./violation.ts";
import type { VirtualStream } from "./virtual-stream.ts";
import type { World } from "./world.ts";

/** What is read of a world. */
type Watched = Pick<World, "setting" | "clock" | "network" | "cluster" | "nodes" | "routers" | "timeline" | "tally">;

export class Promises {
  readonly pairs: readonly Pair[];
  readonly #world: Watched;
  readonly #truth: RouteTruth;
  readonly #endOfRib = new EndOfRibWatch();
  readonly #sessionWatch = new SessionWatch();
  readonly #restartWatch = new RestartWatch();
  readonly #budget = new FlapBudget();
  readonly #oracle: Oracle;
  readonly #viewed = new Map<SimulatedNode, Wanted>();
  readonly #undrained = new Map<SimulatedNode, Wanted>();
  readonly #drained = new Set<SimulatedNode>();
  /** When the drain of each node became known to its speaker. */
  readonly #drainedAt = new Map<SimulatedNode, number>();
  readonly #peers = new Map<Pair, ClusterObject | undefined>();
  /** A violation found where nobody could catch it. */
  #violation: Violation | null = null;
  #unseen = true;

  constructor(world: Watched) {
    this.#world = world;
    const { setting, nodes, network, routers } = world;
    this.#oracle = new Oracle(setting);
    this.#truth = new RouteTruth(setting.announceHoldDown, (node) => this.#leavesAt(node));
    this.pairs = setting.routers.flatMap(({ name }) => nodes.map((node) => new Pair(name, node, network, routers)));
  }

  /** Something changed that promises are about. */
  touch(): void {
    this.#unseen = true;
  }

  fail(violation: Violation): void {
    this.#violation ??= violation;
  }

  /** Time went on. @throws {Violation} */
  tick(): void {
    this.look();
    const { now } = this.#world.clock;
    for (const pair of this.pairs) pair.look(now);
    this.#truth.tick(now);
  }

  viewed(node: SimulatedNode): void {
    this.#guard(() => this.#onView(node));
  }

  ended(node: SimulatedNode, process: SpeakerProcess, how: "exit" | "kill"): void {
    this.#guard(() => this.#onEnd(node, process, how));
  }

  session(router: string, node: string, up: boolean, why: string): void {
    this.#guard(() => this.#onSession(router, node, up, why));
  }

  moved(router: string, node: string, move: Move): void {
    this.#guard(() => this.#onMove(router, node, move));
  }

  /** BFD told the speaker that the way to the router at the address is lost. */
  lost(node: string, router: string): void {
    const name = this.#world.setting.routers.find(({ address }) => address === router)?.name ?? "";
    this.#guard(() => this.#sessionWatch.lost(this.#pair(name, node)));
  }

  /** What its state file says of time may be misread: a drain may begin its grace period anew. */
  clockStepped(node: SimulatedNode): void {
    this.#drained.delete(node);
  }

  /** Whole messages, when the sender's kernel took them. */
  sent(from: VirtualStream, frame: Frame): void {
    this.#guard(() => this.#onMessage(from, frame));
  }

  /** Nothing changes for a while: tables are what the naive planner says. @throws {Violation} */
  atRest(): void {
    for (const pair of this.pairs) {
      const wanted = new Map([...this.#wantedOf(pair.node)].filter(([key]) => key.startsWith(`${pair.router} `)));
      const has = new Map([...pair.paths].map(([prefix, { words, stale }]) => [`${pair.router} ${prefix}`, stale ? "stale" : words]));
      this.#world.tally.compared += wanted.size;
      this.#world.tally.limited += this.#leftOut(pair, wanted.size);
      const differences = [...new Set([...wanted.keys(), ...has.keys()])].filter((key) => wanted.get(key) !== has.get(key));
      const [first] = differences;
      if (first === undefined) continue;
      throw new Violation(
        "at rest tables are what the naive planner says",
        `${pair.name} ${first} is ${has.get(first) ?? "not there"} instead of ${wanted.get(first) ?? "not there"}, and ${differences.length - 1} more`,
      );
    }
  }

  /** No speaker is left. @throws {Violation} */
  atEnd(): void {
    for (const pair of this.pairs) {
      if (pair.paths.size > 0) throw new Violation("no false route", `${pair.name} is left after the end`);
    }
    const { tally } = this.#world;
    tally.collisions = this.#sessionWatch.collisions;
    tally.kept = this.#restartWatch.kept;
    tally.restored = this.#restartWatch.restored;
    tally.completed = this.#endOfRib.checked;
    tally.hardResets = this.#sessionWatch.hardResets;
    for (const { disk } of this.#world.nodes) tally.slowWrites += disk.slowWrites;
  }

  /** How many routes the peer's limit leaves out. */
  #leftOut(pair: Pair, taken: number): number {
    if (!this.#world.setting.limits) return 0;
    const unlimited = this.#world.cluster.objects.map((object) =>
      object.kind === "BGPPeer" ? { ...object, announceLimit: { ipv4: null, ipv6: null } } : object,
    );
    return [...this.#oracle.wanted(pair.node, unlimited).keys()].filter((key) => key.startsWith(`${pair.router} `)).length - taken;
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

  /** Something happened. @throws {Violation} */
  look(): void {
    if (this.#violation !== null) throw this.#violation;
    if (this.#unseen) {
      this.#unseen = false;
      const { now } = this.#world.clock;
      for (const pair of this.pairs) pair.look(now);
      this.#truth.look(this.pairs, ({ node }) => this.#wantedOf(node), now);
      this.#lookAtMemory();
    }
  }

  #lookAtMemory(): void {
    for (const { name, process, host } of this.#world.nodes) {
      if (process === null) continue;
      if (process.clock.pending > MOST_TIMERS) throw new Violation("memory is bounded", `${name} has ${process.clock.pending} timers`);
      const unsent = Math.max(0, ...[...host.streams].map(({ writableLength }) => writableLength));
      if (unsent > MOST_UNSENT_OCTETS) throw new Violation("memory is bounded", `${name} holds ${unsent} octets for one connection`);
      const most = MOST_STREAMS_PER_ROUTER * this.#world.setting.routers.length;
      if (host.streams.size > most) throw new Violation("memory is bounded", `${name} has ${host.streams.size} connections`);
    }
  }

  #wantedOf(node: SimulatedNode): Wanted {
    return this.#oracle.wanted(node, this.#world.cluster.objects);
  }

  /** When the grace period of its last drain is over, whatever processes began and ended meanwhile. */
  #leavesAt(node: SimulatedNode): number {
    return (this.#drainedAt.get(node) ?? Number.NEGATIVE_INFINITY) + GRACE_MILLIS;
  }

  #onView(node: SimulatedNode): void {
    const before = this.#viewed.get(node) ?? null;
    const after = this.#oracle.wanted(node, node.view ?? []);
    const undrained = { before: this.#undrained.get(node) ?? null, after: this.#oracle.undrained(node, node.view ?? []) };
    this.#undrained.set(node, undrained.after);
    const isDrained = node.drainedByHand || isDrainedIn(node, node.view ?? []);
    const turned = isDrained !== this.#drained.has(node);
    if (turned && isDrained) this.#drainedAt.set(node, this.#world.clock.now);
    if (isDrained) this.#drained.add(node);
    else this.#drained.delete(node);
    const peers = peersIn(node.view ?? []);
    this.#viewed.set(node, after);
    for (const pair of this.pairs) {
      if (pair.node !== node) continue;
      if (this.#peers.get(pair) !== peers.get(pair.router)) pair.causeAt = this.#world.clock.now;
      if (!peers.has(pair.router)) pair.sessionsOfLife = 0;
      this.#peers.set(pair, peers.get(pair.router));
      this.#budget.viewed(pair, undrained.before, undrained.after, turned ? (isDrained ? "began" : "ended") : null);
      this.#endOfRib.viewed(pair, before, after, this.#world.clock.now);
      this.#restartWatch.viewed(pair, after, this.#world.clock.now);
    }
  }

  #onEnd(node: SimulatedNode, { clock, syncedAt }: SpeakerProcess, how: "exit" | "kill"): void {
    const pairs = this.pairs.filter((pair) => pair.node === node);
    const { now } = this.#world.clock;
    const { savedUntil } = node.disk;
    const isLeaving = savedUntil - Math.max(syncedAt ?? 0, this.#leavesAt(node)) <= WRITE_LAG_MILLIS;
    const leaving = isLeaving ? (this.#undrained.get(node) ?? new Map()) : new Map();
    this.#restartWatch.ended(node, pairs, syncedAt !== null, leaving, now);
    // The next process may not know that the grace period has begun.
    if (savedUntil - (this.#drainedAt.get(node) ?? 0) <= WRITE_LAG_MILLIS) this.#drained.delete(node);
    for (const pair of pairs) {
      pair.lives++;
      pair.sessionsOfLife = 0;
    }
    this.touch();
    if (how === "kill") return;
    if (clock.pending > 0) throw new Violation("memory is bounded", `${node.name} ended and left ${clock.pending} timers behind`);
    const left = [...node.host.streams].filter(({ isOpen }) => isOpen).length;
    if (left > 0) throw new Violation("memory is bounded", `${node.name} ended and left ${left} connections behind`);
  }

  #onSession(router: string, nodeName: string, up: boolean, why: string): void {
    const pair = this.#pair(router, nodeName);
    this.#world.timeline.add(router, up ? `session with ${nodeName} is up` : `session with ${nodeName} is down: ${why}`);
    this.#unseen = true;
    if (up) {
      this.#world.tally.sessions++;
      pair.sessions++;
      if (pair.isMeant && pair.sessionsOfLife++ === 0) pair.firstUpAt = this.#world.clock.now;
      pair.upAt = this.#world.clock.now;
      this.#endOfRib.sessionUp(pair);
    } else pair.downAt = this.#world.clock.now;
    if (!up) this.#sessionWatch.down(pair, why, this.#world.clock.now);
  }

  #onMove(router: string, nodeName: string, move: Move): void {
    const pair = this.#pair(router, nodeName);
    this.#world.tally.moves++;
    this.#unseen = true;
    switch (move.name) {
      case "announced":
        this.#world.timeline.add(router, `${move.prefix} of ${nodeName} ${move.path.words}`);
        break;
      case "withdrawn":
        this.#world.timeline.add(router, `${move.prefix} of ${nodeName} is withdrawn`);
        break;
      case "lost":
        this.#world.timeline.add(router, `${move.prefix} of ${nodeName} is lost: ${move.why}`);
        break;
      case "endOfRib": {
        this.#world.timeline.add(router, `End-of-RIB of ${nodeName} for ${move.family}`);
        const wanted = this.#viewed.get(pair.node) ?? new Map();
        const isComplete = !this.#world.setting.gate && !this.#world.setting.announceHoldDown && !pair.node.isDrained;
        this.#endOfRib.ended(pair, move.family, wanted, isComplete, this.#world.clock.now);
      }
    }
    this.#budget.moved(pair, move);
    this.#restartWatch.moved(pair, move, this.#world.clock.now);
  }

  #onMessage(from: VirtualStream, { type, body }: Frame): void {
    if (type !== MESSAGE_TYPE.notification) return;
    const { code, subcode } = decodeNotification(body);
    this.#world.timeline.add(from.host.text, `NOTIFICATION ${code}/${subcode} to ${from.remote.text}`);
    this.#sessionWatch.notified(from, code, subcode);
  }

  #pair(router: string, node: string): Pair {
    const pair = this.pairs.find((one) => one.router === router && one.node.name === node);
    if (pair === undefined) throw new Error(`no pair ${router} ${node}`);
    return pair;
  }
}

/** By router. */
function peersIn(objects: readonly ClusterObject[]): ReadonlyMap<string, ClusterObject> {
  return new Map(objects.flatMap((object) => (object.kind === "BGPPeer" ? [[object.metadata.name, object] as const] : [])));
}
