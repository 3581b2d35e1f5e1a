import { afterEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../../src/clock.ts";
import { KubeClient } from "../../../../src/kube/client.ts";
import type { Credentials } from "../../../../src/kube/credentials.ts";
import { Secret } from "../../../../src/kube/secret.ts";
import { KubernetesSource } from "../../../../src/source/kubernetes/kubernetes-source.ts";
import { BreakableLink } from "../../../support/breakable-link.ts";
import { FakeApiServer, type FakeServerOptions, type SeenRequest, status } from "../../../support/fake-api-server.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import type { FakeObject } from "../../../support/fake-objects.ts";
import { RecordingSink } from "../../../support/recording-sink.ts";

/**
 * The source against a server of the test's own, over real sockets. Its luck is always 0, so that full jitter pauses for no time at all; where the
 * length of a pause is what a test is about, the clock and the luck are the test's.
 */

const KINDS = 9;
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Running {
  readonly server: FakeApiServer;
  readonly sink: RecordingSink;
  readonly source: KubernetesSource;
}

async function serve(options: FakeServerOptions = {}): Promise<FakeApiServer> {
  const server = new FakeApiServer(options);
  await server.start();
  cleanups.push(() => server.stop());
  return server;
}

function follow(
  server: FakeApiServer,
  options: { clock?: Clock; random?: () => number; serviceProxyName?: string; token?: () => string; url?: URL } = {},
): Running {
  const { clock = systemClock, random = () => 0, serviceProxyName = "", token = () => "token", url } = options;
  const credentials: Credentials = {
    source: "the test",
    read: async () => ({
      server: url ?? server.url,
      tls: { ca: server.authority.certPem, cert: null, key: null, servername: null, verify: true },
      authorization: new Secret(`Bearer ${token()}`),
      headers: {},
    }),
  };
  const budget = { perSecond: 10_000, burst: 10_000 };
  const client = new KubeClient({ credentials, clock, userAgent: "herald/test", budget });
  const source = new KubernetesSource({ client, heraldNamespace: "herald-system", serviceProxyName, clock, random });
  const sink = new RecordingSink();
  const controller = new AbortController();
  const ended = source.run(sink, controller.signal);
  cleanups.push(async () => {
    controller.abort();
    await ended;
  });
  return { server, sink, source };
}

async function following(options: FakeServerOptions = {}, objects: readonly FakeObject[] = []): Promise<Running> {
  const server = await serve(options);
  for (const object of objects) server.objects.put(object);
  const running = follow(server);
  await running.sink.until(() => running.sink.syncedCount === 1);
  await server.until(() => server.watching() === KINDS);
  return running;
}

function namespace(name: string, v = "x"): FakeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { v } } };
}

function peer(name: string, peerASN: unknown = 65000, inNamespace = "herald-system"): FakeObject {
  return {
    apiVersion: "herald.dev/v1alpha1",
    kind: "BGPPeer",
    metadata: { name, namespace: inNamespace },
    spec: { myASN: 65001, peerASN, peerAddress: "10.0.0.254" },
  };
}

const to = (plural: string) => (request: SeenRequest) => request.path.endsWith(`/${plural}`);
const watchOf = (plural: string) => (request: SeenRequest) => to(plural)(request) && request.query.get("watch") === "true";
const listOf = (plural: string) => (request: SeenRequest) => to(plural)(request) && request.query.get("watch") === null;

function restarts({ source }: Running): Readonly<Record<string, number>> {
  return Object.fromEntries([...source.restarts()].map(({ kind, cause, count }) => [`${kind} ${cause}`, count]));
}

