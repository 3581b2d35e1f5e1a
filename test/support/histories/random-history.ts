/** Random histories of objects and facts, by seed: what may happen to a speaker, in any order, together or apart. */

import type { ClusterObject, EndpointSlice, Service } from "../../../src/objects/kinds.ts";
import { type Damping, DEFAULT_PLANNER_OPTIONS, type PlannerOptions } from "../../../src/plan/change.ts";
import type { Fact, Input, ProbeAnswer } from "../../../src/plan/facts.ts";
import { endpoint, gone, ip, set } from "../cluster-objects.ts";
import { Dice } from "../dice.ts";
import { objectKey } from "../naive-planner.ts";
import { calmObjects, calmWorld } from "./calm-objects.ts";
import { PEERS, PORTS, randomObject, tweaked, UIDS, type Variety } from "./random-objects.ts";

/** Inputs that are decided together. */
export interface Step {
  readonly inputs: readonly Input[];
  /** Decided a Service at a time. */
  readonly sliced: boolean;
  /** The explanations are compared too. */
  readonly explained: boolean;
}

export interface History {
  readonly options: PlannerOptions;
  readonly steps: readonly Step[];
}

const ELAPSED: readonly [number, ...number[]] = [0, 1, 1_000, 1_000, 4_000, 4_000, 10_000, 10_000, 60_000, 301_000];
const LOCAL_ADDRESSES = ["192.0.2.2", "192.0.2.2", "192.0.2.3", "127.0.0.1", "203.0.113.1"] as const;
const DAMPINGS: readonly [Damping, ...Damping[]] = [
  DEFAULT_PLANNER_OPTIONS.damping,
  DEFAULT_PLANNER_OPTIONS.damping,
  { announceHoldDown: true, weightHoldDownMillis: 0, weightTolerance: 0 },
  { announceHoldDown: false, weightHoldDownMillis: 10_000, weightTolerance: 0.5 },
];

/** The objects after some inputs. */
export function enact(objects: Map<string, ClusterObject>, inputs: readonly Input[]): void {
  for (const input of inputs) {
    if (input.input === "fact") continue;
    if (input.change.type === "delete") objects.delete(objectKey(input.change.ref));
    else {
      const { kind, metadata } = input.change.object;
      objects.set(objectKey({ kind, namespace: metadata.namespace, name: metadata.name }), input.change.object);
    }
  }
}

export function randomHistory(seed: number, variety: Variety): History {
  const dice = new Dice(seed);
  const base = { ...DEFAULT_PLANNER_OPTIONS, node: "n1" };
  const options: PlannerOptions = {
    ...base,
    ...(dice.chance(2) ? { serviceProxyName: "ours", loadBalancerClass: "ours" } : {}),
    ...(dice.chance(4) ? { drain: { ...base.drain, cordon: true } } : {}),
    ...(variety.newRules ? { damping: dice.pick(DAMPINGS) } : {}),
  };
  return { options, steps: new Author(dice, variety).steps() };
}

/** Writes one history. */
class Author {
  readonly #dice: Dice;
  readonly #variety: Variety;
  readonly #objects = new Map<string, ClusterObject>();
  #last: Input | undefined;
  #now: number | null = null;
  /** Gusts that are left of a time in which one Service flaps. */
  #storm = 0;
  /** One in so many events is one of time: some histories are hasty, some slow. */
  readonly #haste: number;

  constructor(dice: Dice, variety: Variety) {
    this.#dice = dice;
    this.#variety = variety;
    this.#haste = dice.pick([3, 6, 12]);
  }

  steps(): Step[] {
    const dice = this.#dice;
    // Mostly short: what goes wrong late is rare, and what goes wrong early is easier to read.
    const count = 5 + dice.below(dice.chance(10) ? 296 : 60);
    return Array.from({ length: count }, (_, i) => {
      const inputs = i === 0 ? this.#opening() : this.#batch();
      return { inputs: interleaved(dice, inputs), sliced: dice.chance(5), explained: dice.chance(5) };
    });
  }

