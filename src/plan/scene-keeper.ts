/** Keeps the scene of one node up to date with objects and facts, and tells what became another since the last time. */

import type { Node } from "../objects/kinds.ts";
import { type Advertisement, type CompiledAdvertisement, compileAdvertisement, selectsNode } from "./advertisement.ts";
import type { WishPool } from "./announcement.ts";
import { mayHoldPlace } from "./announcers.ts";
import type { Cause, PeerChange, PlannerOptions } from "./change.ts";
import { DrainPhase } from "./drain-phase.ts";
import type { Fact } from "./facts.ts";
import { findingOf, sortFindings } from "./findings.ts";
import type { HealthGates } from "./health-gates.ts";
import type { Inventory, Touched } from "./inventory.ts";
import { compareText } from "./judge.ts";
import { type CommandedDrain, type NodeObstacle, nodeObstacle } from "./node-checks.ts";
import { judgePeer, type PeerVerdict, peerSelectsNode, type SessionFact, sameNextHops } from "./peers.ts";
import { ProxyGate } from "./proxy-gate.ts";
import { Scene, type SceneParts } from "./scene.ts";
import {
  type Affected,
  affectedBy,
  hearsAlike,
  opensAlike,
  type Recompiled,
  type SceneDifference,
  touchesServices,
} from "./scene-difference.ts";
import { sameLabels } from "./selectors.ts";

/** What a refresh found. */
export interface Refreshed {
  readonly scene: Scene;
  readonly peers: readonly PeerChange[];
  /** Some decision may differ. */
  readonly changed: boolean;
  /** What changed the Node decided for; undefined = nothing did. */
  readonly node: Cause | null | undefined;
  readonly affected: Affected;
  /** How many advertisements became others. */
  readonly advertisements: number;
}

const UNAFFECTED = () => false as const;

export class SceneKeeper {
  scene: Scene;
  /** Rises whenever an advertisement may select other Services. */
  epoch = 0;
  readonly #options: PlannerOptions;
  readonly #inventory: Inventory;
  readonly #gates: HealthGates;
  readonly #pool: WishPool;
  readonly #proxy = new ProxyGate();
  readonly #sessions = new Map<string, SessionFact>();
  #localDrain: CommandedDrain | null = null;
  readonly #drain: DrainPhase;
  /** What checks 8 to 10 say of this node, as far as it is in force. */
  #obstacle: NodeObstacle | null = null;
  /** Decisions were made, or routes outlived a restart: there may be something to announce less. */
  #announces = false;
  readonly #compiled = new Map<string, CompiledAdvertisement>();
  #nextId = 1;
  readonly #told = new Map<string, PeerVerdict>();
  /** Nodes that fail checks 8 to 10 by what objects say. */
  readonly #silent = new Set<string>();

  readonly #advertisements = new Map<string, Cause | null>();
  readonly #namespaces = new Map<string, Cause | null>();
  readonly #flipped = new Map<string, Cause | null>();
  #references: Cause | null | undefined;
  #peers: Cause | null | undefined;
  #node: Cause | null | undefined;
  /** Who may hold a place of a limited number changed (check 14). */
  #places: Cause | null | undefined;
  #proxyCause: Cause | undefined;
  #labels = false;
  #nowMillis: number | null = null;

  constructor(options: PlannerOptions, inventory: Inventory, pool: WishPool, gates: HealthGates) {
    this.#options = options;
    this.#inventory = inventory;
    this.#pool = pool;
    this.#gates = gates;
    this.#drain = new DrainPhase(options.leaving ?? null);
    for (const [name, node] of inventory.nodes) if (nodeObstacle(node, options) !== null) this.#silent.add(name);
    for (const name of inventory.advertisements.keys()) this.#advertisements.set(name, null);
    this.#peers = null;
    this.#node = null;
    this.#lookAtNode();
    this.scene = this.#build([], [], null);
  }

  /** The time fact; null = none was stated. */
  get nowMillis(): number | null {
    return this.#nowMillis;
  }

  /** When waiting opens the proxy's gate, or a drain's grace period is over; null = never. */
  get wakeAtMillis(): number | null {
    const due = this.#proxy.dueMillis;
    const leaves = this.leavesAtMillis;
    return due === null || leaves === null ? (due ?? leaves) : Math.min(due, leaves);
  }

  /** The service proxy was asked and has not answered yet. */
  get awaitsProxy(): boolean {
    return this.#proxy.awaitsAnswer;
  }

  /** When a drain's grace period is over; null = there is none. */
  get leavesAtMillis(): number | null {
    return this.#drain.leaving?.untilMillis ?? null;
  }

