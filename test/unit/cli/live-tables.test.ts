import { describe, expect, it } from "vitest";
import { formatPeers } from "../../../src/cli/peers.ts";
import { formatRoutes } from "../../../src/cli/routes.ts";
import { formatServices } from "../../../src/cli/services.ts";
import { textWidth } from "../../../src/cli/terminal-text.ts";
import type { PeerView } from "../../../src/view/peers.ts";
import type { RouteView } from "../../../src/view/routes.ts";
import type { ServiceView } from "../../../src/view/services.ts";

const NOW = Date.parse("2026-03-01T12:00:00.000Z");
const SINCE = "2026-03-01T11:00:00.000Z";
const LONG = "border-router-with-a-really-long-name-in-row-17";
const IPV6 = "2001:db8:1234:5678:9abc:def0:1234:5678";
const FQDN = "ip-10-0-12-34.eu-west-1.compute.internal";

function lines(text: string): string[] {
  return text.trimEnd().split("\n");
}

function tooLong(text: string): string[] {
  return lines(text).filter((line) => textWidth(line) > 100);
}

function peer(more: Partial<PeerView> = {}): PeerView & { readonly node: string } {
  return {
    node: "node-1",
    name: "tor",
    peerAddress: "10.0.0.254",
    peerASN: 65000,
    localASN: 65001,
    state: "Established",
    since: SINCE,
    families: ["IPv4", "IPv6"],
    routerID: "10.255.0.1",
    holdTimeSeconds: 9,
    capabilities: { sent: [], received: [] },
    gracefulRestart: { enabled: false, negotiated: false, restartTimeSeconds: 0, families: [] },
    bfd: { state: "" },
    announced: { IPv4: 28, IPv6: 12 },
    unsendable: [],
    pending: 0,
    sent: { updates: 0, keepalives: 0, notifications: 0 },
    received: { updates: 0, prefixes: 0, keepalives: 0, treatAsWithdraw: 0, attributeDiscard: 0 },
    lastError: null,
    flaps: 0,
    ...more,
  };
}

describe("herald peers for people", () => {
  it("shows state, uptime, families with what is announced in each, and what is pending", () => {
    expect(lines(formatPeers([peer(), peer({ name: "tor-b", families: ["IPv4"], pending: 3 })], { wide: false }, NOW))).toEqual([
      "NODE     PEER    ADDRESS      ASN     STATE         UPTIME   ANNOUNCED          PENDING",
      "node-1   tor     10.0.0.254   65000   Established   60m      IPv4 28, IPv6 12   0",
      "node-1   tor-b   10.0.0.254   65000   Established   60m      IPv4 28            3",
    ]);
  });

  it("shows no uptime of a session that is down, and its last error in full below", () => {
    const text =
      "peer did not answer within the time that the operating system allows: check the route to the router and the source address";
    const lastError = { at: "2026-03-01T11:59:30.000Z", direction: "local", code: 0, subcode: 0, name: "", text } as const;
    const shown = formatPeers(
      [peer(), peer({ name: "down", state: "Active", announced: { IPv4: 0, IPv6: 0 }, lastError })],
      { wide: false },
      NOW,
    );
    expect(lines(shown)[2]).toMatch(/^node-1 +down +10\.0\.0\.254 +65000 +Active +<none> +IPv4 0, IPv6 0 +0$/);
    expect(lines(shown).slice(3, 5)).toEqual(["", "NODE     PEER   AGO   LAST-ERROR"]);
    expect(lines(shown)[5]).toMatch(/^node-1 +down +30s +peer did not answer/);
    expect(shown.replace(/\s+/g, " ")).toContain(text);
    expect(tooLong(shown)).toEqual([]);
  });

  it("says who sent a NOTIFICATION, its name and its words", () => {
    const error = {
      at: SINCE,
      direction: "received",
      code: 6,
      subcode: 2,
      name: "Cease/Administrative Shutdown",
      text: "until 5 pm",
    } as const;
    expect(formatPeers([peer({ lastError: error })], { wide: false }, NOW)).toContain("received Cease/Administrative Shutdown: until 5 pm");
  });

  it("fits 100 columns with long names and an IPv6 address", () => {
    const lastError = { at: SINCE, direction: "sent", code: 4, subcode: 0, name: "Hold Timer Expired", text: "x".repeat(300) } as const;
    const rows = [
      { ...peer({ name: LONG, peerAddress: IPV6, peerASN: 4200000001, announced: { IPv4: 1000, IPv6: 0 }, lastError }), node: FQDN },
    ];
    const shown = formatPeers(rows, { wide: false }, NOW).replace(/ANNOUNCED +PENDING/, "");
    // Ten columns of an AS number, eleven of a state and thirty-nine of an address leave the names eight each.
    expect(lines(shown)[1]).toMatch(/^ip-10-0… +border-… +2001:db8:1234:5678:9abc:def0:1234:5678 +4200000001 +Established/);
    expect(tooLong(shown.split("\n\n")[1] ?? "")).toEqual([]);
    const wide = lines(formatPeers(rows, { wide: true }, NOW));
    expect(wide).toHaveLength(2);
    expect(wide[1]).toContain(LONG);
    expect(wide[1]).toContain("x".repeat(300));
  });
});

function route(more: Partial<RouteView> = {}): RouteView {
  return {
    node: "node-1",
    prefix: "203.0.113.10/32",
    family: "IPv4",
    nextHop: { tor: "10.0.0.1" },
    peers: ["tor"],
    communities: [],
    largeCommunities: [],
    extendedCommunities: [],
    localPref: null,
    med: null,
    asPathPrepend: 0,
    linkBandwidth: null,
    owners: ["shop/web"],
    since: SINCE,
    restored: null,
    ...more,
  };
}