describe("a server that writes protobuf", () => {
  it("is read in it for its own kinds, and in JSON for ours: the first state, changes, deletions and failures", async () => {
    const server = await serve();
    server.protobuf = true;
    for (const object of [namespace("shop"), peer("tor")]) server.objects.put(object);
    const { sink, source } = follow(server);
    await sink.until(() => sink.syncedCount === 1);
    await server.until(() => server.watching() === KINDS);
    expect(sink.names).toEqual(["BGPPeer herald-system/tor", "Namespace shop"]);
    const inMessages = server.requests.filter(({ accept }) => accept?.startsWith("application/vnd.kubernetes.protobuf"));
    expect(inMessages.map(({ path }) => path).sort()).toEqual([
      "/api/v1/namespaces",
      "/api/v1/nodes",
      "/api/v1/services",
      "/apis/discovery.k8s.io/v1/endpointslices",
    ]);

    server.objects.put(namespace("shop", "y"));
    server.objects.put(namespace("blog"));
    await sink.until(() => sink.names.includes("Namespace blog"));
    expect(sink.objects.map(({ metadata }) => metadata.labels)).toContainEqual({ v: "y" });
    server.objects.remove(namespace("blog"));
    await sink.until(() => !sink.names.includes("Namespace blog"));

    // Nothing is lost by a history that is too short, whichever way it is told.
    for (const inStream of [false, true]) {
      server.expiresInStream = inStream;
      server.fail(watchOf("namespaces"), { type: "status", status: 500 });
      server.resetWatches();
      server.objects.put(namespace(`while-away-${inStream}`));
      server.objects.compact();
      await sink.until(() => sink.names.includes(`Namespace while-away-${inStream}`));
      await server.until(() => server.watching() === KINDS);
    }
    expect(restarts({ server, sink, source })).toMatchObject({ "Namespace Expired": 2 });
    expect(restarts({ server, sink, source })).not.toHaveProperty("Namespace Malformed");
  });

  const PROTOBUF = "application/vnd.kubernetes.protobuf";
  it.each([
    ["refuses the type", { type: "status", status: 406 }, {}],
    ["refuses it as one it does not know", { type: "status", status: 415 }, {}],
    [
      "spoils the octets",
      { type: "body", text: "\0\0\0\u0002xx", end: false, contentType: `${PROTOBUF};stream=watch` },
      { "Namespace Malformed": 1 },
    ],
  ] as const)("is read in JSON where something between %s", async (_, fault, expected) => {
    const server = await serve();
    server.protobuf = true;
    server.fail((request) => watchOf("namespaces")(request) && request.accept?.startsWith(PROTOBUF) === true, fault, 1000);
    server.objects.put(namespace("shop"));
    const { sink, source } = follow(server);
    await sink.until(() => sink.syncedCount === 1);
    await server.until(() => server.watching() === KINDS);
    expect(sink.names).toEqual(["Namespace shop"]);
    server.objects.put(namespace("blog"));
    await sink.until(() => sink.names.includes("Namespace blog"));
    expect(server.requests.filter(watchOf("namespaces")).map(({ accept }) => accept)).toEqual([
      `${PROTOBUF},application/json`,
      "application/json",
    ]);
    expect(server.requests.filter(watchOf("nodes")).map(({ accept }) => accept)).toEqual([`${PROTOBUF},application/json`]);
    expect(restarts({ server, sink, source })).toEqual(expected);
  });
});

