import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, request } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type AdminPorts, AdminServer } from "../../../src/admin/server.ts";
import type { ListenAddress } from "../../../src/config/listen-address.ts";
import { SpeakerError } from "../../../src/errors.ts";
import type { DrainState } from "../../../src/plan/drain-phase.ts";
import type { BalanceItem } from "../../../src/plan/report.ts";
import type { RouteView } from "../../../src/view/routes.ts";
import { Cleanup } from "../../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const ANY_PORT: ListenAddress = { type: "tcp", host: "127.0.0.1", port: 0 };

const ROUTE: RouteView = {
  node: "node-a",
  prefix: "192.0.2.1/32",
  family: "IPv4",
  nextHop: { tor: "10.0.0.1" },
  peers: ["tor"],
  communities: [],
  largeCommunities: [],
  extendedCommunities: [],
  localPref: null,
  med: null,
  asPathPrepend: 0,
  linkBandwidth: null,
  owners: ["default/web"],
  since: "2026-01-01T00:00:00.000Z",
  restored: null,
};

const BALANCE: BalanceItem = {
  service: "default/web",
  address: "192.0.2.1",
  family: "IPv4",
  kind: "LoadBalancerIP",
  paths: 0,
  ecmpWidth: 64,
  exceedsEcmpWidth: false,
  nodes: [],
  pods: [],
  maxMinRatio: null,
  advice: "",
};

interface FakePorts extends AdminPorts {
  readonly asked: unknown[];
  routeCount: number;
  onRoute: () => void;
  ready: boolean;
  drain: DrainState;
}

function fakePorts(): FakePorts {
  const asked: unknown[] = [];
  const ports: FakePorts = {
    asked,
    routeCount: 1,
    onRoute: () => {},
    ready: true,
    drain: { phase: "none", cause: null, text: "" },
    view: {
      node: "node-a",
      ready: () => ports.ready,
      drain: () => ports.drain,
      waitingFor: () => (ports.ready ? "" : "the first full read of Service"),
      peers: () => ({ node: "node-a", items: [] }),
      *routes() {
        for (let n = 0; n < ports.routeCount; n++) {
          ports.onRoute();
          yield ROUTE;
        }
      },
      *services() {},
      explain: (subject) => {
        if (subject !== "web") throw new SpeakerError("SUBJECT_UNKNOWN", `there is no service ${subject} here`);
        return { node: "node-a", subject: { type: "service", value: "default/web" }, items: [], timeline: [], findings: [], restored: [] };
      },
      balance: (service) => {
        if (service !== null && service !== "default/web") throw new SpeakerError("SUBJECT_UNKNOWN", `there is no service ${service} here`);
        asked.push(["balance", service]);
        return [null, BALANCE, null, null, BALANCE];
      },
      events: (query) => {
        asked.push(query);
        return { node: "node-a", items: [] };
      },
    },
    commands: {
      drain: async (reason) => {
        asked.push(["drain", reason]);
        return { drained: true, reason, since: "2026-01-01T00:00:00.000Z", kept: false, note: "no state file is kept" };
      },
      undrain: async () => {
        asked.push(["undrain"]);
        return { drained: false, note: "" };
      },
      resetPeer: (name) => {
        if (name !== "tor/1") throw new SpeakerError("SUBJECT_UNKNOWN", `there is no peer ${name} on this node`);
        asked.push(["reset", name]);
      },
      refreshPeer: (name) => {
        throw new SpeakerError("UNSUPPORTED", `peer ${name} has no session to refresh: it is Active`);
      },
    },
    metrics: { contentType: "text/plain; version=0.0.4", text: async () => "herald_build_info 1\n" },
    onCommand: () => {},
    onFault: (what, cause) => asked.push(["fault", what, cause]),
  };
  return ports;
}

