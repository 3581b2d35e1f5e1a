import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { systemClock } from "../../src/clock.ts";
import { parseConfig } from "../../src/config/file.ts";
import { KubeClient } from "../../src/kube/client.ts";
import type { LogEvent } from "../../src/log.ts";
import { Metrics } from "../../src/metrics.ts";
import { KubernetesSource } from "../../src/source/kubernetes/kubernetes-source.ts";
import { OwnPod } from "../../src/source/kubernetes/own-pod.ts";
import { Speaker } from "../../src/speaker/speaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type ApiServer, type KubeObject, resource } from "../support/lab/api-server.ts";
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
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { RawPeer, TYPE } from "../support/raw-peer.ts";
import { requireTools } from "../support/requirements.ts";

/**
 * What a speaker makes of a real API server that loses its kinds, and of its own Pod. The speaker's clock is the test's, so that the 30 s of the last
 * peer pass when the test says so. Tests go in order.
 */

const CRDS = resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
const PODS = resource("", "v1", "pods", "herald-system");
const POD_RULE = { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] };
const PATIENCE_MILLIS = 120_000;
const ROUTERS = ["127.0.0.2", "127.0.0.3"];

requireTools(...CONTROL_PLANE_NEEDS)("a speaker on an API server that loses what it had", () => {
  let server: ApiServer;
  let speaker: Speaker;
  let source: KubernetesSource;
  const clock = new FakeClock();
  const logged: LogEvent[] = [];
  const routers: RawPeer[] = [];

  beforeAll(async () => {
    server = await preparedServer({ speaker: [...SPEAKER_RULES, POD_RULE], blind: SPEAKER_RULES });
    await server.apply(NODES, node("node-1"));
    await server.apply(NODES, nodeStatus("node-1", "10.88.0.10"), "status");
    await applyPeers();
    await server.apply(ADVERTISEMENTS, advertisement());
    await server.apply(servicesIn("shop"), loadBalancer("web"));
    await server.apply(servicesIn("shop"), ingress("web", "198.18.0.1"), "status");
    await server.apply(slicesIn("shop"), slice("web-1", "web"));
    source = new KubernetesSource({
      client: client("speaker"),
      heraldNamespace: "herald-system",
      serviceProxyName: "",
      clock: systemClock,
      random: Math.random,
    });
    const configuration =
      "nodeName: node-1\nstateFile: ''\ncoalesce: 0s\nbgp: { port: 0, listen: [127.0.0.1] }\ndataplane: { healthz: 'off' }";
    speaker = new Speaker({
      config: parseConfig("test.yaml", configuration, { env: {} }),
      source,
      log: (event) => logged.push(event),
      metrics: new Metrics({ version: "0.0.0", commit: "test" }),
      clock,
    });
    await speaker.start();
    await until("the first decisions", async () => speaker.view.ready(), PATIENCE_MILLIS);
    for (const localAddress of ROUTERS) {
      const router = await RawPeer.dial(speaker.listening[0]?.port ?? 0, { localAddress });
      routers.push(router);
      await router.establish();
      await router.message(TYPE.update, 0);
    }
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    for (const router of routers) router.destroy();
    await speaker?.stop();
    await server?.stop();
  });

  const client = (user: string): KubeClient =>
    new KubeClient({ credentials: server.credentials(`${user}-token`), clock: systemClock, userAgent: "herald/test" });
  const applyPeers = async (): Promise<void> => {
    for (const [index, peerAddress] of ROUTERS.entries()) {
      await server.apply(
        PEERS,
        bgpPeer(`tor-${index + 1}`, { peerAddress, passive: true, families: ["IPv4"], nextHopSource: "NodeInternalIP" }),
      );
    }
  };
  const bringPeersBack = async (): Promise<void> => {
    await server.apply(CRDS, crdOf("bgppeers"));
    await until("BGPPeers are served", async () => (await server.list(PEERS)) !== null);
    await applyPeers();
  };
  const sessions = (): readonly string[] => speaker.view.peers().items.map(({ name, state, flaps }) => `${name} ${state} ${flaps}`);
  const codes = (): readonly string[] => logged.flatMap((line) => (line.event === "object.invalid" ? [line.code] : []));
  const mended = (): readonly string[] => logged.flatMap((line) => (line.event === "object.mended" ? [line.code] : []));
  const synced = (kind: string): boolean => source.state().find((one) => one.kind === kind)?.synced ?? false;
  const crdOf = (plural: string): KubeObject =>
    parse(readFileSync(new URL(`../../deploy/crds/${plural}.herald.dev.yaml`, import.meta.url), "utf8"));
  const routes = (): readonly string[] => [...speaker.view.routes()].map(({ prefix, peers }) => `${prefix} ${peers.join(",")}`);

  it("announces to both routers", () => {
    expect(sessions()).toEqual(["tor-1 Established 0", "tor-2 Established 0"]);
    expect(routes()).toEqual(["198.18.0.1/32 tor-1,tor-2"]);
  });

  it("whose advertisements are served in another version only keeps those it has, says so, and goes on when the version is back", async () => {
    const crd = crdOf("bgpadvertisements");
    const spec = specOf(crd);
    const [version] = spec.versions;
    const next = { ...version, name: "v1beta1", storage: true };
    // First beside ours, then alone.
    await server.apply(CRDS, { ...crd, spec: { ...spec, versions: [{ ...version, storage: false }, next] } });
    await until("both versions are served", async () => (await server.list({ ...ADVERTISEMENTS, version: "v1beta1" })) !== null);
    await server.apply(CRDS, { ...crd, spec: { ...spec, versions: [{ ...version, storage: false, served: false }, next] } });
    await until("the loss is said", async () => codes().includes("sourceLost"), PATIENCE_MILLIS);
    expect(await server.list(ADVERTISEMENTS)).toBeNull();
    expect([sessions(), routes()]).toEqual([["tor-1 Established 0", "tor-2 Established 0"], ["198.18.0.1/32 tor-1,tor-2"]]);
    await server.apply(CRDS, { ...crd, spec: { ...spec, versions: [{ ...version, storage: false }, next] } });
    await until("the loss is over", async () => mended().includes("sourceLost"), PATIENCE_MILLIS);
    // A change of an object comes through again.
    await server.apply(ADVERTISEMENTS, advertisement({ localPref: 200, peers: ["tor-1"] }));
    await until("the change", async () => routes().join() === "198.18.0.1/32 tor-1", PATIENCE_MILLIS);
    await server.apply(ADVERTISEMENTS, advertisement());
    await until("the change back", async () => routes().join() === "198.18.0.1/32 tor-1,tor-2", PATIENCE_MILLIS);
    expect(synced("BGPAdvertisement")).toBe(true);
  });

  it("whose BGPPeers go with their CustomResourceDefinition keeps the last session and its routes, and goes on when they are back", async () => {
    await server.delete(CRDS, "bgppeers.herald.dev");
    await until("one peer is gone", async () => sessions().length === 1, PATIENCE_MILLIS);
    await until("the kind is lost", async () => codes().filter((code) => code === "sourceLost").length === 2, PATIENCE_MILLIS);
    const [kept = ""] = sessions();
    expect(kept).toMatch(/^tor-[12] Established 0$/);
    expect(codes()).toContain("lastPeerHeld");
    expect(routes()).toEqual([`198.18.0.1/32 ${kept.split(" ")[0]}`]);
    await bringPeersBack();
    await until("both peers are there", async () => sessions().length === 2 && mended().includes("lastPeerHeld"), PATIENCE_MILLIS);
    clock.advance(30_000);
    expect(sessions()).toContain(kept);
    const ended = routers.filter((router) => router.ended);
    expect(ended.length).toBe(1);
  });

  it("whose BGPPeers do not come back ends the last session when 30 s have passed", async () => {
    await server.delete(CRDS, "bgppeers.herald.dev");
    await until("one peer is gone", async () => sessions().length === 1, PATIENCE_MILLIS);
    clock.advance(29_000);
    expect(sessions().length).toBe(1);
    clock.advance(1_000);
    await until("no peer is left", async () => sessions().length === 0, PATIENCE_MILLIS);
    await bringPeersBack();
    await until("both peers are there", async () => sessions().length === 2, PATIENCE_MILLIS);
  });

  it("knows that its own Pod is deleted as soon as that is asked for, and never that it is where it may not look", async () => {
    await server.apply(PODS, pod("herald-abc"));
    const said: string[] = [];
    const stop = new AbortController();
    const clients = ["speaker", "blind"].map(client);
    const [own, blind] = clients.map(
      (ofUser) =>
        new OwnPod({
          client: ofUser,
          namespace: "herald-system",
          name: "herald-abc",
          clock: systemClock,
          random: Math.random,
          unknown: (why) => said.push(why),
        }),
    );
    if (own === undefined || blind === undefined) throw new Error("two users");
    const ended = [own, blind].map((one) => one.run(stop.signal));
    await until("it is forbidden", async () => said.length === 1, PATIENCE_MILLIS);
    expect(said[0]).toMatch(/is forbidden: .*\(Forbidden\): allow list and watch on pods in namespace herald-system$/);
    expect([own.deleting, blind.deleting]).toEqual([false, false]);
    // Nobody runs it, so it stays for its grace period.
    await server.delete(PODS, "herald-abc");
    await until("the deletion is seen", async () => own.deleting, PATIENCE_MILLIS);
    expect([blind.deleting, said.length]).toEqual([false, 1]);
    stop.abort();
    for (const one of clients) one.close();
    await Promise.all(ended);
  });
});

function advertisement(spec: Readonly<Record<string, unknown>> = {}): KubeObject {
  return bgpAdvertisement({ dataplaneGate: "Off", ...spec });
}

function pod(name: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "herald-system" },
    spec: { nodeName: "node-1", containers: [{ name: "herald", image: "herald" }] },
  };
}

function specOf(crd: KubeObject): { readonly versions: readonly Readonly<Record<string, unknown>>[] } {
  const { spec } = crd;
  if (typeof spec !== "object" || spec === null || !("versions" in spec) || !Array.isArray(spec.versions)) throw new Error("no versions");
  return { ...spec, versions: spec.versions };
}
