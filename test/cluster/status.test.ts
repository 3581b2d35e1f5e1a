import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { parseConfig } from "../../src/config/file.ts";
import { KubeClient } from "../../src/kube/client.ts";
import type { Resource } from "../../src/kube/resource.ts";
import type { LogEvent } from "../../src/log.ts";
import { Metrics } from "../../src/metrics.ts";
import { KubernetesSource } from "../../src/source/kubernetes/kubernetes-source.ts";
import { Speaker } from "../../src/speaker/speaker.ts";
import { type ApiServer, resource } from "../support/lab/api-server.ts";
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
import { list, record } from "../support/lab/json.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { testDirectory } from "../support/leftovers.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { requireTools } from "../support/requirements.ts";

/** What a speaker tells a real API server: BGPNodeStatus and Events, with the rights that its role gives it. Tests go in order. */

const STATUSES = resource("herald.dev", "v1alpha1", "bgpnodestatuses", "herald-system");
const SHOP_EVENTS = resource("events.k8s.io", "v1", "events", "shop");
const NODE_EVENTS = resource("events.k8s.io", "v1", "events", "default");
const SHOP_SERVICES = servicesIn("shop");
const SHOP_SLICES = slicesIn("shop");
const ADDRESS = "198.18.0.1";
const PATIENCE_MILLIS = 90_000;

