/**
 * What the EndpointSlices of a Service say in one family, and whether that is enough to announce. All slices count together; of several
 * entries for one address the best of ready, serving and neither wins, and it is local wherever one of them says so. `ready` is the ready
 * condition alone: slices set it on a terminating pod only where publishNotReadyAddresses asks for that.
 */

import type { Family } from "../ip/address.ts";
import type { BGPAdvertisement, EndpointSlice } from "../objects/kinds.ts";
import type { ReasonCode } from "./reasons.ts";

export interface EndpointCounts {
  readonly total: number;
  readonly ready: number;
  /** Ready or serving. */
  readonly serving: number;
  readonly terminating: number;
}

export interface NodeEndpoints extends EndpointCounts {
  readonly node: string;
}

/** The endpoints of one Service in one family. Those without a node name are in the sums and in no entry of `nodes`. */
export interface EndpointDigest extends EndpointCounts {
  readonly nodes: readonly NodeEndpoints[];
}

const NONE: EndpointCounts = { total: 0, ready: 0, serving: 0, terminating: 0 };
const EMPTY: EndpointDigest = { ...NONE, nodes: [] };

/** One endpoint address after duplicates were settled. `rank`: 2 ready, 1 serving, 0 neither. */
export interface SettledEndpoint {
  readonly key: string;
  rank: number;
  terminating: boolean;
  /** Nodes it is local to: none where no entry names one. */
  nodes: readonly string[];
}

export function digestEndpoints(slices: readonly EndpointSlice[], family: Family): EndpointDigest {
  const endpoints = settleEndpoints(slices, family);
  if (endpoints.length === 0) return EMPTY;
  const sum = { total: 0, ready: 0, serving: 0, terminating: 0 };
  const nodes: (Mutable<EndpointCounts> & { node: string })[] = [];
  for (const endpoint of endpoints) {
    add(sum, endpoint);
    for (const node of endpoint.nodes) {
      let counts = nodes.find((entry) => entry.node === node);
      if (counts === undefined) {
        counts = { node, total: 0, ready: 0, serving: 0, terminating: 0 };
        nodes.push(counts);
      }
      add(counts, endpoint);
    }
  }
  // A copy has no room to grow: digests are kept, one for each Service and family.
  return { total: sum.total, ready: sum.ready, serving: sum.serving, terminating: sum.terminating, nodes: nodes.slice() };
}

/** Each endpoint address of the family once. */
export function settleEndpoints(slices: readonly EndpointSlice[], family: Family): SettledEndpoint[] {
  const settled: SettledEndpoint[] = [];
  let byKey: Map<string, SettledEndpoint> | null = null;
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    for (const endpoint of slice.endpoints) {
      if (endpoint.address.family !== family) continue;
      const { key } = endpoint.address;
      const rank = endpoint.ready ? 2 : endpoint.serving ? 1 : 0;
      // A map pays only from the second endpoint on.
      if (settled.length === 1 && byKey === null) byKey = new Map(settled.map((only) => [only.key, only]));
      const known = byKey?.get(key);
      if (known === undefined) {
        const fresh = { key, rank, terminating: endpoint.terminating, nodes: endpoint.nodeName === null ? [] : [endpoint.nodeName] };
        settled.push(fresh);
        byKey?.set(key, fresh);
        continue;
      }
      if (rank > known.rank) known.terminating = endpoint.terminating;
      else if (rank === known.rank) known.terminating &&= endpoint.terminating;
      known.rank = Math.max(known.rank, rank);
      if (endpoint.nodeName !== null && !known.nodes.includes(endpoint.nodeName)) known.nodes = [...known.nodes, endpoint.nodeName];
    }
  }
  return settled;
}

/** The endpoints on one node. */
export function endpointsOn(digest: EndpointDigest, node: string): EndpointCounts {
  for (const counts of digest.nodes) if (counts.node === node) return counts;
  return NONE;
}

/** Which column of the counts an endpoint policy looks at. */
export type Counted = "ready" | "serving";

/**
 * Ready and Serving say it themselves. ServingIfLast counts ready ones; serving ones where no endpoint of the family is ready on any
 * node that may announce: one without a node name is on none.
 */
export function countedBy(
  digest: EndpointDigest,
  policy: BGPAdvertisement["endpointPolicy"],
  mayAnnounce: (node: string) => boolean,
): Counted {
  switch (policy) {
    case "Ready":
      return "ready";
    case "Serving":
      return "serving";
    case "ServingIfLast":
      return digest.nodes.some((counts) => counts.ready > 0 && mayAnnounce(counts.node)) ? "ready" : "serving";
  }
}

/** Check 11: "" passes. `node` is the node decided for. */
export function judgeEndpoints(
  digest: EndpointDigest,
  counted: Counted,
  withoutEndpoints: BGPAdvertisement["withoutEndpoints"],
  localOnly: boolean,
  node: string,
): ReasonCode | "" {
  if (digest[counted] === 0) return withoutEndpoints === "Announce" ? "" : "noEndpoints";
  if (!localOnly) return "";
  const here = endpointsOn(digest, node);
  if (here[counted] > 0) return "";
  return here.total > 0 && here.terminating === here.total ? "endpointsTerminating" : "noLocalEndpoints";
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function add(counts: Mutable<EndpointCounts>, endpoint: SettledEndpoint): void {
  counts.total++;
  if (endpoint.rank === 2) counts.ready++;
  if (endpoint.rank >= 1) counts.serving++;
  if (endpoint.terminating) counts.terminating++;
}
