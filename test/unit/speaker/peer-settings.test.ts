import { describe, expect, it } from "vitest";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import { holdReason, needsReset, sameEndpoint, sessionSettings } from "../../../src/speaker/peer-settings.ts";
import { bgpPeer } from "../../support/speaker-rig.ts";

const PLAIN = bgpPeer("tor", { peerAddress: "192.0.2.1" });

function withFields(fields: Partial<BGPPeer>): BGPPeer {
  return { ...PLAIN, ...fields };
}

describe("what holds a peer down (docs/sessions.md)", () => {
  const cases: readonly (readonly [string, Partial<BGPPeer>])[] = [
    ["password", { password: "secret" }],
    ["passwordSecret", { passwordSecret: { name: "tor", namespace: "herald-system" } }],
    ["ttlSecurityHops", { ttlSecurityHops: 1 }],
    ["multihopTTL", { multihopTTL: 4 }],
    ["vrf", { vrf: "red" }],
    ["interface", { interface: "eth0" }],
    ["defaultGateway", { defaultGateway: "IPv4" }],
    ["bfdProfile", { bfdProfile: "fast" }],
  ];

  it.each(cases)("is a %s, which it would have to connect without", (field, fields) => {
    expect(holdReason(withFields(fields))).toBe(`held down: ${field} is not supported by this version; it does not connect without`);
  });

  it("is a person's word, before anything else", () => {
    expect(holdReason(withFields({ adminDown: { reason: "rack move" }, password: "secret" }))).toBe("adminDown: rack move");
  });

  it("is never ebgpMultiHop: the kernel's TTL reaches any router", () => {
    expect(holdReason(withFields({ ebgpMultiHop: true }))).toBe("");
    expect(holdReason(PLAIN)).toBe("");
  });
});

describe("what a session is made of", () => {
  it("takes the object's router ID before the process's, and offers Graceful Restart unless told not to", () => {
    expect(sessionSettings(PLAIN, 7)).toMatchObject({
      routerId: 7,
      gracefulRestart: { restartTimeSeconds: 120, notification: false, forwardingPreserved: false },
      localAsn: 65001,
      peerAsn: { kind: "number", asn: 65000 },
    });
    expect(sessionSettings(withFields({ routerID: 9, peerASN: "external" }), 7)).toMatchObject({
      routerId: 9,
      peerAsn: { kind: "external" },
    });
  });

  it("needs a reset where the OPEN or an end of the connection changes, and nowhere else", () => {
    const before = { peer: PLAIN, routerId: 7 };
    const resets: readonly Partial<BGPPeer>[] = [
      { myASN: 65009 },
      { peerASN: "internal" },
      { holdTimeSeconds: 30 },
      { families: ["IPv4", "IPv6"] },
      { routerID: 9 },
      { role: "customer" },
      { extendedMessages: true },
      { extendedNextHop: true },
      { omitCapabilities: [2] },
      { peerPort: 1790 },
      { peerAddress: bgpPeer("x", { peerAddress: "192.0.2.2" }).peerAddress },
      { sourceAddress: PLAIN.peerAddress },
    ];
    const quiet: readonly Partial<BGPPeer>[] = [
      { connectTimeSeconds: 9 },
      { keepaliveTimeSeconds: 10 },
      { passive: true },
      { nextHop: { ipv4: null, ipv6: null } },
      { announceLimit: { ipv4: 5, ipv6: null } },
      { ebgpMultiHop: true },
    ];
    for (const fields of resets) expect([fields, needsReset(before, { peer: withFields(fields), routerId: 7 })]).toEqual([fields, true]);
    for (const fields of quiet) expect([fields, needsReset(before, { peer: withFields(fields), routerId: 7 })]).toEqual([fields, false]);
    expect([resets.length, quiet.length]).toEqual([12, 6]);
    expect(needsReset(before, { peer: PLAIN, routerId: 8 })).toBe(true);
    expect(sameEndpoint(PLAIN, withFields({ holdTimeSeconds: 30 }))).toBe(true);
    expect(sameEndpoint(PLAIN, withFields({ peerPort: 1790 }))).toBe(false);
  });
});
