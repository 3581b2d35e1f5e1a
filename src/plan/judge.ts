/**
 * The decision for one address of one Service on one node: checks 3 to 17 over all advertisements and peers, of which the pair that gets
 * furthest speaks; ties go by advertisement name, then peer name. Thousands of addresses are in equal circumstances, so a decision is one
 * shared value per circumstances, found by a key.
 */

import type { Family } from "../ip/address.ts";
import { type Advertisement, selectsPeer } from "./advertisement.ts";
import { type Announcement, announce, contributionOf, NOTHING, type Share, type WishPool } from "./announcement.ts";
import { countedBy, type EndpointDigest, endpointsOn, judgeEndpoints } from "./endpoints.ts";
import type { NodeObstacle } from "./node-checks.ts";
import type { Override } from "./outlet.ts";
import type { PeerVerdict } from "./peers.ts";
import { REASON_CHECK, type ReasonCode } from "./reasons.ts";
import type { Mode } from "./service-checks.ts";

export interface Decision {
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  /** Number of the check that failed; 0 = announced. */
  readonly check: number;
  /** The furthest pair; null where none comes into it. */
  readonly advertisement: string | null;
  readonly peer: string | null;
  /** Per session of this node, by name; empty when the reason is common to all. */
  readonly peers: readonly PeerDecision[];
  /** What it adds to its own /32 or /128. */
  readonly host: readonly Share[];
  /** What it adds to covering prefixes. */
  readonly covering: readonly Share[];
  /** What the host prefix is to be announced with while no one else has a say: before checks 16 and 17. */
  readonly announcement: Announcement;
  /** The decision of checks 1 to 15 where 16 or 17 made another of it; null = this is it. */
  readonly wanted: Decision | null;
}

/** The decision of checks 1 to 15. */
export function wantedOf(decision: Decision): Decision {
  return decision.wanted ?? decision;
}

export interface PeerDecision {
  readonly peer: string;
  /** That got furthest with this peer. */
  readonly advertisement: string;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  readonly check: number;
}

/** The circumstances of one address. */
export interface Circumstances {
  readonly family: Family;
  /** Those that pass checks 5 to 7, by name. */
  readonly advertisements: readonly Advertisement[];
  /** Some advertisement passed 5 and 6 and failed 7. */
  readonly notAllowed: boolean;
  readonly localOnly: boolean;
  /** Local endpoints do not make the share of traffic larger. */
  readonly weightOne: boolean;
  readonly digest: EndpointDigest;
  /** By advertisement, as the next two. */
  readonly modes: readonly Mode[];
  /** Check 12 fails. */
  readonly shut: readonly boolean[];
  /** Check 14 fails. */
  readonly beyond: readonly boolean[];
  /** Peers for which the address would be its own next hop. */
  readonly barred: readonly string[];
  /** Another owner of the address has no endpoint here. */
  readonly blocked: boolean;
}

/** What a judge knows about its node. */
export interface Bench {
  readonly node: string;
  readonly obstacle: NodeObstacle | null;
  /** Sessions of this node by name. */
  readonly peers: readonly PeerVerdict[];
  /** The first by name of the peers whose node selectors do not match; null = none. */
  readonly firstOutsider: string | null;
  readonly mayAnnounce: (node: string) => boolean;
  readonly pool: WishPool;
}

export class Judge {
  readonly bench: Bench;
  readonly #known = new Map<string, Decision>();
  /** By the decision that 16 and 17 changed, then by the overrides. */
  readonly #overruled = new WeakMap<Decision, Map<string, Decision>>();

  constructor(bench: Bench) {
    this.bench = bench;
  }

