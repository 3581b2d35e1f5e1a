import type { Address } from "../ip/address.ts";
import { formatAddress } from "../ip/format.ts";
import { hostPrefix, maxLength, prefixOf } from "../ip/prefix.ts";
import type { PlanChange, RouteChange } from "../plan/change.ts";
import type { Round, Timeline } from "./timeline.ts";

const FIRST_TRANSITIONS = 10_000;

/** Of the first decisions on a big cluster the timeline keeps a part: what it lacks has been so since the start. */
export class TransitionLog {
  readonly #timeline: Timeline;
  #first = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** @param first a round of the first decisions. */
  record(change: PlanChange, round: Round, atEpochMillis: number, first: boolean): void {
    if (first) this.#first += change.transitions.length;
    if (!first || this.#first <= FIRST_TRANSITIONS) recordTransitions(this.#timeline, change, round, atEpochMillis);
  }
}

/** Writes what a round decided anew into the timeline, each with the peers that are sent something for it. */
export function recordTransitions(timeline: Timeline, change: PlanChange, round: Round, atEpochMillis: number): void {
  if (change.transitions.length === 0) return;
  const decidedAfter = timeline.millisSince(round.at);
  const recipients = new Recipients(change.routes);
  for (const { service, address, peer, announced, reason, detail, cause } of change.transitions) {
    const sentTo = address === null ? NOBODY : recipients.of(address);
    timeline.add({
      atEpochMillis,
      service,
      address: address === null ? null : formatAddress(address),
      peer,
      kind: announced ? "announced" : "notAnnounced",
      reason,
      text: detail,
      cause,
      round,
      decidedAfter,
      sentTo: peer === null ? sentTo : sentTo.filter((one) => one === peer),
    });
  }
}

const NOBODY: readonly string[] = [];

/** Who hears of an address: by its own prefix, or by one that covers it. */
class Recipients {
  readonly #byPrefix = new Map<string, string[]>();
  /** Lengths of the prefixes by family that are no host prefixes. */
  readonly #covering = { IPv4: new Set<number>(), IPv6: new Set<number>() };

  constructor(routes: readonly RouteChange[]) {
    for (const { peer, prefix } of routes) {
      const peers = this.#byPrefix.get(prefix.key);
      if (peers === undefined) this.#byPrefix.set(prefix.key, [peer]);
      else peers.push(peer);
      const { family } = prefix.address;
      if (prefix.length < maxLength(family)) this.#covering[family].add(prefix.length);
    }
  }

  of(address: Address): readonly string[] {
    const own = this.#byPrefix.get(hostPrefix(address).key) ?? NOBODY;
    const lengths = this.#covering[address.family];
    if (lengths.size === 0) return own;
    const peers = new Set(own);
    for (const length of lengths) for (const peer of this.#byPrefix.get(prefixOf(address, length).key) ?? NOBODY) peers.add(peer);
    return [...peers];
  }
}
