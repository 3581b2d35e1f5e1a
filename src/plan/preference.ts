import type { RouteAttributes } from "../bgp/rib/route.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import { isInternal } from "./peers.ts";

/** What a router compares of two nodes' routes before it takes them for equal: the first that differs decides, the greater wins. */
export type Preference = readonly [localPref: number, prepend: number, med: number];

/** LOCAL_PREF, length of AS_PATH and MULTI_EXIT_DISC as the peer is sent them (RFC 4271 §9.1.1, §9.1.2.2); the last two count downwards. */
export function preferenceOf(peer: BGPPeer | undefined, { localPref, asPathPrepend, med }: RouteAttributes): Preference {
  // Towards eBGP no LOCAL_PREF is sent, towards iBGP nothing is prepended.
  const internal = peer !== undefined && isInternal(peer);
  return [internal ? (localPref ?? 100) : 0, internal ? 0 : -asPathPrepend, -(med ?? 0)];
}

/** Above 0 when `a` wins. */
export function comparePreferences(a: Preference, b: Preference): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