  decide(circumstances: Circumstances): Decision {
    const { advertisements, family, modes, beyond, barred, notAllowed } = circumstances;
    if (advertisements.length === 0) return refusal(notAllowed ? "ipNotAllowed" : "noMatchingAdvertisement");
    const { obstacle } = this.bench;
    let key = family === "IPv4" ? "4" : "6";
    if (barred.length > 0) key += JSON.stringify(barred);
    const outcomes: Outcome[] = [];
    advertisements.forEach((advertisement, i) => {
      const outcome = obstacle === null ? this.#outcome(advertisement, circumstances, i) : OBSTRUCTED;
      outcomes.push(outcome);
      const signs = `${modes[i] === "host" ? "h" : "c"}${beyond[i] ? "b" : ""}${outcome.elsewhere ? "e" : ""}`;
      key += `${advertisement.id}${signs}${outcome.reason}${outcome.weight ?? ""},`;
    });
    const known = this.#known.get(key);
    if (known !== undefined) return known;

    const shares = advertisements.map((advertisement, i): Share => {
      const outcome = outcomes[i] ?? OBSTRUCTED;
      const eligible = obstacle === null && outcome.reason === "";
      return { advertisement, eligible, beyond: beyond[i] === true, elsewhere: outcome.elsewhere, weight: outcome.weight, barred };
    });
    const host = shares.filter((_, i) => modes[i] === "host");
    const decision: Decision = {
      ...this.#verdict(shares, outcomes, family),
      host,
      covering: shares.filter((_, i) => modes[i] === "covering"),
      announcement: host.length === 0 ? NOTHING : announce([[contributionOf(host), 1]], this.bench.peers, family, this.bench.pool),
      wanted: null,
    };
    if (this.#known.size >= 65_536) this.#known.clear();
    this.#known.set(key, decision);
    return decision;
  }

  /** What checks 16 and 17 make of a decision, and a drain under way of what is new: the same value where they change nothing. `overrideOf` looks up the prefix of a share. */
  overrule(wanted: Decision, family: Family, overrideOf: (share: Share, mode: Mode) => Override | null): Decision {
    const overrides = new Map<Share, Override>();
    let key = "";
    for (const mode of ["host", "covering"] as const) {
      for (const share of wanted[mode]) {
        const override = share.eligible ? overrideOf(share, mode) : null;
        if (override !== null) overrides.set(share, override);
        key += `${override?.key ?? ""};`;
      }
    }
    if (overrides.size === 0) return wanted;
    let overruled = this.#overruled.get(wanted);
    if (overruled === undefined) {
      overruled = new Map();
      this.#overruled.set(wanted, overruled);
    }
    const known = overruled.get(key);
    if (known !== undefined) return known;
    const verdict = furthest(eligibleShares(wanted), this.bench, family, overrides);
    const decision: Decision = { ...wanted, ...verdict, wanted };
    overruled.set(key, decision);
    return decision;
  }

  /** Checks 11 and 12. The weight is a matter of 11 alone. */
  #outcome(advertisement: Advertisement, circumstances: Circumstances, index: number): Outcome {
    const { source } = advertisement;
    const { localOnly, weightOne, digest, blocked, shut } = circumstances;
    const { node, mayAnnounce } = this.bench;
    const counted = countedBy(digest, source.endpointPolicy, mayAnnounce);
    const endpoints = judgeEndpoints(digest, counted, source.withoutEndpoints, localOnly, node);
    if (endpoints !== "") return { reason: endpoints, weight: null, elsewhere: false };
    if (blocked) return { reason: "noLocalEndpoints", weight: null, elsewhere: false };
    const elsewhere = digest.nodes.some((counts) => counts.node !== node && counts[counted] > 0);
    const here = !localOnly || weightOne ? 1 : endpointsOn(digest, node)[counted];
    const weight = source.linkBandwidth === null || here === 0 ? null : here * source.linkBandwidth.bytesPerSecondPerEndpoint;
    return { reason: shut[index] === true ? "dataplaneNotReady" : "", weight, elsewhere };
  }

  #verdict(shares: readonly Share[], outcomes: readonly Outcome[], family: Family): Verdict {
    const eligible = shares.filter((share) => share.eligible);
    if (eligible.length > 0) return furthest(eligible, this.bench, family, NO_OVERRIDES);
    const { obstacle } = this.bench;
    const gated = outcomes.findIndex(({ reason }) => reason === "dataplaneNotReady");
    const speaks = Math.max(0, gated);
    const reason = obstacle?.reason ?? outcomes[speaks]?.reason ?? "";
    const check = obstacle?.check ?? (gated < 0 ? 11 : 12);
    return { announced: false, reason, check, advertisement: shares[speaks]?.advertisement.name ?? null, peer: null, peers: [] };
  }
}

type Verdict = Pick<Decision, "announced" | "reason" | "check" | "advertisement" | "peer" | "peers">;

interface Outcome {
  readonly reason: ReasonCode | "";
  readonly weight: number | null;
  readonly elsewhere: boolean;
}

/** First wanted while the node leaves: as if it had left. */
const LATE: Verdict = { announced: false, reason: "nodeDrained", check: 10, advertisement: null, peer: null, peers: [] };

const NO_OVERRIDES: ReadonlyMap<Share, Override> = new Map();

