import { afterAll, beforeAll, expect, it } from "vitest";
import { list, record } from "../support/lab/json.ts";
import { type RawObject, rawOwn, rawService, rawSlice } from "../support/lab/objects.ts";
import { pathAt, RACK_TOOLS, Rack } from "../support/lab/rack.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const KINDS = [{ name: "ebgp", heraldAsn: 65001, routerAsn: 65000 }] as const;
/** Wanted with attributes that fit, whatever the others have. */
const GOOD = Array.from({ length: 20 }, (_, index) => `198.51.100.${index + 1}`);
const BIG = ["203.0.113.1", "203.0.113.2", "2001:db8::1"];
const host = (address: string): string => `${address}/${address.includes(":") ? 128 : 32}`;

/** 64 communities in each of so many advertisements: 256 octets each in the routes that all of them give. */
function communitySets(count: number): RawObject[] {
  return Array.from({ length: count }, (_, set) =>
    rawOwn("BGPAdvertisement", `set-${set}`, {
      serviceSelectors: [{ matchLabels: { tier: "big" } }],
      communities: Array.from({ length: 64 }, (_, i) => `${65000 + set}:${i}`),
    }),
  );
}

const OBJECTS: readonly RawObject[] = [
  rawOwn("BGPAdvertisement", "good", { serviceSelectors: [{ matchLabels: { tier: "good" } }], communities: ["65000:1"] }),
  ...[...GOOD, ...BIG].flatMap((address, index) => [
    rawService({ name: `web-${index}`, labels: { tier: BIG.includes(address) ? "big" : "good" }, loadBalancerIPs: [address] }),
    rawSlice(`web-${index}`, address.includes(":") ? "IPv6" : "IPv4", [
      { address: address.includes(":") ? "fd44::1" : "10.244.0.1", node: "elsewhere" },
    ]),
  ]),
];

requireTools(...RACK_TOOLS)("attributes that leave no room for a prefix in an UPDATE of 4,096 octets", () => {
  let rack: Rack;

  beforeAll(async () => {
    rack = new Rack({ name: "unsendable", products: ["FRR", "BIRD", "gobgpd"], kinds: KINDS });
    // 16 × 256 octets of communities alone are as long as a message may be.
    rack.herald.cluster.write("objects.json", OBJECTS);
    rack.herald.cluster.write("sets.json", communitySets(16));
    await rack.start();
  });
  afterAll(async () => rack?.close());

  const unsendable = async (peer: string): Promise<readonly unknown[]> => list((await rack.herald.peer(peer))["unsendable"]);
  const holds = async (addresses: readonly string[]): Promise<void> => {
    const wanted = addresses.map(host).sort();
    for (const { peer, router } of rack.neighbours) {
      await until(`${peer} holds ${wanted.length} prefixes and no others`, async () => {
        const held = [...router.table("IPv4").keys(), ...router.table("IPv6").keys()].filter((prefix) => !prefix.startsWith("10.88."));
        const is = held.filter((prefix) => !prefix.startsWith("fd88:") && !prefix.startsWith("fe80:")).sort();
        if (is.join() !== wanted.join()) throw new Error(is.join());
        return true;
      });
    }
  };
  const flaps = async (): Promise<readonly unknown[]> =>
    Promise.all(rack.neighbours.map(async ({ peer }) => (await rack.herald.peer(peer))["flaps"]));

  it("are reported per prefix, in the session's view and in the log, while every other prefix is announced", async () => {
    await holds(GOOD);
    for (const { peer } of rack.neighbours) {
      expect(await unsendable(peer)).toEqual(BIG.map(host));
      const logged = rack.herald
        .output()
        .split("\n")
        .filter((line) => line.includes("peer.routeUnsendable"))
        .map((line) => record(JSON.parse(line)))
        .filter((event) => event["peer"] === peer);
      expect(logged.map((event) => event["prefix"]).sort()).toEqual(BIG.map(host).sort());
    }
  });

  it("are announced once the set fits, and taken back when it grows again, with the session up all the while", async () => {
    const before = await flaps();
    rack.herald.cluster.write("sets.json", communitySets(15));
    await holds([...GOOD, ...BIG]);
    for (const neighbour of rack.neighbours) {
      for (const address of BIG) await pathAt(neighbour, host(address), ({ communities }) => communities.length === 15 * 64);
      expect(await unsendable(neighbour.peer)).toEqual([]);
    }
    rack.herald.cluster.write("sets.json", communitySets(17));
    await holds(GOOD);
    for (const { peer } of rack.neighbours) {
      expect(await unsendable(peer)).toEqual(BIG.map(host));
      expect((await rack.herald.peer(peer))["state"]).toBe("Established");
    }
    expect(await flaps()).toEqual(before);
  });
});

requireTools(...RACK_TOOLS)("the same attributes with extended messages (RFC 8654)", () => {
  let rack: Rack;

  beforeAll(async () => {
    rack = new Rack({ name: "extended", products: ["FRR", "BIRD", "gobgpd"], kinds: KINDS, extendedMessages: true });
    rack.herald.cluster.write("objects.json", OBJECTS);
    rack.herald.cluster.write("sets.json", communitySets(17));
    await rack.start();
  });
  afterAll(async () => rack?.close());

  it.each(["FRR", "BIRD"])("arrive complete at %s, which offers them", async (product) => {
    const neighbours = rack.neighbours.filter((one) => one.product === product);
    expect(neighbours.length).toBe(1);
    for (const neighbour of neighbours) {
      for (const address of BIG) await pathAt(neighbour, host(address), ({ communities }) => communities.length === 17 * 64);
      expect((await rack.herald.peer(neighbour.peer))["unsendable"]).toEqual([]);
    }
  });

  it("are reported for gobgpd, which does not offer them, and hold nothing back from it", async () => {
    const [neighbour] = rack.neighbours.filter(({ product }) => product === "gobgpd");
    if (neighbour === undefined) throw new Error("the rack has no gobgpd");
    await until("gobgpd holds the others", async () => neighbour.router.table("IPv4").size === GOOD.length);
    expect((await rack.herald.peer(neighbour.peer))["unsendable"]).toEqual(BIG.map(host));
  });
});
