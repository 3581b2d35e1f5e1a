import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { blocksOf, commandsOf, INSTALL_PAGE, playReader } from "../support/install-page.ts";
import { API_URL, ApiBridge } from "../support/lab/api-bridge.ts";
import { ApiServer, resource } from "../support/lab/api-server.ts";
import { NODES, node, nodeStatus, servicesIn, slicesIn } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { record } from "../support/lab/json.ts";
import { kubeconfigOf } from "../support/lab/kubeconfig.ts";
import { Kubectl, kustomize } from "../support/lab/kubectl.ts";
import { until } from "../support/lab/wait.ts";
import { type Workload, workloadsOf } from "../support/lab/workloads.ts";
import { requireTools } from "../support/requirements.ts";

/**
 * docs/install.md from top to bottom: its files, its kubectl commands against a real API server, its FRR configuration, and the speaker as its manifests
 * say. What Kubernetes would do beside that (nodes, pods, the service proxy) is done by the test.
 */

const BUNDLE = new URL("../../dist/herald.mjs", import.meta.url).pathname;
const ROUTER = "10.0.0.1";
const NODE = "10.0.0.11";
const ADDRESS = "198.51.100.1";
/** What asks kubelet or waits for controllers that no lab has. */
const NEEDS_NODES = /^kubectl (-n \S+ )?(rollout|exec) /;
/** Of a second installation beside the page's, which the server only judges. */
const OTHERS = ["overlays/speaker", "overlays/monitoring", "examples/rack"];

