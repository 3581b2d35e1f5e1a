/**
 * The other end of an Adj-RIB-Out, as simple as a router can be: it splits the octets into messages, reads them with a decoder of its own (so that a mistake of
 * ours is not made twice), keeps an Adj-RIB-In, and notes whatever a careful router would not want to see.
 */

import type { Family } from "../../src/ip/address.ts";
import type { Prefix } from "../../src/ip/prefix.ts";

/** What the peer holds about a prefix, in comparable form. */
export interface HeldRoute {
  readonly nextHop: string;
  /** AS numbers of AS_PATH. */
  readonly asPath: readonly number[];
  readonly as4Path: readonly number[] | null;
  readonly med: number | null;
  readonly localPref: number | null;
  readonly communities: readonly number[];
  /** Hex of each. */
  readonly extendedCommunities: readonly string[];
  readonly largeCommunities: readonly string[];
}

export interface PeerMessage {
  readonly kind: "update" | "endOfRib" | "beginRefresh" | "endRefresh";
  readonly family: Family;
  readonly announced: readonly string[];
  readonly withdrawn: readonly string[];
  readonly octets: number;
  /** Attribute codes in the order on the wire. */
  readonly codes: readonly number[];
}

export interface RibPeerOptions {
  readonly asn4?: boolean;
  readonly limit?: number;
}

/** Text of a prefix as the peer keys it: `IPv4 c0000201/32`. */
export function peerKey(prefix: Prefix): string {
  return keyOf(prefix.address.family, hex(prefix.address.octets), prefix.length);
}

export class RibPeer {
  readonly table = new Map<string, HeldRoute>();
  readonly messages: PeerMessage[] = [];
  /** Withdrawals of prefixes that were not held. */
  readonly needlessWithdrawals: string[] = [];
  /** Announcements equal to what was held, outside a repetition that somebody asked for. */
  readonly repetitions: string[] = [];
  /** Families of which everything was asked for again, and that have not come to rest since: their prefixes may come again unchanged. */
  readonly repeating = new Set<Family>();
  readonly #asn4: boolean;
  readonly #limit: number;
  /** Held before BoRR and not repeated since (RFC 7313 §4.2). */
  readonly #stale = new Map<Family, Set<string>>();

  constructor(options: RibPeerOptions = {}) {
    this.#asn4 = options.asn4 ?? true;
    this.#limit = options.limit ?? 4096;
  }

  /** Whole messages, as one pull produced them; returns those messages. @throws {Error} for anything malformed. */
  receive(octets: Uint8Array): PeerMessage[] {
    const first = this.messages.length;
    let at = 0;
    while (at < octets.length) {
      const length = u16(octets, at + 16);
      if (length < 19 || length > this.#limit || at + length > octets.length) throw new Error(`message of ${length} octets`);
      if (!octets.subarray(at, at + 16).every((octet) => octet === 0xff)) throw new Error("marker");
      this.#message(octets[at + 18] ?? 0, octets.subarray(at + 19, at + length));
      at += length;
    }
    return this.messages.slice(first);
  }

  /** True when a route held covers the host address given as its prefix. */
  covers(host: Prefix): boolean {
    const bits = binary(hex(host.address.octets));
    return [...this.table.keys()].some((key) => {
      const [family, rest = ""] = key.split(" ");
      const [address = "", length = "0"] = rest.split("/");
      return family === host.address.family && bits.startsWith(binary(address).slice(0, Number(length)));
    });
  }

  #message(type: number, body: Uint8Array): void {
    if (type === 5) {
      const family: Family = u16(body, 0) === 1 ? "IPv4" : "IPv6";
      this.#refreshMarker(family, body[2] ?? 0, body.length + 19);
      return;
    }
    if (type !== 2) throw new Error(`message type ${type}`);
    const withdrawnOctets = u16(body, 0);
    const attributeOctets = u16(body, 2 + withdrawnOctets);
    const attributes = body.subarray(4 + withdrawnOctets, 4 + withdrawnOctets + attributeOctets);
    const nlri = body.subarray(4 + withdrawnOctets + attributeOctets);
    const found = readAttributes(attributes, this.#asn4);
    const withdrawn = [...readNlri("IPv4", body.subarray(2, 2 + withdrawnOctets)), ...found.unreachable];
    const announced = [...readNlri("IPv4", nlri), ...found.reachable];
    const kinds = [withdrawnOctets > 0, nlri.length > 0, found.codes.includes(14), found.codes.includes(15)].filter(Boolean).length;
    if (kinds > 1) throw new Error("an UPDATE carries only one of withdrawn routes, NLRI, MP_REACH and MP_UNREACH (RFC 7606 §5.1)");
    if (announced.length > 0 && found.route === null) throw new Error("NLRI without the mandatory attributes");
    const octets = body.length + 19;
    if (kinds === 0 || (found.codes.includes(15) && withdrawn.length === 0)) {
      const family: Family = kinds === 0 ? "IPv4" : found.family;
      this.messages.push({ kind: "endOfRib", family, announced, withdrawn, octets, codes: found.codes });
      return;
    }
    for (const key of withdrawn) this.#withdraw(key);
    for (const key of announced) if (found.route !== null) this.#announce(key, found.route);
    const family: Family = (announced[0] ?? withdrawn[0] ?? "").startsWith("IPv4") ? "IPv4" : "IPv6";
    this.messages.push({ kind: "update", family, announced, withdrawn, octets, codes: found.codes });
  }

  #announce(key: string, route: HeldRoute): void {
    const before = this.table.get(key);
    const repeating = [...this.repeating].some((family) => key.startsWith(family));
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(route) && !repeating) this.repetitions.push(key);
    this.table.set(key, route);
    for (const stale of this.#stale.values()) stale.delete(key);
  }

