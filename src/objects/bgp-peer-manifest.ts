import { formatAddress } from "../ip/format.ts";
import { formatRouterId } from "../ip/router-id.ts";
import { formatDuration } from "../text/duration.ts";
import { checkObject } from "./check.ts";
import { NOWHERE } from "./findings.ts";
import type { BGPPeer } from "./kinds.ts";

/**
 * A BGPPeer as a person would have written it, every default spelt out: what reads it back checks and completes it like any other object, so that a
 * file of another version of Herald can be read too. {@link readBGPPeerManifest} of it is an equal value.
 */
export function bgpPeerManifest(peer: BGPPeer): Readonly<Record<string, unknown>> {
  const { metadata, gracefulRestart: restart, nextHop, announceLimit } = peer;
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, labels, annotations } = metadata;
  return {
    apiVersion: "herald.dev/v1alpha1",
    kind: "BGPPeer",
    metadata: { name, namespace, uid, resourceVersion, generation, creationTimestamp, labels, annotations },
    spec: withoutNulls({
      myASN: peer.myASN,
      peerASN: peer.peerASN,
      peerAddress: peer.peerAddress === null ? null : formatAddress(peer.peerAddress),
      interface: peer.interface,
      defaultGateway: peer.defaultGateway,
      peerPort: peer.peerPort,
      sourceAddress: peer.sourceAddress === null ? null : formatAddress(peer.sourceAddress),
      vrf: peer.vrf,
      holdTime: seconds(peer.holdTimeSeconds),
      keepaliveTime: peer.keepaliveTimeSeconds === null ? null : seconds(peer.keepaliveTimeSeconds),
      sendHoldTime: peer.sendHoldTimeSeconds === null ? null : seconds(peer.sendHoldTimeSeconds),
      connectTime: seconds(peer.connectTimeSeconds),
      ebgpMultiHop: peer.ebgpMultiHop,
      multihopTTL: peer.multihopTTL,
      ttlSecurityHops: peer.ttlSecurityHops,
      password: peer.password,
      passwordSecret: peer.passwordSecret,
      tcpAO: peer.tcpAO.map((key) => withoutNulls({ ...key })),
      bfdProfile: peer.bfdProfile,
      gracefulRestart: withoutNulls({
        enabled: restart.enabled,
        restartTime: seconds(restart.restartTimeSeconds),
        notification: restart.notification,
        longLivedStaleTime: restart.longLivedStaleTimeSeconds === null ? null : seconds(restart.longLivedStaleTimeSeconds),
      }),
      families: peer.families,
      extendedNextHop: peer.extendedNextHop,
      nextHopSource: peer.nextHopSource,
      nextHop: withoutNulls({
        ipv4: nextHop.ipv4 === null ? null : formatAddress(nextHop.ipv4),
        ipv6: nextHop.ipv6 === null ? null : formatAddress(nextHop.ipv6),
      }),
      routerID: peer.routerID === null ? null : formatRouterId(peer.routerID),
      role: peer.role,
      passive: peer.passive,
      // One number for both families, as the object has it.
      announceLimit: announceLimit.ipv4,
      extendedMessages: peer.extendedMessages,
      omitCapabilities: peer.omitCapabilities,
      nodeSelectors: peer.nodeSelectors,
      adminDown: peer.adminDown,
    }),
  };
}

/** The peer that such a manifest describes; null where it is refused. */
export function readBGPPeerManifest(raw: unknown, heraldNamespace: string): BGPPeer | null {
  const checked = checkObject(raw, NOWHERE, { heraldNamespace });
  return checked.result === "object" && checked.object.kind === "BGPPeer" ? checked.object : null;
}

function seconds(value: number): string {
  return formatDuration(value * 1000);
}

function withoutNulls(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
}