requireTools(
  "root",
  "ip",
  "bgpd",
  "bird",
  "kubectl",
  ...CONTROL_PLANE_NEEDS,
)("docs/install.md, followed", () => {
  let server: ApiServer;
  let kubectl: Kubectl;
  let fabric: Fabric;
  let router: Frr;
  let bridge: ApiBridge;
  let reader: string;

  beforeAll(async () => {
    server = await ApiServer.start();
    fabric = new Fabric("install", [
      { name: "router", addresses: [`${ROUTER}/24`] },
      { name: "node", addresses: [`${NODE}/24`] },
    ]);
    reader = fabric.host("node").directory;
    playReader(reader);
    kubectl = new Kubectl(server.kubeconfigFile("admin"), reader);
    bridge = await ApiBridge.into(fabric.host("node"), () => server.port);
    await server.apply(NODES, node("node-1"));
    await server.apply(NODES, nodeStatus("node-1", NODE), "status");
    router = new Frr(
      fabric.host("router"),
      { asn: 65000, routerId: ROUTER, address: ROUTER, peers: [] },
      blocksOf(INSTALL_PAGE).find(({ language }) => language === "frr")?.text ?? "",
    );
    await router.start();
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    await fabric?.close();
    bridge?.close();
    await server?.stop();
  });

  /** Runs what can be run without nodes, and says how many commands that were. */
  const follow = async (section: string, change: (command: string) => string = (command) => command): Promise<number> => {
    const commands = commandsOf(section).filter((command) => command.startsWith("kubectl ") && !NEEDS_NODES.test(command));
    for (const command of commands) await kubectl.run(change(command).split(" ").slice(1));
    return commands.length;
  };
  /** A command that the page runs in a speaker's Pod. */
  const inSpeaker = (command: string): string => {
    const [, args = ""] = / -- herald (.*)$/.exec(command) ?? [];
    return fabric.host("node").run(process.execPath, [BUNDLE, ...args.split(" ")]);
  };

  it("applies the manifests, which the server takes as they are", async () => {
    expect(await follow("Apply")).toBe(2);
    await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    const daemonSet = await kubectl.run(["-n", "herald-system", "get", "daemonset", "herald-speaker", "-o", "name"]);
    expect(daemonSet.trim()).toBe("daemonset.apps/herald-speaker");
  });

  it("says what to announce in objects that the server takes", async () => {
    expect(await follow("Say what to announce")).toBe(2);
    const others = blocksOf(INSTALL_PAGE).filter(
      ({ language, file, text }) => language === "yaml" && file === "" && text.includes("kind: BGPPeer"),
    );
    expect(others.length).toBe(1);
    for (const { text } of others) await kubectl.run(["apply", "--dry-run=server", "-f", "-"], text);
  });

  it("brings the Service's address into the router's table", async () => {
    expect(await follow("Check")).toBe(3);
    const service = record(JSON.parse(await kubectl.run(["-n", "default", "get", "service", "web", "-o", "json"])));
    const healthPort = Number(record(service["spec"])["healthCheckNodePort"]);
    expect(healthPort).toBeGreaterThan(0);
    fabric.host("node").start(process.execPath, ["-e", serviceProxy(healthPort)]);
    await server.apply(slicesIn("default"), {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.244.0.1"], nodeName: "node-1", conditions: { ready: true } }],
      ports: [{ name: "", port: 8080, protocol: "TCP" }],
    });
    await server.apply(
      servicesIn("default"),
      { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, status: { loadBalancer: { ingress: [{ ip: ADDRESS }] } } },
      "status",
    );
    const [speaker] = workloadsOf(await kustomize(join(reader, "my-cluster"))).filter(({ name }) => name === "herald-speaker");
    if (speaker === undefined) throw new Error("the manifests have no speaker");
    await startSpeaker(speaker);
    await until("the router has the route", async () => router.table("IPv4").has(`${ADDRESS}/32`));
    expect(router.table("IPv4").get(`${ADDRESS}/32`)).toMatchObject([{ nextHop: NODE, asPath: [65001] }]);
  });

  it("shows it with the commands that it names", () => {
    const commands = commandsOf("Check").filter((command) => command.includes(" -- herald "));
    expect(commands.length).toBe(3);
    const [peers = "", routes = "", explain = ""] = commands.map(inSpeaker);
    expect(peers).toContain("Established");
    expect(routes).toContain(`${ADDRESS}/32`);
    expect(explain).toContain("default/web");
  });

  it("shows a BIRD configuration that BIRD reads", () => {
    const text = blocksOf(INSTALL_PAGE).find(({ language }) => language === "bird")?.text ?? "";
    expect(text.length).toBeGreaterThan(100);
    const file = join(fabric.host("router").directory, "bird.conf");
    writeFileSync(file, text);
    expect(() => fabric.host("router").run("bird", ["-p", "-c", file])).not.toThrow();
  });

  it("makes the password's Secret, and upgrades to what is there without a difference", async () => {
    expect(await follow("Passwords")).toBe(1);
    expect(await follow("Upgrade")).toBe(2);
  });

  it("installs every other overlay as well", async () => {
    for (const kind of ["PodMonitor", "PrometheusRule"])
      await server.apply(resource("apiextensions.k8s.io", "v1", "customresourcedefinitions"), operatorKind(kind));
    await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    for (const other of OTHERS) {
      const said = await kubectl.run(["apply", "--dry-run=server", "-k", join("deploy/kustomize", other)]);
      expect(said.trim().split("\n").length, other).toBeGreaterThan(10);
    }
  });

  it("uninstalls: the router loses the routes first, then everything goes", async () => {
    const [peers = "", rest = ""] = commandsOf("Uninstall");
    await kubectl.run(peers.split(" ").slice(1));
    await until("the router has lost the route", async () => !router.table("IPv4").has(`${ADDRESS}/32`), 60_000);
    // The last part of a namespace's end is a controller's work, which no lab has.
    await kubectl.run([...rest.split(" ").slice(1), "--wait=false"]);
    expect(await server.list(resource("apps", "v1", "daemonsets", "herald-system"))).toEqual([]);
    await until(
      "the kinds are gone",
      async () => (await server.list(resource("herald.dev", "v1alpha1", "bgppeers", "herald-system"))) === null,
    );
  });

  /** As the Pod would run, with the node's network, loopback and all; its token and state lie elsewhere. */
  async function startSpeaker(workload: Workload): Promise<void> {
    const host = fabric.host("node");
    const token = await kubectl.run(["create", "token", workload.account, "-n", "herald-system"]);
    const kubeconfig = join(host.directory, "kubeconfig");
    writeFileSync(kubeconfig, kubeconfigOf({ port: Number(new URL(API_URL).port), ca: server.caPem, token: token.trim() }));
    const file = join(host.directory, "herald.yaml");
    const changes = { source: { kubernetes: { kubeconfig } }, stateFile: join(host.directory, "state.json") };
    writeFileSync(file, JSON.stringify({ ...workload.configuration, ...changes }));
    const args = workload.args.map((arg) => (arg === "/etc/herald/herald.yaml" ? file : arg));
    const daemon = host.start(process.execPath, [BUNDLE, ...args], {
      NODE_NAME: "node-1",
      POD_NAME: "herald-speaker-x7k2p",
      POD_NAMESPACE: "herald-system",
    });
    await until("the speaker is up", async () => daemon.output().includes("admin.ready"));
  }
});

/** What kube-proxy answers: its own health, and that of a Service with a pod here. */
function serviceProxy(healthPort: number): string {
  return `
    const { createServer } = require("node:http");
    createServer((_, answer) => answer.end()).listen(10256, "127.0.0.1");
    createServer((_, answer) => answer.end()).listen(${healthPort});`;
}

/** A kind of the Prometheus Operator that takes whatever is in it. */
function operatorKind(kind: string): { apiVersion: string; kind: string; metadata: { name: string }; spec: unknown } {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: {
      group: "monitoring.coreos.com",
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}
