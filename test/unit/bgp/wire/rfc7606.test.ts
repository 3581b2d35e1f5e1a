import { describe, expect, it } from "vitest";
import type { UpdateContext } from "../../../../src/bgp/wire/messages.ts";
import { decodeUpdate } from "../../../../src/bgp/wire/update.ts";
import { AS_PATH, attribute, EBGP, IBGP, MANDATORY, MP_REACH, NEXT_HOP, NLRI, ORIGIN, updateBody } from "../../../support/update-octets.ts";
import { ACCEPT, DISCARD, outcome, WITHDRAW, withAttribute } from "../../../support/update-outcome.ts";
import { attempt, hex, toHex } from "../../../support/vector.ts";

const OLD: UpdateContext = { ...EBGP, asn4: false };
const OLD_PATH = "40020402015ba0";
const EXTENDED: UpdateContext = { ...EBGP, extendedNextHop: true };
const MP_UNREACH = "800f14 000201 8020010db8000000000000000000000001";

describe("UPDATE framing (RFC 7606 §3, §4)", () => {
  it("resets with 3/1 when the withdrawn length exceeds the message", () => {
    expect(outcome(hex("0001 0000"))).toBe("reset 3/1");
    expect(outcome(hex("ffff 0000"))).toBe("reset 3/1");
  });

  it("resets with 3/1 when the attribute length exceeds the message", () => {
    expect(outcome(hex("0000 0001"))).toBe("reset 3/1");
    expect(outcome(hex("0005 20c0000201 ffff"))).toBe("reset 3/1");
  });

  it("withdraws what follows when an attribute runs past the attribute length", () => {
    expect(outcome({ attributes: `${MANDATORY}c00840fde80001`, nlri: NLRI })).toBe(WITHDRAW);
  });

  it("withdraws what follows when fewer than three octets are left for an attribute", () => {
    for (const rest of ["c0", "c008", "0e", "800e", "800f"]) expect(outcome({ attributes: MANDATORY + rest, nlri: NLRI })).toBe(WITHDRAW);
  });

  it("withdraws what follows when fewer than four octets are left for one with a long length", () => {
    for (const rest of ["d0", "d008", "d00800", "900e00"]) expect(outcome({ attributes: MANDATORY + rest, nlri: NLRI })).toBe(WITHDRAW);
  });

  it("resets when it is an MP attribute that runs past the end, for its prefixes are lost", () => {
    expect(outcome({ attributes: `${MANDATORY}800e40000201`, nlri: NLRI })).toBe("reset 3/1");
    expect(outcome({ attributes: `${MANDATORY}800f40000201`, nlri: NLRI })).toBe("reset 3/9");
  });

  it("resets with 3/10 for a bad prefix in the NLRI field", () => {
    for (const nlri of ["21c000020100", "20c00002", "ff"]) expect(outcome({ attributes: MANDATORY, nlri })).toBe("reset 3/10");
  });

  it("resets with 3/10 for a bad prefix in the withdrawn field", () => {
    for (const withdrawn of ["21c000020100", "20c00002", "ff"]) expect(outcome({ withdrawn })).toBe("reset 3/10");
  });
});

