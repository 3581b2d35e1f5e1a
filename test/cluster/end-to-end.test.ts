import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Outcome, runBundle } from "../support/bundle.ts";
import { kubeconfigOf } from "../support/kubeconfig.ts";
import { ApiBridge, writeKubeconfig } from "../support/lab/api-bridge.ts";
import { ApiServer } from "../support/lab/api-server.ts";
import { bgpAdvertisement, bgpPeer, NAMESPACES, namespace, SPEAKER_RULES } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Gobgp } from "../support/lab/gobgp.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, record, text } from "../support/lab/json.ts";
import type { Router } from "../support/lab/router.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

/**
 * A cluster of three nodes and its two ToR routers, as a person has them: kubectl changes objects on a real API server, three speakers as they ship
 * announce, FRR and GoBGP hold, and the commands answer from the cluster itself. Tests go in order.
 */

const NODES = { "node-1": "10.88.0.11", "node-2": "10.88.0.12", "node-3": "10.88.0.13" } as const;
type NodeName = keyof typeof NODES;
const ALL: readonly NodeName[] = ["node-1", "node-2", "node-3"];
const ROUTERS = { frr: "10.88.0.2", gobgp: "10.88.0.3" } as const;
const PREFIX = "198.18.0.1/32";
const HEALTH_PORT = 30_100;
const PATIENCE_MILLIS = 60_000;
const EVERYTHING = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];

