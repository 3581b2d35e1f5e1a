import { afterEach, expect, it } from "vitest";
import {
  attributes,
  coverings,
  drain,
  peerEdited,
  proxies,
  type RackChange,
  recreate,
  removalsIn,
  speakersRestarted,
  surge,
  watchedSpeakersRestarted,
} from "../support/lab/rack-changes.ts";
import { ServiceRack } from "../support/lab/service-rack.ts";
import { failuresOf, inFlightAt, type Tally, type Traffic } from "../support/lab/traffic.ts";
import { requireTools } from "../support/requirements.ts";

const LOST_NONE: Tally = { opened: expect.any(Number), failed: {}, synRetransmits: 0 };

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
  let traffic: Traffic;

  const tallyOf = async (name: string, change: RackChange): Promise<Tally> => {
    rack = new ServiceRack({ name, ...change.spec });
    await rack.start();
    traffic = await rack.traffic({ perSecond: 200, holdMillis: 1000 });
    await change.run(rack, traffic);
    return await traffic.stop();
  };
  afterEach(async () => rack?.close());

  it("loses none while attributes of the advertisement change, and reaches every node's pod", async () => {
    expect(await tallyOf("attributes", attributes)).toEqual(LOST_NONE);
    expect(new Set(traffic.connections.map(({ pod }) => pod)).size).toBe(3);
  });

  it("loses none while the advertisement gains and loses a block and an aggregate", async () => {
    expect(await tallyOf("coverings", coverings)).toEqual(LOST_NONE);
  });

  it("loses none while service proxies are killed and come back, and no route goes", async () => {
    expect(await tallyOf("proxies", proxies)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while the pods are replaced, each new one ready before the old one goes, and no route goes", async () => {
    expect(await tallyOf("surge", surge)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while speakers are restarted one after the other, and no route goes (RFC 4724)", async () => {
    expect(await tallyOf("restart", speakersRestarted)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while speakers are restarted one after the other that routers watch by BFD, and no route goes (RFC 5882)", async () => {
    expect(await tallyOf("watched", watchedSpeakersRestarted)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while the hold time of the peer changes on all nodes, and no route goes", async () => {
    expect(await tallyOf("edit", peerEdited)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it.each([
    { change: drain, name: "drain", removals: 1 },
    { change: recreate, name: "recreate", removals: 3 },
  ])("loses, when $change.name, none but what was under way when the router's table changed", async ({ change, name, removals }) => {
    await tallyOf(name, change);
    expect(removalsIn(traffic)).toHaveLength(removals);
    const moments = traffic.tableChanges();
    const inFlight = new Set(moments.flatMap((moment) => inFlightAt(traffic.connections, moment)));
    const failures = failuresOf(traffic.connections).filter((connection) => !inFlight.has(connection));
    expect({ moments, failures }).toEqual({ moments, failures: [] });
  });
});
