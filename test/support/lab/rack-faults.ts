/** What goes wrong in a rack while its users are connected. */

import { GRACEFUL, mergedSpec, type RackChange, type RackSetting } from "./rack-changes.ts";
import { NODES } from "./rack-nodes.ts";

/** A router then drops the routes with the session. */
export const WITHOUT_GRACEFUL_RESTART: RackSetting = { peer: { gracefulRestart: { enabled: false } } };

/** And started again, as kubelet does with a container that ended. */
export const speakerKilled: RackChange = {
  name: "a speaker is killed (-9) and comes back",
  spec: GRACEFUL,
  async run(rack, traffic) {
    await rack.savedBy("n2");
    await rack.heralds.n2.crash();
    await rack.missed("n2");
    await traffic.flows(200);
    await rack.heralds.n2.start();
    await rack.establishedWith("n2");
    await rack.routedTo(NODES);
    await traffic.flows();
  },
};

/** For so long that the router finds out by its own means. */
export const powerCut: RackChange = {
  name: "a node loses its power",
  spec: { peer: { holdTime: "9s" }, advertisement: { dataplaneGate: "Require" } },
  async run(rack, traffic) {
    await rack.powerOff("n2");
    await rack.routedTo(["n1", "n3"]);
    await traffic.flows();
    rack.workload.markReady(await rack.boot("n2"));
    await rack.routedTo(NODES);
    await traffic.flows();
  },
};

/** Sooner than the router finds out, with the state file of before on its disk: what the router still has must go when the session comes up. */
export const rebooted: RackChange = {
  name: "a node loses its power and boots at once",
  spec: mergedSpec(GRACEFUL, { advertisement: { dataplaneGate: "Require" } }),
  async run(rack, traffic) {
    await rack.savedBy("n2");
    await rack.powerOff("n2");
    const pod = await rack.boot("n2");
    // It is not ready: nothing of the time before may be left.
    await rack.routedTo(["n1", "n3"]);
    await traffic.flows();
    rack.workload.markReady(pod);
    await rack.routedTo(NODES);
    await traffic.flows();
  },
};
