/** What two OPENs agree on, and why one is refused (RFC 4271 §6.2, RFC 5492, RFC 6286, RFC 6793, RFC 7607, RFC 9234). */

import { WireError } from "../../errors.ts";
import type { Family } from "../../ip/address.ts";
import { FAMILIES } from "../../ip/address.ts";
import { encodeCapabilities } from "../wire/capabilities.ts";
import type { Role } from "../wire/iana.ts";
import { AFI, AS_TRANS, familyOf, OPEN_ERROR, SAFI } from "../wire/iana.ts";
import type { Capability, OpenMessage } from "../wire/messages.ts";
import { MESSAGE_LIMIT } from "./capability-offer.ts";
import type { Millis, Negotiated, SessionSettings } from "./session.ts";

/** The pairs of RFC 9234 §4.2: our role and the one the peer must have. */
const COUNTERPART = {
  provider: "customer",
  customer: "provider",
  rs: "rs-client",
  "rs-client": "rs",
  peer: "peer",
} as const satisfies Record<Role, Role>;

/** What we send under this role is for customers only from there on: it bears OTC (RFC 9234 §5). */
export function marksRoutes(role: Role | null): boolean {
  return role === "provider" || role === "peer" || role === "rs";
}

/** Capability of routers older than RFC 2918, some of which send no other. */
const OLD_ROUTE_REFRESH = 128;

/**
 * Checks the peer's OPEN against ours and the settings.
 * @throws {WireError} 2/1, 2/2, 2/3, 2/6, 2/7 or 2/11, whose message tells what to check.
 */
export function negotiate(settings: SessionSettings, sent: OpenMessage, received: OpenMessage): Negotiated {
  if (received.version !== 4) {
    // Data: the version we do speak, two octets (RFC 4271 §6.2).
    throw new WireError(OPEN_ERROR.unsupportedVersion, `the router speaks BGP version ${received.version}, only 4 is understood`, {
      data: Uint8Array.of(0, 4),
    });
  }
  const peerAsn = checkedAsn(settings, received);
  const ibgp = peerAsn === settings.localAsn;
  checkIdentifier(settings, received, ibgp);
  if (!ibgp) checkRole(sent, received);
  const families = commonFamilies(sent, received);
  const holdTimeSeconds = negotiatedHoldTime(sent, received);
  const both = (name: Capability["name"]) => has(sent, name) && has(received, name);
  const restart = lastOf(received, "gracefulRestart");
  return {
    families,
    holdTimeSeconds,
    keepaliveMillis: keepaliveMillis(settings, holdTimeSeconds),
    peerAsn,
    peerRouterId: received.bgpIdentifier,
    ibgp,
    asn4: both("fourOctetAs"),
    extendedNextHop: families.includes("IPv4") && takesIpv6NextHop(sent) && takesIpv6NextHop(received),
    sendLimit: both("extendedMessage") ? MESSAGE_LIMIT.extended : MESSAGE_LIMIT.standard,
    receiveLimit: has(sent, "extendedMessage") ? MESSAGE_LIMIT.extended : MESSAGE_LIMIT.standard,
    routeRefresh: both("routeRefresh"),
    enhancedRouteRefresh: both("enhancedRouteRefresh"),
    peerGracefulRestart:
      restart === undefined
        ? null
        : { restarting: restart.restarting, notification: restart.notification, restartTimeSeconds: restart.restartTimeSeconds },
    capabilities: { sent: sent.capabilities, received: received.capabilities },
  };
}

/** True when the settings take this AS number for the peer's. */
export function acceptsAsn(settings: SessionSettings, asn: number): boolean {
  switch (settings.peerAsn.kind) {
    case "number":
      return asn === settings.peerAsn.asn;
    case "internal":
      return asn === settings.localAsn;
    case "external":
      return asn !== settings.localAsn;
  }
}

/** Both sides offered Graceful Restart (RFC 4724): a TCP connection that just ends keeps our routes at the peer. */
export function exchangedGracefulRestart(negotiated: Negotiated): boolean {
  return negotiated.peerGracefulRestart !== null && negotiated.capabilities.sent.some(({ name }) => name === "gracefulRestart");
}

/** Both sides set the N bit (RFC 8538 §2): only a Hard Reset makes the peer drop our routes. */
export function exchangedNotificationBit(negotiated: Negotiated): boolean {
  const ours = negotiated.capabilities.sent.find((capability) => capability.name === "gracefulRestart");
  return ours?.notification === true && negotiated.peerGracefulRestart?.notification === true;
}

/** A third of the hold time, or what was configured, scaled when a shorter hold time was agreed on; never more than a third, at least 1 s. */
export function keepaliveMillis(settings: SessionSettings, holdTimeSeconds: number): Millis {
  if (holdTimeSeconds === 0) return 0;
  const third = (holdTimeSeconds * 1000) / 3;
  const { keepaliveTimeSeconds: configured, holdTimeSeconds: offered } = settings;
  const wanted = configured === null || offered === 0 ? third : (configured * 1000 * holdTimeSeconds) / offered;
  return Math.max(1000, Math.round(Math.min(third, wanted)));
}

