import { afterEach, describe, expect, it } from "vitest";
import type { ClusterObject } from "../../../src/objects/kinds.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { answering, type Behaviour, httpAnswer, type LyingServer, startServer } from "../../support/lying-servers.ts";
import { accepted } from "../../support/raw-objects.ts";
import { RawPeer, TYPE } from "../../support/raw-peer.ts";
import {
  advertisement,
  bgpPeer,
  Cleanup,
  decided,
  eventually,
  NODE,
  node,
  type Rig,
  service,
  startListening,
  startSpeaker,
} from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function serving(behaviour: Behaviour, port = 0): Promise<LyingServer> {
  return cleanup.add(await startServer(behaviour, { port }), (server) => server.close());
}

/** A speaker that has read these objects, and its router. */
async function routed(
  objects: readonly ClusterObject[],
  options: { readonly yaml?: string; readonly clock?: FakeClock } = {},
): Promise<{ readonly rig: Rig; readonly router: RawPeer }> {
  const rig = cleanup.add(await startSpeaker({ listen: ["127.0.0.1"], ...options }), ({ speaker }) => speaker.stop());
  rig.source.set(node(NODE, ["127.0.0.1"]), bgpPeer("tor", { passive: true }), ...objects);
  // A caller is known once the objects were decided on.
  await decided(rig);
  const router = cleanup.add(await RawPeer.dial(rig.port), (peer) => peer.destroy());
  await router.establish();
  return { rig, router };
}

/** What the router was told, in order: `+` and `-` before the addresses of host routes, `.` for End-of-RIB. */
function told(router: RawPeer): string[] {
  return router.messages
    .filter(({ type }) => type === TYPE.update)
    .flatMap(({ body }) => {
      if (body.length === 4) return ["."];
      const withdrawn = body.readUInt16BE(0);
      const nlri = 4 + withdrawn + body.readUInt16BE(2 + withdrawn);
      return [...hosts(body.subarray(2, 2 + withdrawn), "-"), ...hosts(body.subarray(nlri), "+")];
    });
}

function hosts(field: Buffer, sign: string): string[] {
  return Array.from({ length: field.length / 5 }, (_, i) => `${sign}${field.subarray(i * 5 + 1, i * 5 + 5).join(".")}`);
}

/** A Service with `externalTrafficPolicy: Local`. */
function local(name: string, address: string, healthCheckNodePort: number): ClusterObject {
  return accepted("Service", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default", uid: `uid-${name}` },
    spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], externalTrafficPolicy: "Local", healthCheckNodePort },
    status: { loadBalancer: { ingress: [{ ip: address }] } },
  });
}

/** Its pods, one on each of the nodes. */
function pods(name: string, ...nodes: readonly string[]): ClusterObject {
  return accepted("EndpointSlice", {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-4`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: nodes.map((nodeName, i) => ({ addresses: [`10.1.0.${i + 1}`], nodeName, conditions: { ready: true } })),
  });
}

/** Why the address is not announced; "" when it is. */
function reason(rig: Rig, address: string): string {
  const item = [...rig.speaker.view.services()].find((candidate) => candidate.address === address);
  if (item === undefined) throw new Error(`no address ${address}`);
  return item.reason;
}

describe("a speaker and the service proxy of its node", () => {
  it("asks from its start on, whatever the source, and says once that it is alive", async () => {
    const proxy = await serving(answering(httpAnswer(200)));
    const url = `http://127.0.0.1:${proxy.port}/healthz`;
    const rig = await startListening(cleanup, { yaml: `dataplane: { healthz: "${url}" }` });
    await eventually("the answer", () => rig.logged.some(({ event }) => event === "dataplane.open"));
    expect(rig.logged.filter(({ event }) => event.startsWith("dataplane."))).toEqual([
      { event: "dataplane.open", healthz: url, milliseconds: expect.any(Number) },
    ]);
    expect(proxy.requests).toEqual(["GET /healthz HTTP/1.1"]);
  });

  it("lets go of a proxy that hangs when it stops", async () => {
    const proxy = await serving({});
    const rig = await startListening(cleanup, { yaml: `dataplane: { healthz: "http://127.0.0.1:${proxy.port}/healthz" }` });
    await eventually("the question", () => proxy.requests.length === 1);
    await rig.speaker.stop();
    await eventually("the end of the connection", () => proxy.open === 0);
    expect(proxy.connections).toBe(1);
  });
});

