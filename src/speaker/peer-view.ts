/** One session as the admin API shows it, and as the metrics count it. */

import { exchangedGracefulRestart } from "../bgp/fsm/negotiation.ts";
import { capabilityCode } from "../bgp/wire/capabilities.ts";
import { afiSafiName, capabilityName, MESSAGE_TYPE, notificationName } from "../bgp/wire/iana.ts";
import type { Capability } from "../bgp/wire/messages.ts";
import { FAMILIES } from "../ip/address.ts";
import { formatRouterId } from "../ip/router-id.ts";
import type { PeerMetrics } from "../metrics.ts";
import type { CapabilityView, GracefulRestartView, LastErrorView, PeerView } from "../view/peers.ts";
import type { BfdStatus } from "./bfd.ts";
import type { Peer } from "./peer.ts";
import { formatRemote } from "./peer-places.ts";
import type { LastError } from "./peer-status.ts";

/** `bfd`: null = the peer is not watched. */
export function viewPeer(peer: Peer, bfd: BfdStatus | null): PeerView {
  const { peer: object, access } = peer.config;
  const { status, counters, received } = peer;
  const { negotiated } = status;
  const up = status.state === "Established";
  return {
    name: peer.name,
    peerAddress: access.remote === null ? null : formatRemote(access.remote),
    peerASN: up && negotiated !== null ? negotiated.peerAsn : object.peerASN,
    localASN: object.myASN,
    state: status.state,
    since: status.since.toISOString(),
    families: up && negotiated !== null ? negotiated.families : object.families,
    routerID: negotiated === null ? null : formatRouterId(negotiated.peerRouterId),
    holdTimeSeconds: up && negotiated !== null ? negotiated.holdTimeSeconds : object.holdTimeSeconds,
    capabilities: {
      sent: negotiated?.capabilities.sent.map(viewCapability) ?? [],
      received: negotiated?.capabilities.received.map(viewCapability) ?? [],
    },
    gracefulRestart: viewGracefulRestart(peer),
    bfd: { state: bfd?.state ?? "", fault: bfd?.fault ?? "" },
    announced: { IPv4: peer.announced("IPv4"), IPv6: peer.announced("IPv6") },
    pending: peer.pending,
    unsendable: peer.unsendable,
    sent: {
      updates: peer.updatesSent,
      keepalives: counters.of("sent", MESSAGE_TYPE.keepalive),
      notifications: counters.of("sent", MESSAGE_TYPE.notification),
    },
    received: {
      updates: received.updates,
      prefixes: received.announced.IPv4 + received.announced.IPv6,
      keepalives: counters.of("received", MESSAGE_TYPE.keepalive),
      treatAsWithdraw: received.treatAsWithdraw,
      attributeDiscard: received.attributeDiscard,
    },
    lastError: status.lastError === null ? null : viewError(status.lastError),
    flaps: status.flaps,
  };
}

export function measurePeer(peer: Peer, bfd: BfdStatus | null): PeerMetrics {
  const { status, received } = peer;
  const up = status.state === "Established";
  return {
    name: peer.name,
    state: status.state,
    flaps: status.flaps,
    holdTimeSeconds: up && status.negotiated !== null ? status.negotiated.holdTimeSeconds : peer.config.peer.holdTimeSeconds,
    announced: Object.fromEntries(FAMILIES.map((family) => [family, peer.announced(family)])),
    pending: peer.pending,
    messages: [...peer.counters.messages(), { direction: "sent", type: "update", count: peer.updatesSent }],
    notifications: peer.counters.notifications(),
    bfd: bfd === null ? null : { up: bfd.state === "Up", detections: bfd.detections },
    updateErrors: {
      treatAsWithdraw: received.treatAsWithdraw,
      attributeDiscard: received.attributeDiscard,
      ignoredFamily: received.ignoredFamilies,
    },
  };
}

/** What the peer does with our routes when this process ends: nothing where one of the two did not offer Graceful Restart. */
function viewGracefulRestart({ config, status: { negotiated, state } }: Peer): GracefulRestartView {
  const { enabled, restartTimeSeconds } = config.peer.gracefulRestart;
  const agreed = state === "Established" && negotiated !== null && exchangedGracefulRestart(negotiated);
  return { enabled, negotiated: agreed, restartTimeSeconds: enabled ? restartTimeSeconds : 0, families: agreed ? negotiated.families : [] };
}

function viewError({ at, direction, code, subcode, text }: LastError): LastErrorView {
  return { at: at.toISOString(), direction, code, subcode, name: code === 0 ? "" : notificationName(code, subcode), text };
}

function viewCapability(capability: Capability): CapabilityView {
  const code = capabilityCode(capability);
  return { code, name: capabilityName(code), value: capabilityValue(capability) };
}

function capabilityValue(capability: Capability): string {
  switch (capability.name) {
    case "multiprotocol":
      return afiSafiName(capability.afi, capability.safi);
    case "extendedNextHop":
      return capability.entries.map(({ afi, safi, nextHopAfi }) => `${afiSafiName(afi, safi)} via afi ${nextHopAfi}`).join(", ");
    case "role":
      return capability.role ?? `role ${capability.code}`;
    case "gracefulRestart": {
      const families = capability.families.map(
        ({ afi, safi, forwarding }) => `${afiSafiName(afi, safi)}${forwarding ? " (forwarding kept)" : ""}`,
      );
      const flags = [capability.restarting ? "restarting" : "", capability.notification ? "notification" : ""];
      return [`${capability.restartTimeSeconds} s`, ...flags, ...families].filter((part) => part !== "").join(", ");
    }
    case "longLivedGracefulRestart":
      return capability.families.map(({ afi, safi, staleSeconds }) => `${afiSafiName(afi, safi)} ${staleSeconds} s`).join(", ");
    case "fourOctetAs":
      return String(capability.asn);
    case "fqdn":
      return capability.domain === "" ? capability.hostname : `${capability.hostname}.${capability.domain}`;
    case "softwareVersion":
      return capability.version;
    case "unknown":
      return `${capability.malformed ? "malformed " : ""}${Buffer.from(capability.value).toString("hex")}`.trim();
    case "routeRefresh":
    case "extendedMessage":
    case "enhancedRouteRefresh":
      return "";
  }
}