requireTools(
  "root",
  "ip",
  "kubectl",
  "bgpd",
  "vtysh",
  "gobgpd",
  "gobgp",
  ...CONTROL_PLANE_NEEDS,
)("a cluster of three nodes behind FRR and GoBGP", () => {
  let server: ApiServer;
  let fabric: Fabric;
  let routers: readonly Router[] = [];
  const bridges: ApiBridge[] = [];
  const heralds = new Map<NodeName, Herald>();
  let kubeconfig = "";

  beforeAll(async () => {
    server = await ApiServer.start({ tokens: { "speaker-token": "speaker", "person-token": "person", "guest-token": "guest" } });
    await server.grant("speaker", SPEAKER_RULES);
    await server.grant("person", EVERYTHING);
    fabric = new Fabric("e2e", [
      ...ALL.map((name) => ({ name, addresses: [`${NODES[name]}/24`] })),
      { name: "frr", addresses: [`${ROUTERS.frr}/24`] },
      { name: "gobgp", addresses: [`${ROUTERS.gobgp}/24`] },
    ]);
    const settings = (address: string) => ({
      asn: 65000,
      routerId: address,
      address,
      peers: ALL.map((name) => ({ address: NODES[name], asn: 65001, passive: true, families: ["IPv4"] as const })),
    });
    routers = [
      new Frr(fabric.host("frr"), { ...settings(ROUTERS.frr), alone: true }),
      new Gobgp(fabric.host("gobgp"), settings(ROUTERS.gobgp)),
    ];
    for (const router of routers) await router.start();
    kubeconfig = kubeconfigOfUser("person-token");
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    await fabric?.close();
    for (const bridge of bridges) bridge.close();
    await server?.stop();
  });

  /** A kubeconfig for this side, as a file. */
  function kubeconfigOfUser(token: string): string {
    const path = join(fabric.host("frr").directory, `${token}.kubeconfig`);
    writeFileSync(path, kubeconfigOf({ server: `https://127.0.0.1:${server.port}`, ca: server.caPem, token }));
    return path;
  }

  function kubectl(args: readonly string[], input = ""): Promise<string> {
    const flags = ["--kubeconfig", kubeconfig, "--cache-dir", join(fabric.host("frr").directory, "kubectl")];
    return new Promise((resolve, reject) => {
      const child = spawn("kubectl", [...flags, ...args], { stdio: ["pipe", "pipe", "pipe"] });
      const said = { out: "", err: "" };
      child.stdout.on("data", (chunk: Buffer) => {
        said.out += chunk.toString();
      });
      child.stderr.on("data", (chunk: Buffer) => {
        said.err += chunk.toString();
      });
      child.once("error", reject);
      child.once("close", (code) => (code === 0 ? resolve(said.out) : reject(new Error(`kubectl ${args.join(" ")}: ${said.err}`))));
      child.stdin.end(input);
    });
  }

  const apply = (...objects: readonly unknown[]): Promise<string> =>
    kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const patchStatus = (kind: string, name: string, status: unknown): Promise<string> =>
    kubectl(["patch", kind, name, "-n", "shop", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
  const herald = (...args: readonly string[]): Promise<Outcome> => runBundle([...args, "--kubeconfig", kubeconfig]);

  /** Changes something, and waits until both routers have the address by way of exactly these nodes. */
  async function change(what: string, act: () => Promise<unknown>, nodes: readonly NodeName[]): Promise<void> {
    const began = performance.now();
    await act();
    const acted = performance.now();
    const wanted = JSON.stringify(nodes.map((name) => NODES[name]));
    const said: string[] = [];
    for (const router of routers) {
      await until(
        `${router.product} after ${what}`,
        async () => JSON.stringify((router.table("IPv4").get(PREFIX) ?? []).map(({ nextHop }) => nextHop)) === wanted,
        PATIENCE_MILLIS,
      );
      said.push(`${router.product} ${Math.round(performance.now() - acted)} ms`);
    }
    process.stderr.write(`  ${what}: ${Math.round(acted - began)} ms, then ${said.join(", ")}\n`);
  }

  const endpoints = (nodes: readonly NodeName[]): Promise<string> =>
    apply({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "web-1", namespace: "shop", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: nodes.map((nodeName, index) => ({ addresses: [`10.244.0.${index + 1}`], nodeName, conditions: { ready: true } })),
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
    });

  it("the commands say what is missing: rights, credentials, CRDs", async () => {
    const guest = await runBundle(["plan", "--kubeconfig", kubeconfigOfUser("guest-token")]);
    expect([guest.status, guest.stderr]).toEqual([1, expect.stringMatching(/: may not read namespaces, nodes, .*services.* \(403\): /)]);
    const stranger = await runBundle(["balance", "live", "--kubeconfig", kubeconfigOfUser("no-such-token")]);
    expect([stranger.status, stranger.stderr]).toEqual([1, expect.stringContaining("does not accept our credentials (401)")]);
    const early = await herald("explain", "shop/web");
    expect([early.status, early.stderr]).toEqual([
      1,
      expect.stringMatching(/does not serve .*bgppeers\.herald\.dev.* \(404\): herald crds \|/),
    ]);
    await server.installCrds();
    const empty = await herald("plan", "-o", "json");
    expect([empty.status, JSON.parse(empty.stdout).routes]).toEqual([0, []]);
  });

  it("three speakers, each with its own NODE_NAME, come up and peer", async () => {
    for (const name of ["herald-system", "shop"]) await server.apply(NAMESPACES, namespace(name));
    await apply(...ALL.map((name) => ({ apiVersion: "v1", kind: "Node", metadata: { name } })));
    for (const name of ALL) {
      const addresses = [{ type: "InternalIP", address: NODES[name] }];
      await patchStatus("node", name, { addresses, conditions: [{ type: "Ready", status: "True", reason: "Test", message: "" }] });
    }
    await apply(
      ...Object.entries(ROUTERS).map(([name, peerAddress]) => bgpPeer(name, { peerAddress, families: ["IPv4"] })),
      bgpAdvertisement({ communities: [] }),
    );
    await Promise.all(
      ALL.map(async (name) => {
        const host = fabric.host(name);
        bridges.push(await ApiBridge.into(host, () => server.port));
        host.start(process.execPath, ["-e", HEALTHY_PROXY]);
        const speaker = new Herald(host, {
          node: "",
          kubeconfig: writeKubeconfig(host, server),
          environment: { NODE_NAME: name },
          configuration: { announceHoldDown: false },
        });
        heralds.set(name, speaker);
        await speaker.start();
      }),
    );
    for (const router of routers)
      for (const name of ALL)
        await until(`${router.product} and ${name} peer`, async () => router.established(NODES[name]), PATIENCE_MILLIS);
  });

  it("kubectl apply of a Service brings its address to both routers, by way of every node", async () => {
    await apply({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "shop" },
      spec: { type: "LoadBalancer", ports: [{ name: "http", port: 80, protocol: "TCP" }], selector: { app: "web" } },
    });
    await endpoints(["node-1", "node-2"]);
    const address = { loadBalancer: { ingress: [{ ip: "198.18.0.1" }] } };
    await change("an address", () => patchStatus("service", "web", address), ALL);
  });

  it("a flip to Local leaves the nodes with endpoints, and scaling moves it", async () => {
    const local = JSON.stringify({ spec: { externalTrafficPolicy: "Local", healthCheckNodePort: HEALTH_PORT } });
    await change("a flip to Local", () => kubectl(["patch", "service", "web", "-n", "shop", "-p", local]), ["node-1", "node-2"]);
    await change("scaling up", () => endpoints(ALL), ALL);
    await change("scaling down", () => endpoints(["node-3"]), ["node-3"]);
    await change("scaling to nothing", () => endpoints([]), []);
    await change("scaling from nothing", () => endpoints(["node-1", "node-3"]), ["node-1", "node-3"]);
  });

  it("an edit of the advertisement changes the routes where they are", async () => {
    await apply(bgpAdvertisement({ communities: ["65001:7"] }));
    for (const router of routers) {
      const communities = () => (router.table("IPv4").get(PREFIX) ?? []).map((path) => path.communities.join());
      await until(`${router.product} has the community`, async () => communities().join(" ") === "65001:7 65001:7", PATIENCE_MILLIS);
    }
  });

  it("plan, explain and balance say of the live cluster what the routers hold", async () => {
    const planned = await herald("plan", "-o", "json");
    const routes = list(JSON.parse(planned.stdout).routes).map(record);
    expect(routes.map(({ node, peer, prefix }) => `${text(node)} ${text(peer)} ${text(prefix)}`)).toEqual(
      ["node-1", "node-3"].flatMap((name) => Object.keys(ROUTERS).map((peer) => `${name} ${peer} ${PREFIX}`)),
    );
    const explained = await herald("explain", "198.18.0.1", "-o", "json");
    const items = list(JSON.parse(explained.stdout).items).map(record);
    expect(items.filter(({ node }) => node === "node-2").map(({ announced, reason }) => [announced, reason])).toEqual([
      [false, "noLocalEndpoints"],
    ]);
    const balanced = record(list(JSON.parse((await herald("balance", "-o", "json")).stdout).items)[0]);
    expect(list(balanced["nodes"]).map((of) => record(of)["node"])).toEqual(["node-1", "node-3"]);
    expect([planned.status, explained.status]).toEqual([0, 0]);
  });

  it("plan --against live says what applying a file would change, before it is applied", async () => {
    const file = join(fabric.host("frr").directory, "next.json");
    writeFileSync(file, JSON.stringify(bgpAdvertisement({ communities: ["65001:8"] })));
    const { status, stdout } = await herald("plan", "live", file, "--against", "live", "-o", "json", "--exit-code");
    const { announced, withdrawn, changed } = JSON.parse(stdout);
    expect([status, announced, withdrawn]).toEqual([3, [], []]);
    expect(list(changed).map((one) => list(record(one)["fields"]).join())).toEqual([
      "communities",
      "communities",
      "communities",
      "communities",
    ]);
  });

  it("drain --wait ends when the node announces nothing, and undrain brings it back", async () => {
    const speaker = heralds.get("node-3")?.server ?? "";
    const drain = async (): Promise<void> => {
      const { status, stdout, stderr } = await herald("drain", "node-3", "--reason", "new kernel", "--wait", "--server", speaker);
      expect([status, stdout, stderr]).toEqual([0, "node node-3 is marked for drain\nnode node-3 announces nothing\n", ""]);
    };
    await change("herald drain --wait", drain, ["node-1"]);
    const why = await herald("explain", "198.18.0.1", "live", "--node", "node-3", "-o", "json");
    expect(list(JSON.parse(why.stdout).items).map((item) => record(item)["reason"])).toEqual(["nodeDrained"]);
    expect(why.stdout).toContain("new kernel");
    expect(await kubectl(["get", "node", "node-3", "-o", "jsonpath={.metadata.annotations.herald\\.dev/drain}"])).toBe("new kernel");
    await change("herald undrain", () => herald("undrain", "node-3"), ["node-1", "node-3"]);
    expect(await kubectl(["get", "node", "node-3", "-o", "jsonpath={.metadata.annotations}"])).not.toContain("drain");
    const nobody = await herald("drain", "node-9");
    expect([nobody.status, nobody.stderr]).toEqual([1, expect.stringContaining("there is no Node node-9")]);
  });

  it("kubectl delete takes the address from both routers; no session ever fell", async () => {
    await change("kubectl delete", () => kubectl(["delete", "service", "web", "-n", "shop"]), []);
    for (const name of ALL) {
      for (const peer of Object.keys(ROUTERS)) {
        const view = await heralds.get(name)?.peer(peer);
        expect([name, peer, view?.["state"], view?.["flaps"]]).toEqual([name, peer, "Established", 0]);
      }
    }
  });
});

/** What kube-proxy answers where it is asked by default, and on the Service's health check port. */
const HEALTHY_PROXY = `
  const { createServer } = require("node:http");
  const answer = (_, response) => response.end();
  createServer(answer).listen(10256, "127.0.0.1");
  createServer(answer).listen(${HEALTH_PORT}, "0.0.0.0");`;
