import { describe, expect, it } from "vitest";
import { openOf } from "../../../../src/bgp/fsm/capability-offer.ts";
import { exchangedNotificationBit, negotiate } from "../../../../src/bgp/fsm/negotiation.ts";
import type { Negotiated, SessionSettings } from "../../../../src/bgp/fsm/session.ts";
import type { Capability, OpenMessage } from "../../../../src/bgp/wire/messages.ts";
import { encodeOpen } from "../../../../src/bgp/wire/open.ts";
import { WireError } from "../../../../src/errors.ts";
import { GRACEFUL, OUR_SETTINGS, routerOpen } from "../../../support/fsm-driver.ts";

function agree(settings: Partial<SessionSettings>, received: OpenMessage): Negotiated {
  const ours = { ...OUR_SETTINGS, ...settings };
  return negotiate(ours, openOf(ours, true), received);
}

function refusal(settings: Partial<SessionSettings>, received: OpenMessage): { readonly answer: string; readonly text: string } {
  try {
    agree(settings, received);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const data = [...error.data].map((octet) => octet.toString(16).padStart(2, "0")).join("");
    return { answer: `${error.code}/${error.subcode}${data === "" ? "" : ` ${data}`}`, text: error.message };
  }
  return { answer: "accepted", text: "" };
}

const withCapabilities = (...capabilities: readonly Capability[]) => routerOpen({}, { capabilities });
const MP4_CODES = { afi: 1, safi: 1 };
const MP4: Capability = { name: "multiprotocol", afi: 1, safi: 1 };
const MP6: Capability = { name: "multiprotocol", afi: 2, safi: 1 };
const ROUTER_AS: Capability = { name: "fourOctetAs", asn: 65000 };

describe("our OPEN (RFC 4271 §4.2, RFC 5492)", () => {
  it("is octet for octet the one of a large AS number, two families and Graceful Restart", () => {
    const settings: SessionSettings = {
      ...OUR_SETTINGS,
      localAsn: 4_200_000_001,
      families: ["IPv6", "IPv4"],
      gracefulRestart: { restartTimeSeconds: 120, notification: true, forwardingPreserved: true },
    };
    const octets = Buffer.from(encodeOpen(openOf(settings, true))).toString("hex");
    const fixed = "003f01045ba0005a0a000005220220";
    const capabilities = ["010400010001", "010400020001", "0200", "400ac0780001018000020180", "4104fa56ea01"];
    expect(octets.slice(32)).toBe(fixed + capabilities.join(""));
  });

  it("offers every capability that was asked for in ascending order of codes", () => {
    const open = openOf(
      {
        ...OUR_SETTINGS,
        families: ["IPv4", "IPv6"],
        extendedNextHop: true,
        extendedMessages: true,
        role: "customer",
        gracefulRestart: GRACEFUL,
        enhancedRouteRefresh: true,
      },
      false,
    );
    expect(open.capabilities.map(({ name }) => name)).toEqual([
      "multiprotocol",
      "multiprotocol",
      "routeRefresh",
      "extendedNextHop",
      "extendedMessage",
      "role",
      "gracefulRestart",
      "fourOctetAs",
      "enhancedRouteRefresh",
    ]);
  });

  it("leaves out what is listed in omitCapabilities", () => {
    const open = openOf({ ...OUR_SETTINGS, gracefulRestart: GRACEFUL, omitCapabilities: [2, 64, 65] }, true);
    expect(open.capabilities.map(({ name }) => name)).toEqual(["multiprotocol"]);
  });

  it("offers Long-lived Graceful Restart with Graceful Restart alone, with the same families and F (RFC 9494 §4.2)", () => {
    const gracefulRestart = { ...GRACEFUL, forwardingPreserved: false, longLivedStaleTimeSeconds: 3600 };
    const longLived = (settings: Partial<SessionSettings>, restarting: boolean) =>
      openOf({ ...OUR_SETTINGS, ...settings }, restarting).capabilities.find(({ name }) => name === "longLivedGracefulRestart");
    expect(longLived({ gracefulRestart }, true)).toEqual({
      name: "longLivedGracefulRestart",
      families: [{ ...MP4_CODES, forwarding: false, staleSeconds: 3600 }],
    });
    expect(longLived({ gracefulRestart }, false)).toMatchObject({ families: [{ forwarding: true }] });
    expect(longLived({ gracefulRestart: GRACEFUL }, false)).toBeUndefined();
    expect(longLived({ gracefulRestart, omitCapabilities: [64] }, false)).toBeUndefined();
  });

  it("sets R until the first session and F by how we started, then F always (RFC 4724 §3)", () => {
    const bits = (forwardingPreserved: boolean, restarting: boolean) => {
      const open = openOf({ ...OUR_SETTINGS, gracefulRestart: { ...GRACEFUL, forwardingPreserved } }, restarting);
      const restart = open.capabilities.find((capability) => capability.name === "gracefulRestart");
      return [restart?.restarting, restart?.families[0]?.forwarding];
    };
    expect(bits(false, true)).toEqual([true, false]);
    expect(bits(true, true)).toEqual([true, true]);
    expect(bits(false, false)).toEqual([false, true]);
  });
});

