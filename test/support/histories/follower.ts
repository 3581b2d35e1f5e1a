import { formatAddress, formatPrefix } from "../../../src/ip/format.ts";
import type { PlanChange, RouteChange } from "../../../src/plan/change.ts";
import type { ServiceAddress } from "../../../src/plan/report.ts";

/** Two that should say the same do not, or one says what makes no sense. */
export class Disagreement extends Error {
  /** What it is about, in a word or two. */
  readonly subject: string;

  constructor(subject: string, message: string) {
    super(`${subject}: ${message}`);
    this.subject = subject;
  }
}

/** What the router side holds after all changes; every change must be one. */
export class Follower {
  /** `peer prefix` → attributes as JSON. */
  readonly routes = new Map<string, string>();
  /** `service uid family port` → address. */
  readonly probes = new Map<string, string>();
  readonly #peers = new Set<string>();

  take({ routes, peers, probes }: PlanChange): void {
    const seen = new Set<string>();
    for (const { peer, prefix, attributes } of routes) {
      const key = `${peer} ${formatPrefix(prefix)}`;
      if (seen.has(key)) throw new Disagreement("changes", `${key} changes twice at once`);
      seen.add(key);
      if (attributes === null) {
        if (!this.routes.delete(key)) throw new Disagreement("changes", `${key} is withdrawn and was not announced`);
        continue;
      }
      const value = attributesOf(attributes);
      if (this.routes.get(key) === value) throw new Disagreement("changes", `${key} is announced again without a difference`);
      this.routes.set(key, value);
    }
    for (const { name, peer } of peers) {
      if (peer !== null) this.#peers.add(name);
      else if (!this.#peers.delete(name)) throw new Disagreement("changes", `${name} goes and was not there`);
    }
    for (const { service, uid, family, port, address } of probes) {
      const key = `${service} ${uid} ${family} ${port}`;
      const text = address === null ? undefined : formatAddress(address);
      if (this.probes.get(key) === text) throw new Disagreement("changes", `the probe of ${key} changes to what it was`);
      if (text === undefined) this.probes.delete(key);
      else this.probes.set(key, text);
    }
  }
}

function attributesOf(attributes: NonNullable<RouteChange["attributes"]>): string {
  const { communities, largeCommunities, extendedCommunities, localPref, med, asPathPrepend, linkBandwidth } = attributes;
  return JSON.stringify({
    communities,
    large: largeCommunities.map((large) => large.join(":")),
    extended: extendedCommunities,
    localPref,
    med,
    prepend: asPathPrepend,
    linkBandwidth: linkBandwidth?.bytesPerSecond ?? null,
    transitive: linkBandwidth?.transitive ?? null,
  });
}

/** Reasons that may differ from peer to peer. */
const PEERS_OWN = ["peerNotSelected", "peerFamilyNotNegotiated", "announcerLimit", "noNextHop", "heldDown", "announceLimit"];

/** `service address kind` → `announced` or the reason, then the same for every peer where it is the peer's. */
export function decisionsOf(rows: readonly ServiceAddress[]): Map<string, string> {
  return new Map(
    rows.map(({ service: key, address, kind, announced, reason, peers }) => {
      const own = Object.entries(peers).map(([name, one]) => `${name}=${one.announced ? "announced" : one.reason}`);
      const isCommon = !announced && !PEERS_OWN.includes(reason);
      return [`${key} ${address ?? "-"} ${kind ?? "-"}`, [announced ? "announced" : reason, ...(isCommon ? [] : own)].join(" ")];
    }),
  );
}

/** @throws {Disagreement} with the lines that only one of the two has. */
export function compare(subject: string, planner: ReadonlyMap<string, string>, naive: ReadonlyMap<string, string>): void {
  const lines = (map: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>) =>
    [...map].filter(([key, value]) => other.get(key) !== value).map(([key, value]) => `${key} -> ${value}`);
  const only = [
    ...lines(planner, naive).map((line) => `  the planner alone: ${line}`),
    ...lines(naive, planner).map((line) => `  the naive one alone: ${line}`),
  ];
  if (only.length > 0) throw new Disagreement(subject, `they differ\n${only.sort().join("\n")}`);
}