describe("the first state of an API server", () => {
  it("comes through one WatchList per kind, then synced, once; our kinds from our namespace alone", async () => {
    const { server, sink, source } = await following({}, [namespace("shop"), peer("tor"), peer("other", 65000, "elsewhere")]);
    expect(sink.names).toEqual(["BGPPeer herald-system/tor", "Namespace shop"]);
    expect(sink.syncedCount).toBe(1);
    expect(server.requests.length).toBe(KINDS);
    for (const { query } of server.requests) {
      expect(Object.fromEntries(query)).toMatchObject({
        watch: "true",
        sendInitialEvents: "true",
        resourceVersionMatch: "NotOlderThan",
        allowWatchBookmarks: "true",
        timeoutSeconds: "300",
      });
    }
    expect(server.requests.map(({ path }) => path).filter((path) => path.includes("herald.dev"))).toContain(
      "/apis/herald.dev/v1alpha1/namespaces/herald-system/bgppeers",
    );
    expect(source.state().map(({ kind, synced }) => [kind, synced])).toContainEqual(["EndpointSlice", true]);
    expect(source.state().every(({ lastEventAgeMillis }) => lastEventAgeMillis !== null)).toBe(true);
  });

  it("leaves slices of headless Services and other proxies with the server, unless a proxy name is ours", async () => {
    const server = await serve();
    const first = follow(server);
    await first.sink.until(() => first.sink.syncedCount === 1);
    const second = follow(server, { serviceProxyName: "mine" });
    await second.sink.until(() => second.sink.syncedCount === 1);
    const selectors = server.requests.filter(to("endpointslices")).map(({ query }) => query.get("labelSelector"));
    expect(selectors).toEqual([
      "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name",
      "!service.kubernetes.io/headless",
    ]);
  });

  for (const watchList of ["status422", "errorEvent"] as const) {
    it(`is listed in pages of 500 where WatchList is refused (${watchList}), and watched from there`, async () => {
      const names = Array.from({ length: 1201 }, (_, index) => `n${index}`);
      const { server, sink } = await following(
        { watchList },
        names.map((name) => namespace(name)),
      );
      expect(sink.objects.length).toBe(names.length);
      const lists = server.requests.filter(listOf("namespaces"));
      expect(lists.map(({ query }) => [query.get("limit"), query.get("continue")])).toEqual([
        ["500", null],
        ["500", "0:500"],
        ["500", "0:1000"],
      ]);
      server.objects.put(namespace("late"));
      await sink.until(() => sink.names.includes("Namespace late"));
      const watches = server.requests.filter(watchOf("namespaces")).map(({ query }) => query.get("resourceVersion"));
      expect(watches).toEqual([null, String(100 + names.length)]);
    });
  }

  it("is listed where a server ends a WatchList without having said that all is said", async () => {
    const server = await serve({ watchList: "ignored" });
    server.objects.put(namespace("shop"));
    const { sink } = follow(server);
    await server.until(() => server.watching() === KINDS);
    expect(sink.syncedCount).toBe(0);
    server.endWatches();
    await sink.until(() => sink.syncedCount === 1);
    expect(sink.changes()).toEqual(["set Namespace shop"]);
  });

  it("is asked for again where the connection breaks in the middle of a WatchList: that is no refusal", async () => {
    const server = await serve();
    const link = new BreakableLink(() => server.port);
    const port = await link.start();
    cleanups.push(() => link.stop());
    const first = { ...namespace("shop"), metadata: { name: "shop", resourceVersion: "101" } };
    server.objects.put(namespace("shop"));
    const text = `${JSON.stringify({ type: "ADDED", object: first })}\n`;
    server.fail(watchOf("namespaces"), { type: "body", text, end: false });
    const { sink } = follow(server, { url: new URL(`https://127.0.0.1:${port}`) });
    await sink.until(() => sink.names.includes("Namespace shop"));
    link.reset();
    await sink.until(() => sink.syncedCount === 1);
    expect(server.requests.filter(listOf("namespaces"))).toEqual([]);
    expect(server.requests.filter(watchOf("namespaces")).length).toBeGreaterThan(1);
  });

  it("is the same when a list arrives compressed and in small pieces", async () => {
    const server = await serve({ watchList: "status422" });
    server.gzip = true;
    server.pieceOctets = 7;
    for (let index = 0; index < 40; index++) server.objects.put(namespace(`n${index}`));
    const { sink } = follow(server);
    await sink.until(() => sink.syncedCount === 1);
    expect(sink.objects.length).toBe(40);
  });

  it("waits for kinds that are not served or not allowed: named, tried again, never taken for empty", async () => {
    const server = await serve();
    server.missing.add("bgppeers");
    server.objects.put(peer("tor"));
    const { sink, source } = follow(server);
    await sink.until(() => sink.findings.length === 1);
    expect(sink.findings).toMatchObject([
      {
        severity: "warning",
        code: "sourceMissing",
        message: "bgppeers.herald.dev is not served by the API server (NotFound): nothing is decided before it can be read",
        allowed: "herald crds | kubectl apply -f -",
      },
    ]);
    await server.until(() => server.watching() === KINDS - 1);
    expect(sink.syncedCount).toBe(0);
    expect(source.state().filter(({ synced }) => !synced)).toEqual([{ kind: "BGPPeer", synced: false, lastEventAgeMillis: null }]);
    server.missing.delete("bgppeers");
    await sink.until(() => sink.syncedCount === 1);
    expect([sink.names, sink.findings]).toEqual([["BGPPeer herald-system/tor"], []]);
  });

  it("without credentials is an error at the start", async () => {
    const credentials: Credentials = { source: "none", read: () => Promise.reject(new Error("no token")) };
    const client = new KubeClient({ credentials, clock: systemClock, userAgent: "herald/test" });
    const source = new KubernetesSource({ client, heraldNamespace: "h", serviceProxyName: "", clock: systemClock, random: () => 0 });
    await expect(source.run(new RecordingSink(), new AbortController().signal)).rejects.toThrow("no token");
  });
});