describe("the router's OPEN", () => {
  it("is refused with 2/1 and the version we speak", () => {
    expect(refusal({}, routerOpen({}, { version: 3 })).answer).toBe("2/1 0004");
  });

  it("is refused with 2/2 for an AS number other than the configured one, in words that name both", () => {
    const { answer, text } = refusal({}, withCapabilities(MP4, { name: "fourOctetAs", asn: 64999 }));
    expect(answer).toBe("2/2");
    expect(text).toContain("64999");
    expect(text).toContain("65000");
  });

  const large: Partial<SessionSettings> = { peerAsn: { kind: "number", asn: 65550 } };
  it.each([
    [
      "capability 65 decides, whatever the two-octet field says",
      large,
      routerOpen({}, { myAs: 1, capabilities: [MP4, { name: "fourOctetAs", asn: 65550 }] }),
      "accepted",
    ],
    ["AS_TRANS without capability 65 is nobody", large, routerOpen({}, { myAs: 23456, capabilities: [MP4] }), "2/2"],
    [
      "AS_TRANS is refused where any external AS is welcome",
      { peerAsn: { kind: "external" } },
      routerOpen({}, { myAs: 23456, capabilities: [MP4] }),
      "2/2",
    ],
    ["AS 0 in the two-octet field (RFC 7607)", {}, routerOpen({}, { myAs: 0 }), "2/2"],
    ["AS 0 in capability 65 (RFC 7607)", { peerAsn: { kind: "external" } }, withCapabilities(MP4, { name: "fourOctetAs", asn: 0 }), "2/2"],
    ["external takes any other AS", { peerAsn: { kind: "external" } }, routerOpen({ localAsn: 64512 }), "accepted"],
    ["external refuses our own", { peerAsn: { kind: "external" } }, routerOpen({ localAsn: 65001 }), "2/2"],
    ["internal takes our own", { peerAsn: { kind: "internal" } }, routerOpen({ localAsn: 65001 }), "accepted"],
    ["internal refuses another", { peerAsn: { kind: "internal" } }, routerOpen(), "2/2"],
    ["identifier 0 (RFC 6286)", {}, routerOpen({ routerId: 0 }), "2/3"],
    ["our identifier in another AS", {}, routerOpen({ routerId: OUR_SETTINGS.routerId }), "accepted"],
    [
      "our identifier in our AS",
      { peerAsn: { kind: "internal" } },
      routerOpen({ localAsn: 65001, routerId: OUR_SETTINGS.routerId }),
      "2/3",
    ],
    ["hold time 0", {}, routerOpen({ holdTimeSeconds: 0 }), "accepted"],
    ["hold time 1", {}, routerOpen({ holdTimeSeconds: 1 }), "2/6 0001"],
    ["hold time 2", {}, routerOpen({ holdTimeSeconds: 2 }), "2/6 0002"],
    ["hold time 3", {}, routerOpen({ holdTimeSeconds: 3 }), "accepted"],
    ["hold time 65535", {}, routerOpen({ holdTimeSeconds: 65_535 }), "accepted"],
    ["no family in common", {}, withCapabilities(MP6, ROUTER_AS), "2/7 010400010001"],
    ["no multiprotocol capability and we are IPv6 only", { families: ["IPv6"] }, withCapabilities(ROUTER_AS), "2/7 010400020001"],
    [
      "a capability nobody knows",
      {},
      withCapabilities(MP4, ROUTER_AS, { name: "unknown", code: 66, value: new Uint8Array(0), malformed: false }),
      "accepted",
    ],
    [
      "two different roles (RFC 9234)",
      {},
      withCapabilities(MP4, ROUTER_AS, { name: "role", role: "peer", code: 4 }, { name: "role", role: "customer", code: 3 }),
      "2/11",
    ],
    [
      "the same role twice",
      { role: "peer" },
      withCapabilities(MP4, ROUTER_AS, { name: "role", role: "peer", code: 4 }, { name: "role", role: "peer", code: 4 }),
      "accepted",
    ],
    ["a role without a meaning", { role: "peer" }, withCapabilities(MP4, ROUTER_AS, { name: "role", role: null, code: 9 }), "2/11"],
    ["a role although we sent none", {}, routerOpen({ role: "provider" }), "accepted"],
    ["no role although we sent one", { role: "customer" }, routerOpen(), "accepted"],
  ] as const)("%s", (_title, settings, received, answer) => {
    expect(refusal(settings, received).answer).toBe(answer);
  });

  it("is accepted for exactly the five pairs of roles of RFC 9234 §4.2", () => {
    const roles = ["provider", "rs", "rs-client", "customer", "peer"] as const;
    const accepted = roles.flatMap((ours) =>
      roles.flatMap((theirs) => (refusal({ role: ours }, routerOpen({ role: theirs })).answer === "accepted" ? [`${ours}/${theirs}`] : [])),
    );
    expect(accepted).toEqual(["provider/customer", "rs/rs-client", "rs-client/rs", "customer/provider", "peer/peer"]);
  });
});

