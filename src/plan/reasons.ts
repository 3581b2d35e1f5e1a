/** The checks of a decision in their order and the closed set of codes that say why an address is not announced. docs/semantics.md explains each. */

/** The seventeen checks in order: `CHECKS[n - 1]` is check n. */
export const CHECKS = [
  "service",
  "address",
  "proxy",
  "loadBalancerClass",
  "addressKind",
  "selectors",
  "cidrs",
  "excludeLabel",
  "network",
  "drain",
  "endpoints",
  "dataplane",
  "peer",
  "maxAnnouncers",
  "nextHop",
  "holdDown",
  "announceLimit",
] as const;

export type CheckName = (typeof CHECKS)[number];

/** Number of the last check that is equal for all peers; from the next one on a reason is a peer's own. */
export const LAST_COMMON_CHECK = 12;

/** Every reason and the check that gives it. */
export const REASON_CHECK = {
  serviceDeleted: 1,
  noAddress: 2,
  foreignProxy: 3,
  loadBalancerClassMismatch: 4,
  noMatchingAdvertisement: 6,
  ipNotAllowed: 7,
  nodeLabeledExcludeBalancers: 8,
  nodeNetworkUnavailable: 9,
  nodeDrained: 10,
  noEndpoints: 11,
  noLocalEndpoints: 11,
  endpointsTerminating: 11,
  dataplaneNotReady: 12,
  peerNotSelected: 13,
  peerFamilyNotNegotiated: 13,
  announcerLimit: 14,
  noNextHop: 15,
  heldDown: 16,
  announceLimit: 17,
} as const satisfies Record<string, number>;

export type ReasonCode = keyof typeof REASON_CHECK;
