import { describe, expect, it } from "vitest";
import {
  decodeAggregator,
  decodeAtomicAggregate,
  decodeExtendedCommunities,
  decodeLargeCommunities,
  decodeNextHop,
  decodeNumber,
  decodeNumbers,
  decodeOrigin,
  encodeAggregator,
  encodeExtendedCommunities,
  encodeLargeCommunities,
  encodeNumber,
  encodeNumbers,
  encodeOrigin,
  isUsableNextHop,
} from "../../../../src/bgp/wire/attribute-values.ts";
import { encodeAttributes } from "../../../../src/bgp/wire/attributes.ts";
import type { Aggregator } from "../../../../src/bgp/wire/messages.ts";
import { addressFromOctets } from "../../../../src/ip/address.ts";
import { encodeLinkBandwidth } from "../../../../src/ip/link-bandwidth.ts";
import { attempt, hex, toHex, vector } from "../../../support/vector.ts";

describe("ORIGIN (RFC 4271 §4.3)", () => {
  const codec = { decode: decodeOrigin, encode: encodeOrigin };
  vector("IGP", "00", "igp", codec);
  vector("EGP", "01", "egp", codec);
  vector("INCOMPLETE", "02", "incomplete", codec);
});

describe("MULTI_EXIT_DISC, LOCAL_PREF, ORIGINATOR_ID, OTC", () => {
  vector("the largest number", "ffffffff", 0xffffffff, { decode: decodeNumber, encode: encodeNumber });
  vector("zero", "00000000", 0, { decode: decodeNumber, encode: encodeNumber });
});

describe("NEXT_HOP (RFC 4271 §5.1.3)", () => {
  const codec = { decode: decodeNextHop, encode: (address: { octets: Uint8Array }) => address.octets };
  vector("an address", "0a000005", addressFromOctets(hex("0a000005")), codec);

  const usable: readonly (readonly [string, boolean])[] = [
    ["0a000005", true],
    ["00000001", false],
    ["7f000001", false],
    ["e0000001", false],
    ["efffffff", false],
    ["f0000001", true],
    ["ffffffff", false],
    ["00000000000000000000000000000000", false],
    ["00000000000000000000000000000001", false],
    ["00000000000000000000000000000002", true],
    ["fe800000000000000000000000000005", true],
    ["fd000000000000000000000000000000", true],
    ["ff020000000000000000000000000001", false],
  ];
  it.each(usable)("can %s take packets: %s", (octets, expected) => {
    expect(isUsableNextHop(addressFromOctets(hex(octets)))).toBe(expected);
  });
});

describe("AGGREGATOR (RFC 4271 §5.1.7, RFC 6793 §4.1)", () => {
  const codec = (asn4: boolean) => ({
    decode: (octets: Uint8Array) => decodeAggregator(octets, asn4),
    encode: (value: Aggregator) => encodeAggregator(value, asn4),
  });
  vector("four octets", "fa56ea01 0a000001", { asn: 4200000001, routerId: 0x0a000001 }, codec(true));
  vector("two octets", "fde8 ffffffff", { asn: 65000, routerId: 0xffffffff }, codec(false));
});

describe("communities", () => {
  /** Whole communities are a shorter list, not a truncation. */
  const unit = (octets: number) => ({ refusesAt: (length: number) => length === 0 || length % octets !== 0 });
  vector("standard (RFC 1997)", "fde80001 ffffff01", [0xfde80001, 0xffffff01], { decode: decodeNumbers, encode: encodeNumbers }, unit(4));
  vector(
    "extended (RFC 4360 §2)",
    "0004fde94cee6b28 4004fde94cee6b28",
    ["0004fde94cee6b28", "4004fde94cee6b28"],
    { decode: decodeExtendedCommunities, encode: encodeExtendedCommunities },
    unit(8),
  );
  vector(
    "large (RFC 8092 §3)",
    "000000010000000200000003 fa56ea01ffffffff00000000",
    [
      [1, 2, 3],
      [4200000001, 4294967295, 0],
    ],
    { decode: decodeLargeCommunities, encode: encodeLargeCommunities },
    unit(12),
  );

  it("carries link bandwidth as golden bytes (RFC 10005)", () => {
    const community = encodeLinkBandwidth({ asn: 65001, bytesPerSecond: 125_000_000, transitive: true });
    expect(toHex(encodeAttributes({ extendedCommunities: [community] }, { asn4: true }))).toBe("c010080004fde94cee6b28");
  });
});

describe("severities (RFC 7606 §7)", () => {
  it("discards AGGREGATOR and ATOMIC_AGGREGATE, withdraws for the others", () => {
    const broken = [decodeOrigin, decodeNumber, decodeNumbers, decodeNextHop, decodeExtendedCommunities, decodeLargeCommunities];
    for (const decode of broken) expect(attempt(() => decode(hex("ffffff")))?.severity).toBe("withdraw");
    expect(attempt(() => decodeAggregator(hex("ffffff"), true))?.severity).toBe("discard");
    expect(attempt(() => decodeAtomicAggregate(hex("ff")))?.severity).toBe("discard");
  });
});
