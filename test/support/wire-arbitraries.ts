/** fast-check values of every message, as encoders take them. */
import fc from "fast-check";
import { ROLES } from "../../src/bgp/wire/iana.ts";
import {
  type AsPathSegment,
  type Capability,
  type Message,
  ORIGINS,
  type PathAttributes,
  SEGMENT_TYPES,
  type UpdateContent,
} from "../../src/bgp/wire/messages.ts";
import { nlriBlock } from "../../src/bgp/wire/nlri.ts";
import { ADDRESS_OCTETS, addressFromOctets, type Family } from "../../src/ip/address.ts";
import { maxLength, type Prefix, prefixOf } from "../../src/ip/prefix.ts";

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const asn = fc.integer({ min: 1, max: 0xffff_ffff });
const afiSafi = { afi: u16, safi: u8 };
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Text that survives being made safe to print. */
const name = fc.stringMatching(/^[a-zé0-9.-]{0,40}$/);

export const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ name: fc.constant("multiprotocol" as const), ...afiSafi }),
  fc.constantFrom<Capability>({ name: "routeRefresh" }, { name: "extendedMessage" }, { name: "enhancedRouteRefresh" }),
  fc.record({
    name: fc.constant("extendedNextHop" as const),
    entries: fc.array(fc.record({ afi: u16, safi: u16, nextHopAfi: u16 }), { maxLength: 5 }),
  }),
  u8.map((code): Capability => ({ name: "role", role: ROLES[code] ?? null, code })),
  fc.record({
    name: fc.constant("gracefulRestart" as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSeconds: fc.nat(4095),
    families: fc.array(fc.record({ ...afiSafi, forwarding: fc.boolean() }), { maxLength: 5 }),
  }),
  fc.record({ name: fc.constant("fourOctetAs" as const), asn: u32 }),
  fc.record({
    name: fc.constant("longLivedGracefulRestart" as const),
    families: fc.array(fc.record({ ...afiSafi, forwarding: fc.boolean(), staleSeconds: fc.nat(0xff_ffff) }), { maxLength: 5 }),
  }),
  fc.record({ name: fc.constant("fqdn" as const), hostname: name, domain: name }),
  fc.record({ name: fc.constant("softwareVersion" as const), version: name }),
  fc.record({
    name: fc.constant("unknown" as const),
    code: fc.integer({ min: 128, max: 255 }),
    value: fc.uint8Array({ maxLength: 255 }),
    malformed: fc.constant(false),
  }),
);

/** Every message but UPDATE. */
export const controlMessage: fc.Arbitrary<Exclude<Message, { name: "update" }>> = fc.oneof(
  fc.constant({ name: "keepalive" as const }),
  fc.record({
    name: fc.constant("open" as const),
    version: fc.constant(4),
    myAs: u16,
    holdTimeSeconds: u16,
    bgpIdentifier: u32,
    capabilities: fc.array(capability, { maxLength: 8 }),
  }),
  fc.record({ name: fc.constant("notification" as const), code: u8, subcode: u8, data: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ name: fc.constant("routeRefresh" as const), ...afiSafi, subtype: u8 }),
);

const segment: fc.Arbitrary<AsPathSegment> = fc.record({
  type: fc.constantFrom(...SEGMENT_TYPES.slice(0, 2)),
  asns: fc.array(asn, { minLength: 1, maxLength: 5 }),
});

/** Attributes an internal peer may send, each present or not; lists are not empty. */
export const pathAttributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    med: u32,
    localPref: u32,
    atomicAggregate: fc.constant(true),
    aggregator: fc.record({ asn, routerId: u32 }),
    communities: fc.uniqueArray(u32, { minLength: 1, maxLength: 80 }),
    originatorId: u32,
    clusterList: fc.array(u32, { minLength: 1, maxLength: 3 }),
    extendedCommunities: fc.array(fc.stringMatching(/^[0-9a-f]{16}$/), { minLength: 1, maxLength: 5 }),
    largeCommunities: fc.uniqueArray(fc.tuple(u32, u32, u32), { minLength: 1, maxLength: 5, selector: String }),
    otc: u32,
    opaque: fc
      .uniqueArray(fc.integer({ min: 200, max: 255 }), { minLength: 1, maxLength: 3 })
      .chain((codes) => fc.tuple(fc.constant(codes.sort((a, b) => a - b)), fc.uint8Array({ maxLength: 300 })))
      .map(([codes, value]) => codes.map((code) => ({ flags: 0xc0, code, value }))),
  },
  { requiredKeys: [] },
);

/** ORIGIN and AS_PATH, which every announcement has. */
const mandatory = fc.record({ origin: fc.constantFrom(...ORIGINS), asPath: fc.array(segment, { maxLength: 3 }) });

const address = (family: Family) => octets(ADDRESS_OCTETS[family]).map(addressFromOctets);

/** An address packets can be sent to. */
const nextHopAddress = (family: Family) =>
  octets(ADDRESS_OCTETS[family]).map((value) => addressFromOctets(Uint8Array.of(family === "IPv4" ? 10 : 0x20, ...value.subarray(1))));

export function prefix(family: Family): fc.Arbitrary<Prefix> {
  return fc.tuple(address(family), fc.nat(maxLength(family))).map(([value, length]) => prefixOf(value, length));
}

const block = (family: Family) => fc.array(prefix(family), { minLength: 1, maxLength: 30 }).map((prefixes) => nlriBlock(family, prefixes));

const announcement = (family: Family, nextHopFamily: Family, multiprotocol: boolean): fc.Arbitrary<UpdateContent> =>
  fc
    .tuple(
      block(family),
      nextHopAddress(nextHopFamily),
      multiprotocol && nextHopFamily === "IPv6" ? fc.option(nextHopAddress("IPv6")) : fc.constant(null),
      mandatory,
      pathAttributes,
    )
    .map(([nlri, via, linkLocal, first, others]) => ({
      name: "announce",
      block: { ...nlri, nextHop: { address: via, linkLocal }, multiprotocol },
      attributes: { ...first, ...others },
    }));

/** All an UPDATE may say, towards a peer that negotiated both families and RFC 8950. */
export const updateContent: fc.Arbitrary<UpdateContent> = fc.oneof(
  announcement("IPv4", "IPv4", false),
  announcement("IPv4", "IPv4", true),
  announcement("IPv4", "IPv6", true),
  announcement("IPv6", "IPv6", true),
  block("IPv4").map((nlri): UpdateContent => ({ name: "withdraw", block: { ...nlri, multiprotocol: false } })),
  fc
    .constantFrom<Family>("IPv4", "IPv6")
    .chain(block)
    .map((nlri): UpdateContent => ({ name: "withdraw", block: { ...nlri, multiprotocol: true } })),
  fc.constantFrom<Family>("IPv4", "IPv6").map((family): UpdateContent => ({ name: "endOfRib", family })),
);
