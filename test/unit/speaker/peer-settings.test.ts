import { describe, expect, it } from "vitest";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import { peerAccess } from "../../../src/speaker/peer-access.ts";
import { holdReason, needsReset, sameEndpoint, sessionSettings } from "../../../src/speaker/peer-settings.ts";
import { type LoadedCalls, loadSystemCalls, SystemCallError, type SystemCalls } from "../../../src/speaker/sockopt/system-calls.ts";
import { bgpPeer } from "../../support/speaker-rig.ts";

const PLAIN = bgpPeer("tor", { peerAddress: "192.0.2.1" });

function withFields(fields: Partial<BGPPeer>): BGPPeer {
  return { ...PLAIN, ...fields };
}

/** As on a machine without koffi. */
const NO_CALLS: LoadedCalls = { ok: false, why: "koffi is not here" };
const NO_PASSWORD = { known: true, key: null } as const;

/** Answers every option of a socket alike. */
function kernelThat(answer: string | null): SystemCalls {
  const setsockopt = (): void => {
    if (answer !== null) throw new SystemCallError("setsockopt", answer);
  };
  return { socket: () => 5, setsockopt, bind: () => {}, attachFilter: () => {}, send: () => {}, receive: () => 0, close: () => {} };
}

describe("what holds a peer down (docs/sessions.md)", () => {
  const kernels: readonly (readonly [string, Partial<BGPPeer>])[] = [
    ["password", { password: "secret" }],
    ["passwordSecret", { passwordSecret: { name: "tor", namespace: "herald-system" } }],
    ["ttlSecurityHops", { ttlSecurityHops: 1 }],
    ["multihopTTL", { multihopTTL: 4 }],
    ["vrf", { vrf: "red" }],
    ["bfdProfile", { bfdProfile: "fast" }],
    ["interface", { interface: "eth0" }],
  ];

  it.each(kernels)("is a %s where there are no socket options, and not where there are", (field, fields) => {
    const peer = withFields(fields);
    expect(
      holdReason(
        peer,
        peerAccess(peer, NO_PASSWORD, () => NO_CALLS),
      ),
    ).toBe(`held down: ${field} needs socket options: koffi is not here; it does not connect without`);
    expect(holdReason(peer, peerAccess(peer, NO_PASSWORD, loadSystemCalls))).toBe("");
  });

  it("is tcpAO where the kernel has none of it, and names the option of the kernel; it is never connected without", () => {
    const kernel = (answer: string | null): LoadedCalls => ({ ok: true, calls: kernelThat(answer) });
    const peer = withFields({
      tcpAO: [{ id: 1, receiveID: null, algorithm: "HMAC-SHA-1-96", passwordSecret: { name: "ao", namespace: "herald-system" } }],
    });
    const keys = [{ sendId: 1, receiveId: 1, algorithm: "hmac(sha1)", secret: "x" }] as const;
    const password = { known: true, key: null, aoKeys: keys } as const;
    expect(
      holdReason(
        peer,
        peerAccess(peer, password, () => kernel("ENOPROTOOPT")),
      ),
    ).toBe(
      "held down: tcpAO needs a kernel with TCP-AO (CONFIG_TCP_AO, Linux 6.7 or later), and this one has none; it does not connect without",
    );
    expect(
      holdReason(
        peer,
        peerAccess(peer, password, () => NO_CALLS),
      ),
    ).toBe("held down: tcpAO needs socket options: koffi is not here; it does not connect without");
    const access = peerAccess(peer, password, () => kernel(null));
    expect([holdReason(peer, access), access.stream.aoKeys, access.stream.md5Key]).toEqual(["", keys, null]);
  });

  it("is not the lack of socket options for a peer that asks for none", () => {
    expect(
      holdReason(
        PLAIN,
        peerAccess(PLAIN, NO_PASSWORD, () => NO_CALLS),
      ),
    ).toBe("");
  });

  it("is a place that is not known yet", () => {
    const lost = peerAccess(PLAIN, NO_PASSWORD, loadSystemCalls, { known: false, why: "no router has been seen on eth0" });
    expect(holdReason(PLAIN, lost)).toBe("held down: no router has been seen on eth0");
  });

  it("is a password that is not known, and a vrf to wait in", () => {
    const unknown = peerAccess(PLAIN, { known: false, why: "there is no Secret herald-system/tor" }, loadSystemCalls);
    expect(holdReason(PLAIN, unknown)).toBe("held down: there is no Secret herald-system/tor");
    const waiting = withFields({ vrf: "red", passive: true });
    expect(holdReason(waiting, peerAccess(waiting, NO_PASSWORD, loadSystemCalls))).toContain("dialled, never waited for");
  });

  it("asks of the socket what the object says", () => {
    const near = peerAccess(withFields({ ttlSecurityHops: 2, password: "x", vrf: "red" }), { known: true, key: "x" }, loadSystemCalls);
    expect(near.stream).toMatchObject({ ttl: 255, minimumTtl: 254, md5Key: "x", device: "red" });
    const far = peerAccess(withFields({ multihopTTL: 4, holdTimeSeconds: 300 }), NO_PASSWORD, loadSystemCalls);
    expect(far.stream).toEqual({
      ttl: 4,
      minimumTtl: null,
      md5Key: null,
      aoKeys: [],
      device: null,
      openTimeoutMillis: 5000,
      userTimeoutMillis: 610_000,
    });
    const impatient = peerAccess(withFields({ sendHoldTimeSeconds: 100 }), NO_PASSWORD, loadSystemCalls);
    expect(impatient.stream.userTimeoutMillis).toBe(110_000);
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
      { ttlSecurityHops: 1 },
      { multihopTTL: 4 },
      { vrf: "red" },
      { password: "new" },
    ];
    const quiet: readonly Partial<BGPPeer>[] = [
      { connectTimeSeconds: 9 },
      { keepaliveTimeSeconds: 10 },
      { sendHoldTimeSeconds: 100 },
      { passive: true },
      { nextHop: { ipv4: null, ipv6: null } },
      { announceLimit: { ipv4: 5, ipv6: null } },
      { ebgpMultiHop: true },
    ];
    for (const fields of resets) expect([fields, needsReset(before, { peer: withFields(fields), routerId: 7 })]).toEqual([fields, true]);
    for (const fields of quiet) expect([fields, needsReset(before, { peer: withFields(fields), routerId: 7 })]).toEqual([fields, false]);
    expect([resets.length, quiet.length]).toEqual([16, 7]);
    expect(needsReset(before, { peer: PLAIN, routerId: 8 })).toBe(true);
    expect(sameEndpoint(PLAIN, withFields({ holdTimeSeconds: 30 }))).toBe(true);
    expect(sameEndpoint(PLAIN, withFields({ peerPort: 1790 }))).toBe(false);
    // The key of a connection that has one can be changed under it.
    const [one, other] = ["one", "other"].map((password) => withFields({ password }));
    expect(one !== undefined && other !== undefined && sameEndpoint(one, other)).toBe(true);
  });
});
