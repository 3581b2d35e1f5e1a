/** Checks 13 and 15. */

import type { Address, Family } from "../../../src/ip/address.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import type { BGPAdvertisement, BGPPeer } from "../../../src/objects/kinds.ts";
import { selectsNode } from "./selection.ts";
import type { World } from "./world.ts";

/** Checks 13 to 15 of one pair; "" passes. `beyond`: check 14 fails. */
export function pairReason(world: World, d: BGPAdvertisement, p: BGPPeer, a: Address, beyond: boolean): string {
  const { name } = p.metadata;
  if (!selectsNode(p, world.me) || (d.peers.length > 0 && !d.peers.includes(name))) return "peerNotSelected";
  const negotiated: readonly string[] = world.facts.sessions.get(name)?.families ?? p.families;
  if (!negotiated.includes(a.family)) return "peerFamilyNotNegotiated";
  if (beyond) return "announcerLimit";
  const hop = nextHopOf(world, p, a.family);
  return hop === null || (hop !== "session" && hop.key === a.key) ? "noNextHop" : "";
}

/** null = none; "session" = assumed. */
function nextHopOf({ facts, me }: World, p: BGPPeer, family: Family): Address | "session" | null {
  const session = facts.sessions.get(p.metadata.name);
  const fixed = family === "IPv4" ? p.nextHop.ipv4 : p.nextHop.ipv6;
  const sessionFamily = session?.localAddress.family ?? p.peerAddress?.family;
  let hop: Address | "session" | null = fixed;
  if (hop === null && p.nextHopSource === "Session" && sessionFamily === family) hop = session?.localAddress ?? "session";
  hop ??= me?.internalIPs.find((one) => one.family === family) ?? null;
  return hop !== null && hop !== "session" && isUseless(hop) ? null : hop;
}

function isUseless(address: Address): boolean {
  const text = formatAddress(address);
  const first = address.octets[0] ?? 0;
  return (
    text === "::" ||
    text === "::1" ||
    text === "0.0.0.0" ||
    (address.family === "IPv6" ? first === 255 : first === 127 || (first >= 224 && first < 240))
  );
}
