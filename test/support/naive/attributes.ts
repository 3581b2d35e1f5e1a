import type { Share } from "./shares.ts";
import type { World } from "./world.ts";

/** What a peer is to be sent for one prefix. The weight is apart: it may be sent later than the rest. */
export interface WantedRoute {
  readonly rest: {
    readonly communities: readonly number[];
    readonly large: readonly string[];
    readonly extended: readonly string[];
    readonly localPref: number | null;
    readonly med: number | null;
    readonly prepend: number;
  };
  readonly weight: number | null;
  readonly transitive: boolean | null;
}

/** Merged over all shares of a prefix whose advertisements name the peer, eligible or not. */
export function mergeShares(world: World, shares: readonly Share[]): WantedRoute {
  const ds = [...new Set(shares.map(({ d }) => d))];
  const communities = ds.flatMap((d) => d.communities.map(world.resolve));
  const localPrefs = numbers(ds.map((d) => d.localPref));
  const meds = numbers(ds.map((d) => d.med));
  let weight: number | null = null;
  for (const s of new Set(shares.map((share) => share.s))) {
    const ofService = numbers(shares.filter((share) => share.s === s).map((share) => share.weight));
    if (ofService.length > 0) weight = (weight ?? 0) + Math.max(...ofService);
  }
  const weighing = shares.filter((share) => share.weight !== null);
  return {
    rest: {
      communities: [...new Set(communities.flatMap((c) => (c.ok && c.kind === "standard" ? [c.value] : [])))].sort((x, y) => x - y),
      large: [...new Set(communities.flatMap((c) => (c.ok && c.kind === "large" ? [c.value.join(":")] : [])))].sort(),
      extended: [...new Set(ds.flatMap((d) => d.extendedCommunities))].sort(),
      localPref: localPrefs.length === 0 ? null : Math.max(...localPrefs),
      med: meds.length === 0 ? null : Math.min(...meds),
      prepend: Math.min(...ds.map((d) => d.asPathPrepend)),
    },
    weight,
    transitive: weight === null ? null : weighing.some(({ d }) => d.linkBandwidth?.transitive),
  };
}

function numbers(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}