describe("changes", () => {
  it("arrive in order, deletions with their version; what Herald does not read is no change", async () => {
    const { server, sink } = await following({}, [namespace("shop")]);
    const before = sink.batches.length;
    server.objects.put({ ...namespace("shop"), status: { phase: "Active" } });
    server.objects.put(namespace("shop", "y"));
    server.objects.put(namespace("more"));
    server.objects.remove(namespace("shop"));
    await sink.until(() => !sink.names.includes("Namespace shop"));
    expect(sink.changes(before)).toEqual(["set Namespace shop", "set Namespace more", "delete Namespace shop"]);
    const deletion = sink.batches.flatMap(({ changes }) => changes).find(({ type }) => type === "delete");
    expect(deletion).toMatchObject({ resourceVersion: String(server.objects.version) });
  });

  it("that are invalid leave the last valid version in force, with a finding until they are mended", async () => {
    const { server, sink } = await following({}, [peer("tor")]);
    server.objects.put(peer("tor", "nonsense"));
    server.objects.put(peer("good", 65009));
    await sink.until(() => sink.names.length === 2);
    expect(sink.objects.map((object) => (object.kind === "BGPPeer" ? object.peerASN : null))).toEqual([65000, 65009]);
    expect(sink.findings).toMatchObject([{ severity: "error", object: { kind: "BGPPeer", name: "tor" }, field: "spec.peerASN" }]);
    server.objects.put(peer("tor", 65010));
    await sink.until(() => sink.findings.length === 0);
    server.objects.put(peer("tor", "nonsense"));
    await sink.until(() => sink.findings.length === 1);
    server.objects.remove(peer("tor"));
    await sink.until(() => sink.names.length === 1 && sink.findings.length === 0);
    expect(sink.names).toEqual(["BGPPeer herald-system/good"]);
  });

  it("go on after the server ended a watch in its time, from the version that was said last", async () => {
    const { server, sink, ...rest } = await following({}, [namespace("shop")]);
    server.bookmark("namespaces");
    server.objects.put(namespace("more"));
    await sink.until(() => sink.names.length === 2);
    const seen = server.requests.length;
    server.endWatches();
    await server.until(() => server.requests.length >= seen + KINDS && server.watching() === KINDS);
    server.objects.put(namespace("later"));
    await sink.until(() => sink.names.length === 3);
    const again = server.requests.slice(seen).find(watchOf("namespaces"));
    expect([again?.query.get("resourceVersion"), again?.query.get("sendInitialEvents")]).toEqual(["102", null]);
    expect(restarts({ server, sink, ...rest })).toEqual({});
  });
});

