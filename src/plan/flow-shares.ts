/**
 * How the flows to one address spread over nodes and endpoints: the router over equal paths, evenly or by weight; then the service proxy of
 * the node, over that node's endpoints under a Local policy and over all under Cluster.
 */

import { type Address, compareAddresses } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { compareText } from "./judge.ts";
import { nextHopWeights } from "./next-hop-weights.ts";
import { comparePreferences, type Preference } from "./preference.ts";
import type { BalanceNode, BalancePod, FlowShare } from "./report.ts";

/** A node that announces the address. */
export interface Path {
  readonly node: string;
  /** Octets per second; null = no weight. */
  readonly linkBandwidth: number | null;
  readonly preference: Preference;
}

/** An endpoint that counts. */
export interface Target {
  readonly address: Address;
  /** Nodes it is local to, by name; mostly one, none where no entry names one. */
  readonly nodes: readonly string[];
}

/** Where a proxy sends what arrives on its node. */
export type Spread = "local" | "cluster";

export interface SharedOut {
  /** Equal paths. */
  readonly paths: number;
  readonly nodes: readonly BalanceNode[];
  readonly pods: readonly BalancePod[];
  /** Between endpoints that get anything; null = none does. */
  readonly ratio: FlowShare | null;
}

/** A share as a fraction, so that every number shown is divided, and thus rounded, once. */
interface Part {
  readonly weight: number;
  readonly whole: number;
}

const NOTHING: Part = { weight: 0, whole: 1 };
const NO_PARTS = { equal: NOTHING, weighted: NOTHING } as const;

export function shareOut(paths: readonly Path[], targets: readonly Target[], spread: Spread): SharedOut {
  const parts = partsOf(paths);
  const counts = new Map<string, number>();
  for (const { nodes } of targets) for (const node of nodes) counts.set(node, (counts.get(node) ?? 0) + 1);
  const sorted = [...paths].sort((a, b) => compareText(a.node, b.node));
  const pods = [...targets].sort(compareTargets).map((target): BalancePod => {
    const share = spread === "local" ? localShare(target, parts, counts) : evenShare(parts.size === 0 ? 0 : targets.length);
    return { endpoint: formatAddress(target.address), node: target.nodes[0] ?? null, share };
  });
  return {
    paths: parts.size,
    nodes: sorted.map(({ node, linkBandwidth }): BalanceNode => {
      const { equal, weighted } = parts.get(node) ?? NO_PARTS;
      return { node, endpoints: counts.get(node) ?? 0, linkBandwidth, share: { equal: fraction(equal), weighted: fraction(weighted) } };
    }),
    pods,
    ratio: ratioOf(pods),
  };
}

/** What each of the equal paths gets, by node. */
function partsOf(paths: readonly Path[]): Map<string, { readonly equal: Part; readonly weighted: Part }> {
  const [first] = paths;
  if (first === undefined) return new Map();
  const best = paths.reduce((most, { preference }) => (comparePreferences(preference, most) > 0 ? preference : most), first.preference);
  const equals = paths.filter(({ preference }) => preference === best || comparePreferences(preference, best) === 0);
  const equal = { weight: 1, whole: equals.length };
  const unweighted = { equal, weighted: equal };
  const weights = weightsOf(equals);
  const whole = weights?.reduce((sum, weight) => sum + weight, 0) ?? 1;
  return new Map(
    equals.map(({ node }, i) => [node, weights === null ? unweighted : { equal, weighted: { weight: weights[i] ?? 0, whole } }] as const),
  );
}

/** null: a router with one path that has no weight uses none. */
function weightsOf(paths: readonly Path[]): number[] | null {
  const bandwidths: number[] = [];
  for (const { linkBandwidth } of paths) {
    if (linkBandwidth === null || linkBandwidth <= 0) return null;
    bandwidths.push(linkBandwidth);
  }
  return nextHopWeights(bandwidths);
}

function localShare({ nodes }: Target, parts: ReturnType<typeof partsOf>, counts: ReadonlyMap<string, number>): FlowShare {
  const share = { equal: 0, weighted: 0 };
  for (const node of nodes) {
    const { equal, weighted } = parts.get(node) ?? NO_PARTS;
    const count = counts.get(node) ?? 1;
    share.equal += equal.weight / (equal.whole * count);
    share.weighted += weighted.weight / (weighted.whole * count);
  }
  return share;
}

function evenShare(among: number): FlowShare {
  const share = among === 0 ? 0 : 1 / among;
  return { equal: share, weighted: share };
}

function fraction({ weight, whole }: Part): number {
  return weight / whole;
}

function ratioOf(pods: readonly BalancePod[]): FlowShare | null {
  const equal = quotient(pods, ({ equal: share }) => share);
  const weighted = quotient(pods, ({ weighted: share }) => share);
  return equal === null || weighted === null ? null : { equal, weighted };
}

/** To six decimals: a quotient of quotients is not quite 1 where it ought to be. */
function quotient(pods: readonly BalancePod[], of: (share: FlowShare) => number): number | null {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const { share } of pods) {
    const value = of(share);
    if (value <= 0) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most === 0 ? null : Math.round((most / least) * 1e6) / 1e6;
}

function compareTargets(a: Target, b: Target): number {
  return compareText(a.nodes[0] ?? "", b.nodes[0] ?? "") || compareAddresses(a.address, b.address);
}
