/** What can happen to a rack while its users are connected: each as one function, for the tests that say what it may cost and for the table of what it costs. */

import type { RawObject } from "./objects.ts";
import { addressOf, NODES } from "./rack-nodes.ts";
import type { ServiceRack, ServiceRackSpec } from "./service-rack.ts";
import type { Traffic } from "./traffic.ts";

export type RackSetting = Omit<ServiceRackSpec, "name">;

export interface RackChange {
  readonly name: string;
  /** What the rack must be set up with for it. */
  readonly spec?: RackSetting;
  run(rack: ServiceRack, traffic: Traffic): Promise<void>;
}

/** A speaker that leaves as most do: withdraws on exit, announces as soon as the slices say so, drains nothing. */
export const PLAIN: RackSetting = {
  configuration: { dataplane: { healthz: "off" }, drain: { gracePeriod: "0s" }, shutdown: "withdraw", stateFile: "" },
  peer: { gracefulRestart: { enabled: false } },
  advertisement: { dataplaneGate: "Off" },
};

/** What keeps routes at the router while a speaker is restarted; in a cluster the own Pod's deletion says it. */
export const GRACEFUL: RackSetting = { configuration: { shutdown: "gracefulRestart", stateFile: "state.json" } };

export const attributes: RackChange = {
  name: "attributes of the advertisement",
  async run(rack, traffic) {
    for (const communities of [["65001:1"], ["65001:2", "no-export"], []]) {
      rack.setAdvertisement({ communities });
      await traffic.flows();
    }
  },
};

export const coverings: RackChange = {
  name: "a block and an aggregate come and go",
  async run(rack, traffic) {
    for (const change of [{ blocks: ["203.0.113.0/24"] }, { aggregationLength: 24 }, {}]) {
      rack.setAdvertisement(change);
      await traffic.flows();
    }
  },
};

export const proxies: RackChange = {
  name: "service proxies are killed and come back",
  spec: { advertisement: { dataplaneGate: "Require" } },
  async run(rack, traffic) {
    for (const node of NODES) {
      await rack.workload.stopProxy(node);
      await traffic.flows();
      await rack.workload.startProxy(node);
    }
    await traffic.flows();
  },
};

export const drain: RackChange = {
  name: "a node is drained and undrained",
  spec: { configuration: { drain: { gracePeriod: "1s" } } },
  async run(rack, traffic) {
    rack.setNode("n2", { annotations: { "herald.dev/drain": "maintenance" } });
    await rack.routedTo(["n1", "n3"]);
    await traffic.flows();
    rack.setNode("n2");
    await rack.routedTo(NODES);
    await traffic.flows();
  },
};

/** As a rollout with maxSurge does. */
export const surge: RackChange = {
  name: "pods are replaced, the new one ready first",
  spec: { proxyLagMillis: 200 },
  async run({ workload }, traffic) {
    for (const node of NODES) {
      const [old = ""] = workload.podsOn(node);
      const fresh = await workload.startPod(node);
      workload.markReady(fresh);
      workload.markTerminating(old);
      await workload.reached(node, [fresh]);
      await traffic.flows();
      workload.endPod(old);
    }
    await traffic.flows();
  },
};

/** As a DaemonSet's rollout, or a Deployment's with maxUnavailable, does. */
export const recreate: RackChange = {
  name: "pods are replaced, the old one gone first",
  spec: { proxyLagMillis: 200, advertisement: { dataplaneGate: "Require" } },
  async run(rack, traffic) {
    const { workload } = rack;
    for (const node of NODES) {
      const [old = ""] = workload.podsOn(node);
      workload.markTerminating(old);
      await rack.routedTo(NODES.filter((other) => other !== node));
      await traffic.flows();
      workload.endPod(old);
      const fresh = await workload.startPod(node);
      await traffic.flows();
      workload.markReady(fresh);
      await rack.routedTo(NODES);
      await traffic.flows();
    }
  },
};

/** As a rollout of the DaemonSet does. */
export const speakersRestarted: RackChange = {
  name: "speakers are restarted one after the other",
  spec: GRACEFUL,
  async run(rack, traffic) {
    for (const node of NODES) {
      await rack.heralds[node].stop();
      await rack.missed(node);
      await traffic.flows();
      await rack.heralds[node].start();
      await rack.establishedWith(node);
      await rack.watched(node);
      await rack.routedTo(NODES);
      await traffic.flows();
    }
  },
};

/** What cannot change without a new session. */
export const peerEdited: RackChange = {
  name: "the hold time of the peer changes on all nodes",
  spec: mergedSpec(GRACEFUL, { configuration: { resetSpread: "1s" } }),
  async run(rack, traffic) {
    const before = await rack.sessions();
    rack.setPeer({ holdTime: "60s" });
    await rack.allNewSince(before);
    await traffic.flows();
  },
};

/** `flows`: how many connections end meanwhile, at least. */
export function apiServerAway(flows: number): RackChange {
  return {
    name: "the API server is away",
    spec: { apiServer: true },
    async run(rack, traffic) {
      const { server } = rack.api;
      await server.kill();
      for (const node of NODES) await rack.saysThatTheApiIsAway(node);
      await traffic.flows(flows);
      await server.restart();
      // What is wanted next arrives: the speakers follow it again.
      rack.setAdvertisement({ communities: ["65001:9"] });
      await rack.upload();
      await rack.heldWith("65001:9");
      await traffic.flows();
    },
  };
}

/** The same change under further settings, which win. */
export function under(change: RackChange, suffix: string, ...settings: readonly RackSetting[]): RackChange {
  return { ...change, name: `${change.name}, ${suffix}`, spec: mergedSpec(change.spec ?? {}, ...settings) };
}

/** Moments at which the router took any node out of the route. */
export function removalsIn(traffic: Traffic): readonly number[] {
  return NODES.flatMap((node) => traffic.removals(addressOf(node)));
}

/** Later ones win, key by key. */
export function mergedSpec(...specs: readonly RackSetting[]): RackSetting {
  const part = (key: "configuration" | "peer" | "advertisement"): RawObject => Object.assign({}, ...specs.map((spec) => spec[key] ?? {}));
  return { ...Object.assign({}, ...specs), configuration: part("configuration"), peer: part("peer"), advertisement: part("advertisement") };
}
