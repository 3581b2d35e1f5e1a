import { beforeEach, describe, expect, it } from "vitest";
import { AdjRibOut } from "../../../../src/bgp/rib/adj-rib-out.ts";
import { AttributeTable } from "../../../../src/bgp/rib/attribute-table.ts";
import { PrefixTable } from "../../../../src/bgp/rib/prefix-table.ts";
import { peerKey, RibPeer } from "../../../support/rib-peer.ts";
import { attributes, drain, host4, host6, NEXT_HOP_6, prefix4, session, v4 } from "../../../support/rib-session.ts";

let prefixes: PrefixTable;
let sets: AttributeTable;
let rib: AdjRibOut;
let peer: RibPeer;

beforeEach(() => {
  prefixes = new PrefixTable();
  sets = new AttributeTable();
  rib = new AdjRibOut(prefixes, sets);
  peer = new RibPeer();
});

const PLAIN = attributes();
const RED = attributes({ communities: [1] });
const BLUE = attributes({ communities: [2] });
/** 5,000 octets of attributes: more than a message of 4096 holds. */
const HUGE = attributes({ communities: Array.from({ length: 1250 }, (_, i) => i) });

function bytes(): string {
  const buffer = new Uint8Array(65536);
  return Buffer.from(buffer.subarray(0, rib.fill(buffer)))
    .toString("hex")
    .toUpperCase()
    .replaceAll("F".repeat(32), "|");
}

describe("the bytes of the Adj-RIB-Out (RFC 4271 §4.3)", () => {
  it("announces two addresses of one set in one UPDATE", () => {
    rib.open(session());
    const wish = attributes({ communities: [0xfde80001] });
    rib.want(prefix4("192.0.2.1/32"), wish);
    rib.want(prefix4("192.0.2.2/32"), wish);
    expect(bytes()).toBe("|003C020000001B400101004002060201FA56EA014003040A000005C00804FDE8000120C000020120C0000202");
  });

  it("announces IPv6 in MP_REACH_NLRI before the other attributes", () => {
    rib.open(session());
    rib.want(host6(1), PLAIN);
    expect(bytes()).toBe(
      "|004D0200000036800E260002011000FD".replace("1000FD", "10FD") +
        "000000000000000000000000000005008020010DB8000000000000000000000001400101004002060201FA56EA01",
    );
  });

  it("withdraws IPv4 in the classic field and IPv6 in MP_UNREACH_NLRI", () => {
    rib.open(session());
    rib.want(prefix4("192.0.2.1/32"), PLAIN);
    rib.want(host6(1), PLAIN);
    bytes();
    rib.want(prefix4("192.0.2.1/32"), null);
    rib.want(host6(1), null);
    expect(bytes()).toBe("|001C02000520C00002010000|002E0200000017800F140002018020010DB8000000000000000000000001");
  });

  it("carries IPv4 over an IPv6 next hop in MP attributes once RFC 8950 was negotiated, and leaves its End-of-RIB an empty UPDATE", () => {
    rib.open(session({ extendedNextHop: true, families: ["IPv4"], nextHop: { IPv4: NEXT_HOP_6, IPv6: null } }));
    rib.allowEndOfRib();
    rib.want(prefix4("192.0.2.1/32"), PLAIN);
    expect(bytes()).toBe(
      "|00410200000 02A800E1A00010110FD0000000000000000000000000000050020C0000201400101004002060201FA56EA01|00170200000000".replace(
        " ",
        "",
      ),
    );
    rib.want(prefix4("192.0.2.1/32"), null);
    expect(bytes()).toBe("|0022020000000B800F0800010120C0000201");
  });

  it("says End-of-RIB as RFC 4724 §2 has it for either family", () => {
    rib.open(session());
    rib.allowEndOfRib();
    expect(bytes()).toBe("|00170200000000|001D0200000006800F03000201");
  });

  it("writes the default route as one octet", () => {
    rib.open(session());
    rib.want(prefix4("0.0.0.0/0"), PLAIN);
    expect(bytes().endsWith("4003040A00000500")).toBe(true);
  });
});