describe("attributes in general (RFC 7606 §3)", () => {
  const recognised: readonly (readonly [string, string])[] = [
    ["ORIGIN", "80 01 01 00"],
    ["AS_PATH", "c0 02 06 0201fa56ea01"],
    ["NEXT_HOP", "c0 03 04 0a000005"],
    ["MULTI_EXIT_DISC", "c0 04 04 00000001"],
    ["LOCAL_PREF", "80 05 04 00000001"],
    ["ATOMIC_AGGREGATE", "80 06 00"],
    ["AGGREGATOR", "40 07 08 0000fde800000001"],
    ["COMMUNITIES", "80 08 04 fde80001"],
    ["ORIGINATOR_ID", "40 09 04 00000001"],
    ["CLUSTER_LIST", "c0 0a 04 00000001"],
    ["EXTENDED_COMMUNITIES", "80 10 08 0004fde94cee6b28"],
    ["AS4_PATH", "80 11 06 0201fa56ea01"],
    ["AS4_AGGREGATOR", "40 12 08 0000fde800000001"],
    ["IPV6_EXTENDED_COMMUNITIES", `80 19 14 ${"00".repeat(20)}`],
    ["LARGE_COMMUNITIES", "80 20 0c 000000010000000200000003"],
    ["OTC", "80 23 04 0000fde8"],
    ["ATTR_SET", "80 80 04 0000fde8"],
  ];
  it.each(recognised)("withdraws when the flags of %s are wrong", (_name, octets) => {
    expect(withAttribute(octets)).toBe(WITHDRAW);
    expect(withAttribute(octets, IBGP)).toBe(WITHDRAW);
  });

  it("does not compare the partial and the extended-length bit", () => {
    expect(withAttribute("60 01 01 00")).toBe(ACCEPT);
    expect(withAttribute("e0 08 04 fde80001")).toBe(ACCEPT);
    expect(withAttribute("f0 08 0004 fde80001")).toBe(ACCEPT);
    expect(withAttribute("cf 08 04 fde80001")).toBe(ACCEPT);
  });

  it("resets when the flags of an MP attribute are wrong, the transitive bit among them", () => {
    expect(outcome({ attributes: `c0${MP_REACH.slice(2)}${ORIGIN}${AS_PATH}` })).toBe("reset 3/4");
    expect(outcome({ attributes: `c0${MP_UNREACH.slice(2)}` })).toBe("reset 3/4");
  });

  it("resets with 3/1 for MP_REACH_NLRI or MP_UNREACH_NLRI twice", () => {
    expect(outcome({ attributes: MP_REACH + MP_REACH + ORIGIN + AS_PATH })).toBe("reset 3/1");
    expect(outcome({ attributes: MP_UNREACH + MP_UNREACH })).toBe("reset 3/1");
  });

  it("keeps the first of any other attribute and drops the rest", () => {
    const body = updateBody({ attributes: `${MANDATORY}8004040000000180040400000002 4001 01 05`, nlri: NLRI });
    const update = decodeUpdate(body, EBGP);
    expect(update).toMatchObject({ action: "discard-attributes", attributes: { med: 1, origin: "igp" } });
    expect(update.faults.map(({ attribute: code, severity }) => `${code} ${severity}`)).toEqual(["4 discard", "1 discard"]);
    expect(withAttribute("c06302abcd c06302abce")).toBe(DISCARD);
  });

  it("withdraws when ORIGIN, AS_PATH or NEXT_HOP is missing beside prefixes", () => {
    for (const attributes of [AS_PATH + NEXT_HOP, ORIGIN + NEXT_HOP, ORIGIN + AS_PATH, ""]) {
      expect(outcome({ attributes, nlri: NLRI })).toBe(WITHDRAW);
    }
  });

  it("needs no NEXT_HOP beside MP_REACH_NLRI, and ignores it where it comes", () => {
    expect(outcome({ attributes: MP_REACH + ORIGIN + AS_PATH })).toBe("accept +2001:db8::1/128");
    expect(outcome({ attributes: `${MP_REACH}${ORIGIN}${AS_PATH}40030400000000` })).toBe("accept +2001:db8::1/128");
    expect(outcome({ attributes: MP_REACH + ORIGIN })).toBe("withdraw -2001:db8::1/128");
    expect(outcome({ attributes: MP_REACH + AS_PATH })).toBe("withdraw -2001:db8::1/128");
  });

  it("lets the strongest of several errors win", () => {
    expect(withAttribute("400600 400600 c00803abcdef")).toBe(WITHDRAW);
    expect(withAttribute(`40060100 ${attribute(0x40, 99, "")}`)).toBe("reset 3/2");
    expect(outcome({ attributes: `400103000000${AS_PATH}${NEXT_HOP}${MP_REACH}${MP_REACH}`, nlri: NLRI })).toBe("reset 3/1");
  });
});

