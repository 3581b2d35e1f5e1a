/**
 * The decision for one address of one Service on one node: checks 3 to 15 over all advertisements and peers, of which the pair that gets
 * furthest speaks; ties go by advertisement name, then peer name. Thousands of addresses are in equal circumstances, so a decision is one
 * shared value per circumstances, found by a key.
 */

import type { Family } from "../ip/address.ts";
import { maxLength } from "../ip/prefix.ts";
import type { AddressKind, Service } from "../objects/kinds.ts";
import { type Advertisement, aggregationLength, selectsPeer } from "./advertisement.ts";
import { type Announcement, announce, contributionOf, NOTHING, type Share, type WishPool } from "./announcement.ts";
import { countedBy, type EndpointDigest, endpointsOn, judgeEndpoints } from "./endpoints.ts";
import type { NodeObstacle } from "./node-checks.ts";
import type { PeerVerdict } from "./peers.ts";
import { REASON_CHECK, type ReasonCode } from "./reasons.ts";

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
  /** What the host prefix is announced with while no one else has a say. */
  readonly announcement: Announcement;
}

export interface PeerDecision {
  readonly peer: string;
  readonly announced: boolean;
  readonly reason: ReasonCode | "";
  readonly check: number;
}

/** Where a share goes: the address itself, or what covers it. */
export type Mode = "host" | "covering";

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
  readonly modes: readonly Mode[];
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

  constructor(bench: Bench) {
    this.bench = bench;
  }

  decide(circumstances: Circumstances): Decision {
    const { advertisements, family, localOnly, weightOne, digest, modes, barred, blocked, notAllowed } = circumstances;
    if (advertisements.length === 0) return refusal(notAllowed ? "ipNotAllowed" : "noMatchingAdvertisement");
    const { obstacle } = this.bench;
    let key = family === "IPv4" ? "4" : "6";
    if (barred.length > 0) key += JSON.stringify(barred);
    const outcomes: { readonly reason: ReasonCode | ""; readonly weight: number | null }[] = [];
    advertisements.forEach((advertisement, i) => {
      const outcome = obstacle === null ? this.#endpoints(advertisement, localOnly, weightOne, digest, blocked) : OBSTRUCTED;
      outcomes.push(outcome);
      key += `${advertisement.id}${modes[i] === "host" ? "h" : "c"}${outcome.reason}${outcome.weight ?? ""},`;
    });
    const known = this.#known.get(key);
    if (known !== undefined) return known;

    const shares = advertisements.map((advertisement, i): Share => {
      const eligible = obstacle === null && outcomes[i]?.reason === "";
      return { advertisement, eligible, weight: eligible ? (outcomes[i]?.weight ?? null) : null, barred };
    });
    const host = shares.filter((_, i) => modes[i] === "host");
    const decision: Decision = {
      ...this.#furthest(shares, outcomes, family),
      host,
      covering: shares.filter((_, i) => modes[i] === "covering"),
      announcement: host.length === 0 ? NOTHING : announce([[contributionOf(host), 1]], this.bench.peers, family, this.bench.pool),
    };
    if (this.#known.size >= 65_536) this.#known.clear();
    this.#known.set(key, decision);
    return decision;
  }

  #endpoints(
    { source }: Advertisement,
    localOnly: boolean,
    weightOne: boolean,
    digest: EndpointDigest,
    blocked: boolean,
  ): { readonly reason: ReasonCode | ""; readonly weight: number | null } {
    const { node, mayAnnounce } = this.bench;
    const counted = countedBy(digest, source.endpointPolicy, mayAnnounce);
    const reason = judgeEndpoints(digest, counted, source.withoutEndpoints, localOnly, node);
    if (reason !== "") return { reason, weight: null };
    if (blocked) return { reason: "noLocalEndpoints", weight: null };
    if (source.linkBandwidth === null) return PASSED;
    const endpoints = !localOnly || weightOne ? 1 : endpointsOn(digest, node)[counted];
    return { reason: "", weight: endpoints === 0 ? null : endpoints * source.linkBandwidth.bytesPerSecondPerEndpoint };
  }

  #furthest(
    shares: readonly Share[],
    outcomes: readonly { readonly reason: ReasonCode | "" }[],
    family: Family,
  ): Pick<Decision, "announced" | "reason" | "check" | "advertisement" | "peer" | "peers"> {
    const { obstacle, peers, firstOutsider } = this.bench;
    const eligible = shares.filter((share) => share.eligible);
    const [first] = eligible;
    if (first === undefined) {
      const reason = obstacle?.reason ?? outcomes[0]?.reason ?? "";
      const advertisement = shares[0]?.advertisement.name ?? null;
      return { announced: false, reason, check: obstacle?.check ?? 11, advertisement, peer: null, peers: [] };
    }
    const verdicts = peers.map((peer) => ({ peer: peer.name, ...bestOf(eligible, peer, family) }));
    const decided = verdicts.map(({ peer, reason, check }): PeerDecision => ({ peer, announced: check === 0, reason, check }));
    const winner = verdicts.find(({ check }) => check === 0);
    if (winner !== undefined) {
      return { announced: true, reason: "", check: 0, advertisement: winner.advertisement, peer: winner.peer, peers: decided };
    }
    const furthest = Math.max(13, ...verdicts.map(({ check }) => check));
    // An outsider's pairs all fail check 13 and take part in the tie like any other.
    const tied = verdicts
      .filter(({ check }) => check === furthest)
      .concat(
        furthest === 13 && firstOutsider !== null
          ? [{ peer: firstOutsider, reason: "peerNotSelected", check: 13, advertisement: first.advertisement.name }]
          : [],
      )
      .sort((a, b) => compareText(a.advertisement, b.advertisement) || compareText(a.peer, b.peer));
    const [speaks] = tied;
    return {
      announced: false,
      reason: speaks?.reason ?? "peerNotSelected",
      check: furthest,
      advertisement: speaks?.advertisement ?? first.advertisement.name,
      peer: speaks?.peer ?? null,
      peers: decided,
    };
  }
}

