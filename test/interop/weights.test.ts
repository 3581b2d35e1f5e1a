import { afterAll, beforeAll, expect, it } from "vitest";
import { Capture } from "../support/lab/capture.ts";
import { ClusterDirectory } from "../support/lab/cluster.ts";
import { Fabric, type Host } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { num, record } from "../support/lab/json.ts";
import { type KernelHop, kernelHops, RouteWatch } from "../support/lab/kernel-routes.ts";
import { rawEndpoints, rawNode, rawOwn, rawService, rawSlice } from "../support/lab/objects.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const TOR = { IPv4: "10.88.0.1", IPv6: "fd88::1" };
const NODES = ["n1", "n2", "n3"] as const;
type NodeName = (typeof NODES)[number];
const GATEWAYS = {
  IPv4: { n1: "10.88.0.11", n2: "10.88.0.12", n3: "10.88.0.13" },
  IPv6: { n1: "fd88::11", n2: "fd88::12", n3: "fd88::13" },
} as const;
const PREFIX = { IPv4: "203.0.113.1/32", IPv6: "2001:db8::1/128" };
const FAMILIES = ["IPv4", "IPv6"] as const;

requireTools(
  "root",
  "ip",
  "dumpcap",
  "tshark",
  "bgpd",
  "zebra",
  "vtysh",
)("FRR's kernel under weights from three speakers (RFC 10005)", () => {
  let fabric: Fabric;
  let router: Frr;
  let cluster: ClusterDirectory;
  let heralds: Readonly<Record<NodeName, Herald>>;

  beforeAll(async () => {
    fabric = new Fabric("weights", [
      { name: "tor", addresses: [`${TOR.IPv4}/24`, `${TOR.IPv6}/64`] },
      ...NODES.map((name) => ({ name, addresses: FAMILIES.map((family) => `${GATEWAYS[family][name]}/${family === "IPv4" ? 24 : 64}`) })),
    ]);
    router = new Frr(fabric.host("tor"), {
      asn: 65000,
      routerId: TOR.IPv4,
      address: TOR.IPv4,
      peers: NODES.map((name) => ({ address: GATEWAYS.IPv4[name], asn: 65001, passive: true, families: FAMILIES })),
    });
    cluster = new ClusterDirectory(`${fabric.host("tor").directory}/cluster`);
    cluster.write(
      "nodes.json",
      NODES.map((name) => rawNode(name, { addresses: FAMILIES.map((family) => GATEWAYS[family][name]), labels: { name } })),
    );
    cluster.peers([{ name: "tor", myASN: 65001, peerASN: 65000, peerAddress: TOR.IPv4, families: FAMILIES }]);
    weighting({ perEndpoint: "1G" });
    endpoints({ n1: 1, n2: 2, n3: 3 });
    const herald = (node: NodeName): Herald =>
      new Herald(fabric.host(node), {
        node,
        cluster,
        configuration: { weightHoldDown: "0s", weightTolerance: 0, announceHoldDown: false },
      });
    heralds = { n1: herald("n1"), n2: herald("n2"), n3: herald("n3") };
    await router.start();
    await Promise.all(NODES.map((name) => heralds[name].start()));
  });
  afterAll(async () => fabric?.close());

  /** All nodes weigh in the same way; those in `without` do not weigh at all. */
  const weighting = (linkBandwidth: Readonly<Record<string, unknown>>, without: readonly NodeName[] = []): void =>
    cluster.write("advertisements.json", [
      rawOwn("BGPAdvertisement", "weighted", {
        nodeSelectors: [{ matchExpressions: [{ key: "name", operator: "NotIn", values: without }] }].filter(() => without.length > 0),
        linkBandwidth,
      }),
      ...without.map((name) => rawOwn("BGPAdvertisement", `plain-${name}`, { nodeSelectors: [{ matchLabels: { name } }] })),
    ]);

  const endpoints = (counts: Readonly<Record<NodeName, number>>): void =>
    cluster.write("service.json", [
      rawService({ name: "web", policy: "Local", loadBalancerIPs: ["203.0.113.1", "2001:db8::1"] }),
      ...FAMILIES.map((family) => rawSlice("web", family, rawEndpoints(family, counts))),
    ]);

  const tor = (): Host => fabric.host("tor");

  const communityOf = (node: NodeName): readonly string[] => {
    const paths = router.table("IPv4").get(PREFIX.IPv4) ?? [];
    return paths.find(({ nextHop }) => nextHop === GATEWAYS.IPv4[node])?.extendedCommunities ?? [];
  };

  /** The kernel's share of each node, in percent. */
  const shares = (hops: readonly KernelHop[], family: "IPv4" | "IPv6"): Partial<Record<NodeName, number>> => {
    const total = hops.reduce((sum, { weight }) => sum + weight, 0);
    return Object.fromEntries(
      NODES.flatMap((name) => {
        const hop = hops.find(({ gateway }) => gateway === GATEWAYS[family][name]);
        return hop === undefined ? [] : [[name, (100 * hop.weight) / total]];
      }),
    );
  };

  /** FRR turns bandwidths into whole percents: each share may be off by a little more than one. */
  const kernelShares = async (family: "IPv4" | "IPv6", counts: Partial<Record<NodeName, number>>): Promise<void> => {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const wanted = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, (100 * count) / total]));
    await until(`the kernel's shares of ${PREFIX[family]} are those of ${JSON.stringify(counts)}`, async () => {
      const is: Readonly<Record<string, number>> = shares(kernelHops(tor(), PREFIX[family]), family);
      if (Object.keys(is).join() !== Object.keys(wanted).join()) throw new Error(JSON.stringify(is));
      if (Object.entries(wanted).some(([name, share]) => Math.abs((is[name] ?? 0) - share) > 1.5)) throw new Error(JSON.stringify(is));
      return true;
    });
  };

  const updatesSent = async (): Promise<Record<NodeName, number>> => {
    const of = async (name: NodeName): Promise<number> => num(record((await heralds[name].peer("tor"))["sent"])["updates"]);
    return { n1: await of("n1"), n2: await of("n2"), n3: await of("n3") };
  };

  it.each(FAMILIES)("gives the next hops of %s the proportions of the nodes' endpoints", async (family) => {
    await kernelShares(family, { n1: 1, n2: 2, n3: 3 });
  });

  it("changes a weight in place: no look-up fails, no next hop that stays is ever missing, one UPDATE per changed speaker and family", async () => {
    const watches = { IPv4: await RouteWatch.start(tor(), "203.0.113.1"), IPv6: await RouteWatch.start(tor(), "2001:db8::1") };
    const capture = await Capture.start(tor(), "change");
    const before = await updatesSent();
    endpoints({ n1: 4, n2: 2, n3: 3 });
    for (const family of FAMILIES) {
      await kernelShares(family, { n1: 4, n2: 2, n3: 3 });
      const { looks, misses, changes } = await watches[family].stop();
      expect(looks).toBeGreaterThan(5);
      expect(misses).toBe(0);
      expect(changes.length).toBeGreaterThan(0);
      for (const change of changes)
        expect(change).toEqual({ prefix: PREFIX[family], deleted: false, gateways: Object.values(GATEWAYS[family]) });
    }
    const decoded = await capture.decode(GATEWAYS.IPv4.n1, 2);
    expect(decoded.types).toEqual([2, 2]);
    expect(decoded.withdrawnOctets).toEqual([0, 0]);
    expect(decoded.attributes).not.toContain(15);
    expect(decoded.malformed).toEqual([]);
    const after = await updatesSent();
    expect(after).toEqual({ n1: before.n1 + 2, n2: before.n2, n3: before.n3 });
  });

  it("takes a node without endpoints out of the group and lets it in again, the others untouched", async () => {
    const watch = await RouteWatch.start(tor(), "203.0.113.1");
    endpoints({ n1: 4, n2: 2, n3: 0 });
    for (const family of FAMILIES) await kernelShares(family, { n1: 4, n2: 2 });
    endpoints({ n1: 4, n2: 2, n3: 2 });
    for (const family of FAMILIES) await kernelShares(family, { n1: 4, n2: 2, n3: 2 });
    const { misses, changes } = await watch.stop();
    expect(misses).toBe(0);
    expect(changes.filter(({ deleted }) => deleted)).toEqual([]);
    const { n1, n2, n3 } = GATEWAYS.IPv4;
    expect(changes.map(({ gateways }) => gateways)).toEqual([
      [n1, n2],
      [n1, n2, n3],
    ]);
  });

  it("balances equally while one path lacks the community (RFC 10005)", async () => {
    weighting({ perEndpoint: "1G" }, ["n3"]);
    for (const family of FAMILIES) await kernelShares(family, { n1: 1, n2: 1, n3: 1 });
    weighting({ perEndpoint: "1G" });
    for (const family of FAMILIES) await kernelShares(family, { n1: 4, n2: 2, n3: 2 });
  });

  it("weighs by the non-transitive form as by the transitive one", async () => {
    expect(communityOf("n1")).toEqual(["LB:65001:500000000"]);
    weighting({ perEndpoint: "400M", transitive: false });
    // 4 endpoints of 400 Mbit/s.
    await until("FRR has the new value", async () => communityOf("n1").join() === "LB:65001:200000000");
    for (const family of FAMILIES) await kernelShares(family, { n1: 4, n2: 2, n3: 2 });
  });
});