/** The pair that gets furthest, ties by advertisement, then peer. `eligible` is sorted by advertisement. */
function furthest(eligible: readonly Share[], bench: Bench, family: Family, overrides: ReadonlyMap<Share, Override>): Verdict {
  const { peers, firstOutsider } = bench;
  const decided = peers.map((peer): PeerDecision => {
    const { reason, check, advertisement } = bestOf(eligible, peer, family, overrides);
    return { peer: peer.name, advertisement, announced: check === 0, reason, check };
  });
  const winner = decided.find(({ announced }) => announced);
  if (winner !== undefined) {
    return { announced: true, reason: "", check: 0, advertisement: winner.advertisement, peer: winner.peer, peers: decided };
  }
  const check = Math.max(13, ...decided.map(reached));
  const tied = decided.filter((one) => reached(one) === check);
  if (tied.some(({ reason }) => reason === LATE.reason)) return LATE;
  const first = eligible[0]?.advertisement.name ?? "";
  // An outsider's pairs all fail check 13 and take part in the tie like any other.
  if (check === 13 && firstOutsider !== null) {
    tied.push({ peer: firstOutsider, advertisement: first, announced: false, reason: "peerNotSelected", check });
  }
  const [speaks] = tied.sort((a, b) => compareText(a.advertisement, b.advertisement) || compareText(a.peer, b.peer));
  return {
    announced: false,
    reason: speaks?.reason ?? "peerNotSelected",
    check,
    advertisement: speaks?.advertisement ?? first,
    peer: speaks?.peer ?? null,
    peers: decided,
  };
}

/** How far a pair got: what is late for its peer passed checks 13 to 15. */
function reached({ reason, check }: Pick<PeerDecision, "reason" | "check">): number {
  return reason === LATE.reason ? REASON_CHECK.noNextHop : check;
}

/** Checks 13 to 17 for one pair: "" passes. Check 10 where the node leaves and the peer had not been told before. */
export function judgePair(
  share: Pick<Share, "advertisement" | "barred" | "beyond">,
  peer: PeerVerdict,
  family: Family,
  override: Override | null,
): { readonly reason: ReasonCode | ""; readonly check: number } {
  if (!selectsPeer(share.advertisement, peer.name)) return { reason: "peerNotSelected", check: 13 };
  if (!peer.negotiated[family]) return { reason: "peerFamilyNotNegotiated", check: 13 };
  if (share.beyond) return { reason: "announcerLimit", check: 14 };
  if (peer.nextHop[family].hop === null || share.barred.includes(peer.name)) return { reason: "noNextHop", check: 15 };
  if (override?.late.includes(peer.name) === true) return { reason: "nodeDrained", check: REASON_CHECK.nodeDrained };
  if (override?.held === true) return { reason: "heldDown", check: 16 };
  if (override?.limited.includes(peer.name) === true) return { reason: "announceLimit", check: 17 };
  return { reason: "", check: 0 };
}

/** The node's own obstacle comes before the endpoints, which then have no say. */
const OBSTRUCTED = { reason: "", weight: null, elsewhere: false } as const;

const REFUSALS = new Map<ReasonCode, Decision>();

/** A refusal that no advertisement or peer has a part in. */
export function refusal(reason: ReasonCode): Decision {
  const known = REFUSALS.get(reason);
  if (known !== undefined) return known;
  const decision: Decision = {
    announced: false,
    reason,
    check: REASON_CHECK[reason],
    advertisement: null,
    peer: null,
    peers: [],
    host: [],
    covering: [],
    announcement: NOTHING,
    wanted: null,
  };
  REFUSALS.set(reason, decision);
  return decision;
}

/** Code point order, the order of names everywhere. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Shares that pass checks 8 to 12, by advertisement. */
export function eligibleShares({ host, covering }: Decision): Share[] {
  return [...host, ...covering].filter(({ eligible }) => eligible).sort((a, b) => compareText(a.advertisement.name, b.advertisement.name));
}

/** The verdict of the advertisement that gets furthest with a peer; the first by name of equals. `eligible` is sorted by name. */
function bestOf(
  eligible: readonly Share[],
  peer: PeerVerdict,
  family: Family,
  overrides: ReadonlyMap<Share, Override>,
): { readonly reason: ReasonCode | ""; readonly check: number; readonly advertisement: string } {
  let best: { reason: ReasonCode | ""; check: number; advertisement: string } | null = null;
  for (const share of eligible) {
    const verdict = judgePair(share, peer, family, overrides.get(share) ?? null);
    if (verdict.check === 0) return { ...verdict, advertisement: share.advertisement.name };
    if (best === null || reached(verdict) > reached(best)) best = { ...verdict, advertisement: share.advertisement.name };
  }
  return best ?? { reason: "peerNotSelected", check: 13, advertisement: "" };
}