describe("packing to the negotiated limit", () => {
  function updates(count: number, prefixOfIndex: typeof host4, changes: Parameters<typeof session>[0] = {}): number[] {
    peer = new RibPeer({ limit: changes.sendLimit ?? 4096 });
    rib.open(session(changes));
    for (let n = 0; n < count; n++) rib.want(prefixOfIndex(n), PLAIN);
    const sizes = drain(rib, peer).map((message) => message.announced.length);
    expect(peer.table.size).toBe(count);
    return sizes;
  }

  it("puts 810 host routes into one UPDATE of 4096 octets, and 811 into two", () => {
    expect(updates(811, host4)).toEqual([810, 1]);
  });

  it("needs 124 UPDATEs for 100,000 host routes", () => {
    const sizes = updates(100_000, host4);
    expect(sizes.length).toBe(124);
    expect(rib.updates).toBe(124);
    expect(sizes.slice(0, -1).every((size) => size === 810)).toBe(true);
  });

  it("puts 237 IPv6 host routes into one UPDATE", () => {
    const sizes = updates(10_000, host6);
    expect(sizes.length).toBe(Math.ceil(10_000 / 237));
    expect(sizes[0]).toBe(237);
  });

  it("uses messages of 65535 octets once they were negotiated (RFC 8654)", () => {
    expect(updates(20_000, host4, { sendLimit: 65535 })).toEqual([Math.floor((65535 - 43) / 5), 20_000 - Math.floor((65535 - 43) / 5)]);
  });

  it("withdraws 814 host routes in one UPDATE", () => {
    updates(815, host4);
    for (let n = 0; n < 815; n++) rib.want(host4(n), null);
    expect(drain(rib, peer).map((message) => message.withdrawn.length)).toEqual([814, 1]);
    expect(peer.table.size).toBe(0);
  });

  it("counts each prefix by its own length: 1,010 of /24 fit where 810 of /32 do", () => {
    rib.open(session());
    for (let n = 0; n < 1100; n++) rib.want(prefix4(`10.${n >> 8}.${n & 255}.0/24`), PLAIN);
    expect(drain(rib, peer).map((message) => message.announced.length)).toEqual([Math.floor(4053 / 4), 1100 - Math.floor(4053 / 4)]);
  });

  it("fills the last octets of a message with a shorter prefix", () => {
    // Room for 100 octets of NLRI behind 43 of header and attributes.
    rib.open(session({ sendLimit: 143 }));
    for (let n = 0; n < 19; n++) rib.want(host4(n), PLAIN);
    rib.want(prefix4("20.0.0.0/8"), PLAIN); // 97 octets so far
    rib.want(host4(19), PLAIN);
    rib.want(prefix4("21.1.0.0/16"), PLAIN);
    expect(drain(rib, peer).map((message) => message.octets)).toEqual([143, 48]);
  });

  it("writes a full-length message at the very end of a buffer", () => {
    for (const [family, make] of [
      ["IPv4", host4],
      ["IPv6", host6],
    ] as const) {
      for (let limit = 64; limit < 400; limit++) {
        const own = new AdjRibOut(prefixes, sets);
        peer = new RibPeer({ limit });
        own.open(session({ sendLimit: limit, families: [family] }));
        own.want(make(0), PLAIN);
        const roomy = limit >= (family === "IPv4" ? 48 : 77);
        for (let n = 1; n < 40; n++) own.want(make(n), PLAIN);
        drain(own, peer, new Uint8Array(limit));
        expect([limit, peer.table.size, own.unsendable]).toEqual([limit, roomy ? 40 : 0, roomy ? 0 : 40]);
      }
    }
  });

  it("needs a message per set, not one per prefix", () => {
    rib.open(session());
    for (let n = 0; n < 3000; n++) rib.want(host4(n), [PLAIN, RED, BLUE][n % 3] ?? PLAIN);
    expect(drain(rib, peer).length).toBe(6);
  });
});

