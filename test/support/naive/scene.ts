/** Scenes for tests of the naive planner: one Service `web`, played step by step. */

import type { BGPAdvertisement, ClusterObject, Service } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS, type PlannerOptions } from "../../../src/plan/change.ts";
import type { Fact } from "../../../src/plan/facts.ts";
import { advertisement, endpoint, ip, node, peer, service, slice } from "../cluster-objects.ts";
import { type NaivePlan, NaivePlanner } from "../naive-planner.ts";

export const VIP = "203.0.113.1";

export function at(nowMillis: number): Fact {
  return { name: "time", nowMillis };
}

/** A planner for n1 with its objects by name; every `step` decides. */
export class Scene {
  readonly #objects = new Map<string, ClusterObject>();
  readonly #planner: NaivePlanner;
  #plan: NaivePlan = { routes: new Map(), decisions: new Map(), probes: new Map() };

  constructor(objects: readonly ClusterObject[], options: Partial<PlannerOptions> = {}) {
    this.#planner = new NaivePlanner({ ...DEFAULT_PLANNER_OPTIONS, node: "n1", ...options });
    this.#set(objects);
  }

  step(facts: readonly Fact[], ...objects: readonly ClusterObject[]): this {
    this.#set(objects);
    this.#plan = this.#planner.step([...this.#objects.values()], facts);
    return this;
  }

  without({ kind, metadata }: ClusterObject, facts: readonly Fact[] = []): this {
    this.#objects.delete(`${kind} ${metadata.namespace}/${metadata.name}`);
    return this.step(facts);
  }

  /** Of the first Service address of that text: the verdict without the peers'. */
  verdict(address = VIP): string {
    const found = [...this.#plan.decisions].find(([subject]) => subject.includes(` ${address} `));
    return found?.[1].split(" ")[0] ?? "nothing";
  }

  decision(address = VIP): string {
    return [...this.#plan.decisions].find(([subject]) => subject.includes(` ${address} `))?.[1] ?? "nothing";
  }

  get prefixes(): string[] {
    return [...new Set([...this.#plan.routes.keys()].map((key) => key.split(" ")[1] ?? ""))].sort();
  }

  get probes(): string[] {
    return [...this.#plan.probes].map(([key, address]) => `${key} at ${address}`);
  }

  get timers(): number[] {
    return this.#planner.timers();
  }

  /** What the router is sent for the address. */
  route(): Readonly<Record<string, unknown>> {
    return JSON.parse(this.#plan.routes.get(`tor ${VIP}/32`) ?? '{"linkBandwidth":"none"}');
  }

  weight(): unknown {
    return this.route()["linkBandwidth"];
  }

  #set(objects: readonly ClusterObject[]): void {
    for (const object of objects) this.#objects.set(`${object.kind} ${object.metadata.namespace}/${object.metadata.name}`, object);
  }
}

export function web(options: Partial<Service> & { readonly uid?: string } = {}): Service {
  const { uid = "u1", ...spec } = options;
  const local = { externalTrafficPolicy: "Local", healthCheckNodePort: 30001 } as const;
  return service("web", { metadata: { uid }, loadBalancerIPs: [ip(VIP)], ...local, ...spec });
}

export function pods(...on: (string | null)[]): ClusterObject {
  return slice(
    "web",
    on.map((name, i) => endpoint(`10.1.0.${i + 1}`, name)),
    { addressType: "IPv4" },
  );
}

export function world(d: Partial<BGPAdvertisement> = {}): ClusterObject[] {
  const me = node("n1", { internalIPs: [ip("10.0.0.1")] });
  return [me, node("n2"), peer("tor"), advertisement("all", d), web(), pods("n1", "n2")];
}

export const clusterWeb = web({ externalTrafficPolicy: "Cluster", healthCheckNodePort: null });
