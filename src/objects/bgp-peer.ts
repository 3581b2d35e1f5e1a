import { type Family, isLinkLocal } from "../ip/address.ts";
import { parseRouterId } from "../ip/router-id.ts";
import { CAPABILITY_NAMES, parseCapability } from "./capability-names.ts";
import { capabilityRule, ROUTER_ID_RULE } from "./cel.ts";
import { address, asNumber, duration, name, selectors } from "./fields.ts";
import type { BGPPeer, Metadata } from "./kinds.ts";
import { boolean, choice, integer, numberOrText, secret, string, text } from "./scalars.ts";
import type { TypeOf } from "./schema.ts";
import { isPassword, MAX_PASSWORD_OCTETS } from "./secret.ts";
import { list, object, optional, orElse, required, withDefault } from "./structures.ts";

const FAMILY = ["IPv4", "IPv6"] as const satisfies readonly Family[];
const HOLD_SECONDS = 90;

function secretName(description: string) {
  return object(description, {
    name: required(name("Its name.")),
    namespace: orElse(string("Its namespace; that of this object by default.", { minLength: 0, maxLength: 63 }), ""),
  });
}

const tcpAoKey = object("A key.", {
  id: required(integer("KeyID of segments that Herald signs with it.", { min: 0, max: 255 })),
  receiveID: optional(integer("KeyID of segments that the router signs with it; the same by default.", { min: 0, max: 255 })),
  algorithm: withDefault(choice("Algorithm (RFC 5926).", ["HMAC-SHA-1-96", "AES-128-CMAC-96"]), "HMAC-SHA-1-96"),
  passwordSecret: required(secretName("Secret of type kubernetes.io/basic-auth with the key.")),
});

const gracefulRestart = object("Graceful Restart (RFC 4724): the peer keeps our routes while this speaker restarts.", {
  enabled: withDefault(boolean("Offer it."), true),
  restartTime: withDefault(
    duration("How long the peer is asked to wait for us.", { minMillis: 1000, maxMillis: 4_095_000, wholeSeconds: true }),
    "120s",
  ),
  notification: withDefault(
    boolean(
      "Offer the N bit (RFC 8538): routes are kept through NOTIFICATIONs and an expired hold timer too, so those of a dead node stay longer.",
    ),
    false,
  ),
  longLivedStaleTime: optional(
    duration("Long-lived Graceful Restart (RFC 9494): how long the peer is asked to keep stale routes after that.", {
      minMillis: 1000,
      maxMillis: 16_777_215_000,
      wholeSeconds: true,
    }),
  ),
});

