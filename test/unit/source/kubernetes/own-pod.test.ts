import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/clock.ts";
import { KubeClient } from "../../../../src/kube/client.ts";
import { OwnPod } from "../../../../src/source/kubernetes/own-pod.ts";
import { FakeApiServer, status } from "../../../support/fake-api-server.ts";
import type { FakeObject } from "../../../support/fake-objects.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const PODS = "/api/v1/namespaces/herald-system/pods";

async function serve(): Promise<FakeApiServer> {
  const server = new FakeApiServer();
  await server.start();
  cleanups.push(() => server.stop());
  return server;
}

function follow(
  server: FakeApiServer,
  name = "herald-abc",
): { readonly pod: OwnPod; readonly said: string[]; readonly told: Promise<void> } {
  const access = {
    server: server.url,
    tls: { ca: server.authority.certPem, cert: null, key: null, servername: null, verify: true },
    authorization: null,
    headers: {},
  };
  const client = new KubeClient({ credentials: { source: "the test", read: async () => access }, clock: systemClock, userAgent: "herald" });
  const said: string[] = [];
  let tell = (): void => {};
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const unknown = (why: string): void => {
    said.push(why);
    tell();
  };
  // Its luck is always 0, so that full jitter pauses for no time at all.
  const pod = new OwnPod({ client, namespace: "herald-system", name, clock: systemClock, random: () => 0, unknown });
  const stop = new AbortController();
  const ended = pod.run(stop.signal);
  cleanups.push(async () => {
    stop.abort();
    client.close();
    await ended;
  });
  return { pod, said, told };
}

function podObject(metadata: Readonly<Record<string, unknown>> = {}): FakeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "herald-abc", namespace: "herald-system", ...metadata } };
}

const DELETED = { deletionTimestamp: "2026-01-01T00:00:00Z" };

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe("the speaker's own Pod", () => {
  it("is asked for by name in Herald's namespace, and counts as deleted from its deletionTimestamp on", async () => {
    const server = await serve();
    server.objects.put(podObject());
    const { pod, said } = follow(server);
    await server.until(() => server.watching("pods") === 1);
    expect(server.requests.map(({ path, query }) => [path, query.get("fieldSelector")])).toEqual([[PODS, "metadata.name=herald-abc"]]);
    expect(pod.deleting).toBe(false);
    server.objects.put(podObject(DELETED));
    await eventually(() => pod.deleting);
    expect(said).toEqual([]);
  });

  it("that was being deleted stays so while the server is away, and when the object goes", async () => {
    const server = await serve();
    server.objects.put(podObject(DELETED));
    const { pod } = follow(server);
    await eventually(() => pod.deleting);
    await server.until(() => server.watching("pods") === 1);
    server.fail(() => true, { type: "status", status: 500 }, 3);
    server.resetWatches();
    await server.until(() => server.requests.length >= 5 && server.watching("pods") === 1);
    server.objects.remove(podObject(DELETED));
    expect(pod.deleting).toBe(true);
  });

  it("that goes without a word was not deleted as a rollout does: no evidence", async () => {
    const server = await serve();
    server.objects.put(podObject());
    const { pod } = follow(server);
    await server.until(() => server.watching("pods") === 1);
    server.objects.remove(podObject());
    server.objects.put(podObject({ labels: { again: "yes" } }));
    server.endWatches();
    await server.until(() => server.requests.length >= 2 && server.watching("pods") === 1);
    expect(pod.deleting).toBe(false);
  });

  it("that may not be read is said once and counts as not deleted; once it may be, it is seen", async () => {
    const server = await serve();
    server.objects.put(podObject(DELETED));
    const refusal = { type: "status", status: 403, body: status(403, "Forbidden", 'pods is forbidden: User "x" cannot list') } as const;
    server.fail(() => true, refusal, 4);
    const { pod, said, told } = follow(server);
    await told;
    expect(pod.deleting).toBe(false);
    await eventually(() => pod.deleting);
    expect(said).toEqual(['pods is forbidden: User "x" cannot list (Forbidden): allow list and watch on pods in namespace herald-system']);
    expect(server.requests.length).toBeGreaterThan(4);
  });

  it("without a name, or with one that is nobody's, is said once and counts as not deleted", async () => {
    const server = await serve();
    const nameless = follow(server, "");
    await nameless.told;
    expect(server.requests).toEqual([]);
    const nobody = follow(server, "herald-abc");
    await nobody.told;
    expect([nameless.said, nobody.said]).toEqual([
      ["POD_NAME is not set: set it from the field metadata.name of the Pod"],
      ["there is no Pod herald-abc in namespace herald-system"],
    ]);
    expect([nameless.pod.deleting, nobody.pod.deleting]).toEqual([false, false]);
  });
});
