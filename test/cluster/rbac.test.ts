import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiServer, type AuditEvent, resource } from "../support/lab/api-server.ts";
import {
  ADVERTISEMENTS,
  bgpAdvertisement,
  bgpPeer,
  ingress,
  loadBalancer,
  NAMESPACES,
  NODES,
  namespace,
  node,
  nodeStatus,
  PEERS,
  servicesIn,
  slice,
  slicesIn,
} from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { record } from "../support/lab/json.ts";
import { Kubectl, kustomize } from "../support/lab/kubectl.ts";
import { formatRight, isUsed, rightsOf } from "../support/lab/rbac-rules.ts";
import { until } from "../support/lab/wait.ts";
import { RunningWorkload, type Workload, workloadsOf } from "../support/lab/workloads.ts";
import { testDirectory } from "../support/leftovers.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { requireTools } from "../support/requirements.ts";

/**
 * The rights of the manifests against what an API server's audit log says was asked: nothing was refused, and nothing is granted that nobody used.
 * Every workload of the manifests runs here with its own arguments, configuration and service account.
 */

const OVERLAY = new URL("../../deploy/kustomize/overlays/controller", import.meta.url).pathname;
const NODE = "node-1";
/** Of this test alone: levels of this kind run one file at a time. */
const BGP_PORT = 17_179;
const PATIENCE_MILLIS = 90_000;