  takeFact(fact: Fact): void {
    switch (fact.name) {
      case "session":
        this.#sessions.set(fact.peer, {
          families: fact.families,
          localAddress: fact.localAddress,
          extendedNextHop: fact.extendedNextHop ?? false,
        });
        this.#peers = { kind: "Session", name: fact.peer, resourceVersion: "" };
        return;
      case "sessionForgotten":
        if (this.#sessions.delete(fact.peer)) this.#peers = { kind: "Session", name: fact.peer, resourceVersion: "" };
        return;
      case "drain":
        this.#localDrain = fact.reason === null ? null : { reason: fact.reason, since: fact.since ?? null };
        this.#node = { kind: "Drain", name: this.#options.node, resourceVersion: "" };
        return;
      case "restored":
        this.#announces ||= fact.routes.length > 0;
        this.#drain.resume(fact.leavesAtMillis ?? Number.POSITIVE_INFINITY);
        this.#proxy.restore();
        this.#touchProxy();
        return;
      case "time":
        this.#nowMillis = fact.nowMillis;
        if (this.leavesAtMillis !== null && fact.nowMillis >= this.leavesAtMillis) {
          this.#node ??= { kind: "Timer", name: this.#options.node, resourceVersion: "" };
        }
        if (this.#proxy.dueMillis !== null && fact.nowMillis >= this.#proxy.dueMillis) this.#touchProxy();
        return;
      case "gate":
      case "proxyAnswer":
        this.#proxy.take(fact);
        this.#touchProxy();
        return;
      case "healthCheckAnswer":
        return;
    }
  }

  /** Receives what an object change touches besides Services; `cause` says which change that is. */
  touched(cause: () => Cause | null): Omit<Touched, "service"> {
    return {
      node: (name, before, after) => this.#touchNode(name, before, after, cause()),
      namespace: (name) => this.#namespaces.set(name, cause()),
      advertisement: (name) => this.#advertisements.set(name, cause()),
      peer: () => {
        this.#peers = cause();
        this.#places = cause();
      },
      references: () => {
        this.#references = cause();
      },
    };
  }

