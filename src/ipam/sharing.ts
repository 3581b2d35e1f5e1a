/**
 * Who may be on one address with whom: MetalLB's rules. Both name the same sharing key, none of their ports is the same, and traffic that arrives for one
 * may arrive for the other: both take it on any node, or both on the nodes of the very same pods.
 */

import type { LoadBalancerWish, Service, ServicePort } from "../objects/kinds.ts";

export const SHARING_ANNOTATION = "herald.dev/allow-shared-ip";

export interface SharingTerms {
  /** "" = shares with nobody. */
  readonly key: string;
  /** Equal where traffic may arrive on the same nodes. */
  readonly backend: string;
  /**
   * Both in one: those of one group may be on one address, but for their ports. A key alone is the group of those who take traffic on any node, so that most
   * Services make no text of their own; a key that reads like another's group is looked for among that one's addresses too, and finds none.
   */
  readonly group: string;
  /** Protocol and number of each, in one ({@link portOf}). */
  readonly ports: readonly number[];
}

export type SharingObstacle = "key" | "policy" | "ports";

const NOT_SHARED: SharingTerms = { key: "", backend: "", group: "", ports: [] };

export function sharingTerms({ metadata, externalTrafficPolicy }: Service, { ports, selector }: LoadBalancerWish): SharingTerms {
  const key = metadata.annotations[SHARING_ANNOTATION] ?? "";
  if (key === "") return NOT_SHARED;
  const backend = externalTrafficPolicy === "Cluster" ? "Cluster" : `Local ${metadata.namespace} ${podsOf(selector)}`;
  const numbers = ports.map(portOf);
  return {
    key,
    backend,
    group: backend === "Cluster" ? key : `${key}\n${backend}`,
    ports: numbers.length > 1 ? [...new Set(numbers)] : numbers,
  };
}

const PROTOCOLS = { TCP: 0, UDP: 1, SCTP: 2 } as const satisfies Record<ServicePort["protocol"], number>;

/** Different for different ports, and no text: a cluster's worth of those would be hashed and kept. */
function portOf({ protocol, port }: ServicePort): number {
  return port * 4 + PROTOCOLS[protocol];
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