describe("single attributes (RFC 7606 §7)", () => {
  const rows: readonly (readonly [string, string, string, UpdateContext?])[] = [
    ["ORIGIN of 0 octets", "400100", WITHDRAW],
    ["ORIGIN of 2 octets", "4001020000", WITHDRAW],
    ["ORIGIN 3", "40010103", WITHDRAW],
    ["AS_PATH with an unknown segment type", "4002060501fa56ea01", WITHDRAW],
    ["AS_PATH whose segment runs past the end", "4002060202fa56ea01", WITHDRAW],
    ["AS_PATH with one octet left", "4002070201fa56ea0102", WITHDRAW],
    ["AS_PATH with an empty segment", "4002020200", WITHDRAW],
    ["AS_PATH with AS 0 (RFC 7607)", "4002060201 00000000", WITHDRAW],
    ["AS_PATH of two-octet numbers from a four-octet speaker", "4002040201fde8", WITHDRAW],
    ["AS_PATH with a confederation segment from outside (RFC 5065)", "4002060301fa56ea01", WITHDRAW],
    ["AS_PATH with a confederation segment from inside", "4002060301fa56ea01", ACCEPT, IBGP],
    ["AS_PATH of no octets", "400200", ACCEPT],
    ["NEXT_HOP of 3 octets", "4003030a0000", WITHDRAW],
    ["NEXT_HOP of 16 octets", `400310${"20".repeat(16)}`, WITHDRAW],
    ["NEXT_HOP 0.0.0.0", "40030400000000", WITHDRAW],
    ["NEXT_HOP 127.0.0.1", "4003047f000001", WITHDRAW],
    ["NEXT_HOP 224.0.0.1", "400304e0000001", WITHDRAW],
    ["NEXT_HOP 255.255.255.255", "400304ffffffff", WITHDRAW],
    ["MULTI_EXIT_DISC of 3 octets", "800403000000", WITHDRAW],
    ["MULTI_EXIT_DISC of no octets", "800400", WITHDRAW],
    ["LOCAL_PREF from an external peer", "40050400000064", DISCARD],
    ["LOCAL_PREF of 3 octets from an external peer", "400503000064", DISCARD],
    ["LOCAL_PREF of 3 octets from an internal peer", "400503000064", WITHDRAW, IBGP],
    ["LOCAL_PREF from an internal peer", "40050400000064", ACCEPT, IBGP],
    ["ATOMIC_AGGREGATE of 1 octet", "40060100", DISCARD],
    ["ATOMIC_AGGREGATE of no octets", "400600", ACCEPT],
    ["AGGREGATOR of 6 octets from a four-octet speaker", "c00706fde800000001", DISCARD],
    ["AGGREGATOR of 7 octets", "c00707fde80000000100", DISCARD],
    ["AGGREGATOR with AS 0 (RFC 7607)", "c007080000000000000001", DISCARD],
    ["AGGREGATOR of no octets", "c00700", DISCARD],
    ["COMMUNITIES of no octets", "c00800", WITHDRAW],
    ["COMMUNITIES of 5 octets", "c00805fde8000100", WITHDRAW],
    ["ORIGINATOR_ID from an external peer", "80090400000001", DISCARD],
    ["ORIGINATOR_ID of 5 octets from an internal peer", "8009050000000100", WITHDRAW, IBGP],
    ["CLUSTER_LIST from an external peer", "800a0400000001", DISCARD],
    ["CLUSTER_LIST of 6 octets from an internal peer", "800a06000000010000", WITHDRAW, IBGP],
    ["CLUSTER_LIST of no octets from an internal peer", "800a00", WITHDRAW, IBGP],
    ["EXTENDED_COMMUNITIES of no octets", "c01000", WITHDRAW],
    ["EXTENDED_COMMUNITIES of 7 octets", "c01007 00000000000000", WITHDRAW],
    ["EXTENDED_COMMUNITIES of a type nobody knows", "c01008 ffffffffffffffff", ACCEPT],
    ["IPV6_EXTENDED_COMMUNITIES of 19 octets", `c01913 ${"00".repeat(19)}`, WITHDRAW],
    ["IPV6_EXTENDED_COMMUNITIES of a type nobody knows", `c01914 ${"ff".repeat(20)}`, ACCEPT],
    ["AS4_PATH from a four-octet speaker (RFC 6793)", "c011060201fa56ea01", DISCARD],
    ["AS4_AGGREGATOR from a four-octet speaker (RFC 6793)", "c012080000fde800000001", DISCARD],
    ["PMSI_TUNNEL of any contents", "c0160401020304", ACCEPT],
    ["TUNNEL_ENCAPSULATION of any contents", "c01703ffffff", ACCEPT],
    ["AIGP whose TLV runs past the end", "801a0b01000c0000000000000001", DISCARD],
    ["AIGP with flags of another kind", "c01a0b01000b0000000000000001", DISCARD],
    ["AIGP", "801a0b01000b0000000000000001", ACCEPT],
    ["BGP_LS whose TLV runs past the end", "801d04ffff0001", DISCARD],
    ["PREFIX_SID of zeros only, as seen on the internet in 2025", "c0280400000000", DISCARD],
    ["PREFIX_SID of no octets", "c02800", DISCARD],
    ["PREFIX_SID", "c0280a01000700000000000001", ACCEPT],
    ["LARGE_COMMUNITIES of no octets", "c02000", WITHDRAW],
    ["LARGE_COMMUNITIES of 11 octets", `c0200b${"00".repeat(11)}`, WITHDRAW],
    ["OTC of 3 octets (RFC 9234)", "c0230300fde8", WITHDRAW],
    ["OTC of no octets", "c02300", WITHDRAW],
    ["ATTR_SET of 3 octets", "c0800300fde8", WITHDRAW],
    ["ATTR_SET whose attribute runs past the end", "c080080000fde840010200", WITHDRAW],
    ["ATTR_SET", "c080080000fde840010100", ACCEPT],
    ["an unknown optional non-transitive attribute", "806302abcd", ACCEPT],
    ["an unknown optional transitive attribute", "c06302abcd", ACCEPT],
    ["an unknown optional transitive attribute without a value", "c06300", ACCEPT],
    ["an unknown well-known attribute (CVE-2026-41642)", "406302abcd", "reset 3/2"],
    ["an unknown attribute that is neither optional nor transitive", "006302abcd", "reset 3/2"],
    ["attribute code 0", "c00002abcd", ACCEPT],
    ["attribute code 0 as well-known", "400000", ACCEPT],
  ];
  it.each(rows.map(([title, octets, expected, context = EBGP]) => ({ title, octets, expected, context })))(
    "$title",
    ({ octets, expected, context }) => {
      expect(withAttribute(octets, context)).toBe(expected);
    },
  );

  it("discards AS4_PATH and AS4_AGGREGATOR that are malformed", () => {
    const attributes = (more: string) => ORIGIN + OLD_PATH + NEXT_HOP + more;
    for (const more of ["c01100", "c01103020100", "c01106020100000000", "c0110101", "c01207fde80000000100", "c012080000000000000001"]) {
      expect(outcome({ attributes: attributes(more), nlri: NLRI }, OLD)).toBe(DISCARD);
    }
  });

  it("keeps an unknown transitive attribute as it is and forgets a non-transitive one", () => {
    const update = decodeUpdate(updateBody({ attributes: `${MANDATORY}e06302abcd806402abcd`, nlri: NLRI }), EBGP);
    expect(update.attributes.opaque).toEqual([{ flags: 0xe0, code: 99, value: hex("abcd") }]);
  });
});