describe("wanted and sent", () => {
  beforeEach(() => rib.open(session()));

  it("sends the newest of several wishes, once", () => {
    rib.want(host4(1), PLAIN);
    rib.want(host4(1), RED);
    rib.want(host4(1), BLUE);
    expect(rib.pending).toBe(1);
    expect(drain(rib, peer).length).toBe(1);
    expect(peer.table.get(peerKey(host4(1)))?.communities).toEqual([2]);
  });

  it("sends nothing when a route comes and goes before it was sent", () => {
    rib.want(host4(1), PLAIN);
    rib.want(host4(1), null);
    expect(rib.pending).toBe(0);
    expect(drain(rib, peer)).toEqual([]);
    expect(prefixes.size).toBe(0);
    expect(sets.size).toBe(0);
  });

  it("sends nothing when a route goes and comes back, or changes and changes back", () => {
    rib.want(host4(1), PLAIN);
    drain(rib, peer);
    rib.want(host4(1), null);
    rib.want(host4(1), PLAIN);
    rib.want(host4(1), RED);
    rib.want(host4(1), attributes());
    expect(drain(rib, peer)).toEqual([]);
  });

  it("changes attributes in place, without a withdrawal", () => {
    rib.want(host4(1), PLAIN);
    drain(rib, peer);
    rib.want(host4(1), RED);
    expect(drain(rib, peer).map(({ announced, withdrawn }) => [announced.length, withdrawn.length])).toEqual([[1, 0]]);
  });

  it("sends withdrawals before announcements", () => {
    rib.want(host4(1), PLAIN);
    rib.want(host6(1), PLAIN);
    drain(rib, peer);
    rib.want(host4(2), PLAIN);
    rib.want(host4(1), null);
    rib.want(host6(2), PLAIN);
    rib.want(host6(1), null);
    expect(drain(rib, peer).map((message) => message.withdrawn.length)).toEqual([1, 1, 0, 0]);
  });

  it("puts a withdrawal before the rest of a dump that is under way", () => {
    for (let n = 0; n < 50_000; n++) rib.want(host4(n), PLAIN);
    const buffer = new Uint8Array(8192);
    peer.receive(buffer.subarray(0, rib.fill(buffer)));
    rib.want(host4(3), null);
    const [first] = peer.receive(buffer.subarray(0, rib.fill(buffer)));
    expect(first?.withdrawn).toEqual([peerKey(host4(3))]);
  });

  it("lets no set wait behind a larger one", () => {
    for (let n = 0; n < 50_000; n++) rib.want(host4(n), PLAIN);
    rib.want(host4(60_000), RED);
    const buffer = new Uint8Array(8192);
    peer.receive(buffer.subarray(0, rib.fill(buffer)));
    peer.receive(buffer.subarray(0, rib.fill(buffer)));
    expect(peer.table.has(peerKey(host4(60_000)))).toBe(true);
  });

  it("tells what it sent and what it wants", () => {
    rib.want(host4(1), RED);
    expect([rib.wanted(host4(1)), rib.sent(host4(1)), rib.announced("IPv4"), rib.wishes("IPv4")]).toEqual([RED, null, 0, 1]);
    drain(rib, peer);
    rib.want(host4(1), null);
    expect([rib.wanted(host4(1)), rib.sent(host4(1)), rib.announced("IPv4"), rib.wishes("IPv4")]).toEqual([null, RED, 1, 0]);
    const seen: unknown[] = [];
    rib.forEachSent((id, set) => seen.push([prefixes.prefix(id), sets.attributes(set)]));
    expect(seen).toEqual([[host4(1), RED]]);
    rib.forEachWanted(() => seen.push("wanted"));
    expect(seen.length).toBe(1);
  });

  it("refuses a buffer that a message might not fit", () => {
    expect(() => rib.fill(new Uint8Array(4095))).toThrow("does not hold a message of 4096");
  });
});