describe("herald routes for people", () => {
  it("shows prefix, next hop, peers, attributes, owners and age", () => {
    const rich = route({
      communities: ["65000:100"],
      largeCommunities: ["1:2:3"],
      linkBandwidth: 125_000_000,
      localPref: 200,
      med: 5,
      asPathPrepend: 2,
    });
    expect(lines(formatRoutes([rich], { wide: false }, NOW))).toEqual([
      "NODE     PREFIX            NEXT-HOP   PEERS   ATTRIBUTES                              OWNERS     AGE",
      "node-1   203.0.113.10/32   10.0.0.1   tor     65000:100 large:1:2:3 1Gbit/s local-…   shop/web   60m",
    ]);
    expect(formatRoutes([rich], { wide: true }, NOW)).toContain("65000:100 large:1:2:3 1Gbit/s local-pref=200 med=5 prepend=2");
  });

  it("leaves attributes out where no route has any", () => {
    expect(lines(formatRoutes([route()], { wide: false }, NOW))[0]).toBe("NODE     PREFIX            NEXT-HOP   PEERS   OWNERS     AGE");
  });

  it("shows each next hop where peers have different ones, and whose it is with -o wide", () => {
    const two = route({ nextHop: { "tor-a": "10.0.0.1", "tor-b": "10.1.0.1" }, peers: ["tor-a", "tor-b"] });
    expect(lines(formatRoutes([two], { wide: false }, NOW)).slice(1)).toEqual([
      "node-1   203.0.113.10/32   10.0.0.1   tor-a,tor-b   shop/web   60m",
      "                           10.1.0.1",
    ]);
    expect(formatRoutes([two], { wide: true }, NOW)).toContain("tor-a=10.0.0.1; tor-b=10.1.0.1");
    expect(formatRoutes([route({ nextHop: { tor: null } })], { wide: false }, NOW)).toContain("<session>");
  });

  it("fits 100 columns with long names and IPv6", () => {
    const long = route({
      prefix: "2001:db8:113::10/128",
      nextHop: { [LONG]: "2001:db8::1" },
      peers: [LONG, "tor"],
      owners: [`shop/${LONG}`],
    });
    expect(tooLong(formatRoutes([{ ...long, node: FQDN, communities: ["65000:100"] }], { wide: false }, NOW))).toEqual([]);
  });
});

function service(more: Partial<ServiceView> = {}): ServiceView & { readonly node: string } {
  return {
    node: "node-1",
    service: "shop/web",
    address: "203.0.113.10",
    kind: "LoadBalancerIP",
    announced: true,
    reason: "",
    detail: "announced by advertisement all to tor",
    peers: { tor: { announced: true, reason: "" } },
    endpoints: { counted: 3, local: 1, terminating: 2 },
    weight: null,
    since: SINCE,
    ...more,
  };
}

describe("herald services for people", () => {
  it("says to whom, why not, how many endpoints count and are here, what weight and since when", () => {
    const weighted = service({
      weight: 125_000_000,
      peers: { tor: { announced: true, reason: "" }, "tor-b": { announced: true, reason: "" } },
    });
    const not = service({ announced: false, reason: "noLocalEndpoints", endpoints: { counted: 2, local: 0, terminating: 0 } });
    expect(lines(formatServices([weighted, not], { wide: false }, NOW))).toEqual([
      "NODE     SERVICE    ADDRESS        ENDPOINTS   WEIGHT    AGE   ANNOUNCED",
      "node-1   shop/web   203.0.113.10   3, 1 here   1Gbit/s   60m   to tor, tor-b",
      "node-1   shop/web   203.0.113.10   2, 0 here   <none>    60m   no: noLocalEndpoints",
    ]);
  });

  it("leaves weights out where nothing has one", () => {
    expect(lines(formatServices([service()], { wide: false }, NOW))[0]).not.toContain("WEIGHT");
  });

  it("says whom it is not announced to, and why, where others have it", () => {
    const peers = {
      a: { announced: true, reason: "" },
      b: { announced: false, reason: "peerFamilyNotNegotiated" },
      c: { announced: false, reason: "peerFamilyNotNegotiated" },
      d: { announced: false, reason: "noNextHop" },
    } as const;
    expect(formatServices([service({ peers })], { wide: false }, NOW).match(/(?:to|not to) .*$/gm)).toEqual([
      "to a",
      "not to b, c: peerFamilyNotNegotiated",
      "not to d: noNextHop",
    ]);
  });

  it("shows a Service without an address", () => {
    const none = service({
      address: null,
      kind: null,
      announced: false,
      reason: "noAddress",
      endpoints: { counted: 0, local: 0, terminating: 0 },
    });
    expect(lines(formatServices([none], { wide: false }, NOW))[1]).toBe("node-1   shop/web   <none>    0, 0 here   60m   no: noAddress");
  });

  it("fits 100 columns with long names and IPv6, and keeps every reason whole", () => {
    const peers = { [LONG]: { announced: true, reason: "" }, tor: { announced: false, reason: "peerFamilyNotNegotiated" } } as const;
    const rows = [
      service({ service: `shop/${LONG}`, address: "2001:db8:113::10", peers, weight: 1e9 }),
      { ...service({ announced: false, reason: "nodeLabeledExcludeBalancers" }), node: FQDN },
    ];
    const text = formatServices(rows, { wide: false }, NOW);
    expect(tooLong(text)).toEqual([]);
    expect(text.replace(/\s+/g, " ")).toContain("no: nodeLabeledExcludeBalancers");
    const wide = formatServices(rows, { wide: true }, NOW);
    expect(lines(wide)).toHaveLength(3);
    expect(wide).toContain(`${LONG}, not tor: peerFamilyNotNegotiated`);
  });
});
