import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { KubernetesSource } from "../../src/source/kubernetes/kubernetes-source.ts";
import type { ApiServer } from "../support/lab/api-server.ts";
import { bgpPeer, loadBalancer, PEERS, SPEAKER_RULES, servicesIn, slice, slicesIn } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { requireTools } from "../support/requirements.ts";

/** Odd objects that a real API server takes: so must Herald. What it refuses is under test/unit, on a server that refuses nothing. */

const SLICES = 1000;

requireTools(...CONTROL_PLANE_NEEDS)("odd objects that a real API server takes", () => {
  let server: ApiServer;
  const sink = new RecordingSink();
  const stop = new AbortController();
  let ended: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    server = await preparedServer({ herald: SPEAKER_RULES });
    const client = new KubeClient({ credentials: server.credentials("herald-token"), clock: systemClock, userAgent: "herald/test" });
    const options = { client, heraldNamespace: "herald-system", serviceProxyName: "", clock: systemClock, random: Math.random };
    ended = new KubernetesSource(options).run(sink, stop.signal);
    await sink.until(() => sink.syncedCount === 1);
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    stop.abort();
    await ended;
    await server?.stop();
  });

  it("an AS number as text, and a field that the CRD does not know", async () => {
    await server.apply(PEERS, bgpPeer("tor", { peerASN: "65010" }));
    await sink.until(() => sink.names.includes("BGPPeer herald-system/tor"));
    const { signal } = new AbortController();
    const patched = await server.admin.patch(PEERS, "tor", { spec: { warpFactor: 9, holdTime: "30s" } }, signal);
    expect(patched.ok).toBe(true);
    await sink.until(() => sink.objects.some((object) => object.kind === "BGPPeer" && object.holdTimeSeconds === 30));
    expect(sink.objects.flatMap((object) => (object.kind === "BGPPeer" ? [object.peerASN] : []))).toEqual([65010]);
    expect(sink.findings).toEqual([]);
  });

  it("as much annotation as it allows, none of which is kept", async () => {
    const web = loadBalancer("web");
    await server.apply(servicesIn("shop"), { ...web, metadata: { ...web.metadata, annotations: { big: "x".repeat(250_000) } } });
    await sink.until(() => sink.names.includes("Service shop/web"));
    const held = sink.objects.find(({ kind, metadata }) => kind === "Service" && metadata.name === "web");
    expect(held?.metadata.annotations).toEqual({});
  });

  it("a thousand slices of one Service", async () => {
    const { signal } = new AbortController();
    const names = Array.from({ length: SLICES }, (_, index) => `web-${index}`).values();
    const create = async (): Promise<void> => {
      for (const name of names) {
        const outcome = await server.admin.create(slicesIn("shop"), slice(name, "web"), signal);
        if (!outcome.ok) throw new Error(outcome.failure.message);
      }
    };
    await Promise.all(Array.from({ length: 16 }, create));
    await sink.until(() => sink.names.filter((name) => name.startsWith("EndpointSlice shop/web-")).length === SLICES);
    expect(sink.findings).toEqual([]);
  });
});