  #batch(): Input[] {
    const batch = this.#turn();
    while (this.#dice.chance(4)) batch.push(...this.#turn());
    return batch;
  }

  #take(inputs: Input[]): Input[] {
    enact(this.#objects, inputs);
    this.#last = inputs.at(-1) ?? this.#last;
    return inputs;
  }

  /** A world to begin with, so that most histories announce something. */
  #opening(): Input[] {
    const dice = this.#dice;
    const { newRules } = this.#variety;
    const facts: Input[] = [];
    if (newRules && !dice.chance(6)) {
      this.#now = dice.pick([0, 1, 1_000_000]);
      facts.push(stated({ name: "time", nowMillis: this.#now }));
    }
    if (newRules && dice.chance(2)) facts.push(stated(this.#gate()));
    if (newRules && dice.chance(3)) facts.push(stated({ name: "proxyAnswer", answer: ALIVE }));
    if (dice.chance(8)) return this.#take(facts);
    return this.#take([...facts, ...calmWorld(dice, this.#variety).map(set)]);
  }

  #turn(): Input[] {
    const dice = this.#dice;
    const { newRules } = this.#variety;
    if (this.#storm > 0 && !dice.chance(4)) return this.#take(this.#gust());
    if (newRules && dice.chance(40)) this.#storm = 3 + dice.below(12);
    if (newRules && dice.chance(this.#haste)) return this.#take([stated(this.#time())]);
    const victim = dice.any([...this.#objects.values()]);
    const roll = dice.below(100);
    if (roll < 30) return this.#take(calmObjects(dice, this.#variety).map(set));
    if (roll < 48 && victim !== undefined) return this.#take([set(tweaked(dice, victim, this.#variety))]);
    if (roll < 60) return this.#take([stated(this.#fact())]);
    if (roll < 72) return this.#take(this.#flap());
    if (roll < 77 && victim !== undefined) return this.#take([gone(victim)]);
    if (roll < 81 && newRules) return this.#take(this.#recreation());
    if (roll < 85 && this.#last !== undefined) return this.#take([this.#last]);
    if (roll < 87) return this.#take(this.#relist());
    return this.#take([set(randomObject(dice, this.#variety))]);
  }

  #time(elapsed = this.#dice.pick(ELAPSED)): Fact {
    this.#now = (this.#now ?? 0) + elapsed;
    return { name: "time", nowMillis: this.#now };
  }

  #fact(): Fact {
    const dice = this.#dice;
    if (this.#variety.newRules && dice.chance(2)) return this.#answer();
    if (this.#variety.newRules && dice.chance(12)) return this.#gate();
    if (dice.chance(5)) return { name: "drain", reason: dice.pick([null, null, null, "maintenance"]) };
    const name = dice.pick(PEERS);
    if (dice.chance(4)) return { name: "sessionForgotten", peer: name };
    return {
      name: "session",
      peer: name,
      families: dice.pick([["IPv4"], ["IPv4", "IPv6"], ["IPv4", "IPv6"], ["IPv4", "IPv6"], ["IPv6"], []]),
      localAddress: ip(name === "v6" ? "2001:db8:ffff::2" : dice.pick(LOCAL_ADDRESSES)),
    };
  }

  #gate(): Fact {
    const healthz = this.#dice.chance(3) ? null : "http://127.0.0.1:10256/healthz";
    return { name: "gate", healthz, onlyWhereRequired: this.#dice.chance(5) };
  }

  /** Mostly of a health check that there is, sometimes with something about it wrong. */
  #answer(): Fact {
    const dice = this.#dice;
    const answer = dice.pick(ANSWERS);
    if (dice.chance(3)) return { name: "proxyAnswer", answer };
    const asked = dice.any([...this.#objects.values()].filter((one): one is Service => one.kind === "Service"));
    const { name, namespace, uid } = asked?.metadata ?? { name: "a", namespace: "default", uid: "u1" };
    return {
      name: "healthCheckAnswer",
      service: `${namespace}/${name}`,
      uid: dice.chance(8) ? dice.pick(UIDS) : uid,
      family: dice.pick(["IPv4", "IPv4", "IPv6"]),
      port: dice.chance(8) ? dice.pick(PORTS) : (asked?.healthCheckNodePort ?? 30001),
      answer,
    };
  }

  /** Endpoints that go, come back or become others in number. */
  #flap(): Input[] {
    const slices = [...this.#objects.values()].filter((one): one is EndpointSlice => one.kind === "EndpointSlice");
    const victim = this.#dice.any(slices);
    return victim === undefined ? [] : [set(this.#flapped(victim))];
  }

  #gust(): Input[] {
    this.#storm--;
    const victim = [...this.#objects.values()].find((one): one is EndpointSlice => one.kind === "EndpointSlice");
    if (victim === undefined) return [];
    const flapped = set(this.#flapped(victim));
    return this.#dice.chance(2) ? [flapped] : [stated(this.#time(this.#dice.pick([0, 1, 1_000, 4_000, 10_000]))), flapped];
  }

  #flapped(slice: EndpointSlice): EndpointSlice {
    const dice = this.#dice;
    const net = slice.addressType === "IPv6" ? "fd00:1::" : "10.1.0.";
    if (slice.endpoints.length > 0 && !dice.chance(3)) return { ...slice, endpoints: [] };
    const back = ["n1", dice.pick(["n1", "n2"]), dice.pick(["n1", "n2", null])].map((on, i) => endpoint(`${net}${i + 1}`, on));
    return { ...slice, endpoints: back.slice(0, dice.pick([1, 2, 3])) };
  }

  /** A Service that is deleted and made anew under its name. */
  #recreation(): Input[] {
    const services = [...this.#objects.values()].filter((one): one is Service => one.kind === "Service");
    const victim = this.#dice.any(services);
    if (victim === undefined) return [];
    const again = set({ ...victim, metadata: { ...victim.metadata, uid: victim.metadata.uid === "u1" ? "u2" : "u1" } });
    return this.#dice.chance(2) ? [gone(victim), again] : [again];
  }

  /** Everything is listed anew, as other objects of the same content, some of them no more. */
  #relist(): Input[] {
    const dice = this.#dice;
    return dice.shuffled([...this.#objects.values()]).map((object) => {
      if (dice.chance(12)) return gone(object);
      return set({ ...object, metadata: { ...object.metadata, resourceVersion: String(dice.below(1000)) } });
    });
  }
}

const ALIVE: ProbeAnswer = { answer: "status", status: 200 };
const ANSWERS: readonly [ProbeAnswer, ...ProbeAnswer[]] = [
  ALIVE,
  { answer: "status", status: 503 },
  { answer: "refused" },
  { answer: "refused" },
  { answer: "failed", why: "reset" },
  { answer: "notAsked", why: "not of this host" },
];

function stated(fact: Fact): Input {
  return { input: "fact", fact };
}

/** Inputs of one kind keep their order; those of different kinds come as they like. */
function interleaved(dice: Dice, inputs: readonly Input[]): Input[] {
  const queues = new Map<string, Input[]>();
  for (const input of inputs) {
    const queue = queues.get(queueOf(input)) ?? [];
    queues.set(queueOf(input), [...queue, input]);
  }
  const merged: Input[] = [];
  while (queues.size > 0) {
    const name = dice.any([...queues.keys()]) ?? "";
    const [first, ...rest] = queues.get(name) ?? [];
    if (first !== undefined) merged.push(first);
    if (rest.length === 0) queues.delete(name);
    else queues.set(name, rest);
  }
  return merged;
}

function queueOf(input: Input): string {
  if (input.input === "fact") return input.fact.name.startsWith("session") ? "session" : input.fact.name;
  return input.change.type === "set" ? input.change.object.kind : input.change.ref.kind;
}
