import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../src/ip/format.ts";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import { accepted, ours, refusal } from "../../support/raw-objects.ts";

function peer(spec: Readonly<Record<string, unknown>> = {}): BGPPeer {
  return accepted("BGPPeer", ours("BGPPeer", spec));
}

describe("a BGPPeer with the fewest fields", () => {
  it("has every default", () => {
    const { metadata, peerAddress, ...rest } = peer();
    expect(metadata).toMatchObject({ name: "one", namespace: "herald-system", labels: {}, deleting: false });
    expect(peerAddress && formatAddress(peerAddress)).toBe("192.0.2.1");
    expect(rest).toEqual({
      kind: "BGPPeer",
      myASN: 64512,
      peerASN: 64513,
      interface: null,
      defaultGateway: null,
      peerPort: 179,
      sourceAddress: null,
      vrf: null,
      holdTimeSeconds: 90,
      keepaliveTimeSeconds: null,
      sendHoldTimeSeconds: null,
      connectTimeSeconds: 5,
      ebgpMultiHop: false,
      multihopTTL: null,
      ttlSecurityHops: null,
      password: null,
      passwordSecret: null,
      tcpAO: [],
      bfdProfile: null,
      gracefulRestart: { enabled: true, restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: null },
      families: ["IPv4"],
      extendedNextHop: false,
      nextHopSource: "Session",
      nextHop: { ipv4: null, ipv6: null },
      routerID: null,
      role: null,
      passive: false,
      announceLimit: { ipv4: null, ipv6: null },
      extendedMessages: false,
      omitCapabilities: [],
      nodeSelectors: [],
      adminDown: null,
    });
  });

  it("negotiates the family of its session's address", () => {
    expect(peer({ peerAddress: "2001:db8::1" }).families).toEqual(["IPv6"]);
    expect(peer({ peerAddress: undefined, interface: "eth0" }).families).toEqual(["IPv6"]);
    expect(peer({ peerAddress: undefined, defaultGateway: "IPv4" }).families).toEqual(["IPv4"]);
    expect(peer({ peerAddress: undefined, defaultGateway: "IPv6" }).families).toEqual(["IPv6"]);
    expect(peer({ peerAddress: "::ffff:192.0.2.9" }).families).toEqual(["IPv4"]);
    expect(peer({ families: ["IPv6", "IPv4"] }).families).toEqual(["IPv4", "IPv6"]);
  });
});

