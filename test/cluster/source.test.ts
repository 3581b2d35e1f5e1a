import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Credentials } from "../../src/kube/credentials.ts";
import { InClusterCredentials } from "../../src/kube/in-cluster.ts";
import type { Selection } from "../../src/kube/resource.ts";
import type { WatchEvent } from "../../src/kube/watch-events.ts";
import { DEFINITIONS } from "../../src/objects/definitions.ts";
import type { ObjectChange } from "../../src/objects/kinds.ts";
import { KindStore } from "../../src/source/kubernetes/kind-store.ts";
import { type WatchedResource, watchedResources } from "../../src/source/kubernetes/resources.ts";
import { BreakableLink } from "../support/breakable-link.ts";
import { unpacked } from "../support/cluster-objects.ts";
import { ApiServer } from "../support/lab/api-server.ts";
import {
  bgpPeer,
  loadBalancer,
  NAMESPACES,
  NODES,
  namespace,
  node,
  PEERS,
  SPEAKER_RULES,
  servicesIn,
  slice,
  slicesIn,
} from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Following } from "../support/lab/following.ts";
import { until } from "../support/lab/wait.ts";
import { testDirectory } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

/** The source against a real kube-apiserver on a real etcd. Tests go in order: the CRDs are not there at first. */

const SHOP_SERVICES = servicesIn("shop");
const SHOP_SLICES = slicesIn("shop");
const HERALD = "herald";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function follow(credentials: Credentials): Following {
  const following = new Following(credentials);
  cleanups.push(() => following.stop());
  return following;
}