/** spec of a BGPPeer. */
export const bgpPeerSpec = object(
  "A router to peer with, and how.",
  {
    myASN: required(integer("Our AS number.", { min: 1, max: 4_294_967_295 })),
    peerASN: required(
      asNumber("The peer's AS number; `internal` or `external` = whatever it says, within that class.", ["internal", "external"]),
    ),
    peerAddress: optional(address("The peer's address.")),
    interface: optional(
      string("Peer over this interface by IPv6 link-local address, found by neighbour discovery.", {
        maxLength: 15,
        pattern: "^[^\\s/]+$",
        allowed: "the name of an interface",
      }),
    ),
    defaultGateway: optional(choice("Peer with the node's default gateway of this family.", FAMILY)),
    peerPort: withDefault(integer("TCP port to dial.", { min: 1, max: 65535 }), 179),
    sourceAddress: optional(address("Local address of the session.")),
    vrf: optional(string("Bind the session to this device.", { maxLength: 15, pattern: "^[^\\s/]+$", allowed: "the name of a device" })),
    holdTime: withDefault(
      duration("Hold time to offer; 0s = no keepalives at all.", {
        minMillis: 3000,
        maxMillis: 65_535_000,
        zero: true,
        wholeSeconds: true,
      }),
      `${HOLD_SECONDS}s`,
    ),
    keepaliveTime: optional(
      duration("Time between KEEPALIVEs; a third of the negotiated hold time by default.", {
        minMillis: 1000,
        maxMillis: 65_535_000,
        wholeSeconds: true,
      }),
    ),
    sendHoldTime: optional(
      duration(
        "How long a router that takes nothing from us is borne (send hold timer, RFC 9687); the longer of 8m and twice the negotiated hold time by default.",
        { minMillis: 1000, maxMillis: 131_070_000, wholeSeconds: true },
      ),
    ),
    connectTime: withDefault(
      duration("Time between attempts to connect.", { minMillis: 1000, maxMillis: 65_535_000, wholeSeconds: true }),
      "5s",
    ),
    ebgpMultiHop: withDefault(boolean("The eBGP peer may be more than one hop away."), false),
    multihopTTL: optional(integer("TTL of our packets.", { min: 1, max: 255 })),
    ttlSecurityHops: optional(integer("GTSM (RFC 5082): accept packets only from at most so many hops away.", { min: 1, max: 254 })),
    password: optional(
      secret(
        "TCP-MD5 password (RFC 2385), in clear text: prefer passwordSecret.",
        { maxLength: MAX_PASSWORD_OCTETS, allowed: "a text of 1..80 octets" },
        isPassword,
      ),
    ),
    passwordSecret: optional(secretName("Secret of type kubernetes.io/basic-auth with the TCP-MD5 password.")),
    tcpAO: orElse(list("Keys of TCP-AO (RFC 5925): the first signs, all are accepted.", tcpAoKey, { max: 8, unique: { key: "id" } }), []),
    bfdProfile: optional(name("Name of the BFDProfile to use.")),
    gracefulRestart: orElse(gracefulRestart, {}),
    families: optional(
      list("Address families to negotiate; that of the session's address by default.", choice("A family.", FAMILY), { min: 1, max: 2 }),
    ),
    extendedNextHop: withDefault(boolean("Announce IPv4 with IPv6 next hops (RFC 8950)."), false),
    nextHopSource: withDefault(
      choice("The next hop: the session's own address, or the Node's InternalIP of the route's family.", ["Session", "NodeInternalIP"]),
      "Session",
    ),
    nextHop: orElse(
      object("A fixed next hop per family, above nextHopSource.", {
        ipv4: optional(address("Next hop of IPv4 routes.", "IPv4")),
        ipv6: optional(address("Next hop of IPv6 routes.", "IPv6")),
      }),
      {},
    ),
    routerID: optional(
      text("BGP Identifier towards this peer.", parseRouterId, {
        maxLength: 15,
        allowed: "a text like an IPv4 address, not 0.0.0.0",
        cel: [ROUTER_ID_RULE],
      }),
    ),
    role: optional(choice("Our BGP role (RFC 9234).", ["provider", "rs", "rs-client", "customer", "peer"])),
    passive: withDefault(boolean("Wait for the peer to dial."), false),
    announceLimit: optional(integer("At most so many prefixes per family; the oldest are kept.", { min: 1, max: 2_147_483_647 })),
    extendedMessages: withDefault(boolean("Offer messages of up to 65535 octets (RFC 8654)."), false),
    omitCapabilities: orElse(
      list(
        "Capabilities never to send, for peers that break on them.",
        numberOrText("Name or code of a capability.", parseCapability, {
          allowed: `a code in 1..255, ${CAPABILITY_NAMES.join(", ")}`,
          cel: [capabilityRule(CAPABILITY_NAMES)],
        }),
        { max: 24 },
      ),
      [],
    ),
    nodeSelectors: orElse(selectors("Nodes that peer; all by default."), []),
    adminDown: optional(
      object("Keep the session down.", {
        reason: orElse(string("Told to the peer (RFC 9003).", { minLength: 0, maxLength: 128 }), ""),
      }),
    ),
  },
  [
    {
      cel: "(has(self.peerAddress) ? 1 : 0) + (has(self.interface) ? 1 : 0) + (has(self.defaultGateway) ? 1 : 0) == 1",
      message: "exactly one of peerAddress, interface and defaultGateway is needed",
      field: "peerAddress",
      holds: (spec) => [spec.peerAddress, spec.interface, spec.defaultGateway].filter((one) => one !== null).length === 1,
    },
    {
      cel: "!has(self.ttlSecurityHops) || (!has(self.multihopTTL) && !(has(self.ebgpMultiHop) && self.ebgpMultiHop))",
      message: "ttlSecurityHops excludes ebgpMultiHop and multihopTTL",
      field: "ttlSecurityHops",
      holds: (spec) => spec.ttlSecurityHops === null || (!spec.ebgpMultiHop && spec.multihopTTL === null),
    },
    {
      cel: "!has(self.keepaliveTime) || !has(self.holdTime) || duration(self.holdTime) == duration('0s') || duration(self.keepaliveTime) < duration(self.holdTime)",
      message: "keepaliveTime must be shorter than holdTime",
      field: "keepaliveTime",
      holds: (spec) => spec.keepaliveTime === null || spec.holdTime === 0 || spec.keepaliveTime < spec.holdTime,
    },
    {
      cel: "!has(self.sendHoldTime) || !has(self.holdTime) || duration(self.sendHoldTime) > duration(self.holdTime)",
      message: "sendHoldTime must be longer than holdTime",
      field: "sendHoldTime",
      holds: (spec) => spec.sendHoldTime === null || spec.sendHoldTime > spec.holdTime,
    },
    {
      cel: "!has(self.password) || !has(self.passwordSecret)",
      message: "password and passwordSecret exclude each other",
      field: "password",
      holds: (spec) => spec.password === null || spec.passwordSecret === null,
    },
    {
      cel: "!has(self.tcpAO) || self.tcpAO.size() == 0 || (!has(self.password) && !has(self.passwordSecret))",
      message: "tcpAO excludes password and passwordSecret: a connection is signed by TCP-AO or by TCP-MD5",
      field: "tcpAO",
      holds: (spec) => spec.tcpAO.length === 0 || (spec.password === null && spec.passwordSecret === null),
    },
    {
      cel: "!has(self.tcpAO) || self.tcpAO.all(a, self.tcpAO.exists_one(b, (has(b.receiveID) ? b.receiveID : b.id) == (has(a.receiveID) ? a.receiveID : a.id)))",
      message: "two keys of tcpAO have one receiveID",
      field: "tcpAO",
      holds: ({ tcpAO }) => new Set(tcpAO.map(({ id, receiveID }) => receiveID ?? id)).size === tcpAO.length,
    },
    {
      cel: "!has(self.families) || self.families.size() < 2 || self.families[0] != self.families[1]",
      message: "a family stands in families twice",
      field: "families",
      holds: ({ families }) => families === null || new Set(families).size === families.length,
    },
    {
      cel: "!has(self.peerAddress) || !self.peerAddress.lowerAscii().matches('^fe[89ab]')",
      message: "a link-local peerAddress is not enough to find the peer: set interface instead",
      field: "peerAddress",
      holds: ({ peerAddress }) => peerAddress === null || !isLinkLocal(peerAddress),
    },
    {
      cel: "!has(self.sourceAddress) || !has(self.peerAddress) || self.sourceAddress.contains(':') == self.peerAddress.contains(':')",
      message: "sourceAddress and peerAddress are of different families",
      field: "sourceAddress",
      holds: ({ sourceAddress, peerAddress }) =>
        sourceAddress === null || peerAddress === null || sourceAddress.family === peerAddress.family,
    },
  ],
);