  /** Takes in all that was touched since the last time. */
  refresh(): Refreshed {
    const isTouched =
      this.#advertisements.size + this.#namespaces.size + this.#flipped.size > 0 ||
      this.#labels ||
      [this.#references, this.#peers, this.#node, this.#places, this.#proxyCause].some((cause) => cause !== undefined);
    if (!isTouched) return { scene: this.scene, peers: [], changed: false, node: undefined, affected: UNAFFECTED, advertisements: 0 };

    const before = this.scene;
    if (this.#node !== undefined) this.#lookAtNode();
    const recompiled = this.#recompile();
    const peers = this.#peers !== undefined || this.#node !== undefined ? this.#judgePeers() : null;
    const scene = this.#build(peers?.verdicts ?? before.parts.peers, peers?.outsiders ?? before.parts.outsiders, before);
    const ownNode = this.#node;
    const difference: SceneDifference = {
      recompiled,
      everywhere: this.#everywhere(before, scene),
      flipped: new Map(this.#flipped),
      namespaces: new Map(this.#namespaces),
      places: this.#places,
    };
    const changed = touchesServices(difference) || this.#labels;
    if (recompiled.size + difference.namespaces.size > 0) this.epoch++;
    this.scene = scene;
    this.#advertisements.clear();
    this.#namespaces.clear();
    this.#flipped.clear();
    this.#references = undefined;
    this.#peers = undefined;
    this.#node = undefined;
    this.#places = undefined;
    this.#proxyCause = undefined;
    this.#labels = false;
    this.#announces = true;
    const affected = affectedBy(difference, this.#inventory);
    return { scene, peers: peers?.changes ?? [], changed, node: ownNode, affected, advertisements: recompiled.size };
  }

  #lookAtNode(): void {
    const obstacle = nodeObstacle(this.#inventory.nodes.get(this.#options.node), this.#options, this.#localDrain);
    this.#obstacle = this.#drain.look(obstacle, this.#nowMillis, this.#announces);
  }

  #touchProxy(): void {
    this.#proxyCause = { kind: "ServiceProxy", name: this.#options.node, resourceVersion: "" };
  }

  #touchNode(name: string, before: Node | undefined, after: Node | undefined, cause: Cause | null): void {
    const wasSilent = this.#silent.has(name);
    const isSilent = nodeObstacle(after, this.#options) !== null;
    if (wasSilent !== isSilent) {
      this.#flipped.set(name, cause);
      if (isSilent) this.#silent.add(name);
      else this.#silent.delete(name);
    }
    // Node selectors of advertisements decide on which nodes an address with several owners may be.
    if (!sameLabels(before?.metadata.labels, after?.metadata.labels) || (before === undefined) !== (after === undefined)) {
      this.#labels = true;
      this.#places = cause;
    }
    const [held, holds] = [before, after].map((node) => node !== undefined && mayHoldPlace(node, this.#options));
    if (held !== holds) this.#places = cause;
    if (name === this.#options.node) this.#node = cause;
  }

  /** Advertisements that became others, with what made them: the old and the new value. */
  #recompile(): Map<string, Recompiled> {
    const { advertisements, communities, pools, nodes } = this.#inventory;
    const node = nodes.get(this.#options.node);
    const names = new Map(this.#advertisements);
    if (this.#references !== undefined) for (const name of advertisements.keys()) if (!names.has(name)) names.set(name, this.#references);
    if (this.#node !== undefined) {
      for (const [name, { advertisement }] of this.#compiled) {
        const flips = advertisement !== null && advertisement.selectsNode !== selectsNode(advertisement.source, node);
        if (flips && !names.has(name)) names.set(name, this.#node);
      }
    }
    const recompiled = new Map<string, Recompiled>();
    for (const [name, cause] of names) {
      const source = advertisements.get(name);
      const before = this.#compiled.get(name)?.advertisement ?? null;
      if (source === undefined) {
        this.#compiled.delete(name);
        recompiled.set(name, { before, after: null, cause });
        continue;
      }
      const fresh = compileAdvertisement(source, this.#nextId, { communities, pools, node });
      const after = before !== null && fresh.advertisement !== null && isSame(before, fresh.advertisement) ? before : fresh.advertisement;
      this.#compiled.set(name, { advertisement: after, findings: fresh.findings });
      if (after === before) continue;
      this.#nextId++;
      recompiled.set(name, { before, after, cause });
    }
    return recompiled;
  }

  #judgePeers(): { readonly verdicts: PeerVerdict[]; readonly outsiders: string[]; readonly changes: PeerChange[] } {
    const node = this.#inventory.nodes.get(this.#options.node);
    const verdicts: PeerVerdict[] = [];
    const outsiders: string[] = [];
    const changes: PeerChange[] = [];
    const sorted = [...this.#inventory.peers.values()].sort((a, b) => compareText(a.metadata.name, b.metadata.name));
    const gone = new Set(this.#told.keys());
    for (const peer of sorted) {
      const { name } = peer.metadata;
      if (!peerSelectsNode(peer, node)) {
        outsiders.push(name);
        continue;
      }
      const verdict = judgePeer(peer, node, this.#sessions.get(name), this.#drain.leaving);
      verdicts.push(verdict);
      gone.delete(name);
      const told = this.#told.get(name);
      if (told === undefined || told.peer !== peer || !sameNextHops(told, verdict)) {
        changes.push({ name, peer, nextHop: { IPv4: verdict.nextHop.IPv4.hop, IPv6: verdict.nextHop.IPv6.hop } });
      }
      this.#told.set(name, verdict);
    }
    for (const name of gone) {
      this.#told.delete(name);
      changes.push({ name, peer: null, nextHop: { IPv4: null, IPv6: null } });
    }
    return { verdicts, outsiders, changes: changes.sort((a, b) => compareText(a.name, b.name)) };
  }

  /** What makes every selected Service worth planning again; undefined = nothing does. */
  #everywhere(before: Scene, after: Scene): Cause | null | undefined {
    if (before.parts.obstacle?.check !== after.parts.obstacle?.check) return this.#node ?? null;
    if (!opensAlike(before.parts.proxy, after.parts.proxy)) return this.#proxyCause ?? null;
    const known = (key: string) => this.#inventory.has(key);
    return hearsAlike(before, after, known) ? undefined : (this.#peers ?? this.#node ?? null);
  }

  #build(peers: readonly PeerVerdict[], outsiders: readonly string[], before: Scene | null): Scene {
    const { node: name } = this.#options;
    const node = this.#inventory.nodes.get(name);
    const compiled = [...this.#compiled].sort(([a], [b]) => compareText(a, b));
    const findings = compiled.flatMap(([, one]) => one.findings);
    if (node === undefined) {
      const message = `there is no Node object "${name}": it is taken as a node without labels, conditions and addresses`;
      findings.push(findingOf("warning", "nodeUnknown", { kind: "Node", metadata: { namespace: "", name } }, { message }));
    }
    const parts: SceneParts = {
      options: this.#options,
      inventory: this.#inventory,
      advertisements: compiled.flatMap(([, { advertisement }]) => (advertisement === null ? [] : [advertisement])),
      notInForce: compiled.filter(([, { advertisement }]) => advertisement === null).map(([adv]) => adv),
      findings: sortFindings(findings),
      peers,
      outsiders,
      obstacle: this.#obstacle,
      leaving: this.#drain.leaving,
      mayAnnounce: (other) => !this.#silent.has(other),
      pool: this.#pool,
      proxy: this.#proxy.state(this.#nowMillis),
      gates: this.#gates,
    };
    return new Scene(parts, before);
  }
}

/** Nothing that decides or is announced differs. */
function isSame(a: Advertisement, b: Advertisement): boolean {
  return (
    a.source === b.source &&
    a.selectsNode === b.selectsNode &&
    a.pools.length === b.pools.length &&
    a.pools.every((pool, i) => pool === b.pools[i]) &&
    String(a.communities) === String(b.communities) &&
    String(a.largeCommunities) === String(b.largeCommunities)
  );
}