describe("sessions that come and go", () => {
  it("sends everything again on the next session, and only of the families it has", () => {
    rib.want(host4(1), PLAIN);
    rib.want(host6(1), PLAIN);
    expect(rib.fill(new Uint8Array(4096))).toBe(0);
    rib.open(session());
    drain(rib, peer);
    expect(peer.table.size).toBe(2);
    rib.close();
    expect([rib.announced("IPv4"), rib.pending, rib.hasOutput]).toEqual([0, 0, false]);
    rib.want(host4(2), PLAIN);
    rib.want(host4(1), null);
    peer = new RibPeer();
    rib.open(session({ families: ["IPv4"] }));
    drain(rib, peer);
    expect([...peer.table.keys()]).toEqual([peerKey(host4(2))]);
    expect(peer.needlessWithdrawals).toEqual([]);
  });

  it("says End-of-RIB once per family and session, after the dump, and not before it may", () => {
    rib.want(host4(1), PLAIN);
    rib.open(session());
    expect(drain(rib, peer).map(({ kind }) => kind)).toEqual(["update"]);
    rib.want(host4(2), PLAIN);
    rib.allowEndOfRib();
    expect(drain(rib, peer).map(({ kind }) => kind)).toEqual(["update", "endOfRib", "endOfRib"]);
    rib.want(host4(3), PLAIN);
    expect(drain(rib, peer).map(({ kind }) => kind)).toEqual(["update"]);
    rib.open(session({ families: ["IPv6"] }));
    expect(drain(rib, new RibPeer()).map(({ kind, family }) => [kind, family])).toEqual([["endOfRib", "IPv6"]]);
    expect([rib.endOfRibSent("IPv6"), rib.endOfRibSent("IPv4")]).toEqual([true, false]);
  });

  it("holds a family back without a next hop, sends it when there is one, and withdraws it when it goes", () => {
    rib.open(session({ nextHop: { IPv4: null, IPv6: NEXT_HOP_6 } }));
    rib.want(host4(1), PLAIN);
    rib.want(host6(1), PLAIN);
    drain(rib, peer);
    expect([...peer.table.keys()]).toEqual([peerKey(host6(1))]);
    rib.setNextHop("IPv4", v4("10.0.0.7"));
    drain(rib, peer);
    expect(peer.table.get(peerKey(host4(1)))?.nextHop).toBe("0a000007");
    rib.setNextHop("IPv4", null);
    expect(drain(rib, peer).map((message) => message.withdrawn)).toEqual([[peerKey(host4(1))]]);
    rib.setNextHop("IPv4", v4("10.0.0.7"));
    expect(drain(rib, peer).map((message) => message.announced)).toEqual([[peerKey(host4(1))]]);
  });

  it("announces again in place when the next hop changes", () => {
    rib.open(session());
    rib.want(host4(1), PLAIN);
    drain(rib, peer);
    rib.setNextHop("IPv4", v4("10.0.0.9"));
    expect(drain(rib, peer).map(({ announced, withdrawn }) => [announced.length, withdrawn.length])).toEqual([[1, 0]]);
    expect(peer.table.get(peerKey(host4(1)))?.nextHop).toBe("0a000009");
    rib.setNextHop("IPv4", v4("10.0.0.9"));
    expect(rib.hasOutput).toBe(false);
  });

  it("treats an IPv6 next hop for IPv4 without RFC 8950 as none", () => {
    rib.open(session());
    rib.want(host4(1), PLAIN);
    drain(rib, peer);
    rib.setNextHop("IPv4", NEXT_HOP_6);
    drain(rib, peer);
    expect(peer.table.size).toBe(0);
  });
});

describe("route refresh (RFC 2918, RFC 7313)", () => {
  function start(enhancedRouteRefresh: boolean): void {
    rib.open(session({ enhancedRouteRefresh }));
    rib.allowEndOfRib();
    for (let n = 0; n < 2000; n++) rib.want(host4(n), PLAIN);
    drain(rib, peer);
  }

  it("repeats everything of the family between BoRR and EoRR, without another End-of-RIB", () => {
    start(true);
    rib.refresh("IPv4");
    const messages = drain(rib, peer);
    expect(messages.map(({ kind }) => kind)).toEqual(["beginRefresh", "update", "update", "update", "endRefresh"]);
    expect(messages.reduce((sum, { announced }) => sum + announced.length, 0)).toBe(2000);
    expect(peer.table.size).toBe(2000);
  });

  it("has no markers when they were not negotiated, nor before End-of-RIB", () => {
    start(false);
    rib.refresh("IPv4");
    expect(drain(rib, peer).map(({ kind }) => kind)).toEqual(["update", "update", "update"]);
    rib = new AdjRibOut(prefixes, sets);
    rib.open(session({ enhancedRouteRefresh: true }));
    rib.want(host4(1), PLAIN);
    drain(rib, new RibPeer());
    rib.refresh("IPv4");
    expect(drain(rib, new RibPeer()).map(({ kind }) => kind)).toEqual(["update"]);
  });

  it("still withdraws what is no longer wanted", () => {
    start(true);
    rib.refresh("IPv4");
    rib.want(host4(7), null);
    const messages = drain(rib, peer);
    expect(messages.flatMap(({ withdrawn }) => withdrawn)).toEqual([peerKey(host4(7))]);
    expect(peer.table.size).toBe(1999);
  });

  it("repeats a route that changed and changed back while it was to be repeated", () => {
    start(true);
    rib.refresh("IPv4");
    const buffer = new Uint8Array(4096);
    peer.receive(buffer.subarray(0, rib.fill(buffer)));
    rib.want(host4(1999), RED);
    rib.want(host4(1999), PLAIN);
    drain(rib, peer);
    expect(peer.table.size).toBe(2000);
  });

  it("turns a storm of requests during a dump into one more repetition", () => {
    start(false);
    rib.refresh("IPv4");
    const buffer = new Uint8Array(4096);
    let octets = 0;
    for (let i = 0; i < 100; i++) {
      octets = rib.fill(buffer);
      if (octets > 0) peer.receive(buffer.subarray(0, octets));
      if (i < 2) rib.refresh("IPv4");
      rib.refresh("IPv4");
      if (i === 1) break;
    }
    expect(drain(rib, peer).length).toBe(1 + 3);
  });

  it("answers one request after another, and marks a refresh of nothing", () => {
    start(true);
    for (let i = 0; i < 3; i++) {
      rib.refresh("IPv6");
      expect(drain(rib, peer).map(({ kind, family }) => `${kind} ${family}`)).toEqual(["beginRefresh IPv6", "endRefresh IPv6"]);
    }
    rib.open(session({ families: ["IPv4"] }));
    drain(rib, new RibPeer());
    rib.refresh("IPv6");
    expect(rib.hasOutput).toBe(false);
  });
});

