/**
 * The paths a router has to one address. It follows the longest prefix: an address that is announced by itself anywhere is reached there,
 * another one through what covers it; in either case over all nodes that announce that prefix, for whichever Service they do.
 *
 * Peers are taken together: a node that announces the prefix to any of them is a path. It has a weight if it sends one to each, the smallest.
 */

import { hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import { type Announcement, attributesTo, reachesPeer, type Share } from "./announcement.ts";
import type { Fleet } from "./fleet.ts";
import { type AnnouncedOn, type Outcome, outcomesOf, type Place } from "./fleet-routes.ts";
import type { FleetTable } from "./fleet-table.ts";
import type { Path } from "./flow-shares.ts";
import { compareText, type Decision } from "./judge.ts";
import type { OwnRoutes, RouteOn } from "./own-routes.ts";
import type { Paused } from "./pauses.ts";
import { comparePreferences, type Preference, preferenceOf } from "./preference.ts";
import { coveringPrefix } from "./scene.ts";

export interface AddressPaths {
  /** None where the Service does not make its address announced anywhere. */
  readonly paths: readonly Path[];
  /** The first advertisement by name that passes checks 1 to 12 somewhere; null = none. */
  readonly advertisement: string | null;
}

type Opinion = Pick<Outcome, "decision" | "nodes">;

/** A prefix that leads to the address, and who announces it. */
interface Lead {
  readonly prefix: Prefix;
  readonly on: AnnouncedOn;
  /** null = the own node does not. */
  readonly own: { readonly node: string; readonly route: RouteOn } | null;
}

/** @param own the node that is known better than from objects; not one of the fleet's. */
export function* pathsTo(fleet: Fleet, table: FleetTable, own: OwnRoutes | null, place: Place): Paused<AddressPaths> {
  const { address } = place;
  const outcomes = outcomesOf(fleet, place);
  const ownDecision = own?.decisionOf(place) ?? null;
  const opinions: readonly Opinion[] =
    own === null || ownDecision === null ? outcomes : [...outcomes, { decision: ownDecision, nodes: [own.node] }];
  const leads = [
    leadOf(hostPrefix(address), yield* table.host(place, outcomes), own, own?.host(place)),
    ...coveringLeads(table, own, place),
  ];
  const names = opinions.flatMap(({ decision }) => sharesOf(decision).flatMap((one) => (one.eligible ? [one.advertisement.name] : [])));
  const takesPart = leads.some((lead) => opinions.some((opinion) => makesAnnounced(opinion, lead, place)));
  const followed = takesPart ? leads.find((lead) => lead.on.size > 0 || lead.own !== null) : undefined;
  return {
    paths: followed === undefined ? [] : pathsOf(followed, fleet.inventory.peers),
    advertisement: names.sort(compareText)[0] ?? null,
  };
}

function coveringLeads(table: FleetTable, own: OwnRoutes | null, { address }: Place): Lead[] {
  const leads = new Map<string, Lead>();
  for (const { prefix, on } of table.coverings(address)) leads.set(prefix.key, leadOf(prefix, on, own, own?.covering(prefix)));
  for (const prefix of own?.coveringsOf(address) ?? []) {
    if (!leads.has(prefix.key)) leads.set(prefix.key, leadOf(prefix, NOBODY, own, own?.covering(prefix)));
  }
  return [...leads.values()].sort((a, b) => b.prefix.length - a.prefix.length);
}

const NOBODY: AnnouncedOn = new Map();

function leadOf(prefix: Prefix, on: AnnouncedOn, own: OwnRoutes | null, route: RouteOn | undefined): Lead {
  const announces = own !== null && route !== undefined && route.sent.peers.length > 0;
  return { prefix, on, own: announces ? { node: own.node, route } : null };
}

/** The Service's own decision is one that makes the prefix announced on some node. */
function makesAnnounced({ decision, nodes }: Opinion, lead: Lead, { address }: Place): boolean {
  const shares = sharesOf(decision).filter((share) => {
    if (!share.eligible || share.beyond) return false;
    const isHost = decision.host.includes(share);
    return (isHost ? hostPrefix(address) : coveringPrefix(share.advertisement, address)).key === lead.prefix.key;
  });
  if (shares.length === 0) return false;
  return nodes.some((node) => {
    const sent = node === lead.own?.node ? lead.own.route.sent : lead.on.get(node)?.announcement;
    return sent?.peers.some(({ peer }) => shares.some((share) => reachesPeer(share, peer))) === true;
  });
}

function sharesOf({ host, covering }: Decision): readonly Share[] {
  return covering.length === 0 ? host : [...host, ...covering];
}

function pathsOf({ on, own }: Lead, peers: ReadonlyMap<string, BGPPeer>): Path[] {
  const paths: Path[] = [];
  // Most nodes announce one and the same value.
  const known = new Map<Announcement, Path>();
  for (const [node, { announcement }] of on) {
    const like = known.get(announcement);
    const path = like === undefined ? pathOf(node, { sent: announcement, wanted: announcement }, peers) : { ...like, node };
    if (like === undefined) known.set(announcement, path);
    paths.push(path);
  }
  if (own !== null) paths.push(pathOf(own.node, own.route, peers));
  return paths;
}

function pathOf(node: string, { sent, wanted }: RouteOn, peers: ReadonlyMap<string, BGPPeer>): Path {
  let linkBandwidth: number | null = Number.POSITIVE_INFINITY;
  let preference: Preference | null = null;
  for (const { peer, wish } of sent.peers) {
    const weight = (attributesTo(wanted, peer) ?? wish.attributes).linkBandwidth?.bytesPerSecond ?? null;
    linkBandwidth = weight === null || linkBandwidth === null ? null : Math.min(linkBandwidth, weight);
    const one = preferenceOf(peers.get(peer), wish.attributes);
    if (preference === null || comparePreferences(one, preference) > 0) preference = one;
  }
  return { node, linkBandwidth: linkBandwidth === Number.POSITIVE_INFINITY ? null : linkBandwidth, preference: preference ?? [0, 0, 0] };
}