requireTools("kubectl", ...CONTROL_PLANE_NEEDS)("what a speaker tells a real API server", () => {
  let server: ApiServer;
  let speaker: Speaker;
  let port = 0;
  let router: RawPeer | null = null;
  const logged: LogEvent[] = [];
  /** When status was written, and what. */
  const writes: { readonly at: number; readonly plural: string; readonly subresource: string }[] = [];
  const { signal } = new AbortController();

  beforeAll(async () => {
    server = await preparedServer({ speaker: SPEAKER_RULES });
    await server.apply(NODES, node("node-1"));
    await server.apply(NODES, nodeStatus("node-1", "127.0.0.1"), "status");
    await server.apply(PEERS, bgpPeer("tor", { peerAddress: "127.0.0.1", passive: true, nextHop: { ipv4: "10.0.0.1" } }));
    await server.apply(ADVERTISEMENTS, bgpAdvertisement());
    speaker = startSpeaker("on");
    await speaker.start();
    port = speaker.listening[0]?.port ?? 0;
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    router?.destroy();
    await speaker?.stop();
    await server?.stop();
  });

  function config(status: "on" | "off") {
    const yaml = [
      "nodeName: node-1",
      'stateFile: ""',
      "dataplane: { healthz: off }",
      "bgp: { port: 0, listen: [127.0.0.1] }",
      `status: { node: ${status} }`,
    ];
    return parseConfig("test.yaml", yaml.join("\n"), { env: {} });
  }

  function startSpeaker(status: "on" | "off"): Speaker {
    const make = (): KubeClient =>
      new KubeClient({ credentials: server.credentials("speaker-token"), clock: systemClock, userAgent: "herald/test" });
    const client = make();
    const watching: Pick<KubeClient, "create" | "patch" | "apply" | "close"> = {
      create: (...parts) => client.create(...parts),
      patch: (...parts) => client.patch(...parts),
      apply: (place, object, how, until) => {
        writes.push({ at: systemClock.now(), plural: place.plural, subresource: how.subresource ?? "" });
        return client.apply(place, object, how, until);
      },
      close: () => client.close(),
    };
    return new Speaker({
      config: config(status),
      source: new KubernetesSource({
        client: make(),
        heraldNamespace: "herald-system",
        serviceProxyName: "",
        clock: systemClock,
        random: Math.random,
      }),
      log: (event) => logged.push(event),
      metrics: new Metrics({ version: "0", commit: "test" }),
      clock: systemClock,
      reportTo: { client: watching, version: "0.0.0-test" },
    });
  }

  async function get(place: Resource, name: string): Promise<Readonly<Record<string, unknown>> | null> {
    const answer = await server.admin.get(place, name, signal);
    return answer.ok ? record(answer.value) : null;
  }

  async function all(place: Resource): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const items: Readonly<Record<string, unknown>>[] = [];
    for await (const part of server.admin.list(place, { limit: 0, continuation: "" }, signal))
      if (part.type === "items") items.push(...part.items.map(record));
    return items;
  }

  /** Of this node's status object, once it holds. */
  function statusOnce(what: string, holds: (status: Readonly<Record<string, unknown>>) => boolean) {
    return until(
      what,
      async () => {
        const object = await get(STATUSES, "node-1");
        const status = object === null ? null : record(object["status"] ?? {});
        return status !== null && holds(status) && status;
      },
      PATIENCE_MILLIS,
    );
  }

  const conditionsOf = (status: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(list(status["conditions"] ?? []).map((one) => [record(one)["type"], record(one)["status"]]));

  it("a BGPNodeStatus of the node's name, owned by the Node, that says what is the case", async () => {
    const status = await statusOnce("the status is written", (one) => conditionsOf(one)["Ready"] === "True");
    expect(status).toMatchObject({ version: "0.0.0-test", sessions: { established: 0, wanted: 1, summary: "0/1" } });
    expect(conditionsOf(status)).toEqual({
      Ready: "True",
      SessionsEstablished: "False",
      Drained: "False",
      SourceLost: "False",
      ObjectsAccepted: "True",
    });
    const uid = record((await get(NODES, "node-1"))?.["metadata"])["uid"];
    const object = await get(STATUSES, "node-1");
    expect(record(object?.["metadata"])["ownerReferences"]).toEqual([{ apiVersion: "v1", kind: "Node", name: "node-1", uid }]);
    const managers = list(record(object?.["metadata"])["managedFields"]).map((one) => record(one)["manager"]);
    expect(new Set(managers)).toEqual(new Set(["herald-speaker"]));
  });

  it("that a session came up, and when it ended", async () => {
    router = await RawPeer.dial(port);
    await router.establish();
    const up = await statusOnce("the session is up", (status) => record(status["sessions"])["summary"] === "1/1");
    expect(list(up["peers"])[0]).toMatchObject({ name: "tor", state: "Established", peerASN: 65000, localASN: 65001 });
    expect(conditionsOf(up)["SessionsEstablished"]).toBe("True");
    router.destroy();
    const down = await statusOnce("the session is down", (status) => record(status["sessions"])["summary"] === "0/1");
    expect(list(down["peers"])[0]).toMatchObject({ flaps: 1 });
    router = await RawPeer.dial(port);
    await router.establish();
    await statusOnce("the session is up again", (status) => record(status["sessions"])["summary"] === "1/1");
  });

  it("in no more than one write of status in five seconds", () => {
    const times = writes.filter(({ subresource }) => subresource === "status").map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(gaps.length).toBeGreaterThan(1);
    // A timer may be a fraction of a millisecond early.
    expect(Math.min(...gaps)).toBeGreaterThan(4999);
    expect(writes.filter(({ subresource }) => subresource === "").length).toBe(1);
  });

  it("Events on a Service as it is announced and withdrawn, each a series however often that happens", async () => {
    await server.apply(SHOP_SERVICES, loadBalancer("web"));
    await server.apply(SHOP_SERVICES, ingress("web", ADDRESS), "status");
    const services = () => [...speaker.view.services()].filter(({ kind }) => kind === "LoadBalancerIP");
    for (let round = 0; round < 3; round++) {
      await server.apply(SHOP_SLICES, slice("web-1", "web"));
      await until("it is announced", async () => services()[0]?.announced, PATIENCE_MILLIS);
      await server.delete(SHOP_SLICES, "web-1");
      await until("it is withdrawn", async () => services()[0]?.announced === false, PATIENCE_MILLIS);
    }
    const counts = await until(
      "all of it is told",
      async () => {
        const found = new Map<string, number>();
        for (const event of await all(SHOP_EVENTS)) {
          const reason = String(event["reason"]);
          found.set(reason, (found.get(reason) ?? 0) + Number(record(event["series"] ?? { count: 1 })["count"]));
        }
        return found.get("Announced") === 3 && found.get("Withdrawn") === 3 && found;
      },
      PATIENCE_MILLIS,
    );
    expect([...counts.keys()].sort()).toEqual(["Announced", "Withdrawn"]);
    const events = await all(SHOP_EVENTS);
    const uid = record((await get(SHOP_SERVICES, "web"))?.["metadata"])["uid"];
    const announced = events.filter(({ reason }) => reason === "Announced");
    expect(announced.length).toBeLessThan(3);
    expect(announced[0]).toMatchObject({
      reportingController: "herald.dev/speaker",
      reportingInstance: "node-1",
      regarding: { kind: "Service", name: "web", namespace: "shop", uid },
      note: `${ADDRESS} on node-1: announced by advertisement all to tor`,
      type: "Normal",
    });
    expect(events.find(({ reason }) => reason === "Withdrawn")).toMatchObject({
      type: "Warning",
      note: expect.stringMatching(/^198\.18\.0\.1 on node-1: noEndpoints: /),
    });
    expect(kubectl("describe", "service", "web", "-n", "shop")).toContain("herald.dev/speaker");
  });

  it("in columns that a person can read", () => {
    const columns = (...what: readonly string[]): string[] =>
      (kubectl("get", ...what, "-n", "herald-system").split("\n")[0] ?? "").split(/ {2,}/).map((name) => name.trim());
    expect(columns("bgpns")).toEqual(["NAME", "SESSIONS", "IPV4", "IPV6", "READY", "DRAINED", "AGE"]);
    expect(columns("bgppeers")).toEqual(["NAME", "ADDRESS", "PEER ASN", "MY ASN", "SESSIONS", "READY", "AGE"]);
    const output = kubectl("get", "bgpnodestatus", "-n", "herald-system");
    expect(output.split("\n")[1]).toMatch(/^node-1 +1\/1 +0 +0 +True +False +\S+/);
    expect(kubectl("explain", "bgpns.status.peers.lastError.code")).toContain("RFC 4271");
  });

  it("also in fields that this definition does not know yet, as a newer speaker may", async () => {
    const object = { apiVersion: "herald.dev/v1alpha1", kind: "BGPNodeStatus", metadata: { name: "node-2" } };
    await server.apply(STATUSES, object);
    await server.apply(STATUSES, { ...object, status: { invented: { later: 1 }, peers: [{ name: "a", invented: "x" }] } }, "status");
    expect(record((await get(STATUSES, "node-2"))?.["status"])).toMatchObject({ invented: { later: 1 }, peers: [{ invented: "x" }] });
  });

  it("nothing more of its status once that is switched off, and what it did with the key is said", async () => {
    expect(speaker.reload(config("off"))).toEqual({ changed: ["status"], needRestart: [] });
    const before = writes.length;
    router?.destroy();
    await until("the session is down", async () => speaker.view.peers().items[0]?.state !== "Established", PATIENCE_MILLIS);
    expect(speaker.reload(config("on")).changed).toEqual(["status"]);
    await until("it is written again", async () => writes.length > before, PATIENCE_MILLIS);
    await statusOnce("it says so", (status) => record(status["sessions"])["summary"] === "0/1");
  });

  it("nothing of its status that was off from the start, and one line where its role gives it no right", async () => {
    await speaker.stop();
    await server.delete(STATUSES, "node-1");
    writes.length = 0;
    logged.length = 0;
    speaker = startSpeaker("off");
    await speaker.start();
    await until("it announces again", async () => speaker.view.ready(), PATIENCE_MILLIS);
    await server.apply(SHOP_SLICES, slice("web-2", "web"));
    await until(
      "an Event tells of it",
      async () => (await all(NODE_EVENTS)).length > 0 || [...speaker.view.services()].some(({ announced }) => announced),
      PATIENCE_MILLIS,
    );
    expect([writes.length, await get(STATUSES, "node-1")]).toEqual([0, null]);
    await server.grant("speaker", SPEAKER_RULES.slice(0, 3));
    speaker.reload(config("on"));
    await until("it says that it may not", async () => logged.some(({ event }) => event === "kube.writeFailed"), PATIENCE_MILLIS);
    expect(logged.filter(({ event }) => event === "kube.writeFailed")).toMatchObject([{ what: "bgpnodestatuses", condition: "Forbidden" }]);
    expect([...speaker.view.services()].some(({ announced }) => announced)).toBe(true);
  });

  function kubectl(...args: readonly string[]): string {
    const directory = testDirectory("kubectl");
    mkdirSync(directory, { recursive: true });
    const kubeconfig = join(directory, "kubeconfig");
    writeFileSync(kubeconfig, server.kubeconfig());
    return execFileSync("kubectl", ["--kubeconfig", kubeconfig, "--cache-dir", join(directory, "cache"), ...args], { encoding: "utf8" });
  }
});
