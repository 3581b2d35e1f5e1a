import { describe, expect, it } from "vitest";
import { bgpPeerManifest, readBGPPeerManifest } from "../../../src/objects/bgp-peer-manifest.ts";
import { accepted, ours } from "../../support/raw-objects.ts";

const SPECS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "the smallest": {},
  "one with every field of a dialled session": {
    peerASN: "external",
    peerPort: 1179,
    sourceAddress: "192.0.2.9",
    vrf: "red",
    holdTime: "1m30s",
    keepaliveTime: "10s",
    sendHoldTime: "3m",
    connectTime: "7s",
    ebgpMultiHop: true,
    multihopTTL: 5,
    password: "secret",
    bfdProfile: "fast",
    gracefulRestart: { enabled: true, restartTime: "4095s", notification: true, longLivedStaleTime: "1h" },
    families: ["IPv6", "IPv4"],
    extendedNextHop: true,
    nextHopSource: "NodeInternalIP",
    nextHop: { ipv4: "192.0.2.7", ipv6: "2001:db8::7" },
    routerID: "10.9.8.7",
    role: "customer",
    passive: true,
    announceLimit: 100,
    extendedMessages: true,
    omitCapabilities: ["fqdn", 6],
    nodeSelectors: [{ matchLabels: { rack: "a" }, matchExpressions: [{ key: "x", operator: "In", values: ["1", "2"] }] }],
    adminDown: { reason: "maintenance" },
  },
  "one with keys of TCP-AO": {
    tcpAO: [
      { id: 1, passwordSecret: { name: "new" } },
      { id: 2, receiveID: 3, algorithm: "AES-128-CMAC-96", passwordSecret: { name: "old", namespace: "keys" } },
    ],
  },
  "one behind a secret": { passwordSecret: { name: "tor" }, ttlSecurityHops: 1, holdTime: "0s", gracefulRestart: { enabled: false } },
  "one over an interface": { peerAddress: undefined, interface: "eth0" },
  "the default gateway": { peerAddress: undefined, defaultGateway: "IPv6" },
};

describe("a BGPPeer written down and read again", () => {
  const cases = Object.entries(SPECS);
  it.each(cases)("is the same peer: %s", (_, spec) => {
    const peer = accepted("BGPPeer", {
      ...ours("BGPPeer", spec),
      metadata: {
        name: "tor",
        namespace: "herald-system",
        uid: "u-1",
        resourceVersion: "7",
        generation: 3,
        creationTimestamp: "2026-01-01T00:00:00Z",
        annotations: { "herald.dev/drain": "no" },
      },
    });
    const written: unknown = JSON.parse(JSON.stringify(bgpPeerManifest(peer)));
    expect(readBGPPeerManifest(written, "herald-system")).toEqual(peer);
  });

  it("covers every field there is", () => {
    expect(cases.length).toBe(6);
    const fields = new Set(cases.flatMap(([, spec]) => Object.keys(spec)));
    const written = Object.keys(bgpPeerManifest(accepted("BGPPeer", ours("BGPPeer")))["spec"] ?? {});
    expect(written.length).toBeGreaterThan(10);
    expect(written.filter((field) => !fields.has(field))).toEqual(["myASN"]);
  });

  it("refuses what is no peer", () => {
    expect(readBGPPeerManifest({ kind: "BGPPeer" }, "herald-system")).toBeNull();
    expect(readBGPPeerManifest(null, "herald-system")).toBeNull();
  });
});
