/** The state of a planner as lists a person reads: routes, addresses with their reasons, and what is odd about them. */

import type { RouteAttributes } from "../bgp/rib/route.ts";
import { type Address, compareAddresses } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { comparePrefixes, hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { AddressKind } from "../objects/kinds.ts";
import type { Advertisement } from "./advertisement.ts";
import { type Announcement, attributesTo, reachesPeer, type Share } from "./announcement.ts";
import type { CoveringWishes } from "./covering.ts";
import { detailOf } from "./detail.ts";
import { countedBy, endpointsOn } from "./endpoints.ts";
import { compareText, type Decision } from "./judge.ts";
import { pairWords } from "./pair-words.ts";
import { isInternal, type PeerVerdict } from "./peers.ts";
import { LAST_COMMON_CHECK } from "./reasons.ts";
import type { Negative, NodeRoute, Route, ServiceAddress } from "./report.ts";
import type { Scene } from "./scene.ts";
import { kindAt, type ServiceEntry } from "./service-entry.ts";
import { shownAttributes } from "./shown-attributes.ts";
import type { Situation } from "./words.ts";

/** What a planner shows of itself, as of its last decision. */
export interface PlannedView extends Situation {
  entries(): Iterable<ServiceEntry>;
  /** By address of the entry; one refusal where it has none. */
  decisionsOf(entry: ServiceEntry): readonly Decision[];
  coveringOf(entry: ServiceEntry): CoveringWishes | null;
  coverings(): Iterable<{ readonly prefix: Prefix; readonly announcement: Announcement }>;
}

/** Every route towards every peer, by peer and prefix. */
export function flatRoutes(view: PlannedView): Route[] {
  const rows: { readonly route: Route; readonly prefix: Prefix }[] = [];
  for (const { prefix, routes } of routesByPrefix(view)) for (const route of routes) rows.push({ prefix, route });
  return rows.sort((a, b) => compareText(a.route.peer, b.route.peer) || comparePrefixes(a.prefix, b.prefix)).map(({ route }) => route);
}

/** Routes by prefix, each with the peers that are sent the same. */
export function listRoutes(view: PlannedView): NodeRoute[] {
  const rows: { readonly row: NodeRoute; readonly prefix: Prefix }[] = [];
  for (const { prefix, routes } of routesByPrefix(view)) {
    const groups = new Map<string, NodeRoute & { readonly nextHop: Record<string, string | null>; readonly peers: string[] }>();
    for (const { peer, nextHop, ...same } of routes) {
      const key = routes.length === 1 ? "" : JSON.stringify(same);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { ...same, nextHop: { [peer]: nextHop }, peers: [peer] });
      else {
        group.nextHop[peer] = nextHop;
        group.peers.push(peer);
      }
    }
    // Groups of one prefix stand in the order of their first peers: announcements are sorted by peer.
    for (const row of groups.values()) rows.push({ prefix, row });
  }
  return rows.sort((a, b) => comparePrefixes(a.prefix, b.prefix)).map(({ row }) => row);
}

/** Every (Service, address, kind), by address and Service. */
export function listServices(view: PlannedView, filter?: { readonly service: string }): ServiceAddress[] {
  const rows: { readonly row: ServiceAddress; readonly address: Address | null }[] = [];
  for (const entry of view.entries()) {
    if (filter !== undefined && filter.service !== entry.key) continue;
    view.decisionsOf(entry).forEach((decision, i) => {
      const address = entry.addresses.addresses[i] ?? null;
      rows.push({ address, row: serviceRow(view, entry, decision, i, address) });
    });
  }
  rows.sort(
    (a, b) =>
      compareMaybe(a.address, b.address) || compareText(a.row.service, b.row.service) || compareText(a.row.kind ?? "", b.row.kind ?? ""),
  );
  return rows.map(({ row }) => row);
}

/** Everything that is not announced and why, by peer, address and Service. */
export function listNegatives(view: PlannedView): Negative[] {
  const { options, peers, outsiders, advertisements } = view.scene.parts;
  const byName = new Map(advertisements.map((advertisement) => [advertisement.name, advertisement]));
  const rows: { readonly row: Negative; readonly address: Address | null }[] = [];
  for (const entry of view.entries()) {
    view.decisionsOf(entry).forEach((decision, i) => {
      const address = entry.addresses.addresses[i] ?? null;
      const base = {
        node: options.node,
        service: entry.key,
        address: address === null ? null : formatAddress(address),
        kind: address === null ? null : kindAt(entry.addresses, i),
      };
      const add = (peer: string | null, reason: Negative["reason"], detail: string) =>
        rows.push({ address, row: { ...base, peer, reason, detail } });
      if (address === null || (decision.check > 0 && decision.check <= LAST_COMMON_CHECK)) {
        if (decision.reason !== "") add(null, decision.reason, detailOf(view, entry, i, decision));
        return;
      }
      const { service } = entry;
      if (service === null) return;
      const subject = { entry, service, address, kind: kindAt(entry.addresses, i) };
      const words = (peer: PeerVerdict | null, name: string | null, advertisement: string, reason: Negative["reason"]) =>
        pairWords(view, subject, { peer, name, advertisement: byName.get(advertisement) ?? null }, reason).text;
      let isBeyond = false;
      for (const { peer: name, reason, advertisement } of decision.peers) {
        if (reason === "") continue;
        const peer = peers.find((one) => one.name === name) ?? null;
        // Who else announces is the same for all peers.
        if (reason !== "announcerLimit") add(name, reason, words(peer, name, advertisement, reason));
        else if (!isBeyond) add(null, reason, words(peer, name, advertisement, reason));
        isBeyond ||= reason === "announcerLimit";
      }
      for (const name of outsiders) add(name, "peerNotSelected", words(null, name, "", "peerNotSelected"));
      if (peers.length + outsiders.length === 0) add(null, "peerNotSelected", words(null, null, "", "peerNotSelected"));
    });
  }
  rows.sort(
    (a, b) =>
      compareText(a.row.peer ?? "", b.row.peer ?? "") ||
      compareMaybe(a.address, b.address) ||
      compareText(a.row.service, b.row.service) ||
      compareText(a.row.kind ?? "", b.row.kind ?? ""),
  );
  return rows.map(({ row }) => row);
}

