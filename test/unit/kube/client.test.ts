import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/clock.ts";
import { KubeClient, type ListPart, type WatchQuery } from "../../../src/kube/client.ts";
import type { Access, Credentials } from "../../../src/kube/credentials.ts";
import type { KubeFailure, Outcome } from "../../../src/kube/failure.ts";
import type { Selection } from "../../../src/kube/resource.ts";
import { Secret } from "../../../src/kube/secret.ts";
import type { WatchEvent } from "../../../src/kube/watch-events.ts";
import { BreakableLink } from "../../support/breakable-link.ts";
import { createAuthority } from "../../support/certificate.ts";
import { FakeApiServer, type FakeServerOptions } from "../../support/fake-api-server.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** Real sockets, TLS and HTTP against a server of the test's own; time is the test's where it matters. */

const SERVICES: Selection = { group: "", version: "v1", plural: "services", namespace: null };
const WATCH: WatchQuery = { resourceVersion: "100", timeoutSeconds: 300, initialEvents: false, silenceMillis: 200_000 };
const TOKEN = "token-nobody-may-see";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

class TestCredentials implements Credentials {
  readonly source = "the test";
  access: Access;
  renewals = 0;
  onRenew: () => void = () => {};

  constructor(server: URL, ca: string) {
    this.access = {
      server,
      tls: { ca, cert: null, key: null, servername: null, verify: true },
      authorization: new Secret(`Bearer ${TOKEN}`),
      headers: {},
    };
  }

  async read({ renew }: { readonly renew: boolean }): Promise<Access> {
    if (renew) {
      this.renewals++;
      this.onRenew();
    }
    return this.access;
  }
}

async function serve(options: FakeServerOptions = {}): Promise<FakeApiServer> {
  const server = new FakeApiServer(options);
  await server.start();
  cleanups.push(() => server.stop());
  return server;
}

function connectTo(
  server: FakeApiServer,
  clock: Clock = systemClock,
  url = server.url,
): { client: KubeClient; credentials: TestCredentials; signal: AbortSignal } {
  const credentials = new TestCredentials(url, server.authority.certPem);
  const client = new KubeClient({ credentials, clock, userAgent: "herald/test" });
  const controller = new AbortController();
  cleanups.push(() => {
    controller.abort();
    client.close();
  });
  return { client, credentials, signal: controller.signal };
}

function service(name: string): { apiVersion: string; kind: string; metadata: { name: string; namespace: string } } {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" } };
}

async function listAll(client: KubeClient, signal: AbortSignal, limit = 0, continuation = ""): Promise<ListPart[]> {
  const parts: ListPart[] = [];
  for await (const part of client.list(SERVICES, { limit, continuation }, signal)) parts.push(part);
  return parts;
}

function failureOf(outcome: Outcome<unknown>): KubeFailure {
  if (outcome.ok) throw new Error("it succeeded");
  return outcome.failure;
}

async function open(client: KubeClient, signal: AbortSignal, query = WATCH): Promise<AsyncIterator<readonly WatchEvent[]>> {
  const outcome = await client.watch(SERVICES, query, signal);
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value[Symbol.asyncIterator]();
}

/** The next events of a watch; `null` at its end. */
async function next(watch: AsyncIterator<readonly WatchEvent[]>): Promise<readonly WatchEvent[] | null> {
  const { value, done } = await watch.next();
  return done === true ? null : value;
}