/** Capability 65 is the truth where it is present (RFC 6793 §4.1); 0 and AS_TRANS are nobody's number (RFC 7607, RFC 6793 §9). */
function checkedAsn(settings: SessionSettings, received: OpenMessage): number {
  const asn = lastOf(received, "fourOctetAs")?.asn ?? received.myAs;
  if (asn === 0 || received.myAs === 0)
    throw new WireError(OPEN_ERROR.badPeerAs, "the router says its AS number is 0, which RFC 7607 bars");
  if (asn === AS_TRANS) {
    throw new WireError(
      OPEN_ERROR.badPeerAs,
      `the router says AS ${AS_TRANS} (AS_TRANS) without its four-octet number: is capability 65 switched off there?`,
    );
  }
  if (!acceptsAsn(settings, asn)) {
    const { peerAsn } = settings;
    const expected =
      peerAsn.kind === "number"
        ? `peerASN here is ${peerAsn.asn}`
        : peerAsn.kind === "internal"
          ? `peerASN here is internal (${settings.localAsn})`
          : `peerASN here is external, and ${asn} is our own`;
    throw new WireError(OPEN_ERROR.badPeerAs, `the router says it is AS ${asn}, ${expected}: check peerASN and the router's own AS number`);
  }
  return asn;
}

/** RFC 6286 §2.1: not zero, and inside one AS unique. */
function checkIdentifier(settings: SessionSettings, received: OpenMessage, ibgp: boolean): void {
  const id = received.bgpIdentifier;
  if (id === 0) throw new WireError(OPEN_ERROR.badBgpIdentifier, "the router's BGP identifier is 0.0.0.0: give it a router ID");
  if (ibgp && id === settings.routerId) {
    throw new WireError(
      OPEN_ERROR.badBgpIdentifier,
      "the router has this node's BGP identifier, in the same AS: set routerID here or there",
    );
  }
}

/** A mismatch only where both sent a role (RFC 9234 §4.2, not strict); several different ones are refused always. */
function checkRole(sent: OpenMessage, received: OpenMessage): void {
  const roles = received.capabilities.filter((capability) => capability.name === "role");
  const [first] = roles;
  if (first === undefined) return;
  if (roles.some(({ code }) => code !== first.code))
    throw new WireError(OPEN_ERROR.roleMismatch, "the router sent two different BGP roles");
  const ours = lastOf(sent, "role")?.role ?? null;
  if (ours === null) return;
  const wanted = COUNTERPART[ours];
  if (first.role !== wanted) {
    const theirs = first.role ?? `code ${first.code}`;
    throw new WireError(
      OPEN_ERROR.roleMismatch,
      `the router has BGP role ${theirs}, but to our role ${ours} belongs ${wanted}: check role on both sides`,
    );
  }
}

/** An OPEN without the multiprotocol capability stands for IPv4 alone (RFC 4760 §8). Nothing in common makes the session useless: 2/7. */
function commonFamilies(sent: OpenMessage, received: OpenMessage): readonly Family[] {
  const ours = familiesIn(sent);
  const theirs = familiesIn(received);
  const common = FAMILIES.filter((family) => ours.includes(family) && theirs.includes(family));
  if (common.length === 0) {
    const required = sent.capabilities.filter(({ name }) => name === "multiprotocol");
    throw new WireError(
      OPEN_ERROR.unsupportedCapability,
      `no address family in common: we offer ${ours.join(", ")}, the router ${theirs.join(", ") || "none of IPv4 and IPv6 unicast"}: activate one there`,
      { data: encodeCapabilities(required) },
    );
  }
  return common;
}

function familiesIn(open: OpenMessage): readonly Family[] {
  const offered = open.capabilities.filter((capability) => capability.name === "multiprotocol");
  if (offered.length === 0) return ["IPv4"];
  return FAMILIES.filter((family) => offered.some(({ afi, safi }) => familyOf(afi, safi) === family));
}

/** RFC 4271 §4.2: the smaller one; 1 and 2 are refused, with the offered value as data. */
function negotiatedHoldTime(sent: OpenMessage, received: OpenMessage): number {
  const offered = received.holdTimeSeconds;
  if (offered === 1 || offered === 2) {
    throw new WireError(OPEN_ERROR.unacceptableHoldTime, `the router offers a hold time of ${offered} s: it must be 0 or at least 3 s`, {
      data: Uint8Array.of(0, offered),
    });
  }
  return Math.min(sent.holdTimeSeconds, offered);
}

function takesIpv6NextHop(open: OpenMessage): boolean {
  return open.capabilities.some(
    (capability) =>
      capability.name === "extendedNextHop" &&
      capability.entries.some(({ afi, safi, nextHopAfi }) => afi === AFI.ipv4 && safi === SAFI.unicast && nextHopAfi === AFI.ipv6),
  );
}

function has(open: OpenMessage, name: Capability["name"]): boolean {
  return open.capabilities.some((capability) => capability.name === name || (name === "routeRefresh" && isOldRouteRefresh(capability)));
}

function isOldRouteRefresh(capability: Capability): boolean {
  return capability.name === "unknown" && capability.code === OLD_ROUTE_REFRESH;
}

/** Of a repeated capability the last counts (RFC 4724 §3 says so of its own). */
function lastOf<Name extends Capability["name"]>(open: OpenMessage, name: Name): Extract<Capability, { readonly name: Name }> | undefined {
  const isWanted = (capability: Capability): capability is Extract<Capability, { readonly name: Name }> => capability.name === name;
  return open.capabilities.filter(isWanted).at(-1);
}
