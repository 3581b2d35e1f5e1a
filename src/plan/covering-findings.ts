/** What aggregates and blocks do that surprises: unused addresses that loop, Local Services behind them, one inside another. */

import { formatPrefix } from "../ip/format.ts";
import { maxLength, type Prefix } from "../ip/prefix.ts";
import type { Finding } from "../objects/kinds.ts";
import { type Advertisement, aggregationLength, selectsNode } from "./advertisement.ts";
import { type SurveyedPrefix, surveyCoverings } from "./covering-survey.ts";
import { findingOf } from "./findings.ts";
import { compareText } from "./judge.ts";
import type { Paused } from "./pauses.ts";
import type { Scene } from "./scene.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** @param concerned only the Local Services among these are named, and overlaps are left out; undefined = all. */
export function* coveringFindings(scene: Scene, concerned: Iterable<ServiceEntry> | undefined): Paused<Finding[]> {
  if (!scene.covers) return [];
  const surveyed = yield* surveyCoverings(scene, concerned ?? scene.parts.inventory.services());
  return [...(yield* leftovers(scene, surveyed)), ...(concerned === undefined ? yield* overlaps(scene, surveyed) : [])];
}

/** Addresses without a Service inside a wider prefix come back to the router by the node's default route. */
function* leftovers(scene: Scene, surveyed: readonly SurveyedPrefix[]): Paused<Finding[]> {
  const findings: Finding[] = [];
  for (const advertisement of scene.parts.advertisements) {
    yield null;
    const { source } = advertisement;
    const own = surveyed.filter(({ advertisements }) => advertisements.has(advertisement));
    const add = (field: string, what: string, command: string, localService: string | null) => {
      const dropped =
        localService === null
          ? ""
          : `; traffic that follows it to a Local Service, such as ${localService}, is dropped on nodes without a pod of that`;
      const message = `addresses inside ${what} that no Service has loop between router and node; give each node a blackhole route: ${command}${dropped}`;
      findings.push(findingOf("warning", "coveringPrefix", source, { field, message }));
    };
    source.blocks.forEach((block, i) => {
      const text = formatPrefix(block);
      const localService = own.find(({ prefix }) => prefix.key === block.key)?.localService ?? null;
      add(`spec.blocks[${i}]`, `block ${text}`, `ip route add blackhole ${text}`, localService);
    });
    for (const family of ["IPv4", "IPv6"] as const) {
      const length = aggregationLength(advertisement, family);
      if (length === maxLength(family)) continue;
      const inside = own.flatMap(({ prefix, localService }) =>
        prefix.address.family === family && prefix.length === length && localService !== null ? [localService] : [],
      );
      const command = `ip ${family === "IPv4" ? "" : "-6 "}route add blackhole PREFIX`;
      add(aggregationField(family), `a /${length}`, command, inside.sort(compareText)[0] ?? null);
    }
  }
  return findings;
}

/** One finding for each two advertisements, however many of their prefixes meet. */
function* overlaps(scene: Scene, surveyed: readonly SurveyedPrefix[]): Paused<Finding[]> {
  const met = new Map<string, { readonly inner: Advertisement; readonly first: Finding; count: number }>();
  const placeOf = placesOf(scene);
  for (const { prefix, advertisements, outer } of surveyed) {
    yield null;
    if (outer === null) continue;
    for (const inner of byName(advertisements)) {
      for (const around of byName(outer.advertisements)) {
        if (inner === around) continue;
        const key = `${around.id} ${inner.id}`;
        const known = met.get(key);
        if (known !== undefined) {
          known.count++;
          continue;
        }
        const fields = differences(around, inner, placeOf);
        if (fields.length === 0) continue;
        const what = `${formatPrefix(prefix)} lies inside ${formatPrefix(outer.prefix)} of advertisement ${around.name}`;
        const message = `${what}: routers follow the longer prefix, so what that one says otherwise (${fields.join(", ")}) does not count for it`;
        const first = findingOf("warning", "overlappingAggregates", inner.source, { field: fieldOf(inner, prefix), message });
        met.set(key, { inner, first, count: 1 });
      }
    }
  }
  return [...met.values()].map(({ first, count }) =>
    count === 1 ? first : { ...first, message: `${first.message}; the same goes for ${count - 1} more of its prefixes` },
  );
}

/** Fields in which what the two ask for differs. */
function differences(a: Advertisement, b: Advertisement, placeOf: (advertisement: Advertisement) => string): string[] {
  const of = (advertisement: Advertisement): Readonly<Record<string, unknown>> => {
    const { communities, largeCommunities, extendedCommunities, source } = advertisement;
    const { localPref, med, asPathPrepend, linkBandwidth, peers } = source;
    return {
      communities: [communities, largeCommunities],
      extendedCommunities,
      localPref,
      med,
      asPathPrepend,
      linkBandwidth,
      peers: [...peers].sort(compareText),
      nodeSelectors: placeOf(advertisement),
    };
  };
  const [first, second] = [of(a), of(b)];
  return Object.keys(first).filter((field) => JSON.stringify(first[field]) !== JSON.stringify(second[field]));
}

/** The nodes that an advertisement selects, as text; its selectors where there is no Node. */
function placesOf(scene: Scene): (advertisement: Advertisement) => string {
  const nodes = [...scene.parts.inventory.nodes.values()];
  const known = new Map<Advertisement, string>();
  return (advertisement) => {
    const { source } = advertisement;
    const place =
      known.get(advertisement) ??
      (nodes.length === 0
        ? JSON.stringify(source.nodeSelectors)
        : nodes
            .filter((node) => selectsNode(source, node))
            .map(({ metadata }) => metadata.name)
            .sort(compareText)
            .join());
    known.set(advertisement, place);
    return place;
  };
}

function fieldOf({ source }: Advertisement, { key, address }: Prefix): string {
  const at = source.blocks.findIndex((block) => block.key === key);
  return at < 0 ? aggregationField(address.family) : `spec.blocks[${at}]`;
}

function aggregationField(family: Prefix["address"]["family"]): string {
  return family === "IPv4" ? "spec.aggregationLength" : "spec.aggregationLengthV6";
}

function byName(advertisements: Iterable<Advertisement>): Advertisement[] {
  return [...advertisements].sort((a, b) => compareText(a.name, b.name));
}
