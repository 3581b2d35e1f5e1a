import type { Address } from "../../../src/ip/address.ts";
import { parseCommunity } from "../../../src/ip/communities.ts";
import type {
  BGPAdvertisement,
  BGPPeer,
  ClusterObject,
  EndpointSlice,
  IPAddressPool,
  Namespace,
  Node,
  Service,
} from "../../../src/objects/kinds.ts";
import type { PlannerOptions } from "../../../src/plan/change.ts";
import type { Fact } from "../../../src/plan/facts.ts";

/** Newest values of the facts that are values; answers to probes belong to the gate. */
export interface FactValues {
  readonly sessions: Map<string, { readonly families: readonly string[]; readonly localAddress: Address }>;
  drain: string | null;
  now: number | null;
  gate: { readonly healthz: string | null; readonly onlyWhereRequired: boolean } | null;
}

/** What there is at one moment. Own kinds are those in force, by name. */
export interface World {
  readonly options: PlannerOptions;
  readonly facts: FactValues;
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly nodes: readonly Node[];
  readonly namespaces: readonly Namespace[];
  readonly peers: readonly BGPPeer[];
  readonly pools: readonly IPAddressPool[];
  readonly advertisements: readonly BGPAdvertisement[];
  /** This node's object. */
  readonly me: Node | undefined;
  readonly resolve: (community: string) => ReturnType<typeof parseCommunity>;
}

export function noFacts(): FactValues {
  return { sessions: new Map(), drain: null, now: null, gate: null };
}

export function takeFactValue(values: FactValues, fact: Fact): void {
  if (fact.name === "session") values.sessions.set(fact.peer, fact);
  else if (fact.name === "sessionForgotten") values.sessions.delete(fact.peer);
  else if (fact.name === "drain") values.drain = fact.reason;
  else if (fact.name === "time") values.now = fact.nowMillis;
  else if (fact.name === "gate") values.gate = fact;
}

export function readWorld(objects: readonly ClusterObject[], facts: FactValues, options: PlannerOptions): World {
  const ours = (o: ClusterObject) => o.metadata.namespace === options.heraldNamespace;
  const nodes = objects.filter((o) => o.kind === "Node");
  const communities = byName(objects.filter((o) => o.kind === "Community").filter(ours));
  const resolve = (text: string) => {
    const direct = parseCommunity(text);
    if (direct.ok) return direct;
    for (const object of communities) for (const { name, value } of object.communities) if (name === text) return parseCommunity(value);
    return direct;
  };
  return {
    options,
    facts,
    services: objects.filter((o) => o.kind === "Service"),
    slices: objects.filter((o) => o.kind === "EndpointSlice"),
    nodes,
    namespaces: objects.filter((o) => o.kind === "Namespace"),
    peers: byName(objects.filter((o) => o.kind === "BGPPeer").filter(ours)),
    pools: objects.filter((o) => o.kind === "IPAddressPool").filter(ours),
    advertisements: byName(objects.filter((o) => o.kind === "BGPAdvertisement").filter(ours)).filter((d) =>
      d.communities.every((text) => resolve(text).ok),
    ),
    me: nodes.find((n) => n.metadata.name === options.node),
    resolve,
  };
}

/** `namespace/name`. */
export function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function byName<T extends { readonly metadata: { readonly name: string } }>(list: T[]): T[] {
  return list.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}
