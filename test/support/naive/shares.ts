/** Checks 1 to 14 of everything that may be announced here: one share per (Service address, advertisement) and per (block, advertisement). */

import type { Address } from "../../../src/ip/address.ts";
import { formatAddress, formatPrefix } from "../../../src/ip/format.ts";
import { containsAddress, maxLength, type Prefix, prefixOf } from "../../../src/ip/prefix.ts";
import type { AddressKind, BGPAdvertisement, BGPPeer, Service } from "../../../src/objects/kinds.ts";
import { isBeyond } from "./announcers.ts";
import { countedEndpoints, countedOn, endpointReason } from "./endpoints.ts";
import { type GateState, healthCheckPasses, proxyPasses } from "./gate.ts";
import { pairReason } from "./peers.ts";
import { addressesOf, allows, isLocal, myNodeReason, selectsNode, selectsService, serviceReason } from "./selection.ts";
import { keyOf, type World } from "./world.ts";

export interface Share {
  /** null = a block. */
  readonly s: Service | null;
  readonly d: BGPAdvertisement;
  readonly prefix: Prefix;
  readonly a: Address;
  /** Of the first of the checks 8 to 12 that fails; "" = eligible. */
  readonly reason: string;
  /** Names the share from step to step: advertisement, and `service address kind` or the block. */
  readonly id: string;
  readonly what: string;
  /** Check 14 fails. */
  readonly beyond: boolean;
  readonly weight: number | null;
  /** An endpoint on another node counts. */
  readonly elsewhere: boolean;
}

/** An address of a Service, or none: decided early, or by its shares in the order of the advertisements' names. */
export interface Candidate {
  /** `service address kind`. */
  readonly subject: string;
  readonly early: string;
  readonly shares: readonly Share[];
}

/** A share that was eligible in the step before, by its id. */
export interface EligibleBefore {
  readonly advertisement: string;
  /** The id without the advertisement. */
  readonly what: string;
  readonly beyond: boolean;
  /** Of the advertisement then; empty = all. */
  readonly peers: readonly string[];
}

type Before = ReadonlyMap<string, EligibleBefore>;

export function candidatesOf(world: World, gate: GateState, eligibleBefore: Before): Candidate[] {
  return world.services.flatMap((s) => {
    const list = addressesOf(s);
    if (list.length === 0) return [{ subject: `${keyOf(s)} - -`, early: s.metadata.deleting ? "serviceDeleted" : "noAddress", shares: [] }];
    return list.map(({ a, kind }): Candidate => {
      const subject = `${keyOf(s)} ${formatAddress(a)} ${kind}`;
      const early = serviceReason(world, s, kind);
      if (early !== "") return { subject, early, shares: [] };
      const selecting = world.advertisements.filter(
        (d) => d.addresses.includes(kind) && selectsService(world, d, s) && selectsNode(d, world.me),
      );
      const allowing = selecting.filter((d) => allows(world, d, kind, a));
      if (allowing.length === 0) return { subject, early: selecting.length > 0 ? "ipNotAllowed" : "noMatchingAdvertisement", shares: [] };
      return { subject, early: "", shares: allowing.map((d) => shareOf(world, gate, eligibleBefore, s, kind, a, d, allowing)) };
    });
  });
}

function shareOf(
  world: World,
  gate: GateState,
  eligibleBefore: Before,
  s: Service,
  kind: AddressKind,
  a: Address,
  d: BGPAdvertisement,
  asking: readonly BGPAdvertisement[],
): Share {
  const { node } = world.options;
  const what = `${keyOf(s)} ${formatAddress(a)} ${kind}`;
  const local = isLocal(s, kind);
  const beforeGate = myNodeReason(world) || endpointReason(world, s, kind, a, d, node);
  const wasEligible = wasPast(world, eligibleBefore, what, d, asking);
  const open = (wasEligible || proxyPasses(gate, world, d)) && healthCheckPasses(gate, world, s, a, d, wasEligible);
  const each = d.linkBandwidth?.bytesPerSecondPerEndpoint ?? null;
  const times = !local || (kind === "ClusterIP" && s.internalTrafficPolicy !== "Local") ? 1 : countedOn(world, s, a.family, d, node);
  return {
    s,
    d,
    a,
    what,
    id: idOf(d, what),
    prefix: coveringPrefix(d, a, local),
    reason: beforeGate || (open ? "" : "dataplaneNotReady"),
    beyond: isBeyond(world, s, kind, a, d),
    weight: beforeGate !== "" || each === null || times === 0 ? null : each * times,
    elsewhere: countedEndpoints(world, s, a.family, d).some(({ nodes }) => nodes.some((name) => name !== node)),
  };
}

/** The longest block around the address, else the aggregate; its own prefix when local-only. */
function coveringPrefix(d: BGPAdvertisement, a: Address, local: boolean): Prefix {
  const most = maxLength(a.family);
  if (local) return prefixOf(a, most);
  const [block] = d.blocks.filter((one) => containsAddress(one, a) && one.length < most).sort((x, y) => y.length - x.length);
  return block ?? prefixOf(a, a.family === "IPv4" ? d.aggregationLength : d.aggregationLengthV6);
}

export function blockShares(world: World, gate: GateState, eligibleBefore: Before): Share[] {
  const here = world.advertisements.filter((d) => selectsNode(d, world.me));
  return here.flatMap((d) =>
    d.blocks.map((prefix): Share => {
      const what = `block ${formatPrefix(prefix)}`;
      const asking = here.filter(({ blocks }) => blocks.some(({ key }) => key === prefix.key));
      const open = wasPast(world, eligibleBefore, what, d, asking) || proxyPasses(gate, world, d);
      const reason = myNodeReason(world) || (open ? "" : "dataplaneNotReady");
      return { s: null, d, a: prefix.address, id: idOf(d, what), what, prefix, reason, beyond: false, weight: null, elsewhere: true };
    }),
  );
}

function idOf(d: BGPAdvertisement, what: string): string {
  return `${d.metadata.name} ${what}`;
}

/** It was eligible itself, or takes the place of one that no longer asks, at a peer of this node that both select. */
function wasPast(world: World, before: Before, what: string, d: BGPAdvertisement, asking: readonly BGPAdvertisement[]): boolean {
  if (before.has(idOf(d, what))) return true;
  const selects = (names: readonly string[], peer: string): boolean => names.length === 0 || names.includes(peer);
  const here = world.peers.filter((p) => selectsNode(p, world.me)).map(({ metadata }) => metadata.name);
  return [...before.values()].some(
    (one) =>
      one.what === what &&
      !one.beyond &&
      asking.every(({ metadata }) => metadata.name !== one.advertisement) &&
      here.some((peer) => selects(one.peers, peer) && selects(d.peers, peer)),
  );
}

/** Checks 13 to 15 of a share that is eligible; "" = the prefix is wanted for the peer. */
export function shareReason(world: World, { s, d, a, prefix, beyond }: Share, p: BGPPeer): string {
  // A wider block is nobody's next hop.
  const asked = s === null && prefix.length < maxLength(a.family) ? { ...a, key: "" } : a;
  return pairReason(world, d, p, asked, beyond);
}
