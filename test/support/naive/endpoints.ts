/** Check 11: which endpoints count, where, and what sharing an address asks for. */

import type { Address, Family } from "../../../src/ip/address.ts";
import type { AddressKind, BGPAdvertisement, Service } from "../../../src/objects/kinds.ts";
import { addressesOf, allows, isLocal, passes8to10, selectsNode, selectsService, serviceReason } from "./selection.ts";
import type { World } from "./world.ts";

interface MergedEndpoint {
  /** 2 = ready, 1 = serving, 0 = neither. */
  readonly rank: number;
  readonly terminating: boolean;
  readonly nodes: readonly string[];
}

/** Answers about one world, by question: every check of every address asks the same ones. */
function remembered<Asked extends object, Answer>(): (world: World, about: Asked, question: string, answer: () => Answer) => Answer {
  const answers = new WeakMap<World, Map<Asked, Map<string, Answer>>>();
  return (world, about, question, answer) => {
    const ofWorld = answers.get(world) ?? new Map<Asked, Map<string, Answer>>();
    answers.set(world, ofWorld);
    const ofAsked = ofWorld.get(about) ?? new Map<string, Answer>();
    ofWorld.set(about, ofAsked);
    const known = ofAsked.get(question) ?? answer();
    ofAsked.set(question, known);
    return known;
  };
}

const merging = remembered<Service, readonly MergedEndpoint[]>();
const counting = remembered<Service, readonly MergedEndpoint[]>();
const owning = remembered<World, readonly Owner[]>();

/** Endpoints of a Service in a family, each address once. */
export function endpointsOf(world: World, service: Service, family: Family): readonly MergedEndpoint[] {
  return merging(world, service, family, () => mergedEndpoints(world, service, family));
}

function mergedEndpoints({ slices }: World, service: Service, family: Family): readonly MergedEndpoint[] {
  const merged = new Map<string, MergedEndpoint>();
  for (const slice of slices) {
    const { namespace, name } = service.metadata;
    if (slice.metadata.namespace !== namespace || slice.serviceName !== name || slice.addressType !== family) continue;
    for (const e of slice.endpoints) {
      const rank = e.ready ? 2 : e.serving ? 1 : 0;
      const old = merged.get(e.address.key) ?? { rank: -1, terminating: false, nodes: [] };
      const terminating = rank > old.rank ? e.terminating : rank < old.rank ? old.terminating : old.terminating && e.terminating;
      merged.set(e.address.key, {
        rank: Math.max(rank, old.rank),
        terminating,
        nodes: e.nodeName === null ? old.nodes : [...old.nodes, e.nodeName],
      });
    }
  }
  return [...merged.values()];
}

/** Those that count by the advertisement's policy, on whatever node. */
export function countedEndpoints(world: World, service: Service, family: Family, d: BGPAdvertisement): readonly MergedEndpoint[] {
  const policy = d.endpointPolicy;
  return counting(world, service, `${family} ${policy}`, () => {
    const all = endpointsOf(world, service, family);
    const ready = all.filter(({ rank }) => rank === 2);
    const serving = all.filter(({ rank }) => rank >= 1);
    if (policy === "Ready") return ready;
    if (policy === "Serving") return serving;
    return ready.some(({ nodes }) => nodes.some((name) => passes8to10(world, name))) ? ready : serving;
  });
}

export function countedOn(world: World, service: Service, family: Family, d: BGPAdvertisement, node: string): number {
  return countedEndpoints(world, service, family, d).filter(({ nodes }) => nodes.includes(node)).length;
}

export function readyOn(world: World, service: Service, family: Family, node: string): number {
  return endpointsOf(world, service, family).filter(({ rank, nodes }) => rank === 2 && nodes.includes(node)).length;
}

/** Check 11 on a node; "" passes. */
export function endpointReason(world: World, s: Service, kind: AddressKind, a: Address, d: BGPAdvertisement, node: string): string {
  const counted = countedEndpoints(world, s, a.family, d);
  if (counted.length === 0) {
    if (d.withoutEndpoints !== "Announce") return "noEndpoints";
  } else if (isLocal(s, kind) && !counted.some(({ nodes }) => nodes.includes(node))) {
    const here = endpointsOf(world, s, a.family).filter(({ nodes }) => nodes.includes(node));
    return here.length > 0 && here.every((e) => e.terminating) ? "endpointsTerminating" : "noLocalEndpoints";
  }
  return isBlocked(world, a, node) ? "noLocalEndpoints" : "";
}

/** A shared address with a local-only owner: the node must leave it to nodes that satisfy all owners. */
function isBlocked(world: World, a: Address, node: string): boolean {
  const counting = ownersOf(world, a.key).filter(({ s, wishes }) =>
    wishes.some(({ d }) => countedEndpoints(world, s, a.family, d).some(({ nodes }) => nodes.some((name) => passes8to10(world, name)))),
  );
  if (counting.length < 2 || !counting.some(({ wishes }) => wishes.some(({ local }) => local))) return false;
  const usable = (one: Owner, on: string, only?: BGPAdvertisement) =>
    one.wishes.some(
      ({ d, local }) =>
        (only === undefined || d === only) && countedEndpoints(world, one.s, a.family, d).some(({ nodes }) => !local || nodes.includes(on)),
    );
  const satisfied = (on: string) => counting.every((one) => usable(one, on));
  if (satisfied(node)) return false;
  const everywhere = new Set([
    ...world.nodes.map(({ metadata }) => metadata.name),
    ...world.slices.flatMap(({ endpoints }) => [...endpoints].flatMap(({ nodeName }) => (nodeName === null ? [] : [nodeName]))),
  ]);
  return [...everywhere].some((on) => {
    if (!passes8to10(world, on) || !satisfied(on)) return false;
    const object = world.nodes.find(({ metadata }) => metadata.name === on);
    return counting.some((one) => one.wishes.some(({ d }) => selectsNode(d, object) && usable(one, on, d)));
  });
}

interface Owner {
  readonly s: Service;
  readonly wishes: readonly { readonly d: BGPAdvertisement; readonly local: boolean }[];
}

/** Owners of an address with the advertisements that want it on some node. */
function ownersOf(world: World, key: string): readonly Owner[] {
  return owning(world, world, key, () => ownersIn(world, key));
}

function ownersIn(world: World, key: string): readonly Owner[] {
  return world.services
    .map((s) => ({
      s,
      wishes: addressesOf(s)
        .filter(({ a, kind }) => a.key === key && serviceReason(world, s, kind) === "")
        .flatMap(({ a, kind }) =>
          world.advertisements
            .filter((d) => d.addresses.includes(kind) && selectsService(world, d, s) && allows(world, d, kind, a))
            .map((d) => ({ d, local: isLocal(s, kind) })),
        ),
    }))
    .filter(({ wishes }) => wishes.length > 0);
}
