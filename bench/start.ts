/**
 * From the start of a speaker's process to its first UPDATE at a router that already listens, with 1,000 Services in a directory: as JSON, and as YAML
 * beside `yaml` alone parsing the same text in the same run.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { stringifyYaml } from "../src/text/yaml.ts";

const ROUTER = "127.0.0.9";
const ROUNDS = 7;
const SERVICES = 1000;
const BUNDLE = join(process.env["HERALD_ROOT"] ?? ".", "dist/herald.mjs");
const MARKER = "ff".repeat(16);
/** AS 65000, hold time 90 s, both families, four-octet AS numbers. */
const OPEN = Buffer.from(`${MARKER}0031 01 04fde8005a7f000009 14 0212 010400010001 010400020001 41040000fde8`.replaceAll(" ", ""), "hex");
const KEEPALIVE = Buffer.from(`${MARKER}001304`, "hex");

const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
try {
  const rows = [await row("JSON"), await row("YAML")];
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

async function row(format: "JSON" | "YAML"): Promise<Readonly<Record<string, unknown>>> {
  const starts: number[] = [];
  const parses: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const directory = mkdtempSync(join(folder, "cluster-"));
    const { server, port } = await listen();
    const text = write(directory, format, port);
    const began = performance.now();
    if (format === "YAML") parseAllDocuments(text);
    else JSON.parse(text);
    parses.push(performance.now() - began);
    starts.push(await firstUpdate(server, directory));
  }
  return {
    format,
    services: SERVICES,
    firstUpdateMillis: median(starts),
    slowestMillis: Math.round(Math.max(...starts)),
    parseAloneMillis: median(parses),
  };
}

async function listen(): Promise<{ readonly server: ReturnType<typeof createServer>; readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, ROUTER, resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

async function firstUpdate(server: ReturnType<typeof createServer>, directory: string): Promise<number> {
  const seen = new Promise<number>((resolve) => {
    server.on("connection", (socket: Socket) => {
      let received = Buffer.alloc(0);
      socket.write(Buffer.concat([OPEN, KEEPALIVE]));
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        for (let at = 0; at + 19 <= received.length; at += received.readUInt16BE(at + 16)) {
          if (received[at + 18] === 2) return resolve(performance.now());
        }
      });
    });
  });
  const started = performance.now();
  const child = spawn(process.execPath, [BUNDLE, "speaker", "--config", join(directory, "..", `${directory.split("/").at(-1)}.json`)], {
    stdio: "ignore",
  });
  const at = await seen;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
  server.close();
  return at - started;
}

function write(directory: string, format: "JSON" | "YAML", port: number): string {
  const items = [
    { apiVersion: "v1", kind: "Node", metadata: { name: "node" }, status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] } },
    {
      apiVersion: "herald.dev/v1alpha1",
      kind: "BGPPeer",
      metadata: { name: "tor", namespace: "herald-system" },
      spec: { myASN: 65001, peerASN: 65000, peerAddress: ROUTER, peerPort: port, nextHopSource: "NodeInternalIP" },
    },
    { apiVersion: "herald.dev/v1alpha1", kind: "BGPAdvertisement", metadata: { name: "all", namespace: "herald-system" }, spec: {} },
    ...Array.from({ length: SERVICES }, (_, n) => serviceAt(n)).flat(),
  ];
  const text = format === "YAML" ? items.map(stringifyYaml).join("---\n") : JSON.stringify({ apiVersion: "v1", kind: "List", items });
  writeFileSync(join(directory, `cluster.${format.toLowerCase()}`), text);
  const config = { nodeName: "node", source: { directory }, admin: { listen: `unix:${directory}.sock` }, stateFile: "" };
  writeFileSync(`${directory}.json`, JSON.stringify(config));
  return text;
}

function serviceAt(n: number): readonly unknown[] {
  const name = `service-${n}`;
  const namespace = "default";
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { type: "LoadBalancer", clusterIPs: [`10.96.${n >> 8}.${n & 255}`], ports: [{ port: 80 }] },
      status: { loadBalancer: { ingress: [{ ip: `198.18.${n >> 8}.${n & 255}` }] } },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.244.0.1"], nodeName: "node", conditions: { ready: true } }],
    },
  ];
}

function median(values: readonly number[]): number {
  return Math.round([...values].sort((a, b) => a - b)[values.length >> 1] ?? 0);
}