/** Each announced prefix once, with what each peer is sent, by peer name. */
function* routesByPrefix(view: PlannedView): IterableIterator<{ readonly prefix: Prefix; readonly routes: readonly Route[] }> {
  const members = new Map<string, Owner[]>();
  const joint = new Map<string, Owner[]>();
  for (const entry of view.entries()) {
    const decisions = view.decisionsOf(entry);
    for (const [i, address] of entry.addresses.addresses.entries()) {
      const decision = decisions[i];
      if (decision === undefined) continue;
      const owner = { service: entry.key, shares: decision.host };
      const prefix = hostPrefix(address);
      if (view.joint.wanted(address.key) !== undefined) push(joint, address.key, owner);
      else if (decision.announcement.peers.length > 0) yield { prefix, routes: routesOf(view, prefix, decision.announcement, [owner]) };
    }
    for (const [key, { contribution }] of view.coveringOf(entry) ?? [])
      push(members, key, { service: entry.key, shares: contribution.shares });
  }
  for (const { address, announced } of view.joint.values()) {
    const prefix = hostPrefix(address);
    yield { prefix, routes: routesOf(view, prefix, announced, joint.get(address.key) ?? []) };
  }
  for (const { prefix, announcement } of view.coverings()) {
    yield { prefix, routes: routesOf(view, prefix, announcement, members.get(prefix.key) ?? []) };
  }
}

/** @param wanted what is sent unless something holds it back. */
function routesOf({ scene, outlet }: PlannedView, prefix: Prefix, wanted: Announcement, owners: readonly Owner[]): Route[] {
  const announcement = outlet.sentOf(prefix.key) ?? wanted;
  return announcement.peers.flatMap(({ peer: name, wish }) => {
    const peer = scene.parts.peers.find((one) => one.name === name);
    if (peer === undefined) return [];
    const names = owners.filter(({ shares }) => shares.some((share) => reachesPeer(share, name))).map(({ service }) => service);
    return [routeOf(scene, peer, prefix, wish.attributes, [...new Set(names)].sort(compareText))];
  });
}

interface Owner {
  readonly service: string;
  readonly shares: readonly Share[];
}

function routeOf(scene: Scene, peer: PeerVerdict, prefix: Prefix, attributes: RouteAttributes, owners: readonly string[]): Route {
  const { family } = prefix.address;
  const { address } = peer.nextHop[family];
  const internal = isInternal(peer.peer);
  return {
    node: scene.parts.options.node,
    peer: peer.name,
    prefix: formatPrefix(prefix),
    family,
    nextHop: address === null ? null : formatAddress(address),
    ...shownAttributes(attributes, internal),
    owners,
  };
}

function serviceRow(view: PlannedView, entry: ServiceEntry, decision: Decision, index: number, address: Address | null): ServiceAddress {
  const { scene } = view;
  const peers: Record<string, ServiceAddress["peers"][string]> = {};
  for (const { name } of scene.parts.peers) {
    const one = decision.peers.find(({ peer }) => peer === name);
    peers[name] = one === undefined ? { announced: false, reason: decision.reason } : { announced: one.announced, reason: one.reason };
  }
  const kind: AddressKind | null = address === null ? null : kindAt(entry.addresses, index);
  return {
    service: entry.key,
    address: address === null ? null : formatAddress(address),
    kind,
    announced: decision.announced,
    reason: decision.reason,
    detail: detailOf(view, entry, index, decision),
    peers,
    endpoints: address === null ? { counted: 0, local: 0, terminating: 0 } : endpointSums(scene, entry, decision, address),
    weight: address === null ? null : weightOf(view, decision, address),
  };
}

/** As the advertisement that speaks counts them; ServingIfLast where none does. */
function endpointSums(scene: Scene, entry: ServiceEntry, decision: Decision, address: Address): ServiceAddress["endpoints"] {
  const speaks: Advertisement | undefined = scene.parts.advertisements.find(({ name }) => name === decision.advertisement);
  const digest = entry.digest(address.family);
  const counted = countedBy(digest, speaks?.source.endpointPolicy ?? "ServingIfLast", scene.parts.mayAnnounce);
  return { counted: digest[counted], local: endpointsOn(digest, scene.parts.options.node)[counted], terminating: digest.terminating };
}

function weightOf(view: PlannedView, decision: Decision, address: Address): number | null {
  const announced = view.outlet.sentOf(hostPrefix(address).key) ?? view.joint.wanted(address.key) ?? decision.announcement;
  for (const { peer, announced: isAnnounced } of decision.peers) {
    const weight = isAnnounced ? attributesTo(announced, peer)?.linkBandwidth?.bytesPerSecond : undefined;
    if (weight !== undefined) return weight;
  }
  return null;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function compareMaybe(a: Address | null, b: Address | null): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  return compareAddresses(a, b);
}
