/** What all peers together are to be told, prefix by prefix, as the state file keeps it. */

import type { Prefix } from "../ip/prefix.ts";
import type { Planner } from "../plan/planner.ts";
import type { Peer } from "./peer.ts";
import type { SavedRoute } from "./state-file.ts";

export interface AnnouncedRoutesPorts {
  /** By name. */
  peers(): readonly Peer[];
  /** Names the Services that want a prefix announced, `namespace/name`. */
  readonly planner: Pick<Planner, "ownersOf">;
}

/** One prefix; null = no peer is to have it. */
export function announcedRoute(ports: AnnouncedRoutesPorts, prefix: Prefix): SavedRoute | null {
  const to = ports.peers().flatMap(({ name, wishes }) => {
    const attributes = wishes.wanted(prefix);
    return attributes === null ? [] : [{ peer: name, attributes }];
  });
  return to.length === 0 ? null : { prefix, owners: ports.planner.ownersOf(prefix), to };
}

/** All of them, some at a time; null = a moment at which other things may happen, and routes change. */
export function* announcedRoutes(ports: AnnouncedRoutesPorts): Generator<SavedRoute | null> {
  for (const peer of ports.peers()) {
    for (const wish of peer.wishes.eachWish()) {
      const route = wish === null ? null : announcedRoute(ports, wish.prefix);
      // A prefix that several peers are to have comes up with each of them.
      if (wish === null || (route !== null && route.to[0]?.peer === peer.name)) yield route;
    }
  }
}