for (const protocol of ["h2", "http/1.1"] as const) {
  describe(`an API server over ${protocol}`, () => {
    it("is asked with the token, our name, and a list comes item by item with its version", async () => {
      const server = await serve({ protocol });
      server.tokens = new Set([TOKEN]);
      for (const name of ["a", "b", "c"]) server.objects.put(service(name));
      const { client, signal } = connectTo(server);
      const parts = await listAll(client, signal);
      const items = parts.flatMap((part) => (part.type === "items" ? part.items : []));
      expect(items).toMatchObject([{ metadata: { name: "a" } }, { metadata: { name: "b" } }, { metadata: { name: "c" } }]);
      expect(parts.at(-1)).toEqual({ type: "end", resourceVersion: "103", continuation: "" });
      expect(server.requests.map((request) => [request.protocol, request.method, request.path])).toEqual([
        [protocol, "GET", "/api/v1/services"],
      ]);
    });

    it("gives pages, compressed where it likes", async () => {
      const server = await serve({ protocol });
      server.gzip = true;
      for (const name of ["a", "b", "c"]) server.objects.put(service(name));
      const { client, signal } = connectTo(server);
      const first = await listAll(client, signal, 2);
      const end = first.at(-1);
      expect(end).toMatchObject({ type: "end", continuation: "0:2" });
      const second = await listAll(client, signal, 2, "0:2");
      expect(second).toMatchObject([
        { type: "items", items: [{ metadata: { name: "c" } }] },
        { type: "end", continuation: "" },
      ]);
    });

    it("is watched: changes, deletions and bookmarks in order, and a clean end", async () => {
      const server = await serve({ protocol });
      const { client, signal } = connectTo(server);
      const watch = await open(client, signal);
      server.objects.put(service("a"));
      expect(await next(watch)).toMatchObject([{ type: "set", resourceVersion: "101", object: { metadata: { name: "a" } } }]);
      server.objects.remove(service("a"));
      expect(await next(watch)).toMatchObject([{ type: "delete", resourceVersion: "102" }]);
      server.bookmark("services");
      expect(await next(watch)).toEqual([{ type: "bookmark", resourceVersion: "102", initialEventsEnd: false }]);
      server.endWatches();
      expect(await next(watch)).toBeNull();
      expect(server.requests[0]?.query.toString()).toBe("watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=100");
    });

    it("breaks a watch in the middle: the last event says so", async () => {
      const server = await serve({ protocol });
      const { client, signal } = connectTo(server);
      const watch = await open(client, signal);
      server.resetWatches();
      expect(await next(watch)).toMatchObject([{ type: "failed", failure: { condition: "Unreachable" } }]);
      expect(await next(watch)).toBeNull();
    });

    it("says nothing in a watch for too long: it is broken off", async () => {
      const server = await serve({ protocol });
      const clock = new FakeClock();
      const { client, signal } = connectTo(server, clock);
      const watch = await open(client, signal, { ...WATCH, silenceMillis: 4_000 });
      server.bookmark("services");
      await next(watch);
      const silent = next(watch);
      clock.advance(3_999);
      server.bookmark("services");
      expect(await silent).toMatchObject([{ type: "bookmark" }]);
      const broken = next(watch);
      clock.advance(4_000);
      expect(await broken).toMatchObject([{ type: "failed", failure: { condition: "Silent", message: "nothing came for 4 s" } }]);
    });

    it("does not answer: given up after 30 s", async () => {
      const server = await serve({ protocol });
      server.fail(() => true, { type: "stall" });
      const clock = new FakeClock();
      const { client, signal } = connectTo(server, clock);
      const asked = client.get(SERVICES, "a", signal);
      await server.until(() => server.requests.length === 1);
      for (let passed = 0; passed < 30_000; passed += 10_000) await passPing(clock);
      expect(failureOf(await asked)).toMatchObject({ condition: "Silent", message: "no answer within 30 s" });
    });

    it("answers with a failure: the status has a name, and the server's words stay", async () => {
      const server = await serve({ protocol });
      const { client, signal } = connectTo(server);
      const conditions: [number, string][] = [
        [400, "Invalid"],
        [403, "Forbidden"],
        [404, "NotFound"],
        [409, "Conflict"],
        [410, "Expired"],
        [418, "Refused"],
        [422, "Invalid"],
        [429, "TooManyRequests"],
        [500, "ServerError"],
        [503, "ServerError"],
      ];
      for (const [code, condition] of conditions) {
        server.fail(() => true, { type: "status", status: code });
        expect(failureOf(await client.get(SERVICES, "a", signal))).toMatchObject({
          condition,
          status: code,
          message: "a fault of the test",
        });
      }
      expect(server.requests.length).toBe(conditions.length);
    });

    it("is written to: create, server-side apply, patch and delete, each with its type", async () => {
      const server = await serve({ protocol });
      const { client, signal } = connectTo(server);
      const shop = { ...SERVICES, namespace: "shop" };
      expect(await client.create(shop, service("a"), signal)).toMatchObject({ ok: true });
      await client.apply(shop, service("a"), { manager: "herald", subresource: "status" }, signal);
      await client.patch(shop, "a", { metadata: { labels: { x: "y" } } }, signal);
      await client.delete(shop, "a", signal);
      expect(server.requests.map(({ method, path, query, contentType }) => [method, path, query.toString(), contentType])).toEqual([
        ["POST", "/api/v1/namespaces/shop/services", "", "application/json"],
        ["PATCH", "/api/v1/namespaces/shop/services/a/status", "fieldManager=herald&force=true", "application/apply-patch+yaml"],
        ["PATCH", "/api/v1/namespaces/shop/services/a", "", "application/merge-patch+json"],
        ["DELETE", "/api/v1/namespaces/shop/services/a", "", undefined],
      ]);
    });
  });
}

