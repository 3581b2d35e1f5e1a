import type { SPECS } from "./raw-objects.ts";

/** Specs, right and wrong, that the API server (by the CRD) and Herald's own check must judge alike. */
export interface SpecCase {
  readonly kind: keyof typeof SPECS;
  /** Over the smallest right spec of the kind. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly right: boolean;
}

type Spec = SpecCase["spec"];

function cases(kind: SpecCase["kind"], { right, wrong }: { readonly right: readonly Spec[]; readonly wrong: readonly Spec[] }): SpecCase[] {
  return [...right.map((spec) => ({ kind, spec, right: true })), ...wrong.map((spec) => ({ kind, spec, right: false }))];
}

/** One field with each of several values. */
function each(field: string, ...values: readonly unknown[]): Spec[] {
  return values.map((value) => ({ [field]: value }));
}

const AO_KEY = { id: 1, passwordSecret: { name: "ao" } };

export const SPEC_CASES: readonly SpecCase[] = [
  ...cases("BGPPeer", {
    right: [
      {},
      ...each("myASN", 1, 4_294_967_295),
      ...each("peerASN", "internal", "external", "65001", 65001, 4_294_967_295),
      ...each("peerAddress", "2001:db8::1", "2001:DB8:0:0::1", "::ffff:192.0.2.9", "127.0.0.1", "10.0.0.1"),
      { peerAddress: undefined, interface: "eth0" },
      { peerAddress: undefined, defaultGateway: "IPv6" },
      ...each("peerPort", 1, 65535),
      ...each("sourceAddress", "192.0.2.7"),
      ...each("vrf", "red"),
      ...each("holdTime", "0s", "3s", "1h30m", "65535s", "90000ms"),
      ...each("keepaliveTime", "30s"),
      ...each("sendHoldTime", "91s", "131070s"),
      { holdTime: "3s", sendHoldTime: "4s" },
      { holdTime: "0s", sendHoldTime: "1s" },
      ...each("connectTime", "1m", "1.0s"),
      ...each("ebgpMultiHop", true),
      ...each("multihopTTL", 1, 255),
      ...each("ttlSecurityHops", 1, 254),
      ...each("password", "secret"),
      ...each("passwordSecret", { name: "tor" }, { name: "tor", namespace: "keys" }),
      ...each("tcpAO", [], [AO_KEY], [AO_KEY, { ...AO_KEY, id: 2, receiveID: 255, algorithm: "AES-128-CMAC-96" }]),
      { tcpAO: [], password: "x" },
      ...each("bfdProfile", "fast"),
      ...each("gracefulRestart", {}, { enabled: false, restartTime: "4095s", notification: true, longLivedStaleTime: "1h" }),
      ...each("families", ["IPv4"], ["IPv6", "IPv4"]),
      ...each("nextHopSource", "NodeInternalIP"),
      ...each("nextHop", {}, { ipv4: "192.0.2.2", ipv6: "2001:db8::2" }, { ipv4: "::ffff:192.0.2.2" }),
      ...each("routerID", "10.0.0.1", "255.255.255.255"),
      ...each("role", "rs-client"),
      ...each("announceLimit", 100),
      ...each("omitCapabilities", ["route-refresh", 65, "64"], []),
      ...each(
        "nodeSelectors",
        [{}],
        [{ matchLabels: { rack: "a" } }],
        [{ matchExpressions: [{ key: "a", operator: "In", values: [""] }] }],
      ),
      ...each("adminDown", {}, { reason: "maintenance" }),
    ],
    wrong: [
      ...each("myASN", undefined, 0, 4_294_967_296, "64512", 1.5),
      ...each("peerASN", undefined, "intern", "1.10", 0, "0", "01", true),
      ...each("peerAddress", "192.0.2", "192.0.2.1/32", "010.0.0.1", "fe80::1%eth0", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::"),
      ...each("peerAddress", "255.255.255.255", "240.0.0.1", "0.1.2.3", undefined, "", " 192.0.2.1", "[2001:db8::1]", 7),
      ...each("interface", "eth0"),
      { peerAddress: undefined, interface: "eth/0" },
      ...each("defaultGateway", "IPv5"),
      ...each("peerPort", 0, 65536),
      ...each("sourceAddress", "2001:db8::1", "x"),
      ...each("holdTime", "2s", "65536s", 90, "90", "3500ms", "-3s", "1d"),
      ...each("keepaliveTime", "90s", "500ms"),
      ...each("sendHoldTime", "0s", "90s", "100500ms", "131071s"),
      { holdTime: "5m", sendHoldTime: "4m" },
      ...each("connectTime", "0s", "1500ms"),
      ...each("multihopTTL", 0, 256),
      ...each("ttlSecurityHops", 255),
      { ttlSecurityHops: 1, ebgpMultiHop: true },
      { ttlSecurityHops: 1, multihopTTL: 2 },
      { password: "x", passwordSecret: { name: "tor" } },
      ...each("password", "x".repeat(81), ""),
      ...each("passwordSecret", {}, "tor"),
      { tcpAO: [AO_KEY], password: "x" },
      { tcpAO: [AO_KEY], passwordSecret: { name: "tor" } },
      ...each("tcpAO", [{ ...AO_KEY, id: 256 }], [{ ...AO_KEY, id: -1 }], [{ ...AO_KEY, algorithm: "MD5" }], [{ id: 1 }], AO_KEY),
      ...each("tcpAO", [AO_KEY, AO_KEY], [AO_KEY, { ...AO_KEY, id: 2, receiveID: 1 }]),
      ...each("bfdProfile", "Fast", ""),
      ...each("gracefulRestart", { restartTime: "4096s" }, { enabled: "yes" }, { restartTime: "0s" }, { restartTime: "1500ms" }),
      ...each("families", [], ["IPv4", "IPv4"], "IPv4", ["IPv5"]),
      ...each("nextHopSource", "Node"),
      ...each("nextHop", { ipv4: "2001:db8::1" }, { ipv6: "192.0.2.1" }, { ipv6: "::ffff:192.0.2.1" }, { ipv4: "0.0.0.0" }),
      ...each("routerID", "0.0.0.0", "2001:db8::1", "10.0.0"),
      ...each("role", "client"),
      ...each("announceLimit", 0),
      ...each("omitCapabilities", ["route-refesh"], [0], [256], ["256"]),
      ...each("nodeSelectors", [{ matchLabels: { a: 1 } }], [{ matchExpressions: [{ key: "a", operator: "In" }] }]),
      ...each("nodeSelectors", [{ matchExpressions: [{ key: "a", operator: "Exists", values: ["x"] }] }], [{ matchLabel: {} }]),
      ...each("nodeSelectors", [{ matchExpressions: [{ key: "a", operator: "in", values: ["x"] }] }]),
      ...each("adminDown", "maintenance", { reason: "x".repeat(129) }),
      ...each("peerAdress", "192.0.2.1"),
    ],
  }),
  ...cases("BGPAdvertisement", {
    right: [
      {},
      ...each("addresses", ["ClusterIP"], ["ClusterIP", "ExternalIP", "LoadBalancerIP"]),
      ...each("cidrs", ["192.0.2.0/24", "2001:DB8::/32"], ["0.0.0.0/0"], ["192.0.2.1/32"], []),
      ...each("blocks", ["10.96.0.0/12"]),
      ...each("ipAddressPools", ["public"]),
      ...each("peers", ["tor-a", "tor-b"]),
      ...each("aggregationLength", 1, 32),
      ...each("aggregationLengthV6", 64),
      ...each("localPref", 0, 4_294_967_295),
      ...each("med", 50),
      ...each("communities", ["65000:1", "large:1:2:3", "no-export", "my.Alias_1"], ["65535:65535"], ["large:4294967295:0:0"]),
      ...each("extendedCommunities", ["0x0002FDE800000064"]),
      ...each("asPathPrepend", 0, 16),
      ...each("linkBandwidth", {}, { perEndpoint: "400M", transitive: false }, { perEndpoint: 8000 }, { perEndpoint: "2.5G" }),
      ...each("endpointPolicy", "Serving"),
      ...each("withoutEndpoints", "Announce"),
      ...each("maxAnnouncers", 2),
      ...each("dataplaneGate", "Off"),
    ],
    wrong: [
      ...each("addresses", ["LoadBalancerIp"], [], ["ClusterIP", "ClusterIP"]),
      ...each("cidrs", ["192.0.2.1/24"], ["2001:db8::1/64"], ["192.0.2.1"], ["192.0.2.0/33"], ["192.0.2.0/255.255.255.0"], "192.0.2.0/24"),
      ...each("cidrs", ["192.0.2.0/024"], ["192.0.2.0/"], [""], ["2001:db8::/129"]),
      ...each("blocks", ["x"], ["10.96.0.1/12"]),
      ...each("peers", ["Tor A"], [""]),
      ...each("aggregationLength", 0, 33),
      ...each("aggregationLengthV6", 129),
      ...each("localPref", -1),
      ...each("med", 4_294_967_296),
      ...each("communities", ["65536:1"], ["1:2:3"], [65000], ["01:1"], ["large:1:2"], ["large:1:2:4294967296"], ["1alias"], [""]),
      ...each("extendedCommunities", ["0x1234"], [72], ["0002fde800000064"]),
      ...each("asPathPrepend", 17, -1),
      ...each(
        "linkBandwidth",
        { perEndpoint: "fast" },
        { perEndpoint: "0" },
        { perEndpoints: "1G" },
        { perEndpoint: 7 },
        { perEndpoint: "1g" },
      ),
      ...each("endpointPolicy", "ready"),
      ...each("withoutEndpoints", "Keep"),
      ...each("maxAnnouncers", 0),
      ...each("dataplaneGate", true),
    ],
  }),
  ...cases("IPAddressPool", {
    right: [
      {},
      ...each("addresses", ["192.0.2.10-192.0.2.20"], ["2001:db8::/64", "192.0.2.1 - 192.0.2.2"], ["2001:db8::1-2001:db8::2"]),
      ...each("autoAssign", false),
      ...each("avoidBuggyIPs", true),
      ...each("serviceAllocation", {}, { priority: 7, namespaces: ["shop"] }),
    ],
    wrong: [
      ...each("addresses", undefined, [], ["192.0.2.1/24"], ["192.0.2.1"], ["192.0.2.9-2001:db8::1"], ["192.0.2.1-"], ["1-2-3"]),
      ...each("autoAssign", "no"),
      ...each("serviceAllocation", { priority: -1 }),
    ],
  }),
  ...cases("Community", {
    right: [
      {},
      ...each("communities", [
        { name: "blue", value: "65000:1" },
        { name: "Red_1", value: "large:1:2:3" },
        { name: "x", value: "no-export" },
      ]),
    ],
    wrong: [
      ...each("communities", [{ name: "a", value: "b" }], [{ name: "a", value: "no-exports" }], [{ name: "a" }], [{ value: "1:1" }]),
      ...each("communities", [{ name: "no-export", value: "1:1" }], [{ name: "No_Export", value: "1:1" }], [{ name: "1a", value: "1:1" }]),
      ...each("communities", [
        { name: "a", value: "1:1" },
        { name: "a", value: "1:2" },
      ]),
      ...each("communities", {}, undefined, [{ name: "a", value: "70000:1" }]),
    ],
  }),
];

/**
 * What the API server takes and Herald's check refuses, because neither a structural schema nor CEL can say it. Such an object is stored; its status says
 * that it is not accepted, and the last valid version stays in force.
 */
export const BEYOND_THE_SCHEMA: readonly { readonly case: Omit<SpecCase, "right">; readonly why: string }[] = [
  {
    case: { kind: "IPAddressPool", spec: { addresses: ["192.0.2.9-192.0.2.1"] } },
    why: "CEL's addresses have no order: a range that runs backwards cannot be told",
  },
  {
    case: { kind: "BGPPeer", spec: { peerAddress: "::ffff:999.0.2.9" } },
    why: "CEL's library knows no IPv4-mapped addresses: whatever begins like one is left to Herald",
  },
  {
    case: { kind: "BGPAdvertisement", spec: { linkBandwidth: { perEndpoint: "1001T" } } },
    why: "CEL cannot multiply a text by its unit: the upper bound of a rate with a prefix is left to Herald",
  },
  {
    case: { kind: "BGPPeer", spec: { peerASN: "4294967296" } },
    why: "an AS number in quotes is bounded by its digits alone",
  },
];
