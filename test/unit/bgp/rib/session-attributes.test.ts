import { describe, expect, it } from "vitest";
import { encodeSessionBlock, usableNextHop } from "../../../../src/bgp/rib/session-attributes.ts";
import type { Family } from "../../../../src/ip/address.ts";
import { attributes, NEXT_HOP_4, NEXT_HOP_6, session, v6 } from "../../../support/rib-session.ts";

function block(wish: Parameters<typeof attributes>[0], changes: Parameters<typeof session>[0] = {}, family: Family = "IPv4") {
  const { octets, nextHop } = encodeSessionBlock(attributes(wish), session(changes), family);
  return { octets: hex(octets), nextHop: nextHop === null ? null : hex(nextHop) };
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex").toUpperCase();
}

const NEXT_HOP = "4003040A000005";

describe("attributes of a route on a session (RFC 4271 §5.1)", () => {
  it("has ORIGIN, the own AS and the next hop towards another AS, and no LOCAL_PREF even when one is wished", () => {
    expect(block({ localPref: 200 })).toEqual({ octets: `400101004002060201FA56EA01${NEXT_HOP}`, nextHop: null });
  });

  it("has an empty AS_PATH and a LOCAL_PREF of 100 inside the AS, and no prepending", () => {
    expect(block({ asPathPrepend: 3 }, { ibgp: true })).toEqual({ octets: `40010100400200${NEXT_HOP}40050400000064`, nextHop: null });
    expect(block({ localPref: 0 }, { ibgp: true }).octets).toBe(`40010100400200${NEXT_HOP}40050400000000`);
  });

  it("prepends the own AS as often as asked, in one segment", () => {
    expect(block({ asPathPrepend: 2 }, { localAsn: 65001 }).octets).toBe(`4001010040020E02030000FDE90000FDE90000FDE9${NEXT_HOP}`);
  });

  it("sends MED to either kind of peer when one is set, zero included", () => {
    expect(block({ med: 0 }).octets).toBe(`400101004002060201FA56EA01${NEXT_HOP}80040400000000`);
    expect(block({ med: 50 }, { ibgp: true }).octets).toBe(`40010100400200${NEXT_HOP}8004040000003240050400000064`);
  });

  it("carries communities, extended with the link bandwidth at the end, and large ones, in ascending order of codes", () => {
    const wish = {
      communities: [0xfde80001, 0xffff0000],
      extendedCommunities: ["0002fde800000001"],
      largeCommunities: [[4200000001, 1, 2]] as const,
      linkBandwidth: { bytesPerSecond: 125_000_000, transitive: true },
    };
    expect(block(wish, { localAsn: 65001 }).octets).toBe(
      `4001010040020602010000FDE9${NEXT_HOP}C00808FDE80001FFFF0000C010100002FDE8000000010004FDE94CEE6B28C0200CFA56EA010000000100000002`,
    );
  });

  it("names AS_TRANS in the link bandwidth when the own AS needs four octets (RFC 10005), and marks it non-transitive when asked", () => {
    expect(block({ linkBandwidth: { bytesPerSecond: 125_000_000, transitive: false } }).octets).toContain("C0100840045BA04CEE6B28");
  });

  it("sends one link bandwidth of each transitivity: the planned one before those written by hand, of these the lowest (RFC 10005)", () => {
    const byHand = ["0004fde84d6e6b28", "0004fde84cee6b28", "4004fde84dee6b28", "4004fde84cee6b28"];
    expect(block({ extendedCommunities: byHand }, { localAsn: 65001 }).octets).toContain("C010100004FDE84CEE6B284004FDE84CEE6B28");
    const wish = { extendedCommunities: byHand, linkBandwidth: { bytesPerSecond: 375_000_000, transitive: true } };
    expect(block(wish, { localAsn: 65001 }).octets).toContain("C010104004FDE84CEE6B280004FDE94DB2D05E");
  });

  it("hides a four-octet AS behind AS_TRANS from an old speaker and tells it in AS4_PATH (RFC 6793 §4.2.2)", () => {
    expect(block({ communities: [1] }, { asn4: false }).octets).toBe(`4001010040020402015BA0${NEXT_HOP}C0080400000001C011060201FA56EA01`);
    expect(block({}, { asn4: false, localAsn: 65001 }).octets).toBe(`400101004002040201FDE9${NEXT_HOP}`);
  });

  it("bears OTC with the own AS towards a customer, a peer and a client of a route server, and inside the AS none (RFC 9234 §5)", () => {
    expect(block({}, { onlyToCustomer: true, localAsn: 65001 }).octets).toBe(`4001010040020602010000FDE9${NEXT_HOP}C023040000FDE9`);
    expect(block({}, { onlyToCustomer: true, ibgp: true })).toEqual(block({}, { ibgp: true }));
  });

  it("puts the next hop of IPv6 routes into MP_REACH_NLRI", () => {
    expect(block({}, {}, "IPv6")).toEqual({ octets: "400101004002060201FA56EA01", nextHop: "FD000000000000000000000000000005" });
  });

  it("puts a link-local address behind the global one where the session has one (RFC 2545 §3)", () => {
    const linkLocalNextHop = { global: NEXT_HOP_6, linkLocal: v6("fe80", "1") };
    const { nextHop } = block({}, { linkLocalNextHop }, "IPv6");
    expect(nextHop).toBe("FD000000000000000000000000000005FE800000000000000000000000000001");
    // A fixed next hop is somebody else's address.
    const fixed = { IPv4: NEXT_HOP_4, IPv6: v6("fd00", "99") };
    expect(block({}, { linkLocalNextHop, nextHop: fixed }, "IPv6").nextHop).toBe("FD000000000000000000000000000099");
  });

  it("gives IPv4 routes an IPv6 next hop only where RFC 8950 was negotiated", () => {
    const onlyIpv6 = { IPv4: NEXT_HOP_6, IPv6: NEXT_HOP_6 };
    expect(usableNextHop(session({ nextHop: onlyIpv6 }), "IPv4")).toBeNull();
    expect(() => block({}, { nextHop: onlyIpv6 })).toThrow("no next hop for IPv4");
    expect(block({}, { nextHop: onlyIpv6, extendedNextHop: true })).toEqual({
      octets: "400101004002060201FA56EA01",
      nextHop: "FD000000000000000000000000000005",
    });
  });

  it("has no next hop for IPv6 routes in an IPv4 address, nor for a family that was not negotiated", () => {
    expect(usableNextHop(session({ nextHop: { IPv4: NEXT_HOP_4, IPv6: NEXT_HOP_4 }, extendedNextHop: true }), "IPv6")).toBeNull();
    expect(usableNextHop(session({ families: ["IPv4"] }), "IPv6")).toBeNull();
    expect(usableNextHop(session(), "IPv6")).toEqual(NEXT_HOP_6);
  });
});
