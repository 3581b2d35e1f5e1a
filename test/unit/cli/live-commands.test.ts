import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseYaml } from "../../../src/text/yaml.ts";
import { registerProcess } from "../../support/leftovers.ts";

const program = fileURLToPath(new URL("../../../dist/herald.mjs", import.meta.url));

const OBJECTS = `
apiVersion: v1
kind: Node
metadata: { name: node-1 }
status: { addresses: [{ type: InternalIP, address: 10.0.0.1 }], conditions: [{ type: Ready, status: "True" }] }
---
apiVersion: v1
kind: Node
metadata: { name: node-2 }
status: { addresses: [{ type: InternalIP, address: 10.0.0.2 }], conditions: [{ type: Ready, status: "True" }] }
---
apiVersion: herald.dev/v1alpha1
kind: BGPPeer
metadata: { name: tor }
spec: { myASN: 65001, peerASN: 65000, peerAddress: 127.0.0.1, passive: true, nextHopSource: NodeInternalIP }
---
apiVersion: herald.dev/v1alpha1
kind: BGPPeer
metadata: { name: held }
spec: { myASN: 65001, peerASN: 65000, peerAddress: 127.0.0.9, adminDown: { reason: maintenance }, families: [IPv6] }
---
apiVersion: herald.dev/v1alpha1
kind: BGPAdvertisement
metadata: { name: all }
spec: {}
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop, resourceVersion: "17" }
spec: { type: LoadBalancer, externalTrafficPolicy: Local, clusterIPs: [10.96.0.1] }
status: { loadBalancer: { ingress: [{ ip: 203.0.113.1 }] } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, resourceVersion: "18", labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [10.244.1.1], nodeName: node-1, conditions: { ready: true } }]
`;

