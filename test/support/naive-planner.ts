/**
 * The decisions of docs/semantics.md over all objects at once: no index, no sharing of work, and no memory but what the rules themselves ask
 * for. Slow and plain, so that the real planner has something to be compared with. Uses values of `ip/` and types only.
 */

import { formatPrefix } from "../../src/ip/format.ts";
import { maxLength } from "../../src/ip/prefix.ts";
import type { BGPPeer, ClusterObject, Kind } from "../../src/objects/kinds.ts";
import type { PlannerOptions } from "../../src/plan/change.ts";
import type { Fact } from "../../src/plan/facts.ts";
import { mergeShares, type WantedRoute } from "./naive/attributes.ts";
import { beyondLimit, calm, type DampingState, dampingTimers, heldPrefixes, sendRoutes, type Wanted } from "./naive/damping.ts";
import { closedGate, type GateState, gateTimers, refreshGate, takeAnswer, wantedProbes } from "./naive/gate.ts";
import { selectsNode } from "./naive/selection.ts";
import { blockShares, type Candidate, candidatesOf, type EligibleBefore, type Share, shareReason } from "./naive/shares.ts";
import { type FactValues, keyOf, noFacts, readWorld, takeFactValue, type World } from "./naive/world.ts";

export interface NaivePlan {
  /** `peer prefix` → attributes as JSON. */
  readonly routes: ReadonlyMap<string, string>;
  /** `service address kind` → `announced` or the reason, then the same for every peer that has one of its own. */
  readonly decisions: ReadonlyMap<string, string>;
  /** `service uid family port` → the address that is asked. */
  readonly probes: ReadonlyMap<string, string>;
}

/** Checks that a pair of advertisement and peer fails, beside the furthest it can get. */
const CHECK_NUMBER: Readonly<Record<string, number>> = {
  peerNotSelected: 13,
  peerFamilyNotNegotiated: 13,
  announcerLimit: 14,
  noNextHop: 15,
  heldDown: 16,
  announceLimit: 17,
  "": 18,
};

/** Everything that a step takes from the one before. */
interface Memory {
  readonly facts: FactValues;
  readonly gate: GateState;
  readonly damping: DampingState;
  /** By the ids of shares. */
  eligible: Map<string, EligibleBefore>;
  /** `namespace/name family` of what passes checks 1 to 15. */
  announced: Set<string>;
}

/** One step from nothing. */
export function naivePlan(objects: readonly ClusterObject[], facts: readonly Fact[], options: PlannerOptions): NaivePlan {
  return new NaivePlanner(options).step(objects, facts);
}

/** Decides in steps: each looks at all objects anew, and at what history has to carry. */
export class NaivePlanner {
  readonly #options: PlannerOptions;
  readonly #memory: Memory;

  constructor(options: PlannerOptions, memory?: Memory) {
    this.#options = options;
    this.#memory = memory ?? { facts: noFacts(), gate: closedGate(), damping: calm(), eligible: new Map(), announced: new Set() };
  }

