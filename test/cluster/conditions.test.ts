import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { ConditionsDuty } from "../../src/controller/conditions-duty.ts";
import { Controller, type Elector } from "../../src/controller/controller.ts";
import { KubeClient } from "../../src/kube/client.ts";
import type { LogEvent } from "../../src/log.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../src/plan/change.ts";
import { KubernetesSource } from "../../src/source/kubernetes/kubernetes-source.ts";
import { type ApiServer, resource } from "../support/lab/api-server.ts";
import { ADVERTISEMENTS, bgpPeer, NODES, node, nodeStatus, PEERS } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { list, record } from "../support/lab/json.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { testDirectory } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

/** Conditions as a leader writes them on a real API server, with the rights that its role gives it. Tests go in order. */

const STATUSES = resource("herald.dev", "v1alpha1", "bgpnodestatuses", "herald-system");
const POOLS = resource("herald.dev", "v1alpha1", "ipaddresspools", "herald-system");
const PATIENCE_MILLIS = 90_000;
const RULES = [
  { apiGroups: [""], resources: ["services", "nodes", "namespaces"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["herald.dev"], resources: ["*"], verbs: ["get", "list", "watch"] },
  {
    apiGroups: ["herald.dev"],
    resources: ["bgppeers/status", "bgpadvertisements/status", "ipaddresspools/status", "communities/status"],
    verbs: ["patch"],
  },
];

requireTools("kubectl", ...CONTROL_PLANE_NEEDS)("conditions on a real API server", () => {
  let server: ApiServer;
  let ended: Promise<void>;
  const logged: LogEvent[] = [];
  const ending = new AbortController();
  const { signal } = new AbortController();

  beforeAll(async () => {
    server = await preparedServer({ controller: RULES });
    for (const name of ["node-1", "node-2"]) {
      await server.apply(NODES, node(name));
      await server.apply(NODES, nodeStatus(name, "10.88.0.10"), "status");
    }
    await server.apply(PEERS, bgpPeer("tor"));
    await server.apply(ADVERTISEMENTS, own("BGPAdvertisement", "all", {}));
    await server.apply(ADVERTISEMENTS, own("BGPAdvertisement", "typo", { peers: ["tro"] }));
    await server.apply(POOLS, own("IPAddressPool", "main", { addresses: ["192.0.2.0/24"] }));
    ended = startController().run(ending.signal);
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    ending.abort();
    await ended;
    await server?.stop();
  });

  function own(kind: string, name: string, spec: Readonly<Record<string, unknown>>) {
    return { apiVersion: "herald.dev/v1alpha1", kind, metadata: { name, namespace: "herald-system" }, spec };
  }

  function startController(): Controller {
    const client = (): KubeClient =>
      new KubeClient({ credentials: server.credentials("controller-token"), clock: systemClock, userAgent: "herald/test" });
    const log = (event: LogEvent): void => void logged.push(event);
    const source = new KubernetesSource({
      client: client(),
      heraldNamespace: "herald-system",
      serviceProxyName: "",
      omitKinds: ["EndpointSlice"],
      clock: systemClock,
      random: Math.random,
    });
    const duty = new ConditionsDuty({ client: client(), clock: systemClock, log, random: Math.random, planning: DEFAULT_PLANNER_OPTIONS });
    // Nobody competes here.
    const elector: Elector = { run: (lead, until) => lead(until) };
    return new Controller({ source, elector, duties: [duty], clock: systemClock, log });
  }

  /** `STATUS REASON` of a condition, once it is so. */
  function condition(place: typeof PEERS, name: string, type: string, wanted: string): Promise<Readonly<Record<string, unknown>>> {
    return until(
      `${type} of ${name} is ${wanted}`,
      async () => {
        const answer = await server.admin.get(place, name, signal);
        const object = answer.ok ? record(answer.value) : {};
        const conditions = list(record(object["status"] ?? {})["conditions"] ?? []).map(record);
        const found = conditions.find((one) => one["type"] === type);
        return found !== undefined && `${found["status"]} ${found["reason"]}` === wanted && { ...found, object };
      },
      PATIENCE_MILLIS,
    );
  }

  async function report(name: string, state: string): Promise<void> {
    const head = { apiVersion: "herald.dev/v1alpha1", kind: "BGPNodeStatus", metadata: { name } };
    await server.apply(STATUSES, head);
    await server.apply(STATUSES, { ...head, status: { peers: [{ name: "tor", state }] } }, "status");
  }

  it("say at first that everything is accepted, what is not there, and that nobody reports", async () => {
    const ready = await condition(PEERS, "tor", "Ready", "Unknown NoNodeStatus");
    expect(ready["observedGeneration"]).toBe(1);
    await condition(ADVERTISEMENTS, "all", "Accepted", "True Accepted");
    await condition(ADVERTISEMENTS, "typo", "ResolvedRefs", "False UnknownPeer");
    await condition(POOLS, "main", "Accepted", "True Accepted");
  });

  it("follow what speakers report", async () => {
    await report("node-1", "Established");
    await condition(PEERS, "tor", "Ready", "False SessionsDown");
    await condition(ADVERTISEMENTS, "all", "Ready", "True SessionsEstablished");
    await report("node-2", "Established");
    const { object } = await condition(PEERS, "tor", "Ready", "True Established");
    expect(record(record(object)["status"])["sessions"]).toBe("2/2");
    await report("node-2", "Active");
    await condition(PEERS, "tor", "Ready", "False SessionsDown");
    await server.delete(STATUSES, "node-1");
    await server.delete(STATUSES, "node-2");
    await condition(PEERS, "tor", "Ready", "Unknown NoNodeStatus");
  });

  it("say of a version that the server takes and we refuse that the one before it stays in force, with its generation", async () => {
    await server.apply(POOLS, own("IPAddressPool", "main", { addresses: ["192.0.2.9-192.0.2.1"] }));
    const refused = await condition(POOLS, "main", "Accepted", "False InvalidValue");
    expect(refused["observedGeneration"]).toBe(2);
    expect(refused["message"]).toContain("runs backwards: write 192.0.2.1-192.0.2.9");
    await server.apply(POOLS, own("IPAddressPool", "main", { addresses: ["192.0.2.0/25"] }));
    expect((await condition(POOLS, "main", "Accepted", "True Accepted"))["observedGeneration"]).toBe(3);
  });

  it("stand in columns that a person can read", async () => {
    await report("node-1", "Established");
    await report("node-2", "Established");
    await condition(PEERS, "tor", "Ready", "True Established");
    await condition(ADVERTISEMENTS, "all", "Ready", "True SessionsEstablished");
    const directory = testDirectory("kubectl");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "kubeconfig"), server.kubeconfig());
    const args = ["--kubeconfig", join(directory, "kubeconfig"), "--cache-dir", join(directory, "cache"), "-n", "herald-system"];
    const output = execFileSync("kubectl", [...args, "get", "bgppeers,bgpadvertisements,bgppools,bgpnodestatus"], { encoding: "utf8" });
    if (process.env["HERALD_SHOW"] !== undefined) process.stderr.write(output);
    expect(output).toMatch(/^bgppeer\.herald\.dev\/tor +10\.88\.0\.2 +65000 +65001 +2\/2 +True/m);
    expect(output).toMatch(/^bgpadvertisement\.herald\.dev\/typo .*False/m);
    expect(output).toMatch(/^ipaddresspool\.herald\.dev\/main .*True/m);
    expect(output).toMatch(/^bgpnodestatus\.herald\.dev\/node-1 /m);
    expect(logged.filter(({ event }) => event === "kube.writeFailed")).toEqual([]);
  });
});
