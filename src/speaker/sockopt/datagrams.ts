/** UDP sockets of BFD. What the kernel refuses is a {@link SystemCallError}: no socket is left open then. */

import type { Address, Family } from "../../ip/address.ts";
import { AF, deviceName, int, socketAddress } from "./layouts.ts";
import type { SystemCalls } from "./system-calls.ts";
import { type TtlRule, ttlFilter } from "./ttl-filter.ts";

const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Of IPPROTO_IP and IPPROTO_IPV6. */
const NETWORK = { IPv4: { level: 0, ttl: 2, trafficClass: 1 }, IPv6: { level: 41, ttl: 16, trafficClass: 67 } } as const;
const CS6 = 0xc0;
const MAX_TTL = 255;

export interface DatagramOptions {
  readonly family: Family;
  /** null = every address of the host. */
  readonly address: Address | null;
  readonly port: number;
  readonly device: string | null;
}

/** A bound socket that sends with a TTL of 255 as internetwork control. One that nobody may send to yet: see {@link admitSenders}. */
export function openDatagram(calls: SystemCalls, { family, address, port, device }: DatagramOptions): number {
  const { level, ttl, trafficClass } = NETWORK[family];
  const fd = calls.socket(AF[family], SOCK_DGRAM);
  try {
    if (device !== null) calls.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, deviceName(device));
    if (family === "IPv6") calls.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int(1));
    calls.setsockopt(fd, level, ttl, int(MAX_TTL));
    calls.setsockopt(fd, level, trafficClass, int(CS6));
    admitSenders(calls, fd, family, []);
    calls.bind(fd, socketAddress(family, address, port));
  } catch (error) {
    calls.close(fd);
    throw error;
  }
  return fd;
}

/** Packets of these senders arrive where they come with the TTL of their rule (RFC 5881 §5, RFC 5883 §5); all others are dropped in the kernel. */
export function admitSenders(calls: SystemCalls, fd: number, family: Family, rules: readonly TtlRule[]): void {
  calls.attachFilter(fd, ttlFilter(family, rules, "drop"));
}