/** herald.dev/v1alpha1 BGPPeer. */
export function projectBGPPeer(spec: TypeOf<typeof bgpPeerSpec>, metadata: Metadata): BGPPeer {
  const { holdTime, keepaliveTime, sendHoldTime, connectTime, announceLimit, passwordSecret, tcpAO, ...others } = spec;
  const { gracefulRestart: restart, families, ...same } = others;
  const named = (secret: { readonly name: string; readonly namespace: string }) => ({
    name: secret.name,
    namespace: secret.namespace || metadata.namespace,
  });
  return {
    kind: "BGPPeer",
    metadata,
    ...same,
    holdTimeSeconds: holdTime / 1000,
    keepaliveTimeSeconds: keepaliveTime === null ? null : keepaliveTime / 1000,
    sendHoldTimeSeconds: sendHoldTime === null ? null : sendHoldTime / 1000,
    connectTimeSeconds: connectTime / 1000,
    passwordSecret: passwordSecret === null ? null : named(passwordSecret),
    tcpAO: tcpAO.map((key) => ({ ...key, passwordSecret: named(key.passwordSecret) })),
    gracefulRestart: {
      enabled: restart.enabled,
      restartTimeSeconds: restart.restartTime / 1000,
      notification: restart.notification,
      longLivedStaleTimeSeconds: restart.longLivedStaleTime === null ? null : restart.longLivedStaleTime / 1000,
    },
    families: FAMILY.filter((family) => (families ?? [sessionFamily(spec)]).includes(family)),
    announceLimit: { ipv4: announceLimit, ipv6: announceLimit },
    omitCapabilities: [...new Set(spec.omitCapabilities)].sort((a, b) => a - b),
  };
}

/** Family of the address that the session will have: an interface is peered with over IPv6 link-local addresses. */
function sessionFamily(spec: TypeOf<typeof bgpPeerSpec>): Family {
  return spec.peerAddress?.family ?? spec.defaultGateway ?? "IPv6";
}
