import type { NodeRoute } from "../plan/report.ts";
import { formatRate } from "./units.ts";

/** What a route says besides its next hop, for people: communities, weight, and what differs from the default. "" = nothing. */
export function attributesOf(route: Omit<NodeRoute, "node" | "peers" | "nextHop" | "owners">): string {
  const parts = [...route.communities, ...route.largeCommunities.map((one) => `large:${one}`), ...route.extendedCommunities];
  if (route.linkBandwidth !== null) parts.push(formatRate(route.linkBandwidth));
  if (route.localPref !== null && route.localPref !== 100) parts.push(`local-pref=${route.localPref}`);
  if (route.med !== null) parts.push(`med=${route.med}`);
  if (route.asPathPrepend > 0) parts.push(`prepend=${route.asPathPrepend}`);
  return parts.join(" ");
}
