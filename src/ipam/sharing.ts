/**
 * Who may be on one address with whom: MetalLB's rules. Both name the same sharing key, none of their ports is the same, and traffic that arrives for one
 * may arrive for the other: both take it on any node, or both on the nodes of the very same pods.
 */

import type { LoadBalancerWish, Service } from "../objects/kinds.ts";

export const SHARING_ANNOTATION = "herald.dev/allow-shared-ip";

export interface SharingTerms {
  /** "" = shares with nobody. */
  readonly key: string;
  /** Equal where traffic may arrive on the same nodes. */
  readonly backend: string;
  /** Both in one: those of one group may be on one address, but for their ports. */
  readonly group: string;
  /** `TCP 443`. */
  readonly ports: readonly string[];
}

export type SharingObstacle = "key" | "policy" | "ports";

const NOT_SHARED: SharingTerms = { key: "", backend: "", group: "", ports: [] };

export function sharingTerms({ metadata, externalTrafficPolicy }: Service, { ports, selector }: LoadBalancerWish): SharingTerms {
  const key = metadata.annotations[SHARING_ANNOTATION] ?? "";
  if (key === "") return NOT_SHARED;
  const backend = externalTrafficPolicy === "Cluster" ? "Cluster" : `Local ${metadata.namespace} ${podsOf(selector)}`;
  const names = ports.map(({ protocol, port }) => `${protocol} ${port}`);
  return { key, backend, group: `${key}\n${backend}`, ports: names.length > 1 ? [...new Set(names)] : names };
}

function podsOf(selector: LoadBalancerWish["selector"]): string {
  const pairs = Object.entries(selector).map(([label, value]) => `${label}=${value}`);
  return pairs.sort().join(",");
}

/** Why the two may not share an address; null = they may. */
export function sharingObstacle(a: SharingTerms, b: SharingTerms): SharingObstacle | null {
  if (a.key === "" || a.key !== b.key) return "key";
  if (a.backend !== b.backend) return "policy";
  return a.ports.some((port) => b.ports.includes(port)) ? "ports" : null;
}

export function sameTerms(a: SharingTerms, b: SharingTerms): boolean {
  if (a === b) return true;
  return a.key === b.key && a.backend === b.backend && a.ports.length === b.ports.length && a.ports.every((port) => b.ports.includes(port));
}