describe("a route that waits for the data plane", () => {
  it("goes out with the first 200 of the health check, stays when that goes away, and waits anew when its pods were gone", async () => {
    let status = 503;
    const check = await serving(answering(() => httpAnswer(status)));
    const { port } = check;
    const { rig, router } = await routed([
      advertisement({ dataplaneGate: "Require" }),
      local("web", "192.0.2.1", port),
      pods("web", NODE, "node-b"),
    ]);
    await eventually("answers", () => check.requests.length >= 2);
    await router.until("End-of-RIB", () => told(router).length === 1);
    expect([told(router), reason(rig, "192.0.2.1")]).toEqual([["."], "dataplaneNotReady"]);
    await eventually("the answer in words", () => JSON.stringify(rig.speaker.view.explain("192.0.2.1")).includes("answered 503"));

    status = 200;
    await router.until("the route", () => told(router).length === 2);
    expect([told(router), reason(rig, "192.0.2.1")]).toEqual([[".", "+192.0.2.1"], ""]);
    const asked = check.requests.length;

    // The health check is gone; whatever is decided next withdraws nothing, and nobody asks.
    await check.close();
    const restarted = await serving(
      answering(() => httpAnswer(status)),
      port,
    );
    status = 503;
    rig.source.set(...service("other", "192.0.2.2"));
    rig.source.set(pods("web", NODE, "node-b", "node-c"));
    await router.until("the other route", () => told(router).length === 3);
    expect([told(router).slice(2), reason(rig, "192.0.2.1")]).toEqual([["+192.0.2.2"], ""]);
    expect([check.requests.length, restarted.connections]).toEqual([asked, 0]);

    rig.source.set(pods("web", "node-b"));
    await router.until("the withdrawal", () => told(router).length === 4);
    expect([told(router).slice(3), reason(rig, "192.0.2.1")]).toEqual([["-192.0.2.1"], "noLocalEndpoints"]);

    rig.source.set(pods("web", NODE, "node-b"));
    await eventually("answers after the pod came back", () => restarted.requests.length >= 2);
    expect([told(router).slice(4), reason(rig, "192.0.2.1")]).toEqual([[], "dataplaneNotReady"]);
    status = 200;
    await router.until("the route again", () => told(router).length === 5);
    expect(told(router).slice(4)).toEqual(["+192.0.2.1"]);
    expect(check.requests[0]).toBe("GET /healthz HTTP/1.1");
  });

  it("waits for the service proxy too, where that is named, and for it alone under policy Cluster", async () => {
    let status = 503;
    const [proxy, check] = [await serving(answering(() => httpAnswer(status))), await serving(answering(httpAnswer(200)))];
    const { rig, router } = await routed(
      [
        advertisement({ dataplaneGate: "Require" }),
        local("web", "192.0.2.1", check.port),
        pods("web", NODE),
        ...service("other", "192.0.2.2"),
      ],
      { yaml: `dataplane: { healthz: "http://127.0.0.1:${proxy.port}/healthz" }` },
    );
    await eventually("answers", () => proxy.requests.length >= 2 && check.requests.length >= 1);
    await router.until("End-of-RIB", () => told(router).length === 1);
    expect([told(router), reason(rig, "192.0.2.1"), reason(rig, "192.0.2.2")]).toEqual([["."], "dataplaneNotReady", "dataplaneNotReady"]);
    status = 200;
    await router.until("both routes", () => told(router).length === 3);
    expect(told(router).slice(1).sort()).toEqual(["+192.0.2.1", "+192.0.2.2"]);
    // A proxy that restarts or dies later changes nothing.
    await proxy.close();
    rig.source.set(...service("third", "192.0.2.3"));
    await router.until("a route without the proxy", () => told(router).length === 4);
    expect(told(router).slice(3)).toEqual(["+192.0.2.3"]);
    expect(rig.logged.filter(({ event }) => event.startsWith("dataplane."))).toMatchObject([{ event: "dataplane.open" }]);
  });

  it("does not wait without Require, as the objects come from a directory", async () => {
    const check = await serving(answering(httpAnswer(503)));
    const { router } = await routed([advertisement(), local("web", "192.0.2.1", check.port), pods("web", NODE)]);
    await router.until("the route", () => told(router).length === 2);
    expect([told(router).sort(), check.connections]).toEqual([["+192.0.2.1", "."], 0]);
  });

  it("does not wait for a health check that would be another host's, and explain says so", async () => {
    const check = await serving(answering(httpAnswer(503)));
    const { rig, router } = await routed([
      advertisement({ dataplaneGate: "Require" }),
      node(NODE, ["192.0.2.200"]),
      local("web", "192.0.2.1", check.port),
      pods("web", NODE),
    ]);
    await router.until("the route", () => told(router).length === 2);
    expect(JSON.stringify(rig.speaker.view.explain("192.0.2.1"))).toContain("192.0.2.200 is not an address of this host");
    expect(check.connections).toBe(0);
  });
});

describe("a change that time alone makes", () => {
  it("announces a prefix that was held down for coming and going, without any event", async () => {
    const clock = new FakeClock();
    const { rig, router } = await routed([advertisement(), local("web", "192.0.2.1", 0), pods("web", NODE, "node-b")], { clock });
    await router.until("the route", () => told(router).length === 2);
    for (let i = 0; i < 3; i++) {
      clock.advance(1000);
      rig.source.set(pods("web", "node-b"));
      await router.until("a withdrawal", () => told(router).at(-1) === "-192.0.2.1");
      rig.source.set(pods("web", NODE, "node-b"));
      if (i < 2) await router.until("the route again", () => told(router).at(-1) === "+192.0.2.1");
    }
    await eventually("the hold-down", () => reason(rig, "192.0.2.1") === "heldDown");
    clock.advance(4999);
    expect(reason(rig, "192.0.2.1")).toBe("heldDown");
    clock.advance(1);
    await eventually("its end", () => reason(rig, "192.0.2.1") === "");
    await router.until("the route that was held", () => told(router).at(-1) === "+192.0.2.1");
    expect(told(router).filter((word) => word === "-192.0.2.1")).toHaveLength(3);
  });
});
