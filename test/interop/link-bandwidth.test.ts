import { afterAll, beforeAll, expect, it } from "vitest";
import { type RawObject, rawEndpoints, rawOwn, rawService, rawSlice } from "../support/lab/objects.ts";
import { type Neighbour, pathAt, RACK_TOOLS, Rack } from "../support/lab/rack.ts";
import { requireTools } from "../support/requirements.ts";

/** AS field: two octets of the AS number, AS_TRANS (23456) for one that needs four (RFC 10005). */
const KINDS = [
  { name: "ebgp", heraldAsn: 65001, routerAsn: 65000, as: "fde9" },
  { name: "ibgp", heraldAsn: 65001, routerAsn: 65001, as: "fde9" },
  { name: "ebgp4", heraldAsn: 4_200_000_001, routerAsn: 65000, as: "5ba0" },
  { name: "ibgp4", heraldAsn: 4_200_000_001, routerAsn: 4_200_000_001, as: "5ba0" },
] as const;

interface Case {
  readonly name: string;
  readonly policy: "Local" | "Cluster";
  readonly endpoints: number;
  readonly spec: RawObject;
  /** Type and subtype of every link bandwidth with its value, an IEEE 754 single in octets per second. */
  readonly sent: readonly { readonly type: "0004" | "4004"; readonly float: string; readonly bytesPerSecond: number }[];
}

const GIGABIT = { float: "4cee6b28", bytesPerSecond: 125_000_000 };
const THREE_GIGABIT = { float: "4db2d05e", bytesPerSecond: 375_000_000 };

const CASES: readonly Case[] = [
  {
    name: "one endpoint of 1G",
    policy: "Local",
    endpoints: 1,
    spec: { linkBandwidth: { perEndpoint: "1G" } },
    sent: [{ type: "0004", ...GIGABIT }],
  },
  {
    name: "three endpoints of 1G",
    policy: "Local",
    endpoints: 3,
    spec: { linkBandwidth: { perEndpoint: "1G" } },
    sent: [{ type: "0004", ...THREE_GIGABIT }],
  },
  {
    name: "three endpoints of 1G, not transitive",
    policy: "Local",
    endpoints: 3,
    spec: { linkBandwidth: { perEndpoint: "1G", transitive: false } },
    sent: [{ type: "4004", ...THREE_GIGABIT }],
  },
  {
    name: "Cluster policy: one endpoint's worth, however many there are",
    policy: "Cluster",
    endpoints: 3,
    spec: { linkBandwidth: { perEndpoint: "1G" } },
    sent: [{ type: "0004", ...GIGABIT }],
  },
  {
    // 12,500,000.125 octets per second; singles of that size are whole numbers.
    name: "a value that no single holds goes to the nearest one",
    policy: "Local",
    endpoints: 1,
    spec: { linkBandwidth: { perEndpoint: "100000001" } },
    sent: [{ type: "0004", float: "4b3ebc20", bytesPerSecond: 12_500_000 }],
  },
  {
    name: "weights stand in for a link bandwidth of their kind that is written by hand",
    policy: "Local",
    endpoints: 3,
    spec: { linkBandwidth: { perEndpoint: "1G" }, extendedCommunities: ["0x0004fde94cee6b28"] },
    sent: [{ type: "0004", ...THREE_GIGABIT }],
  },
];

requireTools(...RACK_TOOLS)("Link Bandwidth octets in BIRD and gobgpd (RFC 10005)", () => {
  let rack: Rack;

  beforeAll(async () => {
    rack = new Rack({ name: "bandwidth", products: ["BIRD", "gobgpd"], kinds: KINDS });
    rack.herald.cluster.write("objects.json", CASES.flatMap(objectsOf));
    await rack.start();
  });
  afterAll(async () => rack?.close());

  for (const [index, example] of CASES.entries()) {
    it.each(KINDS)(`${example.name}: $name`, async (kind) => {
      const neighbours = rack.neighbours.filter((neighbour) => neighbour.kind === kind);
      expect(neighbours.length).toBe(2);
      for (const neighbour of neighbours) {
        for (const prefix of [`203.0.113.${index + 1}/32`, `2001:db8::${index + 1}/128`]) {
          const path = await pathAt(neighbour, prefix, () => true);
          expect(path.extendedCommunities).toEqual(example.sent.map((one) => shownBy(neighbour, kind.as, one)).sort());
        }
      }
    });
  }
});

/** BIRD shows all eight octets; gobgpd the AS and the value. */
function shownBy({ product }: Neighbour, as: string, { type, float, bytesPerSecond }: Case["sent"][number]): string {
  return product === "BIRD" ? `0x${type}${as}${float}` : `LB:${Number.parseInt(as, 16)}:${bytesPerSecond}`;
}

function objectsOf({ policy, endpoints, spec }: Case, index: number): RawObject[] {
  const name = `web-${index + 1}`;
  return [
    rawService({ name, labels: { set: name }, policy, loadBalancerIPs: [`203.0.113.${index + 1}`, `2001:db8::${index + 1}`] }),
    rawSlice(name, "IPv4", rawEndpoints("IPv4", { node: endpoints })),
    rawSlice(name, "IPv6", rawEndpoints("IPv6", { node: endpoints })),
    rawOwn("BGPAdvertisement", name, { serviceSelectors: [{ matchLabels: { set: name } }], ...spec }),
  ];
}
