/** What a graceful start announces from the state file, as lists and explanations show it until decisions are in force. */

import type { Address } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { comparePrefixes, containsAddress } from "../ip/prefix.ts";
import type { Finding } from "../objects/kinds.ts";
import { isInternal } from "../plan/peers.ts";
import { shownAttributes } from "../plan/shown-attributes.ts";
import { formatSubject, type Subject } from "../plan/subject.ts";
import type { RestoredView } from "../view/explain.ts";
import type { RouteView } from "../view/routes.ts";
import type { SavedRoute, SavedState } from "./state-file.ts";

/** @param localAddressOf our end of a peer's session, once there is one. */
export function* restoredRoutes(state: SavedState, localAddressOf: (peer: string) => Address | null): Generator<RouteView> {
  const { node, peers } = state;
  const since = new Date(state.agreedAtEpochMillis).toISOString();
  for (const { prefix, owners, to } of sorted(state.routes)) {
    const { family } = prefix.address;
    const [first] = to;
    if (first === undefined) continue;
    const internal = peers.find(({ peer }) => peer.metadata.name === first.peer);
    const { attributes } = first;
    const nextHop: Record<string, string | null> = {};
    for (const { peer: name } of to) {
      const hop = peers.find(({ peer }) => peer.metadata.name === name)?.nextHop[family] ?? null;
      const address = hop === "session" ? localAddressOf(name) : hop;
      nextHop[name] = address === null ? null : formatAddress(address);
    }
    const isIbgp = internal !== undefined && isInternal(internal.peer);
    yield {
      node,
      prefix: formatPrefix(prefix),
      family,
      nextHop,
      peers: to.map(({ peer }) => peer),
      ...shownAttributes(attributes, isIbgp),
      owners,
      since,
      restored: since,
    };
  }
}

/** Of what a person asks about. */
export function restoredFor(state: SavedState, subject: Subject): RestoredView[] {
  const since = new Date(state.agreedAtEpochMillis).toISOString();
  return sorted(state.routes.filter((route) => concerns(route, subject))).map(({ prefix, owners, to }) => ({
    prefix: formatPrefix(prefix),
    peers: to.map(({ peer }) => peer),
    owners,
    since,
  }));
}

/** The same as a line for people. */
export function restoredFinding({ prefix, peers, since }: RestoredView): Finding {
  const message = `${prefix} is restored: announced to ${peers.join(", ")} as of ${since}, from the state file, until everything was read`;
  const place = { file: "", line: 0, column: 0, field: "", allowed: "" };
  return { severity: "warning", code: "restored", object: null, message, ...place };
}

function concerns({ prefix, owners }: SavedRoute, subject: Subject): boolean {
  switch (subject.type) {
    case "service":
      return owners.includes(formatSubject(subject));
    case "address":
      return containsAddress(prefix, subject.address);
    case "prefix":
      return containsAddress(subject.prefix, prefix.address) || containsAddress(prefix, subject.prefix.address);
  }
}

function sorted(routes: readonly SavedRoute[]): SavedRoute[] {
  return [...routes].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
}