  /** A planner that goes on from here by itself. */
  copy(): NaivePlanner {
    return new NaivePlanner(this.#options, copied(this.#memory));
  }

  /** The newest time stated. */
  get now(): number | null {
    return this.#memory.facts.now;
  }

  /** Later moments at which time alone may change something, in order; most of them change nothing. */
  timers(): number[] {
    const { gate, damping, facts } = this.#memory;
    const all = [...gateTimers(gate), ...dampingTimers(damping, this.#options)];
    return [...new Set(all)].filter((at) => facts.now !== null && at > facts.now).sort((x, y) => x - y);
  }

  /** @param objects all there are after the step. @param newFacts those stated since the step before, in order. */
  step(objects: readonly ClusterObject[], newFacts: readonly Fact[] = []): NaivePlan {
    const { facts, gate, damping, eligible, announced } = this.#memory;
    for (const fact of newFacts) takeFactValue(facts, fact);
    for (const fact of newFacts) takeAnswer(gate, fact, facts.now);
    const world = readWorld(objects, facts, this.#options);
    refreshGate(gate, world, announced);

    const candidates = candidatesOf(world, gate, eligible);
    const shares = [...candidates.flatMap((candidate) => candidate.shares), ...blockShares(world, gate, eligible)];
    const wanted = wantedOf(world, shares);
    const held = heldPrefixes(damping, world, wanted);
    const limited = beyondLimit(world, wanted, held);
    const routes = sendRoutes(damping, world, wanted, ({ key }, peer) => !held.has(key) && !limited.has(`${peer} ${key}`));

    this.#memory.eligible = new Map(
      shares.flatMap(({ id, what, d, beyond, reason }) =>
        reason === "" ? [[id, { advertisement: d.metadata.name, what, beyond, peers: d.peers }] as const] : [],
      ),
    );
    this.#memory.announced = new Set(
      shares.flatMap((share) => (share.s !== null && reachesSome(world, share) ? [`${keyOf(share.s)} ${share.a.family}`] : [])),
    );
    const pairReason = (share: Share, p: BGPPeer) => {
      const reason = shareReason(world, share, p);
      if (reason !== "") return reason;
      if (held.has(share.prefix.key)) return "heldDown";
      return limited.has(`${p.metadata.name} ${share.prefix.key}`) ? "announceLimit" : "";
    };
    const decisions = () => new Map(candidates.map((candidate) => [candidate.subject, decide(world, candidate, pairReason)]));
    return planOf(
      new Map(routes.map(({ peer, prefix, route }) => [`${peer} ${formatPrefix(prefix)}`, asJson(route)])),
      decisions,
      wantedProbes(gate, world),
    );
  }
}

/** Who only compares routes does not wait for the decisions. */
function planOf(routes: NaivePlan["routes"], decide: () => NaivePlan["decisions"], probes: NaivePlan["probes"]): NaivePlan {
  let decisions: NaivePlan["decisions"] | null = null;
  return {
    routes,
    probes,
    get decisions() {
      decisions ??= decide();
      return decisions;
    },
  };
}

function reachesSome(world: World, share: Share): boolean {
  return share.reason === "" && world.peers.some((p) => shareReason(world, share, p) === "");
}

function wantedOf(world: World, shares: readonly Share[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const key of new Set(shares.map(({ prefix }) => prefix.key))) {
    const ofPrefix = shares.filter(({ prefix }) => prefix.key === key);
    const routes = new Map<string, WantedRoute>();
    for (const p of world.peers) {
      const { name } = p.metadata;
      if (!ofPrefix.some((share) => share.reason === "" && shareReason(world, share, p) === "")) continue;
      const speaking = ofPrefix.filter(({ d }) => d.peers.length === 0 || d.peers.includes(name));
      routes.set(name, mergeShares(world, speaking));
    }
    const [any] = ofPrefix;
    if (any === undefined || routes.size === 0) continue;
    const elsewhere = ofPrefix.some((share) => share.elsewhere && reachesSome(world, share));
    const owning = ofPrefix.filter(({ reason, beyond }) => reason === "" && !beyond);
    const isHost = any.prefix.length === maxLength(any.prefix.address.family);
    const ages = owning.map(({ s, d }) => (isHost ? (s ?? d) : d).metadata.creationTimestamp).sort();
    wanted.set(key, { prefix: any.prefix, routes, elsewhere, age: ages[0] ?? "" });
  }
  return wanted;
}

/** The pair that gets furthest, of equals the first by advertisement and then by peer; and for every session of this node its own furthest. */
function decide(world: World, { early, shares }: Candidate, pairReason: (share: Share, p: BGPPeer) => string): string {
  if (early !== "") return early;
  const passing = shares.filter(({ reason }) => reason === "");
  if (passing.length === 0) {
    const furthest = shares.find(({ reason }) => reason === "dataplaneNotReady") ?? shares[0];
    return furthest?.reason ?? "";
  }
  const pairs = passing.flatMap((share) => world.peers.map((p) => ({ p, reason: pairReason(share, p) })));
  const furthest = Math.max(13, ...pairs.map(({ reason }) => CHECK_NUMBER[reason] ?? 0));
  const speaks = pairs.find(({ reason }) => CHECK_NUMBER[reason] === furthest);
  const perPeer = world.peers
    .filter((p) => selectsNode(p, world.me))
    .map((p) => {
      const mine = pairs.filter((pair) => pair.p === p).sort((x, y) => (CHECK_NUMBER[y.reason] ?? 0) - (CHECK_NUMBER[x.reason] ?? 0));
      return `${p.metadata.name}=${mine[0]?.reason || "announced"}`;
    });
  return [speaks === undefined ? "peerNotSelected" : speaks.reason || "announced", ...perPeer].join(" ");
}

function asJson({ rest, weight, transitive }: WantedRoute): string {
  return JSON.stringify({ ...rest, linkBandwidth: weight, transitive });
}

/** Key of an object among those of all kinds. */
export function objectKey({ kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string }): string {
  return `${kind} ${namespace}/${name}`;
}

/** A memory of its own. Values without a life, such as addresses, are shared. */
function copied<T>(memory: T): T;
function copied(memory: unknown): unknown {
  if (Array.isArray(memory)) return memory.map((one: unknown) => copied(one));
  if (memory instanceof Set) return new Set(memory);
  if (memory instanceof Map) return new Map([...memory].map(([key, value]) => [key, copied(value)]));
  if (typeof memory !== "object" || memory === null || Object.getPrototypeOf(memory) !== Object.prototype) return memory;
  return Object.fromEntries(Object.entries(memory).map(([key, value]) => [key, copied(value)]));
}
