/** The state file (docs/semantics.md, "Static stability"): what was announced, as one sealed JSON value. Pure: text in, text out. */

import { PLAIN_ATTRIBUTES, type RouteAttributes } from "../bgp/rib/route.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import { formatAddress, formatPrefix } from "../ip/format.ts";
import { parseAddress, parsePrefix } from "../ip/parse.ts";
import type { Prefix } from "../ip/prefix.ts";
import { formatRouterId, parseRouterId } from "../ip/router-id.ts";
import { bgpPeerManifest, readBGPPeerManifest } from "../objects/bgp-peer-manifest.ts";
import type { BGPPeer } from "../objects/kinds.ts";
import { isRecord } from "../objects/schema.ts";
import type { NextHop } from "../plan/change.ts";
import { sealed, unsealed } from "./state-seal.ts";

/** Rises with every change that an older reader would misread. */
const FORMAT = 1;
/** A clock that was set back a little since is no reason to forget everything. */
const CLOCK_STEP_MILLIS = 5_000;

/** A session as it was sought. */
export interface SavedPeer {
  readonly peer: BGPPeer;
  readonly nextHop: Readonly<Record<Family, NextHop>>;
}

/** A prefix, who wanted it (`namespace/name`), and what each peer was to be told. */
export interface SavedRoute {
  readonly prefix: Prefix;
  readonly owners: readonly string[];
  readonly to: readonly { readonly peer: string; readonly attributes: RouteAttributes }[];
}

export interface StateHeader {
  readonly node: string;
  readonly bootId: string;
  /** When the routes last agreed with a source that was synced, in milliseconds since the epoch. */
  readonly agreedAtEpochMillis: number;
  /** BGP Identifier of the process. */
  readonly routerId: number;
  /** The node was leaving: when the grace period of that drain is over; null = it was not. */
  readonly leavesAtEpochMillis: number | null;
  readonly peers: readonly SavedPeer[];
}

export interface SavedState extends StateHeader {
  readonly routes: readonly SavedRoute[];
}

/** One route as it stands in the file. Attributes that have their plain value are left out. */
export function renderRoute({ prefix, owners, to }: SavedRoute): string {
  const sets = new Map<RouteAttributes, string[]>();
  for (const { peer, attributes } of to) {
    const peers = sets.get(attributes);
    if (peers === undefined) sets.set(attributes, [peer]);
    else peers.push(peer);
  }
  const told = [...sets].map(([attributes, peers]) => ({ peers, attributes: withoutPlain(attributes) }));
  return JSON.stringify({ prefix: formatPrefix(prefix), owners, to: told });
}

/** Pieces of the file in order; null = a moment at which the event loop may turn. */
export function renderState(header: StateHeader, routes: Iterable<string>): Generator<string | null> {
  return sealed(piecesOf(header, routes));
}

function* piecesOf(header: StateHeader, routes: Iterable<string>): Generator<string | null> {
  const head = {
    version: FORMAT,
    node: header.node,
    bootId: header.bootId,
    agreedAt: new Date(header.agreedAtEpochMillis).toISOString(),
    routerID: formatRouterId(header.routerId),
    ...(header.leavesAtEpochMillis === null ? {} : { leavesAt: new Date(header.leavesAtEpochMillis).toISOString() }),
    // A password is never written: a peer that has it in its object waits until objects are read.
    peers: header.peers
      .filter(({ peer }) => peer.password === null)
      .map(({ peer, nextHop }) => ({ nextHop: nextHopTexts(nextHop), object: bgpPeerManifest(peer) })),
  };
  let piece = `${JSON.stringify(head).slice(0, -1)},"routes":[`;
  let separator = "\n";
  for (const route of routes) {
    piece += separator + route;
    separator = ",\n";
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    yield null;
    piece = "";
  }
  yield `${piece}]}`;
}

function withoutPlain(attributes: RouteAttributes): Partial<RouteAttributes> {
  const isSet = (value: unknown): boolean => value !== null && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(attributes).filter(([key, value]) => isSet(value) && !(key === "asPathPrepend" && value === 0)));
}

/** Some 1 ms of work. */
const PIECE_LENGTH = 131_072;

/** Who reads, and when. */
export interface StateReader {
  readonly node: string;
  readonly bootId: string;
  readonly nowEpochMillis: number;
  readonly maxAgeMillis: number;
  readonly heraldNamespace: string;
}

export type StateVerdict =
  | { readonly result: "valid"; readonly state: SavedState }
  /** Not to be used. Damaged ones are worth keeping for whoever wants to know how that happened. */
  | { readonly result: "damaged" | "foreign" | "stale"; readonly why: string };

/** Whether the text is a whole state file that this process may speak from. */
export function readState(text: string, reader: StateReader): StateVerdict {
  const unsealedText = unsealed(text);
  const body = unsealedText === null ? null : recordOf(JSON.parse(unsealedText));
  if (body === null) return { result: "damaged", why: "its checksum does not match: it was cut off or changed" };
  const { version, node, bootId, agreedAt } = body;
  if (version !== FORMAT)
    return { result: "foreign", why: `it has format ${String(version)}, this version of herald reads format ${FORMAT}` };
  if (node !== reader.node) return { result: "foreign", why: `it was written for node ${JSON.stringify(node)}, this is ${reader.node}` };
  if (bootId !== reader.bootId || reader.bootId === "")
    return { result: "foreign", why: "the machine was started anew since it was written" };
  const agreedAtEpochMillis = typeof agreedAt === "string" ? Date.parse(agreedAt) : Number.NaN;
  const state = Number.isFinite(agreedAtEpochMillis) ? stateOf(body, reader, agreedAtEpochMillis) : null;
  if (state === null) return { result: "damaged", why: "its checksum matches, but its content is not what herald writes" };
  const age = reader.nowEpochMillis - agreedAtEpochMillis;
  if (age < -CLOCK_STEP_MILLIS) return { result: "stale", why: `it is dated ${String(agreedAt)}, in the future` };
  if (age > reader.maxAgeMillis) return { result: "stale", why: `it is as of ${String(agreedAt)}, older than stateMaxAge` };
  return { result: "valid", state };
}

