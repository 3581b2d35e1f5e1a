/** TCP sockets with the options of one session. What the kernel refuses is a {@link SystemCallError}: no socket is left open then. */

import type { Address, Family } from "../../ip/address.ts";
import { AF, deviceName, int, md5Signature, socketAddress } from "./layouts.ts";
import type { SystemCalls } from "./system-calls.ts";
import { type AoKey, addAoKeys, changesAoKey, chooseAoKey, sameAoKey } from "./tcp-ao.ts";
import { dialFilter, type TtlRule, ttlFilter } from "./ttl-filter.ts";

/** What one session asks of its socket. */
export interface StreamOptions {
  /** TTL or hop limit of our packets; null = the system's default. */
  readonly ttl: number | null;
  /** Packets that come with less are dropped (RFC 5082 §3); null = none are. */
  readonly minimumTtl: number | null;
  /** Device or VRF that the session is bound to. */
  readonly device: string | null;
  /** TCP-MD5 (RFC 2385). */
  readonly md5Key: string | null;
  /** TCP-AO: the first signs, all are accepted; none = the session is not signed by it. */
  readonly aoKeys: readonly AoKey[];
  /** The kernel gives the connection up when our OPEN stays unacknowledged for so long: what GTSM drops is lost without a word. */
  readonly openTimeoutMillis: number;
  /** The same for everything that is sent once the session is up ({@link setUserTimeout}). */
  readonly userTimeoutMillis: number;
}

const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const IPPROTO_TCP = 6;
const TCP_MD5SIG = 14;
const TCP_USER_TIMEOUT = 18;
const TCP_MD5SIG_EXT = 32;
/** Of IPPROTO_IP and IPPROTO_IPV6. */
const NETWORK = {
  IPv4: { level: 0, ttl: 2, minimumTtl: 21, trafficClass: 1 },
  IPv6: { level: 41, ttl: 16, minimumTtl: 73, trafficClass: 67 },
} as const satisfies Record<Family, unknown>;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Class Selector 6, internetwork control (RFC 4594 §3.1). */
export const CS6 = 0xc0;
const MAX_TTL = 255;
/** Back to the default of the system. */
const DEFAULT_TTL = -1;

/** A socket that has everything but its connection; from `sourceAddress` where there is one. */
export function openStream(calls: SystemCalls, peer: Address, sourceAddress: Address | null, options: StreamOptions): number {
  return openWith(calls, peer.family, (fd) => {
    if (options.device !== null) calls.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, deviceName(options.device));
    applyOptions(calls, fd, peer, options);
    addAoKeys(calls, fd, peer, options.aoKeys);
    if (options.minimumTtl !== null) calls.attachFilter(fd, dialFilter(peer.family, options.minimumTtl));
    if (sourceAddress !== null) calls.bind(fd, socketAddress(peer.family, sourceAddress, 0));
  });
}

/** Gives an accepted connection what its own session asks for. Key, filter and class of traffic it has from its listener. */
export function shapeAccepted(calls: SystemCalls, fd: number, peer: Address, options: StreamOptions): void {
  applyOptions(calls, fd, peer, options);
  const [aoKey] = options.aoKeys;
  if (aoKey !== undefined) chooseAoKey(calls, fd, aoKey);
  const { level, minimumTtl } = NETWORK[peer.family];
  if (options.minimumTtl !== null) calls.setsockopt(fd, level, minimumTtl, int(options.minimumTtl));
}

/** A socket bound to `address`, to listen on. It answers with the TTL that GTSM needs: the SYN-ACK is sent before anybody knows whose it is. */
export function openListener(calls: SystemCalls, address: Address, port: number): number {
  const { family } = address;
  return openWith(calls, family, (fd) => {
    calls.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int(1));
    if (family === "IPv6") calls.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int(1));
    calls.setsockopt(fd, NETWORK[family].level, NETWORK[family].ttl, int(MAX_TTL));
    calls.setsockopt(fd, NETWORK[family].level, NETWORK[family].trafficClass, int(CS6));
    calls.bind(fd, socketAddress(family, address, port));
  });
}

/** The key of segments exchanged with `peer`, on a listener or a connection; null = they bear none. */
export function setMd5Key(calls: SystemCalls, fd: number, peer: Address, key: string | null): void {
  calls.setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, md5Signature(peer, key));
}

/** One key for everybody in a prefix, on a listener (TCP_MD5SIG_EXT, Linux 4.13). */
export function setMd5PrefixKey(calls: SystemCalls, fd: number, network: Address, length: number, key: string | null): void {
  calls.setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, md5Signature(network, key, length));
}

/** True when both sign and check alike. */
export function sameKeys(one: StreamOptions, other: StreamOptions): boolean {
  const { length } = one.aoKeys;
  return (
    one.md5Key === other.md5Key && length === other.aoKeys.length && one.aoKeys.every((key, n) => sameAoKey(key, other.aoKeys[n] ?? key))
  );
}

/** True when a connection that is up cannot take the new keys over. */
export function replacesKey(before: StreamOptions, after: StreamOptions): boolean {
  return changesAoKey(before.aoKeys, after.aoKeys);
}

/** How long data may stay unacknowledged, or a peer's window shut, until the kernel ends the connection (RFC 5482). */
export function setUserTimeout(calls: SystemCalls, fd: number, millis: number): void {
  calls.setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, int(millis));
}

/** Drops segments of these senders that come from too far, a SYN included, before the listener or a connection accepted from it sees them. */
export function setTtlRules(calls: SystemCalls, fd: number, family: Family, rules: readonly TtlRule[]): void {
  calls.attachFilter(fd, ttlFilter(family, rules, "accept"));
}

/** The descriptor under a socket or server of Node's; null = it is closed, or no such thing. */
export function descriptorOf(socket: object): number | null {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) return null;
  const fd: unknown = Reflect.get(handle, "fd");
  return typeof fd === "number" && fd >= 0 ? fd : null;
}

function applyOptions(calls: SystemCalls, fd: number, peer: Address, options: StreamOptions): void {
  const { level, ttl, trafficClass } = NETWORK[peer.family];
  calls.setsockopt(fd, level, ttl, int(options.ttl ?? DEFAULT_TTL));
  calls.setsockopt(fd, level, trafficClass, int(CS6));
  if (options.md5Key !== null) setMd5Key(calls, fd, peer, options.md5Key);
  setUserTimeout(calls, fd, options.openTimeoutMillis);
}

function openWith(calls: SystemCalls, family: Family, prepare: (fd: number) => void): number {
  const fd = calls.socket(AF[family], SOCK_STREAM);
  try {
    prepare(fd);
  } catch (error) {
    calls.close(fd);
    throw error;
  }
  return fd;
}
