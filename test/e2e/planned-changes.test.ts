import { afterEach, expect, it } from "vitest";
import { addressOf, NODES, ServiceRack, type ServiceRackSpec } from "../support/lab/service-rack.ts";
import { failuresOf, inFlightAt } from "../support/lab/traffic.ts";
import { requireTools } from "../support/requirements.ts";

const PER_SECOND = 200;

requireTools(
  "root",
  "ip",
  "nft",
  "sysctl",
  "bgpd",
  "zebra",
  "vtysh",
)("connections through the rack while something planned changes", () => {
  let rack: ServiceRack;

  const started = async (spec: ServiceRackSpec): Promise<void> => {
    rack = new ServiceRack(spec);
    await rack.start();
  };
  afterEach(async () => rack?.close());

  it("loses none while attributes of the advertisement change", async () => {
    await started({ name: "attributes" });
    const traffic = await rack.traffic({ perSecond: PER_SECOND });
    for (const communities of [["65001:1"], ["65001:2", "no-export"], []]) {
      rack.setAdvertisement({ communities });
      await traffic.flows();
    }
    expect(await traffic.stop()).toEqual({ opened: expect.any(Number), failed: {}, synRetransmits: 0 });
    expect(new Set(traffic.connections.map(({ pod }) => pod)).size).toBe(3);
  });

  it("loses none that began after the router's table had changed, while a node is drained, and of the others none that was not under way", async () => {
    await started({ name: "drain", configuration: { drain: { gracePeriod: "1s" } } });
    const traffic = await rack.traffic({ perSecond: PER_SECOND });
    rack.setNode("n2", { annotations: { "herald.dev/drain": "maintenance" } });
    await rack.routedTo(["n1", "n3"]);
    await traffic.flows();
    rack.setNode("n2");
    await rack.routedTo(NODES);
    await traffic.flows();
    await traffic.stop();
    const [removed = 0] = traffic.removals(addressOf("n2"));
    expect(removed).toBeGreaterThan(0);
    expect(failuresOf(traffic.connections).filter(({ at }) => at > removed)).toEqual([]);
    const inFlight = inFlightAt(traffic.connections, removed);
    expect(failuresOf(traffic.connections).length).toBeLessThanOrEqual(inFlight.length);
  });

  it("loses none while the advertisement gains and loses a block and an aggregate", async () => {
    await started({ name: "blocks" });
    const traffic = await rack.traffic({ perSecond: PER_SECOND });
    for (const change of [{ blocks: ["203.0.113.0/24"] }, { aggregationLength: 24 }, {}]) {
      rack.setAdvertisement(change);
      await traffic.flows();
    }
    expect(await traffic.stop()).toEqual({ opened: expect.any(Number), failed: {}, synRetransmits: 0 });
  });

  it("loses none while service proxies are killed and come back", async () => {
    await started({ name: "proxies", advertisement: { dataplaneGate: "Require" } });
    const traffic = await rack.traffic({ perSecond: PER_SECOND });
    for (const node of NODES) {
      await rack.stopProxy(node);
      await traffic.flows();
      await rack.startProxy(node);
    }
    await traffic.flows();
    expect(await traffic.stop()).toEqual({ opened: expect.any(Number), failed: {}, synRetransmits: 0 });
    expect(traffic.removals(addressOf("n1"))).toEqual([]);
  });

  it("loses none while the pods are replaced, each new one ready before the old one goes", async () => {
    await started({ name: "surge", proxyLagMillis: 200 });
    const traffic = await rack.traffic({ perSecond: PER_SECOND });
    for (const node of NODES) {
      const [old = ""] = rack.podsOn(node);
      const fresh = await rack.startPod(node);
      rack.markReady(fresh);
      rack.markTerminating(old);
      await rack.reached(node, [fresh]);
      await traffic.flows();
      rack.endPod(old);
    }
    await traffic.flows();
    expect(await traffic.stop()).toEqual({ opened: expect.any(Number), failed: {}, synRetransmits: 0 });
    expect(traffic.removals(addressOf("n2"))).toEqual([]);
  });

  it("loses, while each node's only pod goes before the next one comes, none that began after the router's table had changed", async () => {
    await started({ name: "recreate", proxyLagMillis: 200, advertisement: { dataplaneGate: "Require" } });
    const traffic = await rack.traffic({ perSecond: PER_SECOND });
    for (const node of NODES) {
      const [old = ""] = rack.podsOn(node);
      rack.markTerminating(old);
      await rack.routedTo(NODES.filter((other) => other !== node));
      await traffic.flows();
      rack.endPod(old);
      const fresh = await rack.startPod(node);
      await traffic.flows();
      rack.markReady(fresh);
      await rack.routedTo(NODES);
      await traffic.flows();
    }
    await traffic.stop();
    const removals = NODES.flatMap((node) => traffic.removals(addressOf(node)));
    expect(removals).toHaveLength(3);
    const failed = failuresOf(traffic.connections);
    const inFlight = new Set(removals.flatMap((moment) => inFlightAt(traffic.connections, moment)));
    expect(failed.filter((connection) => !inFlight.has(connection))).toEqual([]);
  });
});
