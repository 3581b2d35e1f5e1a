import { afterAll, beforeAll, expect, it } from "vitest";
import { Capture } from "../support/lab/capture.ts";
import { num, record } from "../support/lab/json.ts";
import { type RawObject, rawOwn, rawService, rawSlice } from "../support/lab/objects.ts";
import { type Neighbour, NODE, PRODUCTS, pathAt, RACK_TOOLS, Rack } from "../support/lab/rack.ts";
import type { TablePath } from "../support/lab/router.ts";
import { requireTools } from "../support/requirements.ts";

const HERALD_ASN = 65001;
const KINDS = [
  { name: "ebgp", heraldAsn: HERALD_ASN, routerAsn: 65000 },
  { name: "ibgp", heraldAsn: HERALD_ASN, routerAsn: HERALD_ASN },
] as const;
const FAMILIES = ["IPv4", "IPv6"] as const;

/** An extended community as it is written, and as FRR and gobgpd print it. */
interface Extended {
  readonly octets: string;
  readonly frr: string;
  readonly gobgp: string;
}

/** Attributes of one Service's routes: the specs of the advertisements that give them, and what they come to. */
interface Case {
  readonly name: string;
  readonly specs: readonly RawObject[];
  readonly communities?: readonly number[];
  readonly large?: readonly string[];
  readonly extended?: readonly Extended[];
  readonly med?: number;
  readonly localPref?: number;
  readonly prepend?: number;
}

/** RFC 1997, 7611, 7999, 8326, 9494: name here, number, name in FRR. */
const WELL_KNOWN = [
  ["graceful-shutdown", 0xffff0000, "gracefulShutdown"],
  ["accept-own", 0xffff0001, "acceptown"],
  ["llgr-stale", 0xffff0006, "llgrStale"],
  ["no-llgr", 0xffff0007, "noLlgr"],
  ["blackhole", 0xffff029a, "blackhole"],
  ["no-export", 0xffffff01, "noExport"],
  ["no-advertise", 0xffffff02, "noAdvertise"],
  ["no-export-subconfed", 0xffffff03, "localAs"],
  ["no-peer", 0xffffff04, "noPeer"],
] as const;
const GRACEFUL_SHUTDOWN = 0xffff0000;

const standard = (count: number): number[] => Array.from({ length: count }, (_, i) => 65000 * 65536 + i + 1);
const large = (count: number): string[] => Array.from({ length: count }, (_, i) => `4200000000:${i}:4294967295`);
const routeTargets = (count: number): Extended[] =>
  Array.from({ length: count }, (_, i) => ({
    octets: `0x0002fde8${(i + 1).toString(16).padStart(8, "0")}`,
    frr: `RT:65000:${i + 1}`,
    gobgp: `0:2:65000:${i + 1}`,
  }));

/** As many advertisements as it takes: one holds 64 communities and 32 extended ones at most. */
function spread<T>(field: string, values: readonly T[], most: number): RawObject[] {
  return Array.from({ length: Math.ceil(values.length / most) }, (_, i) => ({ [field]: values.slice(i * most, (i + 1) * most) }));
}
const written = (communities: readonly number[]): string[] => communities.map((value) => `${value >>> 16}:${value & 0xffff}`);

const CASES: readonly Case[] = [
  { name: "plain", specs: [{}] },
  { name: "standard", specs: [{ communities: ["65000:1", "0:1", "64512:65535"] }], communities: [0xfde80001, 1, 0xfc00ffff] },
  {
    name: "well-known",
    specs: [{ communities: WELL_KNOWN.map(([name]) => name) }],
    communities: WELL_KNOWN.map(([, value]) => value),
  },
  {
    name: "large",
    specs: [{ communities: ["large:4294967295:0:1", "large:1:2:3"] }],
    large: ["4294967295:0:1", "1:2:3"],
  },
  {
    name: "aliases",
    specs: [{ communities: ["customer", "rack", "quiet"] }],
    communities: [0xfde8004d, 0xffffff01],
    large: ["65000:7:7"],
  },
  {
    name: "extended",
    specs: [{ extendedCommunities: ["0x0002fde800000064", "0x0102c0000201000a", "0x0202fa56ea010005"] }],
    extended: [
      { octets: "0x0002fde800000064", frr: "RT:65000:100", gobgp: "0:2:65000:100" },
      { octets: "0x0102c0000201000a", frr: "RT:192.0.2.1:10", gobgp: "1:2:192.0.2.1:10" },
      { octets: "0x0202fa56ea010005", frr: "RT:4200000001:5", gobgp: "2:2:64086.59905:5" },
    ],
  },
  { name: "med", specs: [{ med: 4_294_967_295 }], med: 4_294_967_295 },
  { name: "med-zero", specs: [{ med: 0 }], med: 0 },
  { name: "local-pref", specs: [{ localPref: 222 }], localPref: 222 },
  { name: "prepend", specs: [{ asPathPrepend: 3 }], prepend: 3 },
  {
    name: "merged",
    specs: [
      { communities: ["65000:2", "65000:1"], med: 20, localPref: 100, asPathPrepend: 4 },
      { communities: ["65000:1", "65000:3"], med: 10, localPref: 300, asPathPrepend: 2 },
    ],
    communities: [0xfde80001, 0xfde80002, 0xfde80003],
    med: 10,
    localPref: 300,
    prepend: 2,
  },
  // 63 communities are 252 octets; with the 64th the attribute's length takes two octets.
  { name: "63-communities", specs: spread("communities", written(standard(63)), 64), communities: standard(63) },
  { name: "64-communities", specs: spread("communities", written(standard(64)), 64), communities: standard(64) },
  { name: "200-communities", specs: spread("communities", written(standard(200)), 64), communities: standard(200) },
  {
    name: "100-large-communities",
    specs: spread(
      "communities",
      large(100).map((text) => `large:${text}`),
      64,
    ),
    large: large(100),
  },
  {
    name: "64-extended-communities",
    specs: spread(
      "extendedCommunities",
      routeTargets(64).map(({ octets }) => octets),
      32,
    ),
    extended: routeTargets(64),
  },
];

