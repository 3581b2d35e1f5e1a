/** Names and addresses of the rack that service-rack.ts builds. */

export const NODES = ["n1", "n2", "n3"] as const;
export type NodeName = (typeof NODES)[number];

export const TOR = "10.88.0.1";
/** The Service that the rack's users call. */
export const SERVICE = { address: "203.0.113.10", port: 80, healthPort: 30_100 } as const;

export function addressOf(node: NodeName): string {
  return `10.88.0.${11 + NODES.indexOf(node)}`;
}
