/**
 * JavaScript is compiled while it runs: the first dump of a fresh process takes five times as long as the second. So the path of a dump is walked a few times over a
 * private table before the first session, while the process waits for the network anyway.
 */

import { ADDRESS_OCTETS, addressFromOctets, FAMILIES, type Family } from "../../ip/address.ts";
import { hostPrefix } from "../../ip/prefix.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import { AttributeTable } from "./attribute-table.ts";
import { PrefixTable } from "./prefix-table.ts";
import { PLAIN_ATTRIBUTES } from "./route.ts";

const ROUTES = 1000;
const LIMIT = 4096;

/** How often {@link rehearse} is worth calling; each takes a few milliseconds and leaves nothing behind. */
export const REHEARSALS = 4;

/** Announces and withdraws some thousand routes of either family to nobody. Returns the octets that would have been sent. */
export function rehearse(): number {
  return FAMILIES.reduce((octets, family) => octets + rehearseFamily(family), 0);
}

function rehearseFamily(family: Family): number {
  const rib = new AdjRibOut(new PrefixTable(), new AttributeTable());
  const octets = new Uint8Array(ADDRESS_OCTETS[family]);
  const nextHop = addressFromOctets(octets.slice());
  for (let n = 0; n < ROUTES; n++) {
    octets[octets.length - 1] = n & 0xff;
    octets[octets.length - 2] = n >> 8;
    rib.want(hostPrefix(addressFromOctets(octets.slice())), PLAIN_ATTRIBUTES);
  }
  rib.open({
    localAsn: 1,
    ibgp: false,
    asn4: true,
    extendedNextHop: false,
    enhancedRouteRefresh: false,
    families: [family],
    sendLimit: LIMIT,
    nextHop: { IPv4: nextHop, IPv6: nextHop },
  });
  rib.allowEndOfRib();
  return drain(rib, new Uint8Array(16 * LIMIT));
}

function drain(rib: AdjRibOut, buffer: Uint8Array): number {
  let sum = 0;
  for (let octets = rib.fill(buffer); octets > 0; octets = rib.fill(buffer)) sum += octets;
  return sum;
}