describe("credentials that rotate", () => {
  it("are read anew when the server refuses them, and the request goes on with the new token", async () => {
    const server = await serve();
    server.tokens = new Set(["second"]);
    const { client, credentials, signal } = connectTo(server);
    credentials.onRenew = () => {
      credentials.access = { ...credentials.access, authorization: new Secret("Bearer second") };
    };
    expect((await listAll(client, signal)).at(-1)).toMatchObject({ type: "end" });
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`, "Bearer second"]);
  });

  it("are not tried twice when they are still the same", async () => {
    const server = await serve();
    server.tokens = new Set();
    const { client, credentials, signal } = connectTo(server);
    expect(failureOf(await client.get(SERVICES, "a", signal))).toMatchObject({ condition: "Unauthorized", status: 401 });
    expect([credentials.renewals, server.requests.length]).toEqual([1, 1]);
  });

  it("are tried once more and no more when the new ones are refused too", async () => {
    const server = await serve();
    server.tokens = new Set();
    const { client, credentials, signal } = connectTo(server);
    credentials.onRenew = () => {
      credentials.access = { ...credentials.access, authorization: new Secret(`Bearer ${credentials.renewals}`) };
    };
    expect(failureOf(await client.get(SERVICES, "a", signal))).toMatchObject({ condition: "Unauthorized" });
    expect(server.requests.length).toBe(2);
  });

  it("never show the token: not in failures, not in what is inspected", async () => {
    const server = await serve();
    server.tokens = new Set();
    const { client, credentials, signal } = connectTo(server);
    const refused = failureOf(await client.get(SERVICES, "a", signal));
    server.fail(() => true, { type: "reset" });
    const broken = failureOf(await client.get(SERVICES, "a", signal));
    const shown = [refused, broken, credentials.access, client].map((value) => inspect(value, { depth: 9, showHidden: true }));
    expect(shown.join("\n")).toContain("[secret]");
    expect(shown.join("\n") + JSON.stringify([credentials.access, `${credentials.access.authorization}`])).not.toContain(TOKEN);
  });

  it("of another authority lead to a new connection, and what is under way goes on", async () => {
    const server = await serve();
    const { client, credentials, signal } = connectTo(server);
    const watch = await open(client, signal);
    const other = createAuthority("another");
    const { tls } = credentials.access;
    credentials.access = { ...credentials.access, tls: { ...tls, ca: `${tls.ca}${other.certPem}` } };
    await listAll(client, signal);
    expect(server.connections).toBe(2);
    server.objects.put(service("a"));
    expect(await next(watch)).toMatchObject([{ type: "set" }]);
  });
});

describe("the connection", () => {
  it("is one for everything: watches and requests share it", async () => {
    const server = await serve();
    const { client, signal } = connectTo(server);
    await Promise.all([open(client, signal), open(client, signal), open(client, signal), listAll(client, signal), listAll(client, signal)]);
    expect([server.watching(), server.connections]).toEqual([3, 1]);
  });

  it("is left after GOAWAY: new requests take a new one, the watch goes on to its end", async () => {
    const server = await serve();
    const { client, signal } = connectTo(server);
    const watch = await open(client, signal);
    server.goaway();
    await server.until(() => true);
    await settle(async () => {
      await listAll(client, signal);
      return server.connections === 2;
    });
    server.objects.put(service("late"));
    expect(await next(watch)).toMatchObject([{ type: "set", object: { metadata: { name: "late" } } }]);
  });

  it("that dies without a word is noticed by PING within 15 s, by every watch at once", async () => {
    const server = await serve();
    const link = new BreakableLink(() => server.port);
    const port = await link.start();
    cleanups.push(() => link.stop());
    const clock = new FakeClock();
    const { client, signal } = connectTo(server, clock, new URL(`https://127.0.0.1:${port}`));
    const watches = await Promise.all([open(client, signal), open(client, signal)]);
    link.freeze();
    const broken = Promise.all(watches.map(next));
    clock.advance(10_000);
    clock.advance(5_000);
    for (const events of await broken) expect(events).toMatchObject([{ type: "failed", failure: { condition: "Silent" } }]);
    link.thaw();
    expect((await listAll(client, signal)).at(-1)).toMatchObject({ type: "end" });
  });

  const BROKEN: readonly (readonly ["h2" | "http/1.1", "reset" | "closed"])[] = [
    ["h2", "reset"],
    ["h2", "closed"],
    ["http/1.1", "reset"],
    ["http/1.1", "closed"],
  ];
  it.each(BROKEN)("of %s that is %s in the middle of a watch is a failure: only the server itself ends one", async (protocol, how) => {
    const server = await serve({ protocol });
    const link = new BreakableLink(() => server.port);
    const port = await link.start();
    cleanups.push(() => link.stop());
    const { client, signal } = connectTo(server, systemClock, new URL(`https://127.0.0.1:${port}`));
    const watch = await open(client, signal);
    if (how === "reset") link.reset();
    else link.close();
    expect(await next(watch)).toMatchObject([{ type: "failed", failure: { condition: "Unreachable" } }]);
    expect(await next(watch)).toBe(null);
  });

  it("whose PINGs are answered lives on", async () => {
    const server = await serve();
    const clock = new FakeClock();
    const { client, signal } = connectTo(server, clock);
    const watch = await open(client, signal);
    for (let round = 0; round < 5; round++) await passPing(clock);
    server.objects.put(service("a"));
    expect(await next(watch)).toMatchObject([{ type: "set" }]);
    expect(server.connections).toBe(1);
  });

  it("to nobody, and to a server with a certificate of somebody else, fail by name", async () => {
    const server = await serve();
    const { client, credentials, signal } = connectTo(server);
    credentials.access = { ...credentials.access, tls: { ...credentials.access.tls, ca: createAuthority("stranger").certPem } };
    expect(failureOf(await client.get(SERVICES, "a", signal)).condition).toBe("Untrusted");
    credentials.access = { ...credentials.access, server: new URL("https://127.0.0.1:1") };
    expect(failureOf(await client.get(SERVICES, "a", signal)).condition).toBe("Unreachable");
    expect(server.requests.length).toBe(0);
  });

  it("that TLS never completes on is given up after 10 s", async () => {
    const server = await serve();
    const link = new BreakableLink(() => server.port);
    const port = await link.start();
    cleanups.push(() => link.stop());
    link.freeze();
    const clock = new FakeClock();
    const { client, signal } = connectTo(server, clock, new URL(`https://127.0.0.1:${port}`));
    const asked = client.get(SERVICES, "a", signal);
    await settle(async () => clock.pending > 0);
    clock.advance(10_000);
    expect(failureOf(await asked)).toMatchObject({ condition: "Silent", message: expect.stringContaining("within 10 s") });
  });

  it("goes below a path where the server lives below one", async () => {
    const server = await serve();
    const { client, signal } = connectTo(server, systemClock, new URL("/k8s/clusters/c-1/", server.url));
    await client.get(SERVICES, "a", signal);
    expect(server.requests[0]?.path).toBe("/k8s/clusters/c-1/api/v1/services/a");
  });

  it("ends with its signal, and says that it was given up", async () => {
    const server = await serve();
    server.fail(() => true, { type: "stall" });
    const { client } = connectTo(server);
    const controller = new AbortController();
    const asked = client.get(SERVICES, "a", controller.signal);
    await server.until(() => server.requests.length === 1);
    controller.abort();
    expect(failureOf(await asked).condition).toBe("Aborted");
  });
});