requireTools(
  ...RACK_TOOLS,
  "dumpcap",
  "tshark",
)("attributes in the tables of FRR, BIRD and gobgpd", () => {
  let rack: Rack;
  let capture: Capture;

  beforeAll(async () => {
    rack = new Rack({ name: "attributes", products: ["FRR", "BIRD", "gobgpd"], kinds: KINDS });
    rack.herald.cluster.write("objects.json", [
      rawOwn("Community", "names", {
        communities: [
          { name: "customer", value: "65000:77" },
          { name: "rack", value: "large:65000:7:7" },
          { name: "quiet", value: "no-export" },
        ],
      }),
      ...CASES.flatMap(objectsOf),
    ]);
    capture = await Capture.start(rack.fabric.host("node"), "sessions");
    await rack.start();
  });
  afterAll(async () => rack?.close());

  for (const [index, example] of CASES.entries()) {
    it.each(Object.keys(PRODUCTS))(`${example.name}: complete in %s's table, over eBGP and iBGP, IPv4 and IPv6`, async (product) => {
      const neighbours = rack.neighbours.filter((neighbour) => neighbour.product === product);
      expect(neighbours.length).toBe(KINDS.length);
      for (const neighbour of neighbours) {
        for (const family of FAMILIES) {
          const path = await pathAt(neighbour, prefixAt(index, family), () => true);
          expect(path).toEqual(expectedPath(example, neighbour, family));
        }
      }
    });
  }

  it("nothing sent is malformed to a second decoder", async () => {
    const peers = await Promise.all(rack.neighbours.map(({ peer }) => rack.herald.peer(peer)));
    const updates = peers.reduce((sum, peer) => sum + num(record(peer["sent"])["updates"]), 0);
    // An UPDATE per set of attributes and family, and two End-of-RIB, on each session.
    expect(updates).toBeGreaterThanOrEqual(rack.neighbours.length * (2 * CASES.length + 2));
    const decoded = await capture.decode(NODE.IPv4, updates);
    expect(decoded.malformed).toEqual([]);
  });
});

function objectsOf({ name, specs }: Case, index: number): RawObject[] {
  return [
    rawService({ name, labels: { set: name }, loadBalancerIPs: FAMILIES.map((family) => addressAt(index, family)) }),
    rawSlice(name, "IPv4", [{ address: "10.244.0.1", node: "elsewhere" }]),
    rawSlice(name, "IPv6", [{ address: "fd44::1", node: "elsewhere" }]),
    ...specs.map((spec, i) => rawOwn("BGPAdvertisement", `${name}-${i}`, { serviceSelectors: [{ matchLabels: { set: name } }], ...spec })),
  ];
}

function addressAt(index: number, family: "IPv4" | "IPv6"): string {
  return family === "IPv4" ? `203.0.113.${index + 1}` : `2001:db8::${(index + 1).toString(16)}`;
}

function prefixAt(index: number, family: "IPv4" | "IPv6"): string {
  return `${addressAt(index, family)}/${family === "IPv4" ? 32 : 128}`;
}

/** Written from the RFCs: LOCAL_PREF inside an AS only, the AS number in AS_PATH outside only. */
function expectedPath(example: Case, { product, kind }: Neighbour, family: "IPv4" | "IPv6"): TablePath {
  const internal = kind.heraldAsn === kind.routerAsn;
  const { communities = [], large: largeOnes = [], extended = [], med, localPref, prepend = 0 } = example;
  // What a router itself makes of a route from outside: BIRD a default, FRR the least for one that is about to go (RFC 8326 §4.2).
  const outside = product === "BIRD" ? 100 : product === "FRR" && communities.includes(GRACEFUL_SHUTDOWN) ? 0 : null;
  return {
    nextHop: NODE[family],
    asPath: internal ? [] : new Array<number>(1 + prepend).fill(HERALD_ASN),
    med: med ?? null,
    localPref: internal ? (localPref ?? 100) : outside,
    communities: communities.map((value) => communityText(value, product)).sort(),
    largeCommunities: [...largeOnes].sort(),
    extendedCommunities: extended.map((one) => (product === "BIRD" ? one.octets : product === "FRR" ? one.frr : one.gobgp)).sort(),
  };
}

/** FRR prints names. */
function communityText(value: number, product: Neighbour["product"]): string {
  const name = WELL_KNOWN.find(([, number]) => number === value)?.[2];
  return product === "FRR" && name !== undefined ? name : `${value >>> 16}:${value & 0xffff}`;
}