/** Checks 13 and 15 for one pair: "" passes. */
export function judgePair(
  share: Pick<Share, "advertisement" | "barred">,
  peer: PeerVerdict,
  family: Family,
): { readonly reason: ReasonCode | ""; readonly check: number } {
  if (!selectsPeer(share.advertisement, peer.name)) return { reason: "peerNotSelected", check: 13 };
  if (!peer.negotiated[family]) return { reason: "peerFamilyNotNegotiated", check: 13 };
  if (peer.nextHop[family].hop === null || share.barred.includes(peer.name)) return { reason: "noNextHop", check: 15 };
  return { reason: "", check: 0 };
}

/** Checks 1, 3 and 4 for a Service's addresses of a kind; null passes. */
export function serviceObstacle(
  service: Service,
  kind: AddressKind,
  options: { readonly serviceProxyName: string; readonly loadBalancerClass: string },
): ReasonCode | null {
  if (service.metadata.deleting) return "serviceDeleted";
  const proxy = service.metadata.labels[PROXY_LABEL];
  if (proxy !== undefined && Object.hasOwn(service.metadata.labels, PROXY_LABEL) && proxy !== options.serviceProxyName)
    return "foreignProxy";
  const { loadBalancerClass } = service;
  if (kind !== "LoadBalancerIP" || loadBalancerClass === null || loadBalancerClass === "") return null;
  return loadBalancerClass === options.loadBalancerClass ? null : "loadBalancerClassMismatch";
}

export const PROXY_LABEL = "service.kubernetes.io/service-proxy-name";

/** A traffic policy asks for endpoints on the node. Of a ClusterIP either policy does, as Calico has it. */
export function isLocalOnly(service: Service, kind: AddressKind): boolean {
  return service.externalTrafficPolicy === "Local" || (kind === "ClusterIP" && service.internalTrafficPolicy === "Local");
}

/** kube-proxy spreads a ClusterIP over all pods unless internalTrafficPolicy says otherwise: local pods are then no measure. */
export function isWeightOne(service: Service, kind: AddressKind): boolean {
  return kind === "ClusterIP" && service.internalTrafficPolicy !== "Local";
}

/** Whether an advertisement stands for the address itself or for what covers it; `inBlock`: one of its blocks does. */
export function modeOf(advertisement: Advertisement, family: Family, localOnly: boolean, inBlock: boolean): Mode {
  if (localOnly) return "host";
  return inBlock || aggregationLength(advertisement, family) < maxLength(family) ? "covering" : "host";
}

const PASSED = { reason: "", weight: null } as const;
/** The node's own obstacle comes before the endpoints, which then have no say. */
const OBSTRUCTED = { reason: "", weight: null } as const;

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
export function bestOf(
  eligible: readonly Share[],
  peer: PeerVerdict,
  family: Family,
): { readonly reason: ReasonCode | ""; readonly check: number; readonly advertisement: string } {
  let best: { reason: ReasonCode | ""; check: number; advertisement: string } | null = null;
  for (const share of eligible) {
    const verdict = judgePair(share, peer, family);
    if (verdict.check === 0) return { ...verdict, advertisement: share.advertisement.name };
    if (best === null || verdict.check > best.check) best = { ...verdict, advertisement: share.advertisement.name };
  }
  return best ?? { reason: "peerNotSelected", check: 13, advertisement: "" };
}
