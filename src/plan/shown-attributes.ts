import type { RouteAttributes } from "../bgp/rib/route.ts";
import { formatCommunity, formatExtendedCommunity, formatLargeCommunity } from "../ip/communities.ts";
import type { Route } from "./report.ts";

type ShownAttributes = Omit<Route, "node" | "peer" | "prefix" | "family" | "nextHop" | "owners">;

/** What a peer is sent of a route's attributes, for people: LOCAL_PREF inside an AS alone, prepends towards others alone. */
export function shownAttributes(attributes: RouteAttributes, internal: boolean): ShownAttributes {
  return {
    communities: attributes.communities.map(formatCommunity),
    largeCommunities: attributes.largeCommunities.map(formatLargeCommunity),
    extendedCommunities: attributes.extendedCommunities.map(formatExtendedCommunity),
    localPref: internal ? (attributes.localPref ?? 100) : null,
    med: attributes.med,
    asPathPrepend: internal ? 0 : attributes.asPathPrepend,
    linkBandwidth: attributes.linkBandwidth?.bytesPerSecond ?? null,
  };
}