  #withdraw(key: string): void {
    if (!this.table.delete(key)) this.needlessWithdrawals.push(key);
    for (const stale of this.#stale.values()) stale.delete(key);
  }

  #refreshMarker(family: Family, subtype: number, octets: number): void {
    const stale = this.#stale.get(family);
    if (subtype === 1 && stale === undefined) {
      this.#stale.set(family, new Set([...this.table.keys()].filter((key) => key.startsWith(family))));
    } else if (subtype === 2 && stale !== undefined) {
      for (const key of stale) this.table.delete(key);
      this.#stale.delete(family);
    } else {
      throw new Error(`refresh marker ${subtype} out of order`);
    }
    const kind = subtype === 1 ? "beginRefresh" : "endRefresh";
    this.messages.push({ kind, family, announced: [], withdrawn: [], octets, codes: [] });
  }
}

interface ReadAttributes {
  readonly codes: number[];
  readonly reachable: string[];
  readonly unreachable: string[];
  readonly family: Family;
  readonly route: HeldRoute | null;
}

function readAttributes(octets: Uint8Array, asn4: boolean): ReadAttributes {
  const values = new Map<number, Uint8Array>();
  const codes: number[] = [];
  for (let at = 0; at < octets.length; ) {
    const flags = octets[at] ?? 0;
    const code = octets[at + 1] ?? 0;
    const extended = (flags & 0x10) !== 0;
    const length = extended ? u16(octets, at + 2) : (octets[at + 2] ?? 0);
    if (extended && length < 256) throw new Error(`attribute ${code}: extended length without need`);
    if ((flags & 0xe0) !== FLAGS.get(code)) throw new Error(`attribute ${code}: flags ${flags.toString(16)}`);
    const start = at + (extended ? 4 : 3);
    if (start + length > octets.length) throw new Error(`attribute ${code} overruns`);
    if (values.has(code)) throw new Error(`attribute ${code} twice`);
    values.set(code, octets.subarray(start, start + length));
    codes.push(code);
    at = start + length;
  }
  // MP attributes first (RFC 7606 §5.1), then ascending.
  const order = codes.filter((code) => code !== 14 && code !== 15);
  if (codes.some((code, i) => (code === 14 || code === 15) && i > 0)) throw new Error("MP attribute not first");
  if (order.some((code, i) => code <= (order[i - 1] ?? 0))) throw new Error(`attributes out of order: ${codes.join()}`);

  const reach = values.get(14);
  const unreach = values.get(15);
  const nextHopOctets = reach?.[3] ?? 0;
  const family: Family = u16(reach ?? unreach ?? new Uint8Array(2), 0) === 2 ? "IPv6" : "IPv4";
  const nextHop = reach === undefined ? values.get(3) : reach.subarray(4, 4 + nextHopOctets);
  const path = values.get(2);
  const asWidth = asn4 ? 4 : 2;
  const route: HeldRoute | null =
    path === undefined || nextHop === undefined || values.get(1)?.[0] !== 0
      ? null
      : {
          nextHop: hex(nextHop),
          asPath: readPath(path, asWidth),
          as4Path: values.has(17) ? readPath(values.get(17) ?? path, 4) : null,
          med: number32(values.get(4)),
          localPref: number32(values.get(5)),
          communities: chunks(values.get(8), 4).map((chunk) => Number.parseInt(chunk, 16)),
          extendedCommunities: chunks(values.get(16), 8),
          largeCommunities: chunks(values.get(32), 12),
        };
  return {
    codes,
    family,
    route,
    reachable: reach === undefined ? [] : readNlri(family, reach.subarray(5 + nextHopOctets)),
    unreachable: unreach === undefined ? [] : readNlri(family, unreach.subarray(3)),
  };
}

const FLAGS = new Map<number, number>([1, 2, 3, 5].map((code) => [code, 0x40]));
for (const code of [4, 14, 15]) FLAGS.set(code, 0x80);
for (const code of [8, 16, 17, 32]) FLAGS.set(code, 0xc0);

/** One AS_SEQUENCE, or nothing. */
function readPath(value: Uint8Array, width: number): number[] {
  if (value.length === 0) return [];
  const count = value[1] ?? 0;
  if (value[0] !== 2 || value.length !== 2 + count * width) throw new Error(`AS_PATH ${hex(value)}`);
  return chunks(value.subarray(2), width).map((chunk) => Number.parseInt(chunk, 16));
}

function readNlri(family: Family, octets: Uint8Array): string[] {
  const size = family === "IPv4" ? 4 : 16;
  const keys: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = octets[at] ?? 0;
    const own = (length + 7) >> 3;
    if (own > size || at + 1 + own > octets.length) throw new Error("NLRI overruns");
    const address = new Uint8Array(size);
    address.set(octets.subarray(at + 1, at + 1 + own));
    keys.push(keyOf(family, hex(address), length));
    at += 1 + own;
  }
  return keys;
}

function keyOf(family: Family, address: string, length: number): string {
  return `${family} ${address}/${length}`;
}

function chunks(value: Uint8Array | undefined, size: number): string[] {
  if (value === undefined) return [];
  if (value.length === 0 || value.length % size !== 0) throw new Error(`attribute of ${value.length} octets`);
  return Array.from({ length: value.length / size }, (_, i) => hex(value.subarray(i * size, (i + 1) * size)));
}

function number32(value: Uint8Array | undefined): number | null {
  return value === undefined ? null : Number.parseInt(hex(value), 16);
}

function u16(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("hex");
}

function binary(hexText: string): string {
  return [...hexText].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")).join("");
}
