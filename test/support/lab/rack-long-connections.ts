/** What becomes of connections that last, by what an advertisement's `endpointPolicy` counts. */

import { setTimeout as sleep } from "node:timers/promises";
import type { RackChange } from "./rack-changes.ts";
import { NODES, type NodeName } from "./rack-nodes.ts";

const POLICIES = ["Ready", "Serving", "ServingIfLast"] as const;

/** Each policy, with one node's pod and with all pods. `graceMillis`: how long a pod serves on after its deletion began, as a `preStop` hook has it do. */
export function longConnections(graceMillis: number): readonly RackChange[] {
  return POLICIES.flatMap((endpointPolicy) => [
    {
      ...replaced(["n2"], graceMillis),
      name: `a node's pod is replaced, the old one gone first, endpointPolicy ${endpointPolicy}`,
      spec: { advertisement: { endpointPolicy, dataplaneGate: "Require" } },
    },
    {
      ...replaced(NODES, graceMillis),
      name: `all pods are replaced at once, the old ones gone first, endpointPolicy ${endpointPolicy}`,
      spec: { advertisement: { endpointPolicy, dataplaneGate: "Require" } },
    },
  ]);
}

function replaced(nodes: readonly NodeName[], graceMillis: number): Pick<RackChange, "run"> {
  return {
    async run(rack, traffic) {
      const { workload } = rack;
      const olds = nodes.flatMap((node) => workload.podsOn(node));
      workload.markTerminating(...olds);
      await sleep(graceMillis);
      workload.endPod(...olds);
      await rack.routedTo(NODES.filter((node) => !nodes.includes(node)));
      for (const node of nodes) workload.markReady(await workload.startPod(node));
      await rack.routedTo(NODES);
      await traffic.greetings(100);
    },
  };
}
