import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Outcome, runBundle } from "../../support/bundle.ts";
import { FakeApiServer } from "../../support/fake-api-server.ts";
import type { FakeObject } from "../../support/fake-objects.ts";
import { kubeconfigOf } from "../../support/kubeconfig.ts";
import { testDirectory } from "../../support/leftovers.ts";

/** `live` as PATH: the same answers as from files, read from an API server once. A real one is asked in test/cluster/commands.test.ts. */

const OBJECTS: readonly FakeObject[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  ...["node-1", "node-2", "node-3"].map((name, index) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    status: { addresses: [{ type: "InternalIP", address: `10.0.0.${index + 1}` }], conditions: [{ type: "Ready", status: "True" }] },
  })),
  ours("BGPPeer", "tor", { myASN: 65001, peerASN: 65000, peerAddress: "192.0.2.1", nextHopSource: "NodeInternalIP" }),
  ours("BGPAdvertisement", "all", {}),
  ...service("web", "203.0.113.1", ["node-1", "node-2"]),
];

function ours(kind: string, name: string, spec: unknown): FakeObject {
  return { apiVersion: "herald.dev/v1alpha1", kind, metadata: { name, namespace: "herald-system" }, spec };
}

function service(name: string, ip: string, nodes: readonly string[]): FakeObject[] {
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop" },
      spec: { type: "LoadBalancer", externalTrafficPolicy: "Local" },
      status: { loadBalancer: { ingress: [{ ip }] } },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `${name}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      endpoints: nodes.map((nodeName, index) => ({ addresses: [`10.244.0.${index + 1}`], nodeName, conditions: { ready: true } })),
    },
  ];
}

let scratch = "";
let server: FakeApiServer;
let kubeconfig = "";

beforeAll(() => {
  scratch = testDirectory("live-cluster");
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  for (const object of OBJECTS) server.objects.put(object);
  kubeconfig = join(scratch, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigOf({ server: server.url.origin, ca: server.authority.certPem, token: "person" }));
});
afterEach(() => server.stop());

/** With no other way to a cluster than what the arguments say. */
function herald(...args: readonly string[]): Promise<Outcome> {
  return runBundle(args, { HOME: scratch, KUBECONFIG: "", KUBERNETES_SERVICE_HOST: "" });
}

/** A file of objects; gives its path. */
function file(name: string, objects: readonly unknown[]): string {
  const path = join(scratch, `${name}.json`);
  writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  return path;
}

describe("plan, explain and balance of the live cluster", () => {
  it("answer as from files of the same objects, every node known", async () => {
    const path = file("whole", OBJECTS);
    for (const words of [["plan"], ["explain", "shop/web"], ["explain", "203.0.113.1"], ["balance"]]) {
      const offline = await herald(...words, path, "-o", "json");
      const live = await herald(...words, "live", "--kubeconfig", kubeconfig, "-o", "json");
      expect([words, live.status, live.stderr]).toEqual([words, 0, ""]);
      const [fromFiles, fromServer] = [offline, live].map(({ stdout }) => JSON.parse(stdout));
      expect(fromServer).toEqual(fromFiles);
      expect(JSON.stringify(fromServer)).toMatch(words[0] === "balance" ? /node-1.*node-2/ : /node-1.*node-2.*node-3/s);
    }
    expect(server.requests.every(({ method, query }) => method === "GET" && !query.has("watch"))).toBe(true);
  });

  it("need no PATH where --kubeconfig or --context names the cluster, and plan needs none at all", async () => {
    const named = await herald("explain", "shop/web", "--kubeconfig", kubeconfig, "--context", "lab");
    expect([named.status, named.stdout]).toEqual([0, expect.stringContaining("node-1")]);
    const ofUser = await runBundle(["plan"], { HOME: scratch, KUBECONFIG: kubeconfig, KUBERNETES_SERVICE_HOST: "" });
    expect([ofUser.status, ofUser.stdout]).toEqual([0, expect.stringContaining("203.0.113.1/32")]);
    const home = join(scratch, "home");
    mkdirSync(join(home, ".kube"), { recursive: true });
    writeFileSync(
      join(home, ".kube", "config"),
      kubeconfigOf({ server: server.url.origin, ca: server.authority.certPem, token: "person" }),
    );
    const atHome = await runBundle(["balance", "live"], { HOME: home, KUBECONFIG: "", KUBERNETES_SERVICE_HOST: "" });
    expect([atHome.status, atHome.stdout]).toEqual([0, expect.stringContaining("203.0.113.1")]);
  });

  it("ask speakers without PATH and say how to ask the cluster instead", async () => {
    // Nobody listens on port 1.
    const { status, stderr } = await herald("explain", "shop/web", "--server", "127.0.0.1:1");
    expect([status, stderr]).toEqual([1, expect.stringContaining("or write live as PATH")]);
    const both = await herald("balance", "--server", "127.0.0.1:1", "--kubeconfig", kubeconfig);
    expect([both.status, both.stderr]).toEqual([2, expect.stringMatching(/^herald: --server with --kubeconfig or --context: .*\n$/)]);
  });

  it("read lists of many pages, and begin anew where the server has forgotten the first", async () => {
    for (let index = 0; index < 1_100; index++)
      server.objects.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: `n-${String(index).padStart(4, "0")}` } });
    server.fail(({ path, query }) => path.endsWith("/namespaces") && query.has("continue"), { type: "status", status: 410 });
    const { status, stderr } = await herald("plan", "--kubeconfig", kubeconfig);
    expect([status, stderr]).toEqual([0, ""]);
    const lists = server.requests.filter(({ path }) => path.endsWith("/namespaces")).map(({ query }) => query.has("continue"));
    expect(lists).toEqual([false, true, false, true, true]);
  });

  it("wait as long as a busy server asks", async () => {
    server.fail(({ path }) => path.endsWith("/services"), { type: "status", status: 429, headers: { "retry-after": "1" } });
    const { status, stderr } = await herald("plan", "--kubeconfig", kubeconfig);
    expect([status, stderr]).toEqual([0, ""]);
  });
});

describe("plan PATH --against live", () => {
  it("says what going from the cluster to the files would change", async () => {
    const moved = file("moved", [...OBJECTS.slice(0, -2), ...service("web", "203.0.113.1", ["node-2", "node-3"])]);
    const { status, stdout } = await herald("plan", moved, "--against", "live", "--kubeconfig", kubeconfig, "--exit-code", "-o", "json");
    expect(status).toBe(3);
    const { announced, withdrawn, changed } = JSON.parse(stdout);
    expect([announced, withdrawn].map((routes) => routes.map((route: { node: string }) => route.node))).toEqual([["node-3"], ["node-1"]]);
    expect(changed).toEqual([]);
  });

  it("takes `live` beside files as the cluster with these applied, read once for both sides", async () => {
    const more = file("more", service("more", "203.0.113.2", ["node-1"]));
    const { status, stdout, stderr } = await herald("plan", "live", more, "--against", "live", "--kubeconfig", kubeconfig);
    expect([status, stderr.trim().split("\n")]).toEqual([0, [expect.stringContaining("1")]]);
    expect(stdout).toContain("203.0.113.2/32");
    expect(stdout).not.toContain("203.0.113.1/32");
    expect(server.requests.filter(({ path }) => path.endsWith("/services"))).toHaveLength(1);
  });

  it("keeps the cluster's version of an object that a file spoils", async () => {
    const [web, slice] = service("web", "203.0.113.1", ["node-1"]);
    const bad = file("bad", [{ ...web, spec: { type: "LoadBalancer", externalTrafficPolicy: "Lokal" } }, slice]);
    const { status, stdout } = await herald("plan", "live", bad, "--against", "live", "--kubeconfig", kubeconfig, "-o", "json");
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ announced: [], withdrawn: [{ node: "node-2" }], changed: [] });
  });
});

describe("a cluster that does not answer as it should", () => {
  const refused = (status: number, plurals: readonly string[]): void =>
    server.fail(({ path }) => plurals.some((plural) => path.endsWith(`/${plural}`)), { type: "status", status }, 100);

  const CASES: readonly (readonly [string, () => void, RegExp])[] = [
    [
      "that does not know us",
      () => {
        server.tokens = new Set(["somebody-else"]);
      },
      /^herald: live cluster 127\.0\.0\.1:\d+: it does not accept our credentials \(401\): log in again/,
    ],
    [
      "that lets us read some kinds only",
      () => refused(403, ["services", "endpointslices"]),
      /: may not read services, endpointslices\.discovery\.k8s\.io \(403\): ask for a role with list on services, endpoint/,
    ],
    [
      "without our CRDs",
      () => {
        for (const plural of ["bgppeers", "bgpadvertisements", "communities", "ipaddresspools"]) server.missing.add(plural);
      },
      /: does not serve (?:[a-z]+\.herald\.dev(?:, )?)+ \(404\): herald crds \| kubectl apply -f -$/,
    ],
    ["that is out of order", () => refused(500, ["nodes"]), /^herald: live cluster 127\.0\.0\.1:\d+: it answered a fault of the test$/],
    [
      "that is not there",
      () => writeFileSync(kubeconfig, kubeconfigOf({ server: "https://127.0.0.1:1", ca: server.authority.certPem, token: "person" })),
      /^herald: live cluster 127\.0\.0\.1:1: no answer \(connect ECONNREFUSED 127\.0\.0\.1:1\): name the right kubeconfig/,
    ],
    [
      "with a certificate of somebody else",
      () =>
        writeFileSync(kubeconfig, kubeconfigOf({ server: server.url.origin, ca: new FakeApiServer().authority.certPem, token: "person" })),
      /: its certificate is not of an authority we trust \(.+\): put its authority into the kubeconfig$/,
    ],
    ["without a kubeconfig", () => rmSync(kubeconfig), /^herald: kubeconfig .*: ENOENT: .*: name a kubeconfig that kubectl can use$/],
  ];
  it.each(CASES)("%s is said in one line, exit 1", async (_, arrange, words) => {
    arrange();
    const { status, stdout, stderr } = await herald("plan", "--kubeconfig", kubeconfig);
    expect([status, stdout, stderr.trimEnd().split("\n")]).toEqual([1, "", [expect.stringMatching(words)]]);
    expect(stderr).not.toContain("person");
  });

  it("fails explain and balance with the same words", async () => {
    server.missing.add("bgppeers");
    for (const command of [["explain", "shop/web", "live"], ["balance"]]) {
      const { status, stderr } = await herald(...command, "--kubeconfig", kubeconfig);
      expect([status, stderr]).toEqual([1, expect.stringContaining("does not serve bgppeers.herald.dev (404)")]);
    }
  });

  it("a context that is not in the kubeconfig is named", async () => {
    const { status, stderr } = await herald("plan", "--kubeconfig", kubeconfig, "--context", "prod");
    expect([status, stderr]).toEqual([
      1,
      `herald: kubeconfig ${kubeconfig}: there is no context "prod": name a kubeconfig that kubectl can use\n`,
    ]);
  });

  it("that is named and not meant by any PATH is wrong use", async () => {
    for (const command of [["plan"], ["explain", "shop/web"], ["balance"]]) {
      const { status, stderr } = await herald(...command, file("whole", OBJECTS), "--kubeconfig", kubeconfig);
      expect([command, status, stderr]).toEqual([command, 2, expect.stringContaining("write live where the cluster is meant")]);
    }
  });
});

describe("herald drain and undrain", () => {
  const patches = (): unknown[] =>
    server.requests
      .filter(({ method }) => method === "PATCH")
      .map(({ path, contentType, body }) => [path, contentType, JSON.parse(body).metadata.annotations]);

  it("mark the Node by merge patch, with the reason, and take the mark away", async () => {
    const drained = await herald("drain", "node-1", "--reason", "new kernel", "--kubeconfig", kubeconfig);
    expect(drained).toEqual({ status: 0, stdout: "node node-1 is marked for drain\n", stderr: "" });
    expect((await herald("drain", "node-2", "--kubeconfig", kubeconfig)).status).toBe(0);
    const undrained = await herald("undrain", "node-1", "--kubeconfig", kubeconfig);
    expect(undrained).toEqual({ status: 0, stdout: "node node-1 is not marked for drain\n", stderr: "" });
    const type = "application/merge-patch+json";
    expect(patches()).toEqual([
      ["/api/v1/nodes/node-1", type, { "herald.dev/drain": "new kernel" }],
      ["/api/v1/nodes/node-2", type, { "herald.dev/drain": "true" }],
      ["/api/v1/nodes/node-1", type, { "herald.dev/drain": null }],
    ]);
  });

  const REFUSED: readonly (readonly [number, number, string])[] = [
    [404, 1, "there is no Node node-9: kubectl get nodes lists them"],
    [403, 1, "may not change node node-9 (403: a fault of the test): ask for a role with patch on nodes"],
    [401, 1, "it does not accept our credentials (401): log in again"],
  ];
  it.each(REFUSED)("say why the server refused: %i", async (code, exit, words) => {
    server.fail(({ method }) => method === "PATCH", { type: "status", status: code }, 2);
    const { status, stdout, stderr } = await herald("drain", "node-9", "--kubeconfig", kubeconfig);
    expect([status, stdout, stderr]).toEqual([exit, "", expect.stringContaining(words)]);
  });

  it("refuse a reason that would mean the opposite", async () => {
    const { status, stderr } = await herald("drain", "node-1", "--reason", "false", "--kubeconfig", kubeconfig);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--reason false")]);
    expect(patches()).toEqual([]);
  });
});

describe("herald drain --wait", () => {
  /** A speaker whose routes go as the questions come. */
  async function speaker(node: string, left: readonly number[]): Promise<{ readonly url: string; asked(): number; close(): void }> {
    let asked = 0;
    const admin = createServer((question, answer) => {
      const isRoutes = question.url === "/api/v1/routes";
      const routes = left[Math.min(asked, left.length - 1)] ?? 0;
      if (!isRoutes) asked++;
      const peer = { name: "tor", announced: { IPv4: routes, IPv6: 0 }, pending: 0 };
      const items = isRoutes ? Array.from({ length: routes }, () => ({})) : [peer];
      answer.end(JSON.stringify({ node, items }));
    });
    await new Promise<void>((resolve) => admin.listen(0, "127.0.0.1", resolve));
    const address = admin.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { url: `http://127.0.0.1:${port}`, asked: () => asked, close: () => void admin.close() };
  }

  const drain = (url: string, ...more: readonly string[]): Promise<Outcome> =>
    herald("drain", "node-1", "--kubeconfig", kubeconfig, "--wait", "--server", url, ...more);

  it("ends when the node's own speaker has withdrawn everything", async () => {
    const of = await speaker("node-1", [2, 1, 0]);
    const { status, stdout, stderr } = await drain(of.url);
    of.close();
    expect([status, stdout, stderr]).toEqual([0, "node node-1 is marked for drain\nnode node-1 announces nothing\n", ""]);
    expect(of.asked()).toBe(3);
  });

  it("says what is left after its time, and that the Node is marked all the same", async () => {
    const of = await speaker("node-1", [2]);
    const { status, stdout, stderr } = await drain(of.url, "--timeout", "1ms");
    of.close();
    expect([status, stdout]).toEqual([1, "node node-1 is marked for drain\n"]);
    expect(stderr).toBe(`herald: node node-1 still announces 2 routes after 1ms: herald routes --server ${of.url} lists them\n`);
  });

  it("marks nothing where nobody could say when it is over: no speaker, or another node's", async () => {
    const silent = await drain("127.0.0.1:1");
    expect([silent.status, silent.stderr]).toEqual([1, expect.stringContaining("name the speaker of node node-1 with --server")]);
    const of = await speaker("node-2", [0]);
    const other = await drain(of.url);
    of.close();
    expect([other.status, other.stderr]).toEqual([2, expect.stringContaining("is the speaker of node node-2")]);
    expect((await drain(of.url, "--timeout", "soon")).status).toBe(2);
    expect(server.requests).toEqual([]);
  });
});