describe("a server that has enough", () => {
  it("is left alone for its Retry-After, by every request", async () => {
    const server = await serve();
    server.fail(() => true, { type: "status", status: 429, headers: { "retry-after": "7" } });
    const clock = new FakeClock();
    const { client, signal } = connectTo(server, clock);
    expect(failureOf(await client.get(SERVICES, "a", signal))).toMatchObject({ condition: "TooManyRequests", retryAfterMillis: 7000 });
    const heldAt = clock.now();
    const asked = [client.get(SERVICES, "b", signal), client.get(SERVICES, "c", signal)];
    await settle(async () => clock.nextAt === heldAt + 7000);
    expect(server.requests.length).toBe(1);
    clock.advance(7000);
    await Promise.all(asked);
    expect(server.requests.length).toBe(3);
  });
});

describe("answers that are not what the API says", () => {
  const BAD = [
    '{"kind":"ServiceList","metadata":{},"items":[]}',
    '{"items":[{"a":1}',
    "<html>",
    '{"metadata":{"resourceVersion":"1"},"items":[{"a":}]}',
  ];

  it("in place of a list are failures, never an empty list", async () => {
    const server = await serve();
    const { client, signal } = connectTo(server);
    for (const text of BAD) {
      server.fail(() => true, { type: "body", text, end: true });
      const last = (await listAll(client, signal)).at(-1);
      expect(last, text).toMatchObject({ type: "failed", failure: { condition: "Malformed" } });
    }
    expect(server.requests.length).toBe(BAD.length);
  });
});

/** Ten seconds, and the answer to the PING that HTTP/2 sends in them: its deadline is a timer, which goes when the answer comes. */
async function passPing(clock: FakeClock): Promise<void> {
  clock.advance(10_000);
  const deadline = clock.now() + 5_000;
  await settle(async () => clock.nextAt !== deadline);
}

/** Turns the event loop until `condition` holds: for what other ends of sockets do in their own time. */
async function settle(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