function stateOf(body: Readonly<Record<string, unknown>>, reader: StateReader, agreedAtEpochMillis: number): SavedState | null {
  const { routerID, leavesAt = null, peers, routes } = body;
  const routerId = typeof routerID === "string" ? parseRouterId(routerID) : null;
  if (routerId === null || !routerId.ok || !Array.isArray(peers) || !Array.isArray(routes)) return null;
  const savedPeers = peers.map((peer) => peerOf(peer, reader.heraldNamespace));
  const savedRoutes = routes.map(routeOf);
  if (!savedPeers.every((one) => one !== null) || !savedRoutes.every((one) => one !== null)) return null;
  const leavesAtEpochMillis = typeof leavesAt === "string" ? Date.parse(leavesAt) : null;
  if (Number.isNaN(leavesAtEpochMillis) || (leavesAt !== null && leavesAtEpochMillis === null)) return null;
  const { node, bootId } = reader;
  return { node, bootId, agreedAtEpochMillis, routerId: routerId.value, leavesAtEpochMillis, peers: savedPeers, routes: savedRoutes };
}

function peerOf(raw: unknown, heraldNamespace: string): SavedPeer | null {
  const { nextHop, object } = recordOf(raw) ?? NOTHING;
  const hops = recordOf(nextHop);
  const peer = readBGPPeerManifest(object, heraldNamespace);
  if (hops === null || peer === null) return null;
  const [ipv4, ipv6] = FAMILIES.map((family) => nextHopOf(hops[family]));
  return ipv4 === undefined || ipv6 === undefined ? null : { peer, nextHop: { IPv4: ipv4, IPv6: ipv6 } };
}

function nextHopTexts(nextHop: Readonly<Record<Family, NextHop>>): Readonly<Record<Family, string | null>> {
  const words = (hop: NextHop) => (hop === null || hop === "session" ? hop : formatAddress(hop));
  return { IPv4: words(nextHop.IPv4), IPv6: words(nextHop.IPv6) };
}

function nextHopOf(raw: unknown): NextHop | undefined {
  if (raw === null || raw === "session") return raw;
  const parsed = typeof raw === "string" ? parseAddress(raw) : null;
  return parsed?.ok === true ? parsed.value : undefined;
}

function routeOf(raw: unknown): SavedRoute | null {
  const { prefix: written, owners, to } = recordOf(raw) ?? NOTHING;
  const prefix = typeof written === "string" ? parsePrefix(written, { hostBits: "refuse" }) : null;
  if (prefix?.ok !== true || !isTexts(owners) || !Array.isArray(to)) return null;
  const saved: { readonly peer: string; readonly attributes: RouteAttributes }[] = [];
  for (const told of to) {
    const { peers, attributes: set } = recordOf(told) ?? NOTHING;
    const attributes = attributesOf(set);
    if (attributes === null || !isTexts(peers)) return null;
    for (const peer of peers) saved.push({ peer, attributes });
  }
  return { prefix: prefix.value, owners, to: saved };
}

function attributesOf(raw: unknown): RouteAttributes | null {
  const record = recordOf(raw);
  if (record === null) return null;
  // Nearly all there are.
  if (Object.keys(record).length === 0) return PLAIN_ATTRIBUTES;
  const {
    communities,
    largeCommunities,
    extendedCommunities,
    localPref,
    med,
    asPathPrepend,
    linkBandwidth: weight,
  } = { ...PLAIN, ...record };
  const linkBandwidth = linkBandwidthOf(weight);
  if (!isNumbers(communities) || !isTexts(extendedCommunities) || linkBandwidth === undefined) return null;
  if (!Array.isArray(largeCommunities) || !isNumberOrNull(localPref) || !isNumberOrNull(med) || typeof asPathPrepend !== "number")
    return null;
  const large: (readonly [number, number, number])[] = [];
  for (const one of largeCommunities) {
    if (!isNumbers(one) || one.length !== 3) return null;
    large.push([one[0] ?? 0, one[1] ?? 0, one[2] ?? 0]);
  }
  return { communities, largeCommunities: large, extendedCommunities, localPref, med, asPathPrepend, linkBandwidth };
}

function linkBandwidthOf(raw: unknown): RouteAttributes["linkBandwidth"] | undefined {
  if (raw === null) return null;
  const { bytesPerSecond, transitive } = recordOf(raw) ?? NOTHING;
  return typeof bytesPerSecond === "number" && typeof transitive === "boolean" ? { bytesPerSecond, transitive } : undefined;
}

const NOTHING: Readonly<Record<string, unknown>> = {};
const PLAIN: Readonly<Record<string, unknown>> = { ...PLAIN_ATTRIBUTES };

function recordOf(raw: unknown): Readonly<Record<string, unknown>> | null {
  return isRecord(raw) ? raw : null;
}

function isNumberOrNull(raw: unknown): raw is number | null {
  return raw === null || typeof raw === "number";
}

function isNumbers(raw: unknown): raw is number[] {
  return Array.isArray(raw) && raw.every((one) => typeof one === "number");
}

function isTexts(raw: unknown): raw is string[] {
  return Array.isArray(raw) && raw.every((one) => typeof one === "string");
}