describe("fields of a BGPPeer", () => {
  const good: readonly [string, unknown, Partial<Record<keyof BGPPeer, unknown>>][] = [
    ["myASN", 4_294_967_295, { myASN: 4_294_967_295 }],
    ["peerASN", "internal", { peerASN: "internal" }],
    ["peerASN", "external", { peerASN: "external" }],
    ["peerASN", "65001", { peerASN: 65001 }],
    ["peerPort", 1790, { peerPort: 1790 }],
    ["vrf", "red", { vrf: "red" }],
    ["holdTime", "0s", { holdTimeSeconds: 0 }],
    ["holdTime", "3s", { holdTimeSeconds: 3 }],
    ["holdTime", "1h30m", { holdTimeSeconds: 5400 }],
    ["keepaliveTime", "30s", { keepaliveTimeSeconds: 30 }],
    ["sendHoldTime", "91s", { sendHoldTimeSeconds: 91 }],
    ["connectTime", "1m", { connectTimeSeconds: 60 }],
    ["ebgpMultiHop", true, { ebgpMultiHop: true }],
    ["multihopTTL", 255, { multihopTTL: 255 }],
    ["ttlSecurityHops", 1, { ttlSecurityHops: 1 }],
    ["password", "secret", { password: "secret" }],
    ["passwordSecret", { name: "tor" }, { passwordSecret: { name: "tor", namespace: "herald-system" } }],
    ["passwordSecret", { name: "tor", namespace: "keys" }, { passwordSecret: { name: "tor", namespace: "keys" } }],
    [
      "tcpAO",
      [{ id: 0, passwordSecret: { name: "tor" } }],
      {
        tcpAO: [{ id: 0, receiveID: null, algorithm: "HMAC-SHA-1-96", passwordSecret: { name: "tor", namespace: "herald-system" } }],
      },
    ],
    ["bfdProfile", "fast", { bfdProfile: "fast" }],
    [
      "gracefulRestart",
      { enabled: false, restartTime: "4095s", notification: true, longLivedStaleTime: "1h" },
      { gracefulRestart: { enabled: false, restartTimeSeconds: 4095, notification: true, longLivedStaleTimeSeconds: 3600 } },
    ],
    ["extendedNextHop", true, { extendedNextHop: true }],
    ["nextHopSource", "NodeInternalIP", { nextHopSource: "NodeInternalIP" }],
    ["routerID", "10.0.0.1", { routerID: 0x0a000001 }],
    ["role", "rs-client", { role: "rs-client" }],
    ["passive", true, { passive: true }],
    ["announceLimit", 100, { announceLimit: { ipv4: 100, ipv6: 100 } }],
    ["extendedMessages", true, { extendedMessages: true }],
    ["omitCapabilities", ["route-refresh", 65, "64", 65], { omitCapabilities: [2, 64, 65] }],
    ["nodeSelectors", [{ matchLabels: { rack: "a" } }], { nodeSelectors: [{ matchLabels: { rack: "a" }, matchExpressions: [] }] }],
    ["adminDown", {}, { adminDown: { reason: "" } }],
    ["adminDown", { reason: "maintenance" }, { adminDown: { reason: "maintenance" } }],
    ["holdTime", null, { holdTimeSeconds: 90 }],
  ];

  it("take what is right", () => {
    for (const [field, value, expected] of good)
      expect(peer({ [field]: value }), `${field}: ${JSON.stringify(value)}`).toMatchObject(expected);
    expect(good.length).toBe(33);
  });

  const bad: readonly [string, unknown, string, RegExp][] = [
    ["myASN", undefined, "requiredField", /missing/],
    ["myASN", 0, "outOfRange", /outside 1\.\.4294967295/],
    ["myASN", 4_294_967_296, "outOfRange", /outside/],
    ["myASN", "64512", "wrongType", /the text "64512"/],
    ["myASN", 1.5, "wrongType", /1\.5 where a whole number/],
    ["peerASN", undefined, "requiredField", /missing/],
    ["peerASN", "intern", "invalidValue", /not a decimal number/],
    ["peerASN", "1.10", "invalidValue", /write 65546/],
    ["peerASN", 0, "invalidValue", /not an AS number/],
    ["peerAddress", "192.0.2", "invalidValue", /not an IP address/],
    ["peerAddress", "192.0.2.1/32", "invalidValue", /prefix where an address/],
    ["peerAddress", "010.0.0.1", "invalidValue", /leading zero/],
    ["peerAddress", "fe80::1%eth0", "invalidValue", /zone/],
    ["peerAddress", "fe80::1", "conflictingFields", /link-local/],
    ["peerAddress", "224.0.0.1", "invalidValue", /multicast/],
    ["peerAddress", "ff02::1", "invalidValue", /multicast/],
    ["peerAddress", "0.0.0.0", "invalidValue", /unspecified/],
    ["peerAddress", "255.255.255.255", "invalidValue", /reserved/],
    ["peerAddress", undefined, "conflictingFields", /exactly one of/],
    ["interface", "eth0", "conflictingFields", /exactly one of/],
    ["defaultGateway", "IPv5", "invalidValue", /not known: did you mean IPv4/],
    ["peerPort", 0, "outOfRange", /outside 1\.\.65535/],
    ["peerPort", 65536, "outOfRange", /outside/],
    ["sourceAddress", "2001:db8::1", "conflictingFields", /different families/],
    ["holdTime", "2s", "invalidValue", /outside 0s or 3s/],
    ["holdTime", "65536s", "invalidValue", /outside/],
    ["holdTime", 90, "wrongType", /put it in quotes/],
    ["holdTime", "90", "invalidValue", /not a duration/],
    ["holdTime", "3500ms", "invalidValue", /whole number of seconds/],
    ["keepaliveTime", "90s", "conflictingFields", /shorter than holdTime/],
    ["sendHoldTime", "90s", "conflictingFields", /longer than holdTime/],
    ["sendHoldTime", "0s", "invalidValue", /outside 1s/],
    ["multihopTTL", 256, "outOfRange", /outside/],
    ["ttlSecurityHops", 255, "outOfRange", /outside 1\.\.254/],
    ["password", "x".repeat(81), "invalidValue", /cannot be used/],
    ["passwordSecret", {}, "requiredField", /missing/],
    ["gracefulRestart", { restartTime: "4096s" }, "invalidValue", /outside/],
    ["gracefulRestart", { enabled: "yes" }, "wrongType", /"yes" where a boolean/],
    ["families", [], "outOfRange", /0 items/],
    ["families", ["IPv4", "IPv4"], "conflictingFields", /twice/],
    ["families", "IPv4", "wrongType", /where a list/],
    ["nextHopSource", "Node", "invalidValue", /"Node" is not known/],
    ["nextHop", { ipv4: "2001:db8::1" }, "invalidValue", /is an IPv6 address/],
    ["routerID", "0.0.0.0", "invalidValue", /not allowed/],
    ["routerID", "2001:db8::1", "invalidValue", /not written like an IPv4/],
    ["role", "client", "invalidValue", /not known/],
    ["announceLimit", 0, "outOfRange", /outside/],
    ["omitCapabilities", ["route-refesh"], "invalidValue", /did you mean route-refresh/],
    ["omitCapabilities", [0], "invalidValue", /no capability/],
    ["omitCapabilities", [256], "invalidValue", /no capability/],
    ["nodeSelectors", [{ matchLabel: {} }], "unknownField", /did you mean matchLabels/],
    ["nodeSelectors", [{ matchLabels: { a: 1 } }], "wrongType", /put it in quotes/],
    ["nodeSelectors", [{ matchExpressions: [{ key: "a", operator: "In" }] }], "conflictingFields", /need values/],
    ["nodeSelectors", [{ matchExpressions: [{ key: "a", operator: "Exists", values: ["x"] }] }], "conflictingFields", /have none/],
    ["adminDown", "maintenance", "wrongType", /where a mapping/],
    ["peerAdress", "192.0.2.1", "unknownField", /did you mean peerAddress\?/],
  ];

  it("refuse what is wrong, with the field and what is allowed", () => {
    for (const [field, value, code, message] of bad) {
      const findings = refusal(ours("BGPPeer", { [field]: value }));
      const label = `${field}: ${JSON.stringify(value)}`;
      expect(findings, label).toHaveLength(1);
      const [finding] = findings;
      expect(finding, label).toMatchObject({
        severity: "error",
        code,
        object: { kind: "BGPPeer", namespace: "herald-system", name: "one" },
      });
      expect(finding?.message, label).toMatch(message);
      expect(finding?.field, label).toMatch(field === "interface" ? /^spec\.peerAddress/ : new RegExp(`^spec\\.${field}`));
      if (code !== "conflictingFields") expect(finding?.allowed, label).not.toBe("");
    }
    expect(bad.length).toBe(56);
  });

  it("exclude each other where they must", () => {
    expect(refusal(ours("BGPPeer", { ttlSecurityHops: 1, ebgpMultiHop: true }))).toMatchObject([
      { field: "spec.ttlSecurityHops", code: "conflictingFields" },
    ]);
    expect(refusal(ours("BGPPeer", { ttlSecurityHops: 1, multihopTTL: 2 }))).toMatchObject([{ field: "spec.ttlSecurityHops" }]);
    expect(refusal(ours("BGPPeer", { password: "a", passwordSecret: { name: "b" } }))).toMatchObject([{ field: "spec.password" }]);
    const key = { id: 1, passwordSecret: { name: "ao" } };
    for (const md5 of [{ password: "a" }, { passwordSecret: { name: "b" } }]) {
      expect(refusal(ours("BGPPeer", { tcpAO: [key], ...md5 }))).toMatchObject([
        { field: "spec.tcpAO", message: "tcpAO excludes password and passwordSecret: a connection is signed by TCP-AO or by TCP-MD5" },
      ]);
    }
    expect(peer({ holdTime: "0s", keepaliveTime: "30s" }).keepaliveTimeSeconds).toBe(30);
  });

  it("are all reported at once", () => {
    const findings = refusal(ours("BGPPeer", { myASN: 0, peerASN: undefined, holdTime: "1s", role: "x", extra: 1 }));
    expect(findings.map(({ field }) => field).sort()).toEqual(["spec.extra", "spec.holdTime", "spec.myASN", "spec.peerASN", "spec.role"]);
  });
});
