import type { Host } from "./fabric.ts";

/** One path of a prefix as a router's own table holds it, in the words that all routers share. */
export interface TablePath {
  readonly nextHop: string;
  readonly asPath: readonly number[];
  /** As the router received or defaulted it. */
  readonly med: number | null;
  readonly localPref: number | null;
  /** `65000:1`, sorted as text. */
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  /** In the words of the product, sorted: BIRD's are the octets (`0x0004fde94cee6b28`), FRR and gobgpd lose some of them (`LB:65001:125000000`). */
  readonly extendedCommunities: readonly string[];
}

/** Prefix → its paths, ordered by next hop. */
export type Table = ReadonlyMap<string, readonly TablePath[]>;

export interface RouterPeer {
  readonly address: string;
  readonly asn: number;
  /** The router waits for the peer's call; else it calls (port 179). */
  readonly passive: boolean;
  readonly families: readonly ("IPv4" | "IPv6")[];
  readonly holdTimeSeconds?: number;
  /** The router's address of this session, where FRR has sessions of both families. */
  readonly localAddress?: string;
  /** The router acts as a two-octet speaker. */
  readonly asn2?: boolean;
  /** The router offers messages of up to 65,535 octets (RFC 8654): BIRD when told so; FRR always does, gobgpd never. */
  readonly extendedMessages?: boolean;
  /** TCP-MD5. */
  readonly password?: string;
  /** GTSM: at most so many hops away. */
  readonly ttlSecurityHops?: number;
  /** The link of a link-local peer, with next hops of RFC 8950 (BIRD). */
  readonly interface?: string;
  /** The peer is up to so many hops away: TTL of what the router sends, in FRR not beside `ttlSecurityHops`. */
  readonly multihop?: number;
  /** Watched by the router's BFD: FRR's bfdd and BIRD. Interval in milliseconds, both ways; three packets to be missed. */
  readonly bfdIntervalMillis?: number;
  /** BIRD treats the end of BFD as the begin of a graceful restart; FRR needs no such word. */
  readonly bfdGraceful?: boolean;
}

export interface RouterSettings {
  readonly asn: number;
  readonly routerId: string;
  /** Local address of the sessions, by family of the peer. */
  readonly address: string;
  readonly peers: readonly RouterPeer[];
}

/** A real BGP daemon on a host of the fabric. */
export interface Router {
  readonly product: "gobgpd" | "FRR" | "BIRD" | "ExaBGP";
  start(): Promise<void>;
  /** Ends it at once, as a crash would, or politely. */
  stop(how: "crash" | "polite"): Promise<void>;
  established(peer: string): boolean;
  table(family: "IPv4" | "IPv6"): Table;
  /** Sends ROUTE-REFRESH to the peer for the family. */
  refresh(peer: string, family: "IPv4" | "IPv6"): void;
}

export type RouterConstructor = new (host: Host, settings: RouterSettings) => Router;

/** Paths in a fixed order, so that tables compare as values. */
export function sortPaths(paths: readonly TablePath[]): readonly TablePath[] {
  return [...paths].sort((a, b) => (a.nextHop < b.nextHop ? -1 : a.nextHop > b.nextHop ? 1 : 0));
}
