import type { AdjRibOut } from "../../src/bgp/rib/adj-rib-out.ts";
import { PLAIN_ATTRIBUTES, type RouteAttributes } from "../../src/bgp/rib/route.ts";
import type { OutboundSession } from "../../src/bgp/rib/session-attributes.ts";
import { type Address, addressFromOctets } from "../../src/ip/address.ts";
import { type Prefix, prefixOf } from "../../src/ip/prefix.ts";
import type { PeerMessage, RibPeer } from "./rib-peer.ts";

/** `10.0.0.5` as a value. */
export function v4(text: string): Address {
  return addressFromOctets(Uint8Array.from(text.split("."), Number));
}

/** The IPv6 address whose 32 hex digits begin and end like this. */
export function v6(first: string, last: string): Address {
  return addressFromOctets(Uint8Array.from(Buffer.from(first + last.padStart(32 - first.length, "0"), "hex")));
}

export function prefix4(text: string): Prefix {
  const [address = "", length = "32"] = text.split("/");
  return prefixOf(v4(address), Number(length));
}

/** The n-th of the /32 in 10.0.0.0/8. */
export function host4(n: number): Prefix {
  return prefixOf(addressFromOctets(Uint8Array.of(10, n >>> 16, n >>> 8, n)), 32);
}

/** The n-th of the /128 in 2001:db8::/32. */
export function host6(n: number): Prefix {
  return prefixOf(v6("20010db8", n.toString(16)), 128);
}

export function attributes(changes: Partial<RouteAttributes> = {}): RouteAttributes {
  return { ...PLAIN_ATTRIBUTES, ...changes };
}

export const NEXT_HOP_4 = v4("10.0.0.5");
export const NEXT_HOP_6 = v6("fd00", "5");

/** An eBGP session of AS 4200000001 with both families and nothing special. */
export function session(changes: Partial<OutboundSession> = {}): OutboundSession {
  return {
    localAsn: 4200000001,
    ibgp: false,
    asn4: true,
    extendedNextHop: false,
    enhancedRouteRefresh: false,
    families: ["IPv4", "IPv6"],
    sendLimit: 4096,
    nextHop: { IPv4: NEXT_HOP_4, IPv6: NEXT_HOP_6 },
    ...changes,
  };
}

/** Pulls until nothing comes; the peer's messages of all pulls. */
export function drain(rib: AdjRibOut, peer: RibPeer, buffer = new Uint8Array(65536)): PeerMessage[] {
  const messages: PeerMessage[] = [];
  for (let octets = rib.fill(buffer); octets > 0; octets = rib.fill(buffer)) messages.push(...peer.receive(buffer.subarray(0, octets)));
  return messages;
}
