import { afterAll, expect, it } from "vitest";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import {
  apiServerAway,
  attributes,
  coverings,
  drain,
  GRACEFUL,
  mergedSpec,
  PLAIN,
  peerEdited,
  proxies,
  type RackChange,
  type RackSetting,
  recreate,
  removalsIn,
  speakersRestarted,
  surge,
} from "../support/lab/rack-changes.ts";
import { rebooted, speakerKilled } from "../support/lab/rack-faults.ts";
import { ServiceRack } from "../support/lab/service-rack.ts";
import { failuresOf, type Tally, type Traffic } from "../support/lab/traffic.ts";
import { failuresBesides, openAtAnyChange } from "../support/lab/traffic-cost.ts";
import { requireTools } from "../support/requirements.ts";

const LOST_NONE: Tally = { opened: expect.any(Number), failed: {}, synRetransmits: 0 };
const TOOLS = ["root", "ip", "nft", "sysctl", "mount", "bgpd", "zebra", "vtysh"] as const;

/** Racks as several changes need them. */
const GATED: RackSetting = {
  proxyLagMillis: 200,
  advertisement: { dataplaneGate: "Require" },
  configuration: { drain: { gracePeriod: "1s" } },
};
const KEPT = mergedSpec(GRACEFUL, { advertisement: { dataplaneGate: "Require" }, configuration: { resetSpread: "1s" } });
/** So long that no bucket is idle, however slow the client is. */
const RESILIENT = mergedSpec(GATED, { resilientIdleSeconds: 120 });

/** The last rack, for the next change that needs one like it. */
let last: { readonly setting: RackSetting; readonly rack: ServiceRack } | null = null;
let traffic: Traffic;

/** What users lose through a change of a rack. One that failed leaves a rack that nobody may go on with. */
async function tallyOf(change: RackChange, setting: RackSetting): Promise<Tally> {
  const rack = await rackOf(setting);
  try {
    traffic = await rack.traffic({ perSecond: 200, holdMillis: 1000 });
    await change.run(rack, traffic);
    return await traffic.stop();
  } catch (error) {
    await closeRack();
    throw error;
  }
}

async function rackOf(setting: RackSetting): Promise<ServiceRack> {
  if (last?.setting === setting) return last.rack;
  await closeRack();
  const rack = new ServiceRack({ name: "changes", ...setting });
  last = { setting, rack };
  try {
    await rack.start();
  } catch (error) {
    await closeRack();
    throw error;
  }
  return rack;
}

async function closeRack(): Promise<void> {
  const rack = last?.rack;
  last = null;
  await rack?.close();
}

afterAll(closeRack);

requireTools(...TOOLS)("connections through the rack while something planned changes", () => {
  it("loses none while attributes of the advertisement change, and reaches every node's pod", async () => {
    expect(await tallyOf(attributes, GATED)).toEqual(LOST_NONE);
    expect(new Set(traffic.connections.map(({ pod }) => pod)).size).toBe(3);
  });

  it("loses none while the advertisement gains and loses a block and an aggregate", async () => {
    expect(await tallyOf(coverings, GATED)).toEqual(LOST_NONE);
  });

  it("loses none while service proxies are killed and come back, and no route goes", async () => {
    expect(await tallyOf(proxies, GATED)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while the pods are replaced, each new one ready before the old one goes, and no route goes", async () => {
    expect(await tallyOf(surge, GATED)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it.each([
    { change: drain, name: "a node is drained and undrained", removals: 1 },
    { change: recreate, name: "the pods are replaced, the old one gone first", removals: 3 },
  ])("loses, when $name, none but what was under way when the router's table changed", async ({ change, removals }) => {
    await tallyOf(change, GATED);
    expect(removalsIn(traffic)).toHaveLength(removals);
    expect({ moments: traffic.tableChanges(), failures: failuresBesides(openAtAnyChange(traffic), traffic) }).toEqual({
      moments: traffic.tableChanges(),
      failures: [],
    });
  });

  it("loses, when a node is drained and undrained behind a router that hashes resiliently, none but that node's own", async () => {
    const pods = (await rackOf(RESILIENT)).workload.podsOn("n2");
    await tallyOf(drain, RESILIENT);
    expect(failuresBesides(openAtAnyChange(traffic), traffic)).toEqual([]);
    // Those whose handshake was cut in two had no pod yet. Plain hashing takes as many again from the others' pods when the node comes back.
    expect(failuresOf(traffic.connections).filter(({ pod }) => pod !== "" && !pods.includes(pod))).toEqual([]);
    expect(removalsIn(traffic)).toHaveLength(1);
  });
});

requireTools(...TOOLS)("connections through the rack while speakers and nodes come and go", () => {
  it("loses none while speakers are restarted one after the other, and no route goes (RFC 4724)", async () => {
    expect(await tallyOf(speakersRestarted, KEPT)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while a speaker is killed and comes back with its state file, and no route goes (RFC 4724)", async () => {
    expect(await tallyOf(speakerKilled, KEPT)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses none while the hold time of the peer changes on all nodes, and no route goes", async () => {
    expect(await tallyOf(peerEdited, KEPT)).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("leaves no route of before when a node boots sooner than the router notices, until its pod is ready again", async () => {
    // The change itself waits for the router to send to the others alone, well within hold time and restart time, while the node's session is up.
    await tallyOf(rebooted, KEPT);
    expect(removalsIn(traffic)).toHaveLength(1);
    const [gone = 0] = removalsIn(traffic);
    expect(failuresBesides(openAtAnyChange(traffic), traffic).filter(({ at }) => at > gone)).toEqual([]);
  });

  it("loses none while speakers are restarted one after the other that routers watch by BFD, and no route goes (RFC 5882)", async () => {
    // So slow that no busy machine is taken for a dead one.
    expect(await tallyOf(speakersRestarted, mergedSpec(KEPT, { bfdIntervalMillis: 1000 }))).toEqual(LOST_NONE);
    expect(removalsIn(traffic)).toEqual([]);
  });

  it("loses connections of every node whose speaker is restarted when it withdraws on exit, as others do", async () => {
    await tallyOf(speakersRestarted, PLAIN);
    expect(removalsIn(traffic)).toHaveLength(3);
    expect(failuresOf(traffic.connections)).not.toEqual([]);
    expect(failuresBesides(openAtAnyChange(traffic), traffic)).toEqual([]);
  });
});

requireTools(...TOOLS, ...CONTROL_PLANE_NEEDS)("connections through the rack while its API server is away", () => {
  it(
    "loses none, and no route goes; what is wanted next arrives when the server is back",
    async () => {
      const away = apiServerAway(500);
      expect(await tallyOf(away, away.spec ?? {})).toEqual(LOST_NONE);
      expect(removalsIn(traffic)).toEqual([]);
    },
    CONTROL_PLANE_BUILD_MILLIS,
  );
});
