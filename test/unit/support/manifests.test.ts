import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { loadPaths } from "../../../src/source/directory/files.ts";
import {
  advertisement,
  cidr,
  community,
  endpoint,
  HERALD_NAMESPACE,
  ip,
  labelled,
  namespace,
  node,
  peer,
  pool,
  service,
  slice,
  unpacked,
} from "../../support/cluster-objects.ts";
import { Dice } from "../../support/dice.ts";
import { randomObject } from "../../support/histories/random-objects.ts";
import { testDirectory } from "../../support/leftovers.ts";
import { formatManifests } from "../../support/manifests.ts";

/** What is read again from a file of the objects' manifests. */
async function reloaded(objects: readonly ClusterObject[]): Promise<readonly ClusterObject[]> {
  const directory = testDirectory("manifests");
  try {
    const path = join(directory, "objects.yaml");
    writeFileSync(path, formatManifests(objects));
    const { objects: found, findings } = await loadPaths([path], { heraldNamespace: HERALD_NAMESPACE });
    expect(findings).toEqual([]);
    return found.map(unpacked);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const METADATA = {
  uid: "0a1b",
  resourceVersion: "77",
  generation: 3,
  creationTimestamp: "2026-01-02T03:04:05Z",
  deleting: true,
  annotations: { "herald.dev/drain": "kernel: update" },
};

const FULL: readonly ClusterObject[] = [
  service("other/web", {
    metadata: { ...METADATA, labels: { tier: "gold", on: "true" } },
    headless: true,
    clusterIPs: [ip("10.96.0.1"), ip("fd00::1")],
    externalIPs: [ip("198.51.100.1")],
    loadBalancerIPs: [ip("203.0.113.1"), ip("2001:db8::1")],
    loadBalancerClass: "example.com/bgp",
    externalTrafficPolicy: "Local",
    internalTrafficPolicy: "Local",
    healthCheckNodePort: 30001,
    publishNotReadyAddresses: true,
    loadBalancer: {
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv6", "IPv4"],
      loadBalancerIP: "203.0.113.1",
      ports: [{ protocol: "UDP", port: 53 }],
      selector: { app: "web" },
    },
  }),
  service("plain", { type: "ClusterIP" }),
  slice("web", [endpoint("10.1.0.1", "n1", "serving terminating"), { ...endpoint("10.1.0.2", null, "ready"), pod: "web-1" }], {
    serviceName: "web",
  }),
  slice("orphan", [endpoint("fd00:1::1", "n2", "")], { serviceName: null }),
  slice("names", [], { addressType: "FQDN" }),
  node("n1", {
    metadata: { ...METADATA, labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } },
    internalIPs: [ip("10.0.0.1"), ip("fd00::1")],
    networkUnavailable: true,
    ready: false,
    shuttingDown: true,
    unschedulable: true,
    taints: [{ key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" }],
  }),
  namespace("other", { env: "prod" }),
  peer("tor", {
    metadata: METADATA,
    peerASN: "external",
    sourceAddress: ip("192.0.2.9"),
    peerPort: 1790,
    vrf: "red",
    holdTimeSeconds: 30,
    keepaliveTimeSeconds: 10,
    sendHoldTimeSeconds: 60,
    connectTimeSeconds: 7,
    ebgpMultiHop: true,
    multihopTTL: 3,
    passwordSecret: { name: "secret", namespace: "elsewhere" },
    bfdProfile: "fast",
    gracefulRestart: { enabled: false, restartTimeSeconds: 60, notification: true, longLivedStaleTimeSeconds: 3600 },
    families: ["IPv4", "IPv6"],
    extendedNextHop: true,
    nextHopSource: "NodeInternalIP",
    nextHop: { ipv4: ip("10.0.0.9"), ipv6: ip("fd00::9") },
    routerID: 0x01020304,
    role: "customer",
    passive: true,
    announceLimit: { ipv4: 5, ipv6: 5 },
    extendedMessages: true,
    omitCapabilities: [6, 70],
    nodeSelectors: [{ matchLabels: { rack: "r1" }, matchExpressions: [{ key: "tier", operator: "NotIn", values: ["gold", ""] }] }],
    adminDown: { reason: "maintenance" },
  }),
  peer("unnumbered", { peerAddress: null, interface: "eth0", families: ["IPv6"], ttlSecurityHops: 1, password: "pass: word" }),
  peer("gateway", { peerAddress: null, defaultGateway: "IPv6", families: ["IPv6"] }),
  advertisement("all", {
    metadata: METADATA,
    addresses: ["ClusterIP", "ExternalIP"],
    cidrs: [cidr("203.0.113.0/24"), cidr("2001:db8::/64")],
    ipAddressPools: ["edge"],
    ipAddressPoolSelectors: [labelled("tier", "gold")],
    serviceSelectors: [{ matchLabels: {}, matchExpressions: [{ key: "tier", operator: "Exists", values: [] }] }],
    namespaceSelectors: [labelled("env", "prod")],
    nodeSelectors: [labelled("rack", "r1")],
    peers: ["tor"],
    aggregationLength: 24,
    aggregationLengthV6: 64,
    blocks: [cidr("10.96.0.0/16")],
    localPref: 0,
    med: 4_294_967_295,
    communities: ["65000:1", "large:1:2:3", "no-export", "blue"],
    extendedCommunities: ["0002fde800000064"],
    asPathPrepend: 3,
    linkBandwidth: { bytesPerSecondPerEndpoint: 100, transitive: false },
    endpointPolicy: "Serving",
    withoutEndpoints: "Announce",
    maxAnnouncers: 2,
    dataplaneGate: "Require",
  }),
  community("names", { blue: "65000:9", red: "large:9:9:9" }),
  pool("edge", "203.0.113.10", "203.0.113.20", { tier: "gold" }),
  {
    ...pool("set-aside", "203.0.113.30", "203.0.113.40"),
    autoAssign: false,
    avoidBuggyIPs: true,
    serviceAllocation: {
      priority: 7,
      namespaces: ["shop"],
      namespaceSelectors: [labelled("team", "a")],
      serviceSelectors: [labelled("tier", "gold")],
    },
  },
];

describe("manifests of objects", () => {
  it("give the same objects when they are read again, with every field set and with none", async () => {
    expect(await reloaded(FULL)).toEqual(FULL);
    expect(new Set(FULL.map(({ kind }) => kind)).size).toBe(8);
  });

  it("give the same objects for whatever a random history may hold", async () => {
    const dice = new Dice(1);
    const objects = Array.from({ length: 600 }, () => randomObject(dice, { newRules: true })).filter(
      ({ kind, metadata }) => kind !== "BGPAdvertisement" || metadata.namespace === HERALD_NAMESPACE,
    );
    const named = objects.map((object, i) => ({ ...object, metadata: { ...object.metadata, name: `o${i}` } }));
    expect(await reloaded(named)).toEqual(named);
    expect(named.length).toBeGreaterThan(500);
  });

  it("refuse what no manifest can say", () => {
    expect(() => formatManifests([peer("tor", { announceLimit: { ipv4: 1, ipv6: null } })])).toThrow("one announceLimit for both families");
  });
});
