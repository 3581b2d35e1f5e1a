/**
 * Attributes a user can set. ORIGIN, AS_PATH and next hop are added per session, and the rules of eBGP and iBGP applied, in `session-attributes.ts`.
 * Lists are sorted and free of duplicates, so that equal wishes are equal values.
 */
export interface RouteAttributes {
  /** COMMUNITIES (RFC 1997), each a 32-bit number. */
  readonly communities: readonly number[];
  /** LARGE_COMMUNITY (RFC 8092): global administrator, local data 1 and 2. */
  readonly largeCommunities: readonly (readonly [number, number, number])[];
  /** Extended communities (RFC 4360), each 16 lower-case hex digits. Link bandwidth is apart. */
  readonly extendedCommunities: readonly string[];
  /** Sent to iBGP peers only; null = 100. */
  readonly localPref: number | null;
  /** MULTI_EXIT_DISC; null = not sent. */
  readonly med: number | null;
  /** How many more times the local AS stands in AS_PATH towards eBGP peers, 0..16. */
  readonly asPathPrepend: number;
  /** Link Bandwidth extended community (RFC 10005), octets per second. */
  readonly linkBandwidth: { readonly bytesPerSecond: number; readonly transitive: boolean } | null;
}

export const PLAIN_ATTRIBUTES: RouteAttributes = {
  communities: [],
  largeCommunities: [],
  extendedCommunities: [],
  localPref: null,
  med: null,
  asPathPrepend: 0,
  linkBandwidth: null,
};