/** What goes wrong in a watch, and how the source must come out of it: with the server's truth, and nothing deleted that is there. */
const FAULTS: readonly { readonly name: string; readonly cause: string; readonly happen: (server: FakeApiServer) => void }[] = [
  { name: "a watch that breaks", cause: "Unreachable", happen: (server) => server.resetWatches() },
  { name: "garbage in a watch", cause: "Malformed", happen: (server) => server.say("namespaces", "<html>\n") },
  {
    name: "half a line and the end",
    cause: "Unreachable",
    happen: (server) => {
      server.say("namespaces", '{"type":');
      server.endWatches();
    },
  },
  {
    name: "an error in a watch",
    cause: "ServerError",
    happen: (server) =>
      server.say(
        "namespaces",
        `${JSON.stringify({ type: "ERROR", object: status(500, "InternalError", "etcdserver: leader changed") })}\n`,
      ),
  },
  {
    name: "410 in a watch",
    cause: "Expired",
    happen: (server) =>
      server.say("namespaces", `${JSON.stringify({ type: "ERROR", object: status(410, "Expired", "too old resource version") })}\n`),
  },
  {
    name: "429 when the watch is opened again",
    cause: "TooManyRequests",
    happen: (server) => {
      server.fail(watchOf("namespaces"), { type: "status", status: 429 });
      server.resetWatches();
    },
  },
  {
    name: "401, 500 and a broken answer, several times over",
    cause: "ServerError",
    happen: (server) => {
      for (const code of [500, 401, 503]) server.fail(watchOf("namespaces"), { type: "status", status: code }, 2);
      server.fail(watchOf("namespaces"), { type: "reset" }, 2);
      server.resetWatches();
    },
  },
];