describe("what both OPENs agree on", () => {
  it("is the smaller hold time, and a third of it between KEEPALIVEs", () => {
    expect(agree({}, routerOpen({ holdTimeSeconds: 9 }))).toMatchObject({ holdTimeSeconds: 9, keepaliveMillis: 3000 });
    expect(agree({}, routerOpen({ holdTimeSeconds: 180 }))).toMatchObject({ holdTimeSeconds: 90, keepaliveMillis: 30_000 });
    expect(agree({}, routerOpen({ holdTimeSeconds: 0 }))).toMatchObject({ holdTimeSeconds: 0, keepaliveMillis: 0 });
    expect(agree({ keepaliveTimeSeconds: 80 }, routerOpen())).toMatchObject({ keepaliveMillis: 30_000 });
  });

  it("is the families of both, IPv4 alone for a router without the multiprotocol capability (RFC 4760 §8)", () => {
    const both: Partial<SessionSettings> = { families: ["IPv4", "IPv6"] };
    expect(agree(both, withCapabilities(MP6, MP4, MP4, ROUTER_AS)).families).toEqual(["IPv4", "IPv6"]);
    expect(agree(both, withCapabilities(MP6, ROUTER_AS)).families).toEqual(["IPv6"]);
    expect(agree(both, withCapabilities(ROUTER_AS)).families).toEqual(["IPv4"]);
  });

  it("has four-octet AS numbers only where both sent capability 65", () => {
    expect(agree({}, routerOpen()).asn4).toBe(true);
    expect(agree({}, withCapabilities(MP4)).asn4).toBe(false);
    expect(agree({ omitCapabilities: [65] }, routerOpen()).asn4).toBe(false);
  });

  it("sends long messages only to a router that takes them, and takes them once we offered to (RFC 8654)", () => {
    const limits = (ours: boolean, theirs: boolean) => {
      const { sendLimit, receiveLimit } = agree({ extendedMessages: ours }, routerOpen({ extendedMessages: theirs }));
      return [sendLimit, receiveLimit];
    };
    expect(limits(true, true)).toEqual([65_535, 65_535]);
    expect(limits(true, false)).toEqual([4096, 65_535]);
    expect(limits(false, true)).toEqual([4096, 4096]);
  });

  it("has IPv6 next hops for IPv4 only where both offered them (RFC 8950)", () => {
    expect(agree({ extendedNextHop: true }, routerOpen({ extendedNextHop: true })).extendedNextHop).toBe(true);
    expect(agree({ extendedNextHop: true }, routerOpen()).extendedNextHop).toBe(false);
    expect(agree({}, routerOpen({ extendedNextHop: true })).extendedNextHop).toBe(false);
  });

  it("takes the old route refresh capability 128 for 2", () => {
    const old: Capability = { name: "unknown", code: 128, value: new Uint8Array(0), malformed: false };
    expect(agree({}, withCapabilities(MP4, ROUTER_AS, old)).routeRefresh).toBe(true);
    expect(agree({}, withCapabilities(MP4, ROUTER_AS)).routeRefresh).toBe(false);
  });

  it("takes the last of several Graceful Restart capabilities (RFC 4724 §3)", () => {
    const restart = (restartTimeSeconds: number): Capability => ({
      name: "gracefulRestart",
      restarting: false,
      notification: true,
      restartTimeSeconds,
      families: [],
    });
    const negotiated = agree(
      { gracefulRestart: { ...GRACEFUL, notification: true } },
      withCapabilities(MP4, ROUTER_AS, restart(1), restart(2)),
    );
    expect(negotiated.peerGracefulRestart).toEqual({ restarting: false, notification: true, restartTimeSeconds: 2 });
    expect(exchangedNotificationBit(negotiated)).toBe(true);
    expect(exchangedNotificationBit(agree({ gracefulRestart: GRACEFUL }, withCapabilities(MP4, ROUTER_AS, restart(1))))).toBe(false);
  });
});