/** Everything that a watch says at its beginning, checked and projected, by name. */
async function firstObjects(server: ApiServer, resource: WatchedResource, selection: Selection): Promise<readonly ObjectChange[]> {
  const store = new KindStore(resource, { heraldNamespace: "herald-system" });
  const query = { resourceVersion: null, timeoutSeconds: 30, initialEvents: true, silenceMillis: 30_000 };
  const outcome = await server.admin.watch(selection, query, new AbortController().signal);
  if (!outcome.ok) throw new Error(outcome.failure.message);
  const changes: ObjectChange[] = [];
  for await (const events of outcome.value) {
    for (const event of events) {
      if (event.type === "failed") throw new Error(event.failure.message);
      const change = event.type === "set" ? store.set(event.object) : null;
      if (change !== null) changes.push(change);
    }
    if (events.at(-1)?.type === "bookmark") break;
  }
  return changes
    .map((change) => (change.type === "set" ? { ...change, object: unpacked(change.object) } : change))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

requireTools(...CONTROL_PLANE_NEEDS)("a real API server", () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await ApiServer.start();
    server.setToken("herald-1", HERALD);
    await server.kill();
    await server.restart();
    await server.apply(NAMESPACES, namespace("herald-system"));
    await server.apply(NAMESPACES, namespace("shop", { v: "1" }));
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => server?.stop());

  it("forbids what RBAC does not allow: named, and nothing is synced", async () => {
    const following = follow(server.credentials("herald-1"));
    const { sink } = following;
    await sink.until(() => sink.findings.length === DEFINITIONS.length + 4);
    expect(sink.findings.map(({ code, message }) => `${code} ${message.split(":")[0]}`)).toContain(
      "sourceMissing services may not be read (Forbidden)",
    );
    expect([sink.syncedCount, sink.names]).toEqual([0, []]);
  });

  it("without our CRDs is not synced, and is as soon as they are installed; everything comes through WatchList", async () => {
    await server.grant(HERALD, SPEAKER_RULES);
    const following = follow(server.credentials("herald-1"));
    const { sink, source, watches, lists } = following;
    await until(
      "the CRDs are missed",
      async () => sink.findings.filter(({ code }) => code === "sourceMissing").length === DEFINITIONS.length,
    );
    await until("the rest is read", async () => source.state().filter(({ synced }) => synced).length === 4);
    expect(sink.syncedCount).toBe(0);
    await server.installCrds();
    await server.apply(PEERS, bgpPeer("tor"));
    await sink.until(() => sink.syncedCount === 1);
    await following.agree(server);
    expect(sink.findings).toEqual([]);
    expect(lists).toEqual([]);
    expect(watches.every(({ initialEvents }) => initialEvents)).toBe(true);
  });

  it("tells of every change, checked by CRD and again by us; slices of headless Services and other proxies are left out", async () => {
    const following = follow(server.credentials("herald-1"));
    const { sink } = following;
    await sink.until(() => sink.syncedCount === 1);
    const before = sink.batches.length;
    await server.apply(NODES, node("node-1"));
    await server.apply(SHOP_SERVICES, loadBalancer("web"));
    await server.apply(SHOP_SLICES, slice("web-1", "web"));
    await server.apply(SHOP_SLICES, slice("web-2", "web", { "service.kubernetes.io/headless": "" }));
    await server.apply(SHOP_SLICES, slice("web-3", "web", { "service.kubernetes.io/service-proxy-name": "other" }));
    await server.apply(NAMESPACES, namespace("shop", { v: "2" }));
    await server.delete(SHOP_SLICES, "web-1");
    await sink.until(() => sink.changes(before).includes("delete EndpointSlice shop/web-1"));
    await sink.until(() => sink.changes(before).includes("set Namespace shop"));
    expect([...sink.changes(before)].sort()).toEqual([
      "delete EndpointSlice shop/web-1",
      "set EndpointSlice shop/web-1",
      "set Namespace shop",
      "set Node node-1",
      "set Service shop/web",
    ]);
    for (const name of ["web-2", "web-3"]) await server.delete(SHOP_SLICES, name);
    await server.apply(SHOP_SLICES, slice("web-1", "web"));
    await following.agree(server);
    await expect(server.apply(PEERS, bgpPeer("bad", { peerASN: "nonsense" }))).rejects.toThrow("Invalid");
  });

  it("sends a bookmark before it ends a watch, and ends it cleanly", async () => {
    const { signal } = new AbortController();
    const query = { resourceVersion: null, timeoutSeconds: 6, initialEvents: true, silenceMillis: 30_000 };
    const outcome = await server.admin.watch(NAMESPACES, query, signal);
    if (!outcome.ok) throw new Error(outcome.failure.message);
    const events: WatchEvent[] = [];
    for await (const some of outcome.value) {
      events.push(...some);
      // A server has no bookmark to give for a kind that has not moved.
      if (some.some((event) => event.type === "bookmark" && event.initialEventsEnd))
        await server.apply(NAMESPACES, namespace("shop", { v: "3" }));
    }
    const bookmarks = events.flatMap((event) => (event.type === "bookmark" ? [event.initialEventsEnd] : []));
    expect(bookmarks[0]).toBe(true);
    expect(bookmarks.slice(1)).toContain(false);
    expect(events.filter(({ type }) => type === "failed")).toEqual([]);
  });

  it("writes in protobuf what it writes in JSON", async () => {
    const resources = watchedResources({ heraldNamespace: "herald-system", serviceProxyName: "" }).filter(
      ({ selection }) => selection.read !== undefined,
    );
    for (const resource of resources) {
      const { read: _, ...inJson } = resource.selection;
      const messages = await firstObjects(server, resource, resource.selection);
      expect(messages, resource.kind).toEqual(await firstObjects(server, resource, inJson));
      expect(messages.length, resource.kind).toBeGreaterThan(0);
    }
    expect(resources.length).toBe(4);
  });

  it("lists in pages what it also says in a watch", async () => {
    const { signal } = new AbortController();
    const names: string[] = [];
    let continuation = "";
    let pages = 0;
    do {
      for await (const part of server.admin.list(NAMESPACES, { limit: 2, continuation }, signal)) {
        if (part.type === "failed") throw new Error(part.failure.message);
        if (part.type === "items") names.push(...part.items.map((item) => JSON.parse(JSON.stringify(item)).metadata.name));
        if (part.type === "end") continuation = part.continuation;
      }
      pages++;
    } while (continuation !== "");
    expect(names.map((name) => `/${name}`).sort()).toEqual(await server.list(NAMESPACES));
    expect(pages).toBeGreaterThan(2);
  });

  it("killed and started again under churn: the source ends with the server's truth, and nothing was deleted that is there", async () => {
    const following = follow(server.credentials("herald-1"));
    const { sink, source } = following;
    await sink.until(() => sink.syncedCount === 1);
    const before = sink.batches.length;
    const gone: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 20; index++) {
        const name = `s-${round}-${index}`;
        await server.apply(SHOP_SERVICES, loadBalancer(name));
        await server.apply(SHOP_SLICES, slice(name, name));
        if (index % 4 !== 0) continue;
        await server.delete(SHOP_SLICES, name);
        gone.push(`delete EndpointSlice shop/${name}`);
      }
      await server.kill();
      await server.restart();
    }
    const held = await following.agree(server);
    expect(held.filter((name) => name.startsWith("Service shop/s-")).length).toBe(60);
    expect(held.filter((name) => name.startsWith("EndpointSlice shop/s-")).length).toBe(45);
    const deletions = sink.changes(before).filter((change) => change.startsWith("delete"));
    expect(deletions.filter((change) => !gone.includes(change))).toEqual([]);
    expect([...source.restarts()].some(({ kind, count }) => kind === "Service" && count > 0)).toBe(true);
    expect(sink.syncedCount).toBe(1);
  });

  it("that has compacted its history answers 410: listed anew, and what went meanwhile is deleted", async () => {
    const link = new BreakableLink(() => server.port);
    const port = await link.start();
    cleanups.push(() => link.stop());
    const following = follow(server.credentials("herald-1", port));
    const { sink, source, watches } = following;
    await sink.until(() => sink.syncedCount === 1);
    await following.agree(server);
    const before = sink.batches.length;
    link.down();
    await server.delete(SHOP_SERVICES, "s-0-1");
    await server.apply(SHOP_SERVICES, loadBalancer("late"));
    await server.delete(PEERS, "tor");
    await server.apply(PEERS, bgpPeer("tor-2"));
    await server.kill();
    await server.compact();
    await server.restart();
    link.up();
    await following.agree(server);
    expect([...sink.changes(before)].sort()).toEqual([
      "delete BGPPeer herald-system/tor",
      "delete Service shop/s-0-1",
      "set BGPPeer herald-system/tor-2",
      "set Service shop/late",
    ]);
    const expired = [...source.restarts()].filter(({ cause }) => cause === "Expired").map(({ kind }) => kind);
    expect(expired).toContain("Service");
    const ofServices = watches.filter(({ plural }) => plural === "services");
    expect(ofServices.at(-1)?.initialEvents).toBe(true);
  });

  it("takes the token of a mounted file, and the next one when that has been replaced", async () => {
    const directory = testDirectory("token");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "ca.crt"), server.caPem);
    writeFileSync(join(directory, "token"), "herald-1\n");
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) };
    const following = follow(new InClusterCredentials({ env, directory }));
    const { sink, source } = following;
    await sink.until(() => sink.syncedCount === 1);
    server.setToken("herald-2", HERALD);
    await server.kill();
    await server.restart();
    await until("the old token is refused", async () => [...source.restarts()].some(({ cause }) => cause === "Unauthorized"));
    writeFileSync(join(directory, "token"), "herald-2\n");
    await server.apply(NAMESPACES, namespace("after-rotation"));
    await sink.until(() => sink.names.includes("Namespace after-rotation"));
    await following.agree(server);
    expect(sink.changes().filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(JSON.stringify(sink.faults)).not.toContain("herald-");
  });
});
