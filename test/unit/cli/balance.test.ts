import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerProcess } from "../../support/leftovers.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const program = join(root, "dist/herald.mjs");

/** The demo's cluster, with two more pods on node-1 for `shop/video`, which has weights, and for `shop/api`, which has none. */
let cluster = "";
let scratch = "";
const children: ChildProcess[] = [];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-balance-`));
  cluster = join(scratch, "cluster");
  cpSync(join(root, "config/demo"), cluster, { recursive: true });
  const more = ["video", "api"].map(
    (name, i) =>
      `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: ${name}-more, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }\naddressType: IPv4\nendpoints:\n` +
      [1, 2]
        .map((n) => `  - { addresses: [10.244.1.${100 + 10 * i + n}], nodeName: node-1, targetRef: { kind: Pod, name: ${name}-1${n} } }\n`)
        .join(""),
  );
  writeFileSync(join(cluster, "more.yaml"), more.join("---\n"));
});

afterAll(() => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

function herald(args: readonly string[], input = ""): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [program, "balance", ...args], { encoding: "utf8", cwd: root, input });
}

function json(args: readonly string[]): { readonly items: readonly Readonly<Record<string, unknown>>[]; readonly errors?: unknown } {
  return JSON.parse(herald([...args, "-o", "json"]).stdout);
}

/** Its rows, cut into cells; advice that goes on in the next line is left out. */
function cells(stdout: string): string[][] {
  return stdout
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith(" "))
    .map((line) => line.split(/ {3,}/));
}

/** A speaker of node-1 over the cluster; gives the address of its admin API. */
function startSpeaker(name: string, ecmpWidth: number): Promise<string> {
  const config = join(scratch, `${name}.yaml`);
  writeFileSync(
    config,
    `admin: { listen: "unix:${join(scratch, name)}" }\nstateFile: ""\nlog: { format: json }\nbalance: { ecmpWidth: ${ecmpWidth} }\n`,
  );
  const child = spawn(process.execPath, [program, "speaker", "--config", config, "--directory", cluster, "--node-name", name], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  if (child.pid !== undefined) registerProcess(child.pid);
  let stderr = "";
  return new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      if (stderr.includes('"event":"speaker.synced"')) resolve(`unix:${join(scratch, name)}`);
    });
    child.once("close", () => reject(new Error(`the speaker ended: ${stderr}`)));
  });
}

describe("herald balance over files", () => {
  it("shows a line per address: paths, shares, what weights make of the ratio, and what to do", () => {
    const { status, stdout, stderr } = herald([cluster]);
    expect([status, stderr]).toEqual([0, ""]);
    const lines = cells(stdout);
    expect(lines[0]).toEqual(["SERVICE", "ADDRESS", "PATHS", "NODES", "MAX/MIN", "ADVICE"]);
    expect(lines).toHaveLength(22);
    const row = (address: string) => lines.find((line) => line[1] === address);
    expect(row("203.0.113.40")).toEqual([
      "shop/video",
      "203.0.113.40",
      "3",
      expect.stringMatching(/^node-1 60%/),
      "3.00 -> 1.00",
      "<none>",
    ]);
    expect(row("203.0.113.20")).toEqual(["shop/api", "203.0.113.20", "2", "50% each", "3.00", expect.stringMatching(/^set linkBandwidth/)]);
    expect(row("203.0.113.50")).toEqual(["shop/idle", "203.0.113.50", "0", "<none>", "-", expect.stringMatching(/^announced by no node/)]);
  });

  it("fits a terminal of 100 columns", () => {
    const lines = herald([cluster]).stdout.split("\n");
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => [...line].length > 100)).toEqual([]);
  });

  it("shows every node and pod with -o wide, and the advice in full", () => {
    const { stdout } = herald([cluster, "--service", "shop/api", "-o", "wide"]);
    const paragraph = stdout.split("\n\n").find((text) => text.startsWith("shop/api  203.0.113.20"));
    expect(paragraph?.trimEnd().split("\n")).toEqual([
      "shop/api  203.0.113.20  LoadBalancerIP  paths 2  max/min 3.00",
      "  advice: set linkBandwidth (weights) on advertisement services, or spread workload api evenly (topologySpreadConstraints or podAntiAffinity): 1 to 3 pods per node",
      "  NODE     ENDPOINTS   WEIGHT   EQUAL   WEIGHTED",
      "  node-1   3           <none>   50%      50% ####################",
      "  node-2   1           <none>   50%      50% ####################",
      "  POD            ON       EQUAL   WEIGHTED",
      "  10.244.1.20    node-1   17%      17% #######",
      "  10.244.1.111   node-1   17%      17% #######",
      "  10.244.1.112   node-1   17%      17% #######",
      "  10.244.2.20    node-2   50%      50% ####################",
    ]);
  });

  it("gives exactly the promised keys as JSON, sorted by family, address and Service, and the same value as YAML", () => {
    const { items } = json([cluster]);
    expect(items).toHaveLength(21);
    const KEYS = [
      "service",
      "address",
      "family",
      "kind",
      "paths",
      "ecmpWidth",
      "exceedsEcmpWidth",
      "nodes",
      "pods",
      "maxMinRatio",
      "advice",
    ];
    for (const item of items) expect(Object.keys(item)).toEqual(KEYS);
    expect(items.slice(0, 3).map(({ address }) => address)).toEqual(["10.96.0.10", "10.96.0.20", "10.96.0.30"]);
    expect(items.map(({ family }) => family).lastIndexOf("IPv4")).toBe(10);
    const video = items.find(({ address }) => address === "203.0.113.40");
    expect(video).toMatchObject({
      nodes: [
        { node: "node-1", endpoints: 3, linkBandwidth: 375_000_000, share: { equal: 1 / 3, weighted: 0.6 } },
        { node: "node-2", endpoints: 1, linkBandwidth: 125_000_000, share: { equal: 1 / 3, weighted: 0.2 } },
        { node: "node-3", endpoints: 1, linkBandwidth: 125_000_000, share: { equal: 1 / 3, weighted: 0.2 } },
      ],
      maxMinRatio: { equal: 3, weighted: 1 },
      advice: "",
    });
    expect(herald([cluster, "-o", "yaml"]).stdout).toContain("maxMinRatio:");
  });

  it("goes by the width it is told, and takes the namespace of a bare name from -n", () => {
    const { items } = json([cluster, "--ecmp-width", "2", "--service", "video", "-n", "shop"]);
    expect(items.map(({ service }) => service)).toEqual(["shop/video", "shop/video", "shop/video", "shop/video"]);
    expect(items[0]).toMatchObject({ paths: 3, ecmpWidth: 2, exceedsEcmpWidth: true, maxMinRatio: null });
    expect(cells(herald([cluster, "--ecmp-width", "2", "--service", "shop/video"]).stdout)[1]?.[2]).toBe("3 > 2");
  });

  it("says when there is nothing to report, and exits 3 after an object that was refused", () => {
    expect(herald(["-"], "")).toMatchObject({ status: 0, stdout: "" });
    expect(herald(["-"], "").stderr).toContain("No advertisement asks for an address of a Service.");
    const refused = herald(
      ["-", cluster],
      "apiVersion: v1\nkind: Service\nmetadata: { name: bad }\nspec: { externalTrafficPolicy: Lokal }\n",
    );
    expect(refused.status).toBe(3);
    expect(refused.stdout).toContain("shop/video");
  });
});

describe("herald balance of running speakers", () => {
  it("says on each node the same as over its objects, with the width each was told", async () => {
    const servers = await Promise.all([startSpeaker("node-1", 64), startSpeaker("node-3", 2)]);
    const { items, errors } = json(servers.flatMap((server) => ["--server", server]));
    expect(errors).toEqual([]);
    expect(items).toEqual([
      { node: "node-1", items: json([cluster]).items },
      { node: "node-3", items: json([cluster, "--ecmp-width", "2"]).items },
    ]);
    const table = herald([...servers.flatMap((server) => ["--server", server]), "--service", "shop/video"]);
    expect(cells(table.stdout).map(([speaker]) => speaker)).toEqual(["SPEAKER", ...Array(4).fill("node-1"), ...Array(4).fill("node-3")]);
    const unknown = herald(["--server", servers[0] ?? "", "--service", "shop/none"]);
    expect(unknown).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("there is no service shop/none here") });
  });
});