requireTools("kubectl", ...CONTROL_PLANE_NEEDS)("the rights in deploy/kustomize", () => {
  const directory = testDirectory("rbac");
  const running: RunningWorkload[] = [];
  let manifests: readonly Record<string, unknown>[];
  let workloads: readonly Workload[];
  let server: ApiServer;
  let kubectl: Kubectl;

  beforeAll(async () => {
    manifests = await kustomize(OVERLAY);
    workloads = workloadsOf(manifests);
    server = await ApiServer.start({ audit: true });
    kubectl = new Kubectl(server.kubeconfigFile("admin"));
    await kubectl.run(["apply", "-k", OVERLAY]);
    await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    await server.apply(NAMESPACES, namespace("shop"));
    await server.apply(NODES, node(NODE));
    await server.apply(NODES, nodeStatus(NODE, "127.0.0.1"), "status");
    await server.apply(servicesIn("shop"), loadBalancer("web"));
    await server.apply(servicesIn("shop"), ingress("web", "198.18.0.1"), "status");
    // Has no address yet: the controller gives it one.
    await server.apply(servicesIn("shop"), loadBalancer("api"));
    await server.apply(resource("herald.dev", "v1alpha1", "ipaddresspools", "herald-system"), {
      apiVersion: "herald.dev/v1alpha1",
      kind: "IPAddressPool",
      metadata: { name: "public", namespace: "herald-system" },
      spec: { addresses: ["198.51.100.0/24"] },
    });
    await server.apply(resource("herald.dev", "v1alpha1", "communities", "herald-system"), {
      apiVersion: "herald.dev/v1alpha1",
      kind: "Community",
      metadata: { name: "ours", namespace: "herald-system" },
      spec: { communities: [{ name: "services", value: "65000:100" }] },
    });
    await server.apply(PEERS, bgpPeer("tor", { peerAddress: "127.0.0.1", passive: true, nextHop: { ipv4: "10.0.0.1" } }));
    await server.apply(ADVERTISEMENTS, bgpAdvertisement());
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    await Promise.all(running.map((workload) => workload.kill()));
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async (workload: Workload): Promise<RunningWorkload> => {
    const token = await kubectl.run(["create", "token", workload.account, "-n", "herald-system"]);
    const started = RunningWorkload.start(workload, {
      bgpPort: BGP_PORT,
      directory,
      kubeconfig: server.kubeconfigFile(workload.account, token.trim()),
      fields: { "spec.nodeName": NODE, "metadata.name": `${workload.name}-x7k2p`, "metadata.namespace": "herald-system" },
    });
    running.push(started);
    await started.ready();
    return started;
  };
  const eventsOf = (account: string): readonly AuditEvent[] => server.audit(`system:serviceaccount:herald-system:${account}`);
  const unused = ({ account }: Workload): readonly string[] =>
    rightsOf(account, manifests)
      .filter((right) => !isUsed(right, eventsOf(account)))
      .map(formatRight);

  /** An address comes and goes, so that there is something to tell of; the second time it is the same again. */
  const announceAndWithdraw = async (speaker: RunningWorkload): Promise<void> => {
    const announced = async (wanted: boolean): Promise<boolean> =>
      (await speaker.items("/api/v1/services")).some(
        (item) => item["service"] === "shop/web" && item["kind"] === "LoadBalancerIP" && item["announced"] === wanted,
      );
    for (let round = 0; round < 2; round++) {
      await server.apply(slicesIn("shop"), slice("web-1", "web"));
      await until("the address is announced", () => announced(true), PATIENCE_MILLIS);
      await server.delete(slicesIn("shop"), "web-1");
      await until("the address is withdrawn", () => announced(false), PATIENCE_MILLIS);
    }
  };

  /** A Service stops being a load balancer and becomes one again: it gets the same address, and the same Event. */
  const giveAddressTwice = async (): Promise<void> => {
    const address = async (): Promise<string> =>
      (await kubectl.run(["get", "service", "api", "-n", "shop", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}"])).trim();
    const asType = async (type: string): Promise<void> => {
      const { spec, ...service } = loadBalancer("api");
      await server.apply(servicesIn("shop"), { ...service, spec: { ...record(spec), type } });
    };
    await until("the Service has its address", async () => (await address()) !== "", PATIENCE_MILLIS);
    await asType("ClusterIP");
    await until("the Service has none", async () => (await address()) === "", PATIENCE_MILLIS);
    await asType("LoadBalancer");
    await until("the Service has its address again", async () => (await address()) !== "", PATIENCE_MILLIS);
  };

  it("let every workload start, work and stop", async () => {
    expect(workloads.map(({ name }) => name).sort()).toEqual(["herald-controller", "herald-speaker"]);
    const first = new Map<string, RunningWorkload>();
    for (const workload of workloads) first.set(workload.name, await start(workload));
    const speaker = first.get("herald-speaker");
    if (speaker === undefined) throw new Error("the manifests have no speaker");
    const router = await RawPeer.dial(BGP_PORT);
    await router.establish();
    await announceAndWithdraw(speaker);
    await giveAddressTwice();
    for (const workload of workloads) {
      const left = (): readonly string[] => unused(workload).filter((right) => !right.startsWith("list "));
      await until(`${workload.name} does all it may`, async () => settled(left()), PATIENCE_MILLIS);
    }
    router.destroy();
    for (const [name, workload] of first) expect(await workload.stop(), name).toBe(0);
  });

  it("let every workload list where the server refuses a watch that begins with a list", async () => {
    await server.kill();
    await server.restart(["--feature-gates=WatchList=false"]);
    const second = new Map<string, RunningWorkload>();
    for (const workload of workloads) second.set(workload.name, await start(workload));
    for (const workload of workloads) await until(`${workload.name} lists`, async () => settled(unused(workload)), PATIENCE_MILLIS);
    for (const [name, workload] of second) expect(await workload.stop(), name).toBe(0);
  });

  it("are enough: nothing that was asked was refused", async () => {
    for (const { account } of workloads) {
      const events = eventsOf(account);
      expect(events.length, account).toBeGreaterThan(10);
      const refused = events.filter(({ allowed, status }) => !allowed || status === 403);
      expect(refused.map(({ verb, group, resource, name }) => [verb, group, resource, name])).toEqual([]);
    }
  });

  it("are not more than that: each was used", () => {
    for (const workload of workloads) {
      expect(rightsOf(workload.account, manifests).length, workload.name).toBeGreaterThan(10);
      expect(unused(workload), workload.name).toEqual([]);
    }
  });

  it("name no wildcard, and no Secret", () => {
    const rights = workloads.flatMap(({ account }) => rightsOf(account, manifests));
    const parts = rights.flatMap(({ group, resource, verb }) => [group, resource, verb]);
    expect(parts.filter((part) => part.includes("*"))).toEqual([]);
    expect(rights.filter(({ resource }) => resource.startsWith("secrets"))).toEqual([]);
  });
});

/** @throws what is left, for the words of a wait that was in vain */
function settled(left: readonly string[]): boolean {
  if (left.length > 0) throw new Error(left.join(", "));
  return true;
}