async function start(options: { readonly listen?: ListenAddress; readonly metricsListen?: ListenAddress | null } = {}) {
  const ports = fakePorts();
  const server = new AdminServer({ listen: ANY_PORT, metricsListen: null, ...options }, ports);
  const { urls } = await server.start();
  cleanup.add(server, (made) => made.stop());
  return { ports, server, urls, url: urls[0] ?? "" };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

function ask(
  url: string,
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answer> {
  const target = url.startsWith("unix:") ? { socketPath: url.slice(5) } : { host: "127.0.0.1", port: Number(new URL(url).port) };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...target, path, method: options.method ?? "GET", headers: { connection: "close", ...options.headers } },
      (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          text += chunk;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text, headers: incoming.headers }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}

describe("the admin API (docs/admin-api.md)", () => {
  it("answers health, readiness and metrics", async () => {
    const { url, ports } = await start();
    expect(await ask(url, "/healthz")).toMatchObject({ status: 200, text: "ok\n" });
    expect(await ask(url, "/readyz")).toMatchObject({ status: 200 });
    ports.ready = false;
    expect(await ask(url, "/readyz")).toMatchObject({ status: 503, text: "not ready: the first full read of Service\n" });
    expect(await ask(url, "/metrics")).toMatchObject({
      status: 200,
      text: "herald_build_info 1\n",
      headers: { "content-type": "text/plain; version=0.0.4" },
    });
    expect((await ask(url, "/")).text).toContain("Herald on node-a");
  });

  it("gives the node and its items as JSON", async () => {
    const { url } = await start();
    expect(JSON.parse((await ask(url, "/api/v1/peers")).text)).toEqual({ node: "node-a", items: [] });
    expect(JSON.parse((await ask(url, "/api/v1/routes")).text)).toEqual({ node: "node-a", items: [ROUTE] });
    expect(JSON.parse((await ask(url, "/api/v1/services")).text)).toEqual({ node: "node-a", items: [] });
    expect(JSON.parse((await ask(url, "/api/v1/explain?subject=web")).text)).toMatchObject({
      node: "node-a",
      subject: { value: "default/web" },
    });
  });

  it("leaves the pauses of a report out of its JSON", async () => {
    const { url, ports } = await start();
    expect(JSON.parse((await ask(url, "/api/v1/balance")).text)).toEqual({ node: "node-a", items: [BALANCE, BALANCE] });
    expect((await ask(url, "/api/v1/balance?service=default%2Fweb")).status).toBe(200);
    expect(ports.asked).toEqual([
      ["balance", null],
      ["balance", "default/web"],
    ]);
  });

  it("streams a long list in pieces, so that others are answered meanwhile", async () => {
    const { url, ports } = await start();
    ports.routeCount = 50_000;
    let meanwhile = 0;
    const counting = setInterval(() => meanwhile++, 1);
    cleanup.add(counting, clearInterval);
    const [routes, health] = await Promise.all([ask(url, "/api/v1/routes"), ask(url, "/healthz")]);
    expect(health.status).toBe(200);
    const parsed: unknown = JSON.parse(routes.text);
    expect(parsed).toMatchObject({ items: { length: 50_000 } });
    expect(meanwhile).toBeGreaterThan(0);
  });

  it("lets the event loop turn after every piece of a list, however fast the reader is", async () => {
    const { url, ports } = await start();
    ports.routeCount = 20_000;
    const perTurn = [0];
    ports.onRoute = () => {
      perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + 1;
    };
    let turning = true;
    const turn = (): void => {
      perTurn.push(0);
      if (turning) setImmediate(turn);
    };
    turn();
    await ask(url, "/api/v1/routes");
    turning = false;
    expect(perTurn.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    // A piece is 64 Ki characters and what the last route has beyond them.
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(Math.ceil(65_536 / JSON.stringify(ROUTE).length) + 1);
  });

  it("ends the work for a list whose reader has gone", async () => {
    const { url, ports } = await start();
    ports.routeCount = Number.POSITIVE_INFINITY;
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("GET /api/v1/routes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await new Promise<void>((resolve) => socket.once("data", () => resolve()));
    socket.destroy();
    // Were it still going on, stopping would leave an endless loop behind and the next request without an answer.
    expect((await ask(url, "/healthz")).status).toBe(200);
  });

  it("reads since as a time or as a duration back from now", async () => {
    const { url, ports } = await start();
    await ask(url, "/api/v1/events?service=default%2Fweb&since=2026-01-01T00:00:00.500Z");
    await ask(url, "/api/v1/events?since=2026-01-01T01:00:00+01:00");
    const before = Date.now();
    await ask(url, "/api/v1/events?since=1h30m");
    expect(ports.asked.slice(0, 2)).toEqual([
      { service: "default/web", sinceEpochMillis: Date.parse("2026-01-01T00:00:00.500Z") },
      { service: null, sinceEpochMillis: Date.parse("2026-01-01T00:00:00Z") },
    ]);
    expect(ports.asked[2]).toMatchObject({ service: null });
    const { sinceEpochMillis } = ports.asked[2] as { sinceEpochMillis: number }; // checked by the line above and below
    expect(Math.abs(sinceEpochMillis - (before - 5_400_000))).toBeLessThan(5000);
    expect(await ask(url, "/api/v1/events?since=yesterday")).toMatchObject({
      status: 400,
      text: expect.stringContaining("is not an RFC 3339 time or a duration like 10m"),
    });
  });

  it("says in JSON what is wrong with a request", async () => {
    const { url } = await start();
    const cases: readonly (readonly [string, Parameters<typeof ask>[2], number, string])[] = [
      ["/nothing", {}, 404, "nothing at /nothing"],
      ["/api/v1/peers/tor/flap", { method: "POST" }, 404, "nothing at"],
      ["/api/v1/peers/%zz/reset", { method: "POST" }, 404, "nothing at"],
      ["/api/v1/peers", { method: "DELETE" }, 405, "takes GET, not DELETE"],
      ["/api/v1/drain", {}, 405, "takes POST, not GET"],
      ["/api/v1/explain", {}, 400, "needs ?subject="],
      ["/api/v1/explain?subject=nobody", {}, 404, "there is no service nobody here"],
      ["/api/v1/balance?service=shop%2Fnone", {}, 404, "there is no service shop/none here"],
      ["/api/v1/drain", { method: "POST", body: "{" }, 400, "the body has to be"],
      ["/api/v1/drain", { method: "POST", body: '{"reason":7}' }, 400, "the body has to be"],
      ["/api/v1/drain", { method: "POST", body: "x".repeat(65 * 1024) }, 413, "longer than 65536 octets"],
      ["/api/v1/peers/nobody/reset", { method: "POST" }, 404, "there is no peer nobody"],
      ["/api/v1/peers/tor/refresh", { method: "POST" }, 400, "no session to refresh"],
      ["/api/v1/peers", { headers: { host: "evil.example" } }, 421, "does not answer for that host"],
      ["/api/v1/drain", { method: "POST", headers: { origin: "http://evil.example" } }, 403, "not taken from web pages"],
    ];
    expect(cases).toHaveLength(15);
    for (const [path, options, status, words] of cases) {
      const answer = await ask(url, path, options);
      expect([path, answer.status, answer.headers["content-type"]]).toEqual([path, status, "application/json"]);
      expect(JSON.parse(answer.text)).toEqual({ error: expect.stringContaining(words) });
    }
  });

  it("refuses a body that grows beyond the limit while it comes", async () => {
    const { url } = await start();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    cleanup.add(socket, (made) => made.destroy());
    socket.write("POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    socket.write(`${(80_000).toString(16)}\r\n${"x".repeat(80_000)}\r\n`);
    const head = await new Promise<string>((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    expect(head).toContain("413");
  });

  it("answers garbage with 400 and closes", async () => {
    const { url } = await start();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("\x16\x03\x01\x02\x00\r\n\r\n");
    const text = await new Promise<string>((resolve) => {
      let all = "";
      socket.on("data", (chunk: Buffer) => {
        all += chunk.toString();
      });
      socket.once("close", () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('{"error":"not a valid HTTP request"}');
  });

  it("says that the node is drained, and why, where it says that it is ready: a drained node does what it should", async () => {
    const { url, ports } = await start();
    ports.drain = { phase: "drained", cause: "command", text: "drained on this node since 2026-01-01T00:00:00.000Z: new\nkernel" };
    const line = "drained: drained on this node since 2026-01-01T00:00:00.000Z: new kernel\n";
    expect(await ask(url, "/readyz")).toMatchObject({ status: 200, text: `ok\n${line}` });
    expect((await ask(url, "/")).text).toContain(`ready\n${line}`);
  });

  it("hands over commands", async () => {
    const { url, ports } = await start();
    const drained = await ask(url, "/api/v1/drain", { method: "POST", body: '{"reason":"kernel update"}' });
    expect([drained.status, JSON.parse(drained.text)]).toMatchObject([200, { drained: true, kept: false, note: "no state file is kept" }]);
    const undrained = await ask(url, "/api/v1/undrain", { method: "POST" });
    expect([undrained.status, JSON.parse(undrained.text)]).toEqual([200, { drained: false, note: "" }]);
    expect((await ask(url, "/api/v1/peers/tor%2F1/reset", { method: "POST" })).status).toBe(200);
    expect(ports.asked).toEqual([["drain", "kernel update"], ["undrain"], ["reset", "tor/1"]]);
  });

  it("shows nothing but metrics and health on the second listener", async () => {
    const { urls } = await start({ metricsListen: ANY_PORT });
    const second = urls[1] ?? "";
    expect((await ask(second, "/metrics")).status).toBe(200);
    expect((await ask(second, "/healthz")).status).toBe(200);
    expect((await ask(second, "/api/v1/peers")).status).toBe(404);
    expect((await ask(second, "/api/v1/drain", { method: "POST" })).status).toBe(404);
  });

  it("listens on a unix socket, over one that a dead process left behind, and never over a file or a living one", async () => {
    const directory = mkdtempSync(join(tmpdir(), "herald-admin-"));
    const path = join(directory, "admin.sock");
    const first = await start({ listen: { type: "unix", path } });
    expect((await ask(first.url, "/healthz", { headers: { host: "whatever" } })).status).toBe(200);
    await expect(start({ listen: { type: "unix", path } })).rejects.toMatchObject({
      code: "ADDRESS_IN_USE",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect((await ask(first.url, "/healthz")).status).toBe(200);
    const dead = join(directory, "dead.sock");
    const leftover = createServer();
    await new Promise<void>((resolve) => leftover.listen(dead, resolve));
    // A killed process leaves the file: closing would remove it.
    const fd = join(directory, "kept.sock");
    const { linkSync, rmSync } = await import("node:fs");
    linkSync(dead, fd);
    await new Promise<void>((resolve) => leftover.close(() => resolve()));
    rmSync(dead, { force: true });
    expect((await ask((await start({ listen: { type: "unix", path: fd } })).url, "/healthz")).status).toBe(200);
    const file = join(directory, "notes.txt");
    writeFileSync(file, "mine");
    await expect(start({ listen: { type: "unix", path: file } })).rejects.toBeInstanceOf(SpeakerError);
  });

  it("names the process that holds its port", async () => {
    const holder = createHttpServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    cleanup.add(holder, (made) => made.close());
    const { port } = holder.address() as AddressInfo; // listening on TCP: an object
    await expect(start({ listen: { type: "tcp", host: "127.0.0.1", port } })).rejects.toMatchObject({
      code: "ADDRESS_IN_USE",
      message: expect.stringMatching(new RegExp(`^admin API on 127\\.0\\.0\\.1:${port}: in use by process ${process.pid} \\(.*node.*\\)$`)),
      remedy: "stop it or set admin.listen to a free address",
    });
  });

  it("says which address is not on this host", async () => {
    await expect(start({ listen: { type: "tcp", host: "192.0.2.1", port: 7179 } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: "admin API on 192.0.2.1:7179: the address is not on this host",
    });
  });
});
