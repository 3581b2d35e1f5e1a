import { describe, expect, it } from "vitest";
import { encodeAttributes } from "../../../../src/bgp/wire/attributes.ts";
import type { NextHop, NlriBlock, PathAttributes, UpdateContent, UpdateContext } from "../../../../src/bgp/wire/messages.ts";
import { nlriBlock, prefixesOf } from "../../../../src/bgp/wire/nlri.ts";
import { decodeUpdate, encodeUpdate } from "../../../../src/bgp/wire/update.ts";
import type { Family } from "../../../../src/ip/address.ts";
import { formatAddress, formatPrefix } from "../../../../src/ip/format.ts";
import { parseAddress, parsePrefix } from "../../../../src/ip/parse.ts";
import { AS_PATH, attribute, EBGP, IBGP, MANDATORY, MP_REACH, NEXT_HOP, NLRI, ORIGIN, updateBody } from "../../../support/update-octets.ts";
import { attempt, hex, message, toHex } from "../../../support/vector.ts";

const EXTENDED: UpdateContext = { ...EBGP, extendedNextHop: true };
const OLD: UpdateContext = { ...EBGP, asn4: false };

function prefix(text: string) {
  const parsed = parsePrefix(text, { hostBits: "refuse" });
  if (!parsed.ok) throw new Error(parsed.why);
  return parsed.value;
}

function nextHop(address: string, linkLocal?: string): NextHop {
  const parse = (text: string) => {
    const parsed = parseAddress(text);
    if (!parsed.ok) throw new Error(parsed.why);
    return parsed.value;
  };
  return { address: parse(address), linkLocal: linkLocal === undefined ? null : parse(linkLocal) };
}

function block(family: Family, ...prefixes: string[]): NlriBlock {
  return nlriBlock(family, prefixes.map(prefix));
}

function texts(list: NlriBlock): string[] {
  return [...prefixesOf(list)].map(formatPrefix);
}

const ATTRIBUTES: PathAttributes = { origin: "igp", asPath: [{ type: "sequence", asns: [4200000001] }] };
const V4_VIA = nextHop("10.0.0.5");
const V6_VIA = nextHop("fd00::5");

const golden: readonly (readonly [string, UpdateContent, string, UpdateContext])[] = [
  [
    "an IPv4 announcement",
    {
      name: "announce",
      block: { ...block("IPv4", "192.0.2.1/32", "192.0.2.2/32"), nextHop: V4_VIA, multiprotocol: false },
      attributes: { ...ATTRIBUTES, communities: [0xfde80001] },
    },
    "003C02 0000 001B 40010100 4002060201FA56EA01 4003040A000005 C00804FDE80001 20C0000201 20C0000202",
    EBGP,
  ],
  [
    "an IPv6 announcement, MP_REACH_NLRI first",
    { name: "announce", block: { ...block("IPv6", "2001:db8::1/128"), nextHop: V6_VIA, multiprotocol: true }, attributes: ATTRIBUTES },
    "004D02 0000 0036 800E26 0002 01 10 FD000000000000000000000000000005 00 8020010DB8000000000000000000000001 40010100 4002060201FA56EA01",
    EBGP,
  ],
  [
    "an IPv4 announcement over an IPv6 next hop (RFC 8950)",
    { name: "announce", block: { ...block("IPv4", "192.0.2.1/32"), nextHop: V6_VIA, multiprotocol: true }, attributes: ATTRIBUTES },
    "004102 0000 002A 800E1A 0001 01 10 FD000000000000000000000000000005 00 20C0000201 40010100 4002060201FA56EA01",
    EXTENDED,
  ],
  [
    "an IPv6 announcement with a link-local next hop beside the global one (RFC 2545)",
    {
      name: "announce",
      block: { ...block("IPv6", "::/0"), nextHop: nextHop("fd00::5", "fe80::5"), multiprotocol: true },
      attributes: ATTRIBUTES,
    },
    "004D02 0000 0036 800E26 0002 01 20 FD000000000000000000000000000005 FE800000000000000000000000000005 00 00 40010100 4002060201FA56EA01",
    EBGP,
  ],
  [
    "an IPv4 announcement in MP_REACH_NLRI with an IPv4 next hop",
    { name: "announce", block: { ...block("IPv4", "192.0.2.0/24"), nextHop: V4_VIA, multiprotocol: true }, attributes: ATTRIBUTES },
    "003402 0000 001D 800E0D 0001 01 04 0A000005 00 18C00002 40010100 4002060201FA56EA01",
    EBGP,
  ],
  [
    "an IPv4 withdrawal",
    { name: "withdraw", block: { ...block("IPv4", "192.0.2.1/32"), multiprotocol: false } },
    "001C02 0005 20C0000201 0000",
    EBGP,
  ],
  [
    "an IPv6 withdrawal",
    { name: "withdraw", block: { ...block("IPv6", "2001:db8::1/128"), multiprotocol: true } },
    "002E02 0000 0017 800F14 000201 8020010DB8000000000000000000000001",
    EBGP,
  ],
  ["the IPv4 End-of-RIB", { name: "endOfRib", family: "IPv4" }, "001702 0000 0000", EBGP],
  ["the IPv6 End-of-RIB", { name: "endOfRib", family: "IPv6" }, "001D02 0000 0006 800F03 000201", EBGP],
  [
    "a default route, one octet at the very end",
    { name: "announce", block: { ...block("IPv4", "0.0.0.0/0"), nextHop: V4_VIA, multiprotocol: false }, attributes: ATTRIBUTES },
    "002C02 0000 0014 40010100 4002060201FA56EA01 4003040A000005 00",
    EBGP,
  ],
];