describe("faults are never the end", () => {
  for (const { name, cause, happen } of FAULTS) {
    it(`${name}: followed again, nothing deleted`, async () => {
      const running = await following({}, [namespace("shop")]);
      const { server, sink } = running;
      happen(server);
      await server.until(() => running.source.restarts().next().done === false);
      server.objects.put(namespace("more"));
      await sink.until(() => sink.names.includes("Namespace more"));
      expect(sink.names).toEqual(["Namespace more", "Namespace shop"]);
      expect(sink.changes()).toEqual(["set Namespace shop", "set Namespace more"]);
      expect(restarts(running)[`Namespace ${cause}`]).toBeGreaterThan(0);
      expect(sink.syncedCount).toBe(1);
    });
  }

  for (const expiresInStream of [false, true]) {
    it(`a compacted history (410 ${expiresInStream ? "as an event" : "as a status"}) is listed anew: what went meanwhile is deleted`, async () => {
      const running = await following({}, [namespace("stays"), namespace("goes"), namespace("changes")]);
      const { server, sink } = running;
      server.expiresInStream = expiresInStream;
      const before = sink.batches.length;
      server.fail(watchOf("namespaces"), { type: "status", status: 500 });
      server.resetWatches();
      server.objects.remove(namespace("goes"));
      server.objects.put(namespace("changes", "y"));
      server.objects.put(namespace("new"));
      server.objects.compact();
      await sink.until(() => !sink.names.includes("Namespace goes"));
      const changes = sink.changes(before);
      expect(changes.at(-1)).toBe("delete Namespace goes");
      expect([...changes].sort()).toEqual(["delete Namespace goes", "set Namespace changes", "set Namespace new"]);
    });
  }

  it("a list whose pages expire begins anew", async () => {
    const server = await serve({ watchList: "status422" });
    for (let index = 0; index < 600; index++) server.objects.put(namespace(`n${index}`));
    server.fail((request) => request.query.get("continue") !== null, { type: "status", status: 410 });
    const running = follow(server);
    await running.sink.until(() => running.sink.syncedCount === 1);
    expect(running.sink.objects.length).toBe(600);
    expect(restarts(running)).toEqual({ "Namespace Expired": 1 });
  });

  it("a list that breaks half-way deletes nothing", async () => {
    const running = await following({ watchList: "status422" }, [namespace("a"), namespace("b")]);
    const { server, sink } = running;
    server.objects.compact();
    const half =
      '{"kind":"NamespaceList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a","resourceVersion":"1","labels":{"v":"x"}}}';
    server.fail(listOf("namespaces"), { type: "body", text: half, end: true }, 2);
    server.resetWatches();
    await server.until(() => server.requests.filter(listOf("namespaces")).length === 4 && server.watching() === KINDS);
    expect(sink.changes()).toEqual(["set Namespace a", "set Namespace b"]);
    expect(restarts(running)["Namespace Malformed"]).toBe(2);
  });

  for (const [condition, lose] of [
    ["NotFound", (server: FakeApiServer) => void server.missing.add("bgppeers")],
    ["Forbidden", (server: FakeApiServer) => server.fail(to("bgppeers"), { type: "status", status: 403 })],
  ] as const) {
    it(`a kind of ours that vanishes (${condition}) keeps its last objects, and is named as lost until it is back`, async () => {
      const clock = new FakeClock();
      const server = await serve();
      server.objects.put(peer("tor"));
      const { sink } = follow(server, { clock });
      await sink.until(() => sink.syncedCount === 1);
      lose(server);
      server.resetWatches();
      await turnUntil(clock, () => sink.findings.length === 1);
      expect(sink.findings).toMatchObject([
        { code: "sourceLost", message: expect.stringContaining(`(${condition}): its last objects stay in force`) },
      ]);
      expect(sink.names).toEqual(["BGPPeer herald-system/tor"]);
      server.missing.clear();
      await turnUntil(clock, () => sink.findings.length === 0);
      expect(sink.changes()).toEqual(["set BGPPeer herald-system/tor"]);
      expect(sink.faults.filter((fault) => fault.includes("BGPPeer"))).toEqual([
        `cannot read BGPPeer (${condition}): keeping what it said last`,
      ]);
    });
  }

  it("a server that is away keeps everything, is said once, and is followed again when it is back", async () => {
    const running = await following({}, [namespace("shop"), peer("tor")]);
    const { server, sink } = running;
    const { port, authority, objects } = server;
    await server.stop();
    await sink.until(() => sink.faults.length > 0);
    const back = new FakeApiServer({ authority });
    for (const object of [namespace("shop"), namespace("new"), peer("tor")]) back.objects.put(object);
    back.objects.version = objects.version + 10;
    back.objects.compact();
    await back.start(port);
    cleanups.push(() => back.stop());
    await sink.until(() => sink.names.includes("Namespace new"));
    await back.until(() => back.watching() === KINDS);
    expect(sink.changes().filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(sink.faults).toEqual(["cannot read the API server (Unreachable): keeping what it said last"]);
  });

  it("a token that the server refuses is read anew", async () => {
    const server = await serve();
    server.tokens = new Set(["1"]);
    let token = 1;
    const { sink } = follow(server, { token: () => String(token) });
    await sink.until(() => sink.syncedCount === 1);
    server.tokens = new Set(["2"]);
    token = 2;
    server.resetWatches();
    await server.until(() => server.requests.some(({ authorization }) => authorization === "Bearer 2") && server.watching() === KINDS);
    server.objects.put(namespace("after"));
    await sink.until(() => sink.names.includes("Namespace after"));
    expect(server.requests.at(-1)?.authorization).toBe("Bearer 2");
  });
});

describe("pauses", () => {
  it("grow from 0.8 s to 30 s under full jitter, and begin anew after a healthy minute", async () => {
    const clock = new FakeClock();
    const server = await serve({ protocol: "http/1.1" });
    const pauses: number[] = [];
    // Luck of nearly 1: the whole ceiling.
    const running = follow(server, { clock, random: () => 0.999 });
    await running.sink.until(() => running.sink.syncedCount === 1);
    await server.until(() => server.watching() === KINDS);
    server.fail(to("namespaces"), { type: "status", status: 500 }, 7);
    const attempts = (): number => server.requests.filter(to("namespaces")).length;
    server.resetWatches();
    for (let attempt = 0; attempt < 8; attempt++) {
      const before = attempts();
      const from = clock.now();
      await turnUntil(clock, () => attempts() > before, 100);
      pauses.push(clock.now() - from);
    }
    // Steps of the clock are 100 ms, so that is how exact it gets.
    const ceilings = [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
    expect(pauses.length).toBe(ceilings.length);
    for (const [index, ceiling] of ceilings.entries()) expect(Math.abs((pauses[index] ?? 0) - ceiling)).toBeLessThan(300);
    await server.until(() => server.watching("namespaces") === 1);
    clock.advance(61_000);
    const before = attempts();
    const from = clock.now();
    server.resetWatches();
    await turnUntil(clock, () => attempts() > before, 100);
    expect(clock.now() - from).toBeLessThan(1100);
  });

  it("of all kinds end when one finds the server again", async () => {
    const clock = new FakeClock();
    const server = await serve({ protocol: "http/1.1" });
    const running = follow(server, { clock, random: () => 0.99 });
    await running.sink.until(() => running.sink.syncedCount === 1);
    await server.until(() => server.watching() === KINDS);
    const others = (request: SeenRequest): boolean => !to("namespaces")(request);
    const failures = 4 * (KINDS - 1);
    server.fail(others, { type: "reset" }, failures);
    server.resetWatches((path) => !path.endsWith("/namespaces"));
    const failed = (): number => [...running.source.restarts()].reduce((sum, { count }) => sum + count, 0);
    await turnUntil(clock, () => failed() === failures + KINDS - 1, 50);
    // Eight kinds would now wait for nearly 13 s; the ninth is back after one.
    const from = clock.now();
    server.resetWatches();
    await turnUntil(clock, () => server.watching() === KINDS, 50);
    expect(clock.now() - from).toBeLessThan(2_000);
  });

  it("spread the lives of watches over 300 to 600 s", async () => {
    const server = await serve();
    let luck = 0;
    const { sink } = follow(server, { random: () => (luck = (luck + 0.37) % 1) });
    await sink.until(() => sink.syncedCount === 1);
    const seconds = server.requests.map(({ query }) => Number(query.get("timeoutSeconds")));
    expect(seconds.length).toBe(KINDS);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...seconds)).toBeLessThan(600);
    expect(new Set(seconds).size).toBeGreaterThan(KINDS / 2);
  });

  it("end a watch that has been silent for 200 s, and it goes on from its version", async () => {
    const clock = new FakeClock();
    const server = await serve({ protocol: "http/1.1" });
    const running = follow(server, { clock });
    await running.sink.until(() => running.sink.syncedCount === 1);
    await server.until(() => server.watching() === KINDS);
    const seen = server.requests.length;
    clock.advance(199_000);
    expect(running.source.state()[0]?.lastEventAgeMillis).toBe(199_000);
    clock.advance(1_000);
    await turnUntil(clock, () => server.requests.length === seen + KINDS);
    expect(restarts(running)["Service Silent"]).toBe(1);
    expect(server.requests.at(-1)?.query.get("sendInitialEvents")).toBeNull();
  });
});

/** Turns the event loop, for what real sockets do, and moves the clock on a little each turn, until `condition` holds. */
async function turnUntil(clock: FakeClock, condition: () => boolean, millis = 10): Promise<void> {
  while (!condition()) {
    // Several turns: an answer takes a few to come, and time must not run ahead of it.
    for (let turn = 0; turn < 5 && !condition(); turn++) await new Promise((resolve) => setImmediate(resolve));
    if (!condition()) clock.advance(millis);
  }
}
