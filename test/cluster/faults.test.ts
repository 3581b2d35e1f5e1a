import { afterAll, beforeAll, expect, it } from "vitest";
import { BreakableLink } from "../support/breakable-link.ts";
import { ApiBridge, writeKubeconfig } from "../support/lab/api-bridge.ts";
import type { ApiServer } from "../support/lab/api-server.ts";
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
  SPEAKER_RULES,
  servicesIn,
  slice,
  slicesIn,
} from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { FaultProxy } from "../support/lab/fault-proxy.ts";
import { FOLLOWED_KINDS, Following } from "../support/lab/following.ts";
import { Gobgp } from "../support/lab/gobgp.ts";
import { Herald } from "../support/lab/herald.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

/**
 * Faults between a speaker and a real API server, one after the other. After each the store is the server's truth again, a Service that came meanwhile
 * is in the router's table, and on the wire to the router nothing was ever withdrawn. Two clients go the same way: a source in this process, whose store
 * and whose failures can be looked at, and the speaker as it ships.
 */

const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
/** A PING without answer takes 15 s to be noticed; then the pauses between attempts. */
const PATIENCE_MILLIS = 90_000;
const SHOP_SERVICES = servicesIn("shop");
const SHOP_SLICES = slicesIn("shop");
/** Of both clients; the speaker may have some more. */
const WATCHES = 2 * FOLLOWED_KINDS;

requireTools(
  "root",
  "ip",
  "gobgpd",
  "gobgp",
  ...CONTROL_PLANE_NEEDS,
)("faults on the way to a real API server", () => {
  let server: ApiServer;
  let proxy: FaultProxy;
  let proxyPort = 0;
  let link: BreakableLink;
  let target: () => number;
  let fabric: Fabric;
  let router: Gobgp;
  let bridge: ApiBridge;
  let herald: Herald;
  let following: Following;
  let services = 0;

  beforeAll(async () => {
    server = await preparedServer({ speaker: SPEAKER_RULES });
    await server.apply(NODES, node("node-1"));
    await server.apply(NODES, nodeStatus("node-1", NODE), "status");
    await server.apply(PEERS, bgpPeer("tor", { peerAddress: ROUTER, families: ["IPv4"] }));
    await server.apply(ADVERTISEMENTS, bgpAdvertisement());
    proxy = new FaultProxy(server);
    proxyPort = await proxy.start();
    target = () => proxyPort;
    link = new BreakableLink(() => target());
    const port = await link.start();
    fabric = new Fabric("faults", [
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
    bridge = await ApiBridge.into(fabric.host("node"), () => port);
    const kubeconfig = writeKubeconfig(fabric.host("node"), server);
    herald = new Herald(fabric.host("node"), { node: "node-1", kubeconfig, configuration: { dataplane: { healthz: "off" } } });
    await herald.start();
    following = new Following(server.credentials("speaker-token", port));
    await following.sink.until(() => following.sink.syncedCount === 1);
    await until("the session is established", async () => router.established(NODE));
    for (let index = 0; index < 5; index++) await expose();
    await tableIsWhole();
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    await following?.stop();
    await fabric?.close();
    bridge?.close();
    await link?.stop();
    await proxy?.stop();
    await server?.stop();
  });

  /** One more Service with an address and an endpoint, and a namespace besides. */
  async function expose(): Promise<void> {
    const name = `s-${++services}`;
    await server.apply(NAMESPACES, namespace(`n-${services}`));
    await server.apply(SHOP_SERVICES, loadBalancer(name));
    await server.apply(SHOP_SERVICES, ingress(name, `198.18.0.${services}`), "status");
    await server.apply(SHOP_SLICES, slice(`${name}-1`, name));
  }

  async function tableIsWhole(): Promise<void> {
    const wanted = Array.from({ length: services }, (_, index) => `198.18.0.${index + 1}/32`).sort();
    await until(
      "the router has every address",
      async () => JSON.stringify([...router.table("IPv4").keys()].sort()) === JSON.stringify(wanted),
      PATIENCE_MILLIS,
    );
  }

  /** What has to be true after every fault, whatever it was. `tookPlace`: the fault was felt, or the test would show nothing. */
  async function survives(inject: () => void | Promise<void>, tookPlace: () => boolean): Promise<void> {
    const before = performance.now();
    await inject();
    await expose();
    await tableIsWhole();
    const held = await following.agree(server);
    const millis = Math.round(performance.now() - before);
    await until("the fault was felt", async () => tookPlace());
    process.stderr.write(`  store and table are whole ${millis} ms after the fault\n`);
    expect(held.filter((name) => name.startsWith("Service "))).toHaveLength(services);
    expect(following.sink.changes().filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(following.sink.syncedCount).toBe(1);
    expect(router.withdrawn(NODE)).toBe(0);
    const { state, flaps } = await herald.peer("tor");
    expect([state, flaps]).toEqual(["Established", 0]);
  }

  /** A fault that made the source begin kinds anew, for that reason; of any without one. */
  function restarted(condition?: string): () => boolean {
    const before = following.restarts(condition);
    return () => following.restarts(condition) > before;
  }

  it("GOAWAY: the next requests go by another connection, and nothing has failed", async () => {
    await until("all watches are open", async () => proxy.watches >= WATCHES);
    const before = { sessions: proxy.seen.sessions, restarts: following.restarts() };
    await survives(
      () => proxy.leave(),
      () => proxy.seen.sessions >= before.sessions + 2 && proxy.watches >= WATCHES,
    );
    expect(following.restarts()).toBe(before.restarts);
  });

  it("garbage: a line of a watch is none", async () => {
    await survives(() => proxy.garble("services"), restarted("Malformed"));
  });

  it("slow body: everything of a kind is said anew, in small pieces", async () => {
    await survives(
      () => {
        proxy.slowDown("endpointslices");
        proxy.garble("endpointslices");
      },
      () => proxy.seen.slowed >= 2,
    );
    proxy.slowDown("");
  });

  it("429 with Retry-After: asked again after that, and not before", async () => {
    await survives(
      () => {
        proxy.refuse("namespaces", 4, 1);
        proxy.resetWatches("namespaces");
      },
      () => proxy.seen.refused === 4 && following.restarts("TooManyRequests") > 0,
    );
  });

  /** From here on TLS ends in the API server itself. */
  it("RST: every connection breaks at once", async () => {
    const felt = restarted("Unreachable");
    target = () => server.port;
    await survives(
      () => link.reset(),
      () => felt() && proxy.watches === 0,
    );
  });

  it("half open: octets vanish and nobody is told", async () => {
    await survives(() => link.lose(), restarted());
  });

  it("stall: nobody reads any more", async () => {
    await survives(() => link.stall(), restarted());
  });

  it("a withdrawal would have been seen: the last Service's address goes with it", async () => {
    await server.delete(SHOP_SERVICES, `s-${services}`);
    await until("the router has heard a withdrawal", async () => router.withdrawn(NODE) === 1, PATIENCE_MILLIS);
    expect(router.table("IPv4").has(`198.18.0.${services}/32`)).toBe(false);
  });
});
