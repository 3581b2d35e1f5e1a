/** A router advertisement of a host that routes nothing for others (RFC 4861 §4.2, §6.2.3): what makes it an unnumbered neighbour. Needs CAP_NET_RAW. */

import { parseAddress } from "../../ip/parse.ts";
import { int, socketAddress } from "./layouts.ts";
import type { SystemCalls } from "./system-calls.ts";

const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
/** Whoever receives one that came through a router drops it (RFC 4861 §6.1.2). */
const HOP_LIMIT = 255;
const ROUTER_ADVERTISEMENT = 134;
const SOURCE_LINK_LAYER_ADDRESS = 1;
const ALL_NODES = parseAddress("ff02::1");

/** Sends one from the interface's link-local address. @throws {SystemCallError} */
export function sendAdvertisement(calls: SystemCalls, interfaceIndex: number, mac: string): void {
  const fd = calls.socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  try {
    calls.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, int(interfaceIndex));
    calls.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int(HOP_LIMIT));
    // Nor does this host take itself for a router.
    calls.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, int(0));
    calls.send(fd, advertisementOf(mac), socketAddress("IPv6", ALL_NODES.ok ? ALL_NODES.value : null, 0));
  } finally {
    calls.close(fd);
  }
}

/** Router Lifetime 0: "not a default router". The kernel writes the checksum (RFC 3542 §3.1). */
export function advertisementOf(mac: string): Uint8Array {
  const header = new Uint8Array(16);
  header[0] = ROUTER_ADVERTISEMENT;
  const octets = Buffer.from(mac.replaceAll(":", ""), "hex");
  return octets.length === 6 ? Uint8Array.of(...header, SOURCE_LINK_LAYER_ADDRESS, 1, ...octets) : header;
}
