/**
 * The balance report: for every address that an advertisement asks for, the nodes that announce it and what part of its flows each of them
 * and each endpoint gets. Every node by what objects say; the planner's own node, where there is one, by its own state.
 */

import { type Address, compareAddresses } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { type Advertisement, allowsAddress } from "./advertisement.ts";
import { adviseOn } from "./balance-advice.ts";
import { pathsTo } from "./balance-paths.ts";
import { countedBy, settleEndpoints } from "./endpoints.ts";
import { type Fleet, muster } from "./fleet.ts";
import { type Place, placeAt } from "./fleet-routes.ts";
import { FleetTable } from "./fleet-table.ts";
import { type Spread, shareOut, type Target } from "./flow-shares.ts";
import type { Inventory } from "./inventory.ts";
import { compareText } from "./judge.ts";
import type { PlannedView } from "./listing.ts";
import { OwnRoutes } from "./own-routes.ts";
import { type Paused, sortInPieces } from "./pauses.ts";
import type { BalanceItem } from "./report.ts";
import { isLocalOnly, isWeightOne, serviceObstacle } from "./service-checks.ts";

export interface BalanceOptions {
  /** Equal paths that the router uses. */
  readonly ecmpWidth: number;
  /** `namespace/name`; null = all. */
  readonly service: string | null;
}

/** An address and the advertisements that pass checks 1 to 7 on some node, by name. */
interface Row {
  readonly place: Place;
  readonly advertisements: readonly Advertisement[];
}

/** By family, address, Service and kind; null = a pause. What goes while the report is made is left out of it. */
export function* balanceItems(fleet: Fleet, own: OwnRoutes | null, options: BalanceOptions): Generator<BalanceItem | null> {
  const rows = yield* collectRows(fleet, options.service);
  const table = yield* FleetTable.gather(fleet);
  for (const row of yield* sortInPieces(rows, compareRows)) {
    const place = placeAt(row.place.entry, row.place.index);
    if (place === null || place.kind !== row.place.kind || place.address.key !== row.place.address.key) continue;
    yield yield* balanceOf(fleet, table, own, { ...row, place }, options.ecmpWidth);
    yield null;
  }
}

/** @param key `namespace/name`. */
export function hasService(inventory: Inventory, key: string): boolean {
  const slash = key.indexOf("/");
  return (inventory.service(key.slice(0, slash), key.slice(slash + 1))?.service ?? null) !== null;
}

/**
 * The report of a speaker: it knows all objects, and its own node better than from objects. Made in the same order while it is read.
 * @param view of its planner.
 */
export function* balanceOfSpeaker(view: PlannedView, options: BalanceOptions): Generator<BalanceItem | null> {
  const { inventory, options: settings } = view.scene.parts;
  const others = [...inventory.nodes.keys()].filter((node) => node !== settings.node).sort(compareText);
  const fleet = yield* muster(inventory, settings, others);
  yield* balanceItems(fleet, new OwnRoutes(view), options);
}

function* collectRows({ inventory, common }: Fleet, service: string | null): Paused<Row[]> {
  const rows: Row[] = [];
  for (const entry of inventory.services()) {
    yield null;
    if (entry.service === null || (service !== null && entry.key !== service)) continue;
    const matching = common.matchingAnywhere(entry, entry.service);
    for (let index = 0; index < entry.addresses.addresses.length; index++) {
      const place = placeAt(entry, index);
      if (place === null || serviceObstacle(place.service, place.kind, common.parts.options) !== null) continue;
      const { kind, address } = place;
      const advertisements = matching.filter((one) => one.source.addresses.includes(kind) && allowsAddress(one, kind, address));
      if (advertisements.length > 0) rows.push({ place, advertisements });
    }
  }
  return rows;
}

function* balanceOf(fleet: Fleet, table: FleetTable, own: OwnRoutes | null, row: Row, ecmpWidth: number): Paused<BalanceItem> {
  const { place, advertisements } = row;
  const { entry, service, address, kind } = place;
  const { paths, advertisement } = yield* pathsTo(fleet, table, own, place);
  const speaks = advertisements.find(({ name }) => name === advertisement) ?? advertisements[0];
  const spread: Spread = isLocalOnly(service, kind) && !isWeightOne(service, kind) ? "local" : "cluster";
  const { targets, pods } = targetsOf(fleet, place, speaks, spread);
  const sharedOut = shareOut(paths, targets, spread);
  const exceedsEcmpWidth = sharedOut.paths > ecmpWidth;
  return {
    service: entry.key,
    address: formatAddress(address),
    family: address.family,
    kind,
    paths: sharedOut.paths,
    ecmpWidth,
    exceedsEcmpWidth,
    nodes: sharedOut.nodes,
    pods: sharedOut.pods,
    maxMinRatio: exceedsEcmpWidth ? null : sharedOut.ratio,
    advice: adviseOn({
      service: entry.key,
      sharedOut,
      ecmpWidth,
      advertisement: speaks?.name ?? "",
      sharer: () => sharerOf(fleet, place),
      pods,
    }),
  };
}

function sharerOf({ inventory }: Fleet, { entry, address }: Place): string | null {
  const others = inventory.holders(address.key).flatMap((other) => (other === entry ? [] : [other.key]));
  return others.sort(compareText)[0] ?? null;
}

/** Endpoints that count by the advertisement that speaks; under a Local policy those that some node has. */
function targetsOf(
  { common }: Fleet,
  { entry, address: { family } }: Place,
  speaks: Advertisement | undefined,
  spread: Spread,
): { readonly targets: readonly Target[]; readonly pods: readonly string[] } {
  const policy = speaks?.source.endpointPolicy ?? "ServingIfLast";
  const least = countedBy(entry.digest(family), policy, common.parts.mayAnnounce) === "ready" ? 2 : 1;
  const known = new Map<string, { readonly address: Address; pod: string | null }>();
  for (const { addressType, endpoints } of entry.slices) {
    if (addressType !== family) continue;
    for (const { address, pod } of endpoints) known.set(address.key, { address, pod: pod ?? known.get(address.key)?.pod ?? null });
  }
  const targets: Target[] = [];
  const pods: string[] = [];
  for (const { key, rank, nodes } of settleEndpoints(entry.slices, family)) {
    const endpoint = known.get(key);
    if (endpoint === undefined || rank < least || (spread === "local" && nodes.length === 0)) continue;
    targets.push({ address: endpoint.address, nodes: [...nodes].sort(compareText) });
    if (endpoint.pod !== null) pods.push(endpoint.pod);
  }
  return { targets, pods };
}

function compareRows({ place: a }: Row, { place: b }: Row): number {
  return compareAddresses(a.address, b.address) || compareText(a.entry.key, b.entry.key) || compareText(a.kind, b.kind);
}