let scratch = "";
const children: ChildProcess[] = [];
const servers: string[] = [];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-live-`));
  writeFileSync(join(scratch, "objects.yaml"), OBJECTS);
  servers.push(...(await Promise.all(["node-1", "node-2"].map(startSpeaker))));
});

afterAll(async () => {
  await Promise.all(
    children.map((child) => {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      return ended;
    }),
  );
  rmSync(scratch, { recursive: true, force: true });
});

/** A speaker of that node, synced; gives the URL of its admin API. */
async function startSpeaker(node: string): Promise<string> {
  const config = join(scratch, `${node}.config`);
  writeFileSync(config, `nodeName: ${node}\nadmin: { listen: "127.0.0.1:0" }\nstateFile: ""\nlog: { format: json }\n`);
  const child = spawn(process.execPath, [program, "speaker", "--config", config, "--directory", scratch], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  if (child.pid !== undefined) registerProcess(child.pid);
  return new Promise((resolve, reject) => {
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      log += chunk.toString();
      const url = /"event":"admin\.ready".*?"listen":"([^"]+)"/.exec(log)?.[1];
      if (url !== undefined && log.includes('"event":"speaker.synced"')) resolve(url);
    });
    child.once("close", () => reject(new Error(log)));
  });
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function herald(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, LC_ALL: "C.UTF-8", ...env } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}

/** Of every speaker, or those given. */
function live(args: readonly string[], of: readonly string[] = servers): Promise<Outcome> {
  return herald([...args, ...of.flatMap((server) => ["--server", server])]);
}

describe("herald explain of running speakers", () => {
  it("says the same as from files, and what happened before", async () => {
    const [running, offline] = await Promise.all([live(["explain", "shop/web"]), herald(["explain", "shop/web", scratch])]);
    const [checks = "", timeline = ""] = running.stdout.split(/^(?=AT )/m);
    expect(checks.trimEnd()).toBe(offline.stdout.trimEnd());
    expect([running.status, running.stderr, offline.status, offline.stderr]).toEqual([0, "", 0, ""]);
    expect(offline.stdout).toMatch(/^✓ shop\/web 203\.0\.113\.1 LoadBalancerIP announced\n +node +node-1\n +peer +tor$/m);
    const words = timeline.replace(/\s+/g, " ");
    expect(words).toMatch(/node-2 .* noLocalEndpoints: no IPv4 endpoint on node-2/);
    expect(words).toMatch(/by EndpointSlice shop\/web-1, version 18/);
    expect(words).toMatch(/decided after \d+\.\d ms/);
  });

  it("takes one node and one peer of it, as from files", async () => {
    const flags = ["explain", "203.0.113.1", "--node", "node-1", "--peer", "tor"];
    const [running, offline] = await Promise.all([live(flags), herald([...flags, scratch])]);
    const [checks = "", timeline = ""] = running.stdout.split(/^(?=AT )/m);
    expect(checks.trimEnd()).toBe(offline.stdout.trimEnd());
    expect(checks).toMatch(/^✓ shop\/web 203\.0\.113\.1 LoadBalancerIP announced\n +node +node-1\n +peer +tor\n/);
    expect(timeline).not.toMatch(/node-2|to held/);
    const json = JSON.parse((await live([...flags, "-o", "json"])).stdout);
    expect(json.errors).toEqual([]);
    expect(json.items).toMatchObject([{ node: "node-1", items: [{ peer: "tor", checks: { length: 17 } }] }]);
  });

  const UNKNOWN: readonly (readonly [readonly string[], string])[] = [
    [["explain", "shop/none"], "herald: shop/none: no Service, address or prefix of that name in http"],
    [["explain", "192.0.2.99"], "herald: 192.0.2.99: no Service, address or prefix of that name in http"],
    [["explain", "shop/web", "--peer", "tor-x"], "herald: --peer tor-x: none of the speakers asked has a peer of that name: herald peers"],
    [["explain", "shop/web", "--node", "node-7"], "herald: --node node-7: none of the speakers asked is on that node: name its speaker"],
  ];
  it.each(UNKNOWN)("fails in one line for what is not there: %j", async (args, words) => {
    const { status, stdout, stderr } = await live(args);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain(words);
  });

  it("knows a peer that no answer got as far as", async () => {
    const { status } = await live(["explain", "10.96.0.1", "--peer", "held"]);
    expect(status).toBe(0);
  });
});

describe("tables of running speakers", () => {
  it("show each node's own", async () => {
    const { stdout, status } = await live(["services"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^node-1 +shop\/web +203\.0\.113\.1 +1, 1 here +\d+s +to tor$/m);
    expect(stdout).toMatch(/^ +not to held: peerFamilyNotNegotiated$/m);
    expect(stdout).toMatch(/^node-2 +shop\/web +203\.0\.113\.1 +1, 0 here +\d+s +no: noLocalEndpoints$/m);
    expect((await live(["routes"])).stdout).toMatch(/^node-1 +203\.0\.113\.1\/32 +10\.0\.0\.1 +tor +shop\/web +\d+s$/m);
    const peers = (await live(["peers"])).stdout;
    expect(peers).toMatch(/^node-1 +tor +127\.0\.0\.1 +65000 +\w+ +<none> +IPv4 0 +\d+$/m);
    expect(peers).toMatch(/^node-2 +held +\d+s +adminDown: maintenance$/m);
  });

  it("are the same value as JSON and as YAML, with node, items and errors", async () => {
    const [json, yaml] = await Promise.all(["json", "yaml"].map((format) => live(["services", "-o", format])));
    const value = JSON.parse(json?.stdout ?? "");
    expect(value).toMatchObject({
      items: [
        { node: "node-1", items: { length: 2 } },
        { node: "node-2", items: { length: 2 } },
      ],
      errors: [],
    });
    expect(parseYaml(yaml?.stdout ?? "").documents[0]?.value).toEqual(value);
  });

  it("give events the keys that were promised, in their order", async () => {
    const { stdout } = await live(["events", "--service", "shop/web", "-o", "json"], servers.slice(1));
    const [{ items }] = JSON.parse(stdout).items;
    expect(items.length).toBeGreaterThan(0);
    for (const event of items) {
      expect(Object.keys(event)).toEqual(["at", "service", "address", "peer", "kind", "reason", "text", "cause"]);
      expect(Object.keys(event.cause)).toEqual(["kind", "name", "resourceVersion"]);
      expect(event.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    expect(items.at(-1)).toMatchObject({
      reason: "noLocalEndpoints",
      text: expect.stringMatching(/; decided after \d+\.\d ms; nothing to send$/),
    });
  });

  it("say on stderr that there is nothing to show", async () => {
    expect(await live(["events", "--service", "shop/none"])).toEqual({ status: 0, stdout: "", stderr: "No events about shop/none.\n" });
    expect(await live(["events", "--since", "0s"])).toEqual({ status: 0, stdout: "", stderr: "No events.\n" });
    expect(await live(["routes"], servers.slice(1))).toEqual({ status: 0, stdout: "", stderr: "No routes are announced.\n" });
  });

  it("show the others and exit 1 where a speaker does not answer, with what to do", async () => {
    const { status, stdout, stderr } = await live(["peers"], [...servers, "127.0.0.1:1"]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^node-2 +tor/m);
    expect(stderr).toBe("herald: no answer from 127.0.0.1:1: nothing listens there: is a speaker running there? name it with --server\n");
    const json = JSON.parse((await live(["peers", "-o", "json"], [...servers, "127.0.0.1:1"])).stdout);
    expect(Object.keys(json)).toEqual(["items", "errors"]);
    expect(json.errors).toEqual([{ server: "127.0.0.1:1", message: "nothing listens there" }]);
  });

  it("say that what answers there is no speaker", async () => {
    const other = createServer((_request, response) => response.end('{"status":"ok"}'));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const server = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    for (const command of ["peers", "routes", "services", "events"]) {
      const { status, stderr } = await live([command], [server]);
      expect([status, stderr]).toEqual([1, expect.stringMatching(/: no speaker there: .*: is a speaker running there\? .*\n$/)]);
    }
    other.close();
  });
});

describe("terminals", () => {
  it("that show ASCII alone get nothing else; colour is never needed to read an answer", async () => {
    const explain = ["explain", "shop/web", scratch];
    const [ascii, dumb, plain] = await Promise.all([
      herald(explain, { LC_ALL: "C" }),
      herald(explain, { TERM: "dumb", NO_COLOR: "1" }),
      herald(explain),
    ]);
    expect(ascii.stdout).toMatch(/^[\n\x20-\x7e]+$/);
    expect(ascii.stdout).toMatch(/^FAIL shop\/web 203\.0\.113\.1 LoadBalancerIP not announced: noLocalEndpoints$/m);
    expect(dumb.stdout).toBe(plain.stdout);
    expect(plain.stdout).toContain("✗ shop/web");
    expect(plain.stdout).not.toContain("\u001b");
    expect((await herald([...explain, "-o", "json"], { LC_ALL: "C" })).stdout).toBe((await herald([...explain, "-o", "json"])).stdout);
  });
});