describe("attributes too long for a message", () => {
  it("are reported per prefix, never sent, and stop nothing else", () => {
    rib.open(session());
    rib.allowEndOfRib();
    rib.want(host4(1), HUGE);
    rib.want(host4(2), PLAIN);
    rib.want(host6(3), HUGE);
    const messages = drain(rib, peer);
    expect([...peer.table.keys()]).toEqual([peerKey(host4(2))]);
    expect(messages.map(({ kind }) => kind)).toEqual(["update", "endOfRib", "endOfRib"]);
    const reported: unknown[] = [];
    rib.forEachUnsendable((id, set) =>
      reported.push([prefixes.prefix(id).key, sets.attributes(set) === sets.attributes(sets.intern(HUGE))]),
    );
    expect(reported).toEqual([
      [host4(1).key, true],
      [host6(3).key, true],
    ]);
    expect([rib.unsendable, rib.pending, rib.hasOutput]).toEqual([2, 0, false]);
  });

  it("take away the older version that was sent: only true routes", () => {
    rib.open(session());
    rib.want(host4(1), PLAIN);
    drain(rib, peer);
    rib.want(host4(1), HUGE);
    drain(rib, peer);
    expect(peer.table.size).toBe(0);
    rib.want(host4(1), RED);
    drain(rib, peer);
    expect([peer.table.size, rib.unsendable]).toEqual([1, 0]);
  });

  it("are counted each time they are found not to fit, so that one prefix taking another's place is seen", () => {
    rib.open(session());
    rib.want(host4(1), HUGE);
    drain(rib, peer);
    expect([rib.unsendable, rib.rejections]).toEqual([1, 1]);
    rib.want(host4(1), PLAIN);
    rib.want(host4(2), HUGE);
    drain(rib, peer);
    expect([rib.unsendable, rib.rejections, peer.table.size]).toEqual([1, 2, 1]);
    rib.want(host4(2), null);
    drain(rib, peer);
    expect([rib.unsendable, rib.rejections]).toEqual([0, 2]);
  });

  it("are tried again on a session with longer messages", () => {
    rib.want(host4(1), HUGE);
    rib.open(session());
    drain(rib, peer);
    rib.close();
    peer = new RibPeer({ limit: 65535 });
    rib.open(session({ sendLimit: 65535 }));
    drain(rib, peer);
    expect([peer.table.size, rib.unsendable]).toEqual([1, 0]);
  });
});

describe("a wish that differs in what this session does not say", () => {
  const cases = [
    { session: session(), what: "LOCAL_PREF towards another AS", before: PLAIN, after: attributes({ localPref: 200 }) },
    { session: session({ ibgp: true }), what: "prepends inside the AS", before: PLAIN, after: attributes({ asPathPrepend: 3 }) },
    { session: session({ ibgp: true }), what: "the LOCAL_PREF that stands for none", before: PLAIN, after: attributes({ localPref: 100 }) },
  ];

  it.each(cases)("is nothing to send: $what", ({ session: up, before, after }) => {
    rib.open(up);
    rib.want(host4(1), before);
    rib.want(host6(1), before);
    expect(drain(rib, peer)).toHaveLength(2);
    rib.want(host4(1), after);
    rib.want(host6(1), after);
    expect(rib.pending).toBe(0);
    expect(drain(rib, peer)).toEqual([]);
    // It counts as what the peer has: a refresh and a withdrawal go on from there.
    rib.refresh("IPv4");
    expect(drain(rib, peer)).toHaveLength(1);
    rib.want(host4(1), null);
    rib.want(host6(1), null);
    expect(drain(rib, peer)).toHaveLength(2);
    expect(sets.size).toBe(0);
  });

  it("replaces a change that had not left yet", () => {
    rib.open(session());
    rib.want(host4(1), PLAIN);
    drain(rib, peer);
    rib.want(host4(1), RED);
    expect(rib.pending).toBe(1);
    rib.want(host4(1), attributes({ localPref: 200 }));
    expect(rib.pending).toBe(0);
    expect(drain(rib, peer)).toEqual([]);
  });
});