/** What was decoded, in the shape it is encoded from. */
function contentOf(octets: Uint8Array, context: UpdateContext): UpdateContent | null {
  const update = decodeUpdate(octets.subarray(19), context);
  const [announced] = update.announced;
  const [withdrawn] = update.withdrawn;
  if (update.endOfRib !== null) return { name: "endOfRib", family: update.endOfRib };
  if (announced !== undefined) return { name: "announce", block: announced, attributes: update.attributes };
  return withdrawn === undefined ? null : { name: "withdraw", block: withdrawn };
}

describe("UPDATE as golden bytes (RFC 4271 §4.3, RFC 4760 §3, §4)", () => {
  it.each(golden)("writes %s", (_title, content, expected, context) => {
    expect(toHex(encodeUpdate(content, context))).toBe(toHex(message(expected)));
  });

  it.each(golden)("reads %s", (_title, content, octets, context) => {
    const read = contentOf(message(octets), context);
    expect(read).toMatchObject({ name: content.name });
    if (read?.name === "announce" && content.name === "announce") {
      expect(read.block).toEqual(content.block);
      expect(read.attributes).toMatchObject(content.attributes);
    } else {
      expect(read).toEqual(content);
    }
    expect(read && toHex(encodeUpdate(read, context))).toBe(toHex(message(octets)));
  });

  it.each(golden)("survives every truncation of %s", (_title, _content, octets, context) => {
    const whole = message(octets).subarray(19);
    let outcomes = 0;
    for (let length = 0; length < whole.length; length++) {
      attempt(() => decodeUpdate(whole.slice(0, length), context));
      outcomes += 1;
    }
    expect(outcomes).toBe(whole.length);
    expect(attempt(() => decodeUpdate(whole.slice(0, 3), context))).toBeDefined();
  });

  it("knows the End-of-RIB with a long length field too", () => {
    expect(decodeUpdate(message("001E02 0000 0007 900F0003 000201").subarray(19), EBGP).endOfRib).toBe("IPv6");
  });

  it("takes an End-of-RIB of IPv4 in MP_UNREACH_NLRI", () => {
    expect(decodeUpdate(updateBody({ attributes: "800f03000101" }), EBGP).endOfRib).toBe("IPv4");
  });

  it("takes no End-of-RIB from what merely lacks prefixes", () => {
    for (const attributes of [`800f03000201${ORIGIN}`, MANDATORY, ORIGIN])
      expect(decodeUpdate(updateBody({ attributes }), EBGP).endOfRib).toBeNull();
    expect(decodeUpdate(updateBody({ attributes: "800f03000201", withdrawn: NLRI }), EBGP).endOfRib).toBeNull();
  });
});