describe("MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 7606 §5.3, §7.11, §7.12)", () => {
  const reach = (value: string, context: UpdateContext = EBGP) =>
    outcome({ attributes: attribute(0x80, 14, value.replace(/\s/g, "")) + ORIGIN + AS_PATH }, context);
  const via = `10 ${"20".repeat(16)} 00`;

  const broken: readonly (readonly [string, string])[] = [
    ["of no octets", ""],
    ["of 4 octets", "00020110"],
    ["with a next hop past the end", "0002011000"],
    ["with a next hop of no octets", "0002010000"],
    ["with a next hop of 4 octets for IPv6", "000201 04 0a000005 00"],
    ["with a next hop of 24 octets", `000201 18 ${"20".repeat(24)} 00`],
    ["with an IPv6 next hop for IPv4 that was not negotiated", `000101 ${via} 20c0000201`],
    ["with a prefix of 129 bits", `000201 ${via} 81${"00".repeat(17)}`],
    ["with a prefix past the end", `000201 ${via} 8020`],
    ["with an IPv4 prefix of 33 bits", "000101 04 0a000005 00 21c000020100"],
  ];
  it.each(broken)("resets with 3/1 for MP_REACH_NLRI %s", (_title, value) => {
    expect(reach(value)).toBe("reset 3/1");
  });

  it("takes an IPv6 next hop for IPv4 once that is negotiated (RFC 8950)", () => {
    expect(reach(`000101 ${via} 20c0000201`, EXTENDED)).toBe("accept +192.0.2.1/32");
    expect(reach(`000101 20 ${"20".repeat(32)} 00 20c0000201`, EXTENDED)).toBe("accept +192.0.2.1/32");
  });

  it("ignores a reserved octet that is not zero", () => {
    expect(reach(`000201 10 ${"20".repeat(16)} ff 00`)).toBe("accept +::/0");
  });

  it("withdraws prefixes whose next hop is no host's address", () => {
    for (const address of [`${"00".repeat(16)}`, `${"00".repeat(15)}01`, `ff02${"00".repeat(13)}01`]) {
      expect(reach(`000201 10 ${address} 00 00`)).toBe("withdraw -::/0");
    }
  });

  const unreachable = ["", "0002", "000201 81", `000201 81${"00".repeat(17)}`, "000101 21c000020100"];
  it.each(unreachable)("resets with 3/9 for MP_UNREACH_NLRI %s", (value) => {
    expect(outcome({ attributes: attribute(0x80, 15, value.replace(/\s/g, "")) })).toBe("reset 3/9");
  });
});

