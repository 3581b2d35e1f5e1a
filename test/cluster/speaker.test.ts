import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiBridge, writeKubeconfig } from "../support/lab/api-bridge.ts";
import type { ApiServer } from "../support/lab/api-server.ts";
import {
  ADVERTISEMENTS,
  bgpAdvertisement,
  bgpPeer,
  ingress,
  loadBalancer,
  NODES,
  node,
  nodeStatus,
  PEERS,
  SPEAKER_RULES,
  servicesIn,
  slice,
  slicesIn,
} from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Gobgp } from "../support/lab/gobgp.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, record } from "../support/lab/json.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

/** From `kubectl apply` to the router's table: a real API server, the real speaker as a process of a node, GoBGP as its router. */

const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
const ADDRESS = "198.18.0.1";
/** The pauses between attempts after an outage of some seconds, and more. */
const PATIENCE_MILLIS = 120_000;
const SHOP_SERVICES = servicesIn("shop");
const SHOP_SLICES = slicesIn("shop");

requireTools(
  "root",
  "ip",
  "gobgpd",
  "gobgp",
  ...CONTROL_PLANE_NEEDS,
)("a speaker on a real API server", () => {
  let server: ApiServer;
  let fabric: Fabric;
  let router: Gobgp;
  let herald: Herald;
  let bridge: ApiBridge;

  beforeAll(async () => {
    server = await preparedServer({ speaker: SPEAKER_RULES });
    await server.apply(NODES, node("node-1"));
    await server.apply(NODES, nodeStatus("node-1", NODE), "status");
    await server.apply(PEERS, bgpPeer("tor", { peerAddress: ROUTER, families: ["IPv4"] }));
    await server.apply(ADVERTISEMENTS, bgpAdvertisement());
    fabric = new Fabric("cluster", [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "router", addresses: [`${ROUTER}/24`] },
    ]);
    router = new Gobgp(fabric.host("router"), {
      asn: 65000,
      routerId: ROUTER,
      address: ROUTER,
      peers: [{ address: NODE, asn: 65001, passive: true, families: ["IPv4"] }],
    });
    await router.start();
    bridge = await ApiBridge.into(fabric.host("node"), () => server.port);
    const kubeconfig = writeKubeconfig(fabric.host("node"), server);
    herald = new Herald(fabric.host("node"), { node: "node-1", kubeconfig });
    await herald.start();
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    await fabric?.close();
    bridge?.close();
    await server?.stop();
  });

  const routerHolds = (what: string, wanted: boolean): Promise<true> =>
    until(what, async () => router.table("IPv4").has(`${ADDRESS}/32`) === wanted && true, PATIENCE_MILLIS);

  const reasonOf = async (service: string): Promise<unknown> => {
    const { items } = await herald.get("/api/v1/services");
    return list(items)
      .map(record)
      .find((item) => item["service"] === service && item["kind"] === "LoadBalancerIP")?.["reason"];
  };

  it("announces a Service once it has an address, an endpoint and a service proxy that is alive", async () => {
    await until("the session is established", async () => router.established(NODE));
    await server.apply(SHOP_SERVICES, loadBalancer("web"));
    await server.apply(SHOP_SLICES, slice("web-1", "web"));
    expect(router.table("IPv4").size).toBe(0);
    await server.apply(SHOP_SERVICES, ingress("web", ADDRESS), "status");
    await until("the gate waits for the service proxy", async () => (await reasonOf("shop/web")) === "dataplaneNotReady", PATIENCE_MILLIS);
    expect(router.table("IPv4").size).toBe(0);
    fabric.host("node").start(process.execPath, ["-e", HEALTHY_PROXY]);
    await routerHolds("the router has the address", true);
    expect(router.table("IPv4").get(`${ADDRESS}/32`)).toMatchObject([{ nextHop: NODE, asPath: [65001] }]);
  });

  it("withdraws it with its last endpoint, and announces it again with the next", async () => {
    await server.delete(SHOP_SLICES, "web-1");
    await routerHolds("the router has lost the address", false);
    await server.apply(SHOP_SLICES, slice("web-2", "web"));
    await routerHolds("the router has the address again", true);
  });

  it("keeps its routes and its session while the API server is away, and follows it when it is back", async () => {
    await server.kill();
    await until("the speaker says that the server is away", async () => herald.output().includes("cannot read the API server"));
    expect(router.table("IPv4").has(`${ADDRESS}/32`)).toBe(true);
    await server.restart();
    await server.delete(SHOP_SERVICES, "web");
    await routerHolds("the router has lost the address", false);
    const view = await herald.peer("tor");
    expect([view["state"], view["flaps"]]).toEqual(["Established", 0]);
    expect(herald.output()).not.toContain("speaker-token");
  });

  it("stops on SIGTERM at once", async () => {
    expect(await herald.stop()).toBe(0);
  });
});

/** What kube-proxy answers where it is asked by default. */
const HEALTHY_PROXY = 'require("node:http").createServer((_, answer) => answer.end()).listen(10256, "127.0.0.1")';