describe("path attributes", () => {
  const everything: PathAttributes = {
    origin: "incomplete",
    asPath: [{ type: "sequence", asns: [65001] }],
    nextHop: V4_VIA.address,
    med: 4294967295,
    localPref: 100,
    atomicAggregate: true,
    aggregator: { asn: 70000, routerId: 0x0a000001 },
    communities: [0xfde80001, 0xffffff01],
    originatorId: 0x0a000002,
    clusterList: [1, 2],
    extendedCommunities: ["0004fde94cee6b28"],
    largeCommunities: [
      [1, 2, 3],
      [4294967295, 0, 0],
    ],
    otc: 65000,
    opaque: [{ flags: 0xe0, code: 99, value: hex("abcd") }],
  };
  const expected =
    "400101024002060201 0000fde9 4003040a000005 8004 04ffffffff 400504 00000064 400600 c00708 00011170 0a000001 c00808 fde80001 ffffff01" +
    "8009040a000002 800a08 00000001 00000002 c01008 0004fde94cee6b28 c02018 000000010000000200000003 ffffffff0000000000000000" +
    "c02304 0000fde8 e06302abcd";

  it("are written in ascending order of codes, whatever order they were given in", () => {
    const { opaque, ...others } = everything;
    expect(toHex(encodeAttributes({ opaque, ...others }, { asn4: true }))).toBe(toHex(hex(expected)));
  });

  it("are read again, every one of them, in any order", () => {
    const forwards = decodeUpdate(updateBody({ attributes: expected, nlri: NLRI }), IBGP);
    expect(forwards.faults).toEqual([]);
    expect(forwards.attributes).toEqual(everything);
    const reversed = decodeUpdate(updateBody({ attributes: `${NEXT_HOP}${AS_PATH}80040400000007${ORIGIN}`, nlri: NLRI }), IBGP);
    expect(reversed).toMatchObject({ action: "accept", attributes: { med: 7, origin: "igp" } });
  });

  it("have the long length field only where the value needs it", () => {
    const communities = (count: number) => encodeAttributes({ communities: Array.from({ length: count }, (_, i) => i) }, { asn4: true });
    expect(toHex(communities(63).subarray(0, 3))).toBe("c008fc");
    expect(toHex(communities(64).subarray(0, 4))).toBe("d0080100");
  });

  it("are read with a long length field that was not needed", () => {
    const update = decodeUpdate(updateBody({ attributes: `5001000100${AS_PATH}${NEXT_HOP}`, nlri: NLRI }), EBGP);
    expect(update).toMatchObject({ action: "accept", attributes: { origin: "igp" } });
  });

  it("leave out empty lists, which would be malformed", () => {
    expect(
      encodeAttributes({ communities: [], largeCommunities: [], extendedCommunities: [], clusterList: [] }, { asn4: true }).length,
    ).toBe(0);
  });

  it("keep each large community once (RFC 8092 §5)", () => {
    const value = "000000010000000200000003".repeat(2);
    const update = decodeUpdate(updateBody({ attributes: MANDATORY + attribute(0xc0, 32, value), nlri: NLRI }), EBGP);
    expect(update).toMatchObject({ action: "accept", attributes: { largeCommunities: [[1, 2, 3]] } });
  });
});

