/** One line that says what would even out an address, or why nothing is shared out. */

import type { SharedOut } from "./flow-shares.ts";

export interface Uneven {
  /** `namespace/name`. */
  readonly service: string;
  readonly sharedOut: SharedOut;
  readonly ecmpWidth: number;
  /** That announces it. */
  readonly advertisement: string;
  /** The first other Service with the address, `namespace/name`; null = none. Of many it is not looked for unless it is named. */
  readonly sharer: () => string | null;
  /** Names of its pods, as far as they are known. */
  readonly pods: readonly string[];
}

/** A ratio up to this is as even as pods and nodes come. */
const EVEN = 1.25;

/** "" where nothing is to be done. */
export function adviseOn({ service, sharedOut, ecmpWidth, advertisement, sharer, pods }: Uneven): string {
  const { paths, nodes, ratio } = sharedOut;
  if (paths === 0) return `announced by no node: herald explain ${service} says why`;
  if (paths > ecmpWidth) {
    return `set maxAnnouncers: ${ecmpWidth} on advertisement ${advertisement}, or raise the router's limit: it uses ${ecmpWidth} of ${paths} paths`;
  }
  if (ratio === null || ratio.weighted <= EVEN) return "";
  const counts = nodes.flatMap(({ endpoints, share }) => (share.equal > 0 && endpoints > 0 ? [endpoints] : []));
  const most = Math.max(...counts);
  const why = `${Math.min(...counts)} to ${most} ${most === 1 ? "pod" : "pods"} per node`;
  const spread = `spread ${workloadOf(service, pods)} evenly (topologySpreadConstraints or podAntiAffinity)`;
  const without = nodes.filter(({ linkBandwidth, share }) => share.equal > 0 && linkBandwidth === null);
  const [first] = without;
  if (first === undefined) {
    const other = sharer();
    if (other !== null) return `give ${service} an address of its own: the weights count the pods of ${other} too`;
    return `${spread}: ${why} are more than the router's weights tell apart`;
  }
  if (without.length === nodes.length) return `set linkBandwidth (weights) on advertisement ${advertisement}, or ${spread}: ${why}`;
  return `give ${first.node} a weight (linkBandwidth), as the router uses weights only if every path has one, or ${spread}: ${why}`;
}

/** Letters and digits of which Kubernetes makes up names. */
const MADE_UP = "[bcdfghjklmnpqrstvwxz2456789]";

/** Of a Deployment, a StatefulSet and a DaemonSet, in the order they are tried. */
const POD_NAMES = [
  new RegExp(`^(.+)-${MADE_UP}{6,10}-${MADE_UP}{5}$`),
  /^(.+)-(?:0|[1-9]\d*)$/,
  new RegExp(`^(.+)-${MADE_UP}{5}$`),
] as const;

/** The workload behind the pods, where all their names say the same; else the Service's pods. */
export function workloadOf(service: string, pods: readonly string[]): string {
  for (const pattern of POD_NAMES) {
    const names = new Set(pods.map((pod) => pattern.exec(pod)?.[1] ?? ""));
    const [name] = names;
    if (names.size === 1 && name !== undefined && name !== "") return `workload ${name}`;
  }
  return `the pods of Service ${service}`;
}