describe("an UPDATE without reachable prefixes (RFC 7606 §5.2)", () => {
  it("resets for any error that asks for more than discarding", () => {
    expect(outcome({ attributes: "400103000000" })).toBe("reset 3/5");
    expect(outcome({ attributes: "40010109" })).toBe("reset 3/6");
    expect(outcome({ attributes: `${MANDATORY}c00803abcdef` })).toBe("reset 3/5");
    expect(outcome({ attributes: "c0" })).toBe("reset 3/1");
    expect(outcome({ attributes: "400103000000", withdrawn: NLRI })).toBe("reset 3/5");
    expect(outcome({ attributes: `${MP_UNREACH}400103000000` })).toBe("reset 3/5");
  });

  it("quotes the attribute in the NOTIFICATION (RFC 4271 §6.3)", () => {
    const error = attempt(() => decodeUpdate(updateBody({ attributes: "400103000000" }), EBGP));
    expect(error && toHex(error.data)).toBe("400103000000");
    expect(error?.severity).toBe("reset");
  });

  it("stays up for errors that ask for discarding, and for none", () => {
    expect(outcome({ attributes: "40060100" })).toBe("discard-attributes");
    expect(outcome({ attributes: `${MP_UNREACH}40050400000064` })).toBe("discard-attributes -2001:db8::1/128");
    expect(outcome({ attributes: MANDATORY })).toBe("accept");
  });

  it("is not what an MP_REACH_NLRI of a family we ignore makes", () => {
    const evpn = attribute(0x80, 14, "00194604 0a000005 00 0200".replace(/\s/g, ""));
    expect(outcome({ attributes: `${evpn}400103000000` })).toBe("withdraw");
  });
});