describe("towards and from two-octet speakers (RFC 6793 §4.2)", () => {
  const attributes: PathAttributes = { ...ATTRIBUTES, aggregator: { asn: 4200000001, routerId: 1 } };

  it("AS_TRANS goes with AS4_PATH and AS4_AGGREGATOR", () => {
    expect(toHex(encodeAttributes(attributes, { asn4: false }))).toBe(
      "40010100" + "40020402015ba0" + "c007065ba000000001" + "c011060201fa56ea01" + "c01208fa56ea0100000001",
    );
  });

  it("numbers of two octets go alone", () => {
    const small: PathAttributes = { asPath: [{ type: "sequence", asns: [65001] }], aggregator: { asn: 65001, routerId: 1 } };
    expect(toHex(encodeAttributes(small, { asn4: false }))).toBe("4002040201fde9" + "c00706fde900000001");
  });

  it("the real numbers come back", () => {
    const octets = `${toHex(encodeAttributes(attributes, { asn4: false }))}${NEXT_HOP}`;
    expect(decodeUpdate(updateBody({ attributes: octets, nlri: NLRI }), OLD)).toMatchObject({ action: "accept", attributes });
  });

  it("AS4_PATH may stand before AS_PATH (CVE-2026-41643)", () => {
    const octets = `c011060201fa56ea01${ORIGIN}40020402015ba0${NEXT_HOP}`;
    expect(decodeUpdate(updateBody({ attributes: octets, nlri: NLRI }), OLD)).toMatchObject({ action: "accept", attributes: ATTRIBUTES });
  });

  it("AS4 attributes older than an aggregator's own number are ignored", () => {
    const octets = `${ORIGIN}40020402015ba0${NEXT_HOP}c00706fde900000001c011060201fa56ea01c01208fa56ea0100000001`;
    const update = decodeUpdate(updateBody({ attributes: octets, nlri: NLRI }), OLD);
    expect(update.attributes.asPath).toEqual([{ type: "sequence", asns: [23456] }]);
    expect(update.attributes.aggregator).toEqual({ asn: 65001, routerId: 1 });
  });
});

describe("families", () => {
  const only4: UpdateContext = { ...EBGP, families: ["IPv4"] };
  const only6: UpdateContext = { ...EBGP, families: ["IPv6"] };

  it("that were not negotiated are ignored, and counted (RFC 4760 §6)", () => {
    expect(decodeUpdate(updateBody({ attributes: MP_REACH + ORIGIN + AS_PATH }), only4)).toMatchObject({
      announced: [],
      withdrawn: [],
      action: "accept",
      ignoredFamilies: 1,
    });
    expect(decodeUpdate(updateBody({ attributes: "800f03000201" }), only4)).toMatchObject({ endOfRib: null, ignoredFamilies: 1 });
    expect(decodeUpdate(updateBody({ attributes: MANDATORY, nlri: NLRI }), only6)).toMatchObject({ announced: [], ignoredFamilies: 1 });
    expect(decodeUpdate(updateBody({ withdrawn: NLRI }), only6)).toMatchObject({ withdrawn: [], ignoredFamilies: 1 });
    expect(decodeUpdate(updateBody({}), only6)).toMatchObject({ endOfRib: null, ignoredFamilies: 1 });
  });

  it("may share one message from a peer that packs differently", () => {
    const update = decodeUpdate(updateBody({ withdrawn: "18c63364", attributes: MP_REACH + MANDATORY, nlri: NLRI }), EBGP);
    expect(update.announced.map(({ family, nextHop: via }) => `${family} ${formatAddress(via.address)}`)).toEqual([
      "IPv6 fd00::5",
      "IPv4 10.0.0.5",
    ]);
    expect(update.withdrawn.map(texts)).toEqual([["198.51.100.0/24"]]);
  });

  it("IPv4 withdrawals come in either field (RFC 8950)", () => {
    expect(decodeUpdate(updateBody({ attributes: "800f080001 01 20c0000201" }), EXTENDED).withdrawn.map(texts)).toEqual([["192.0.2.1/32"]]);
    expect(decodeUpdate(updateBody({ withdrawn: NLRI }), EXTENDED).withdrawn.map(texts)).toEqual([["192.0.2.1/32"]]);
  });
});
