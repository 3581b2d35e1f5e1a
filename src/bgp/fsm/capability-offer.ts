/** Our OPEN: what the settings of a peer say on the wire (RFC 4271 §4.2, RFC 5492). */

import { capabilityCode } from "../wire/capabilities.ts";
import { AFI, AS_TRANS, CAPABILITY, FAMILY_CODES, ROLES, SAFI } from "../wire/iana.ts";
import type { Capability, OpenMessage } from "../wire/messages.ts";
import type { SessionSettings } from "./session.ts";

/** RFC 8654 §3 and RFC 4271 §4.1: octets of the longest message with and without extended messages. */
export const MESSAGE_LIMIT = { standard: 4096, extended: 65_535 } as const;

/** The OPEN to send. `restarting` is the R bit: true until a session with this peer was first Established (RFC 4724 §3). */
export function openOf(settings: SessionSettings, restarting: boolean): OpenMessage {
  return {
    name: "open",
    version: 4,
    myAs: settings.localAsn > 0xffff ? AS_TRANS : settings.localAsn,
    holdTimeSeconds: settings.holdTimeSeconds,
    bgpIdentifier: settings.routerId,
    capabilities: capabilitiesOf(settings, restarting),
  };
}

/** In ascending order of codes, without those left out by `omitCapabilities`. */
function capabilitiesOf(settings: SessionSettings, restarting: boolean): readonly Capability[] {
  const families = (["IPv4", "IPv6"] as const).filter((family) => settings.families.includes(family)).map((family) => FAMILY_CODES[family]);
  const offered: Capability[] = families.map((family) => ({ name: "multiprotocol", ...family }));
  offered.push({ name: "routeRefresh" });
  if (settings.extendedNextHop && settings.families.includes("IPv4")) {
    offered.push({ name: "extendedNextHop", entries: [{ afi: AFI.ipv4, safi: SAFI.unicast, nextHopAfi: AFI.ipv6 }] });
  }
  if (settings.extendedMessages) offered.push({ name: "extendedMessage" });
  if (settings.role !== null) offered.push({ name: "role", role: settings.role, code: ROLES.indexOf(settings.role) });
  const restart = settings.gracefulRestart;
  const forwarding = restart !== null && (!restarting || restart.forwardingPreserved);
  if (restart !== null) {
    const { restartTimeSeconds, notification } = restart;
    offered.push({
      name: "gracefulRestart",
      restarting,
      notification,
      restartTimeSeconds,
      families: families.map((family) => ({ ...family, forwarding })),
    });
  }
  offered.push({ name: "fourOctetAs", asn: settings.localAsn });
  if (settings.enhancedRouteRefresh) offered.push({ name: "enhancedRouteRefresh" });
  // Means nothing without Graceful Restart (RFC 9494 §4.2).
  const staleSeconds = restart?.longLivedStaleTimeSeconds;
  if (staleSeconds !== undefined && !settings.omitCapabilities.includes(CAPABILITY.gracefulRestart)) {
    offered.push({ name: "longLivedGracefulRestart", families: families.map((family) => ({ ...family, forwarding, staleSeconds })) });
  }
  return offered.filter((capability) => !settings.omitCapabilities.includes(capabilityCode(capability)));
}
