/** Reading files: a 50 MB `kubectl get -o json` against JSON.parse alone, and Services with their slices from JSON and YAML against `yaml` alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { loadPaths } from "../src/source/directory/files.ts";
import { stringifyYaml } from "../src/text/yaml.ts";

const ROUNDS = 5;
const directory = mkdtempSync(join(tmpdir(), "herald-bench-"));
try {
  const rows = [
    await row("kubectl dump, JSON", dump(50_000_000), "JSON.parse"),
    await row("1,000 Services, JSON", services(1000), "JSON.parse"),
  ];
  const objects = services(1000);
  rows.push(await row("1,000 Services, YAML", stringifyYaml(objects), "yaml", ".yaml"));
  rows.push(await row("1,000 Services, YAML documents", objects.items.map(stringifyYaml).join("---\n"), "yaml", ".yaml"));
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  rmSync(directory, { recursive: true });
}

async function row(
  name: string,
  value: unknown,
  parser: "JSON.parse" | "yaml",
  extension = ".json",
): Promise<Readonly<Record<string, unknown>>> {
  const file = join(directory, `objects${extension}`);
  writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value, null, 4));
  const parse = (): unknown => (parser === "yaml" ? parseAllDocuments(readFileSync(file, "utf8")) : JSON.parse(readFileSync(file, "utf8")));
  const loads: number[] = [];
  const parses: number[] = [];
  let objects = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // In turn, so that both see the same machine.
    parses.push(await timed(async () => parse()));
    loads.push(
      await timed(async () => {
        const loaded = await loadPaths([file], { heraldNamespace: "herald-system" });
        if (loaded.findings.length > 0) throw new Error(JSON.stringify(loaded.findings[0]));
        objects = loaded.objects.length;
      }),
    );
  }
  const [load, alone] = [Math.min(...loads), Math.min(...parses)];
  const octets = readFileSync(file).length;
  return {
    name,
    octets,
    objects,
    milliseconds: round1(load),
    first: round1(loads[0] ?? 0),
    parser,
    alone: round1(alone),
    ratio: Math.round((load / alone) * 100) / 100,
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  globalThis.gc?.();
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

interface List {
  readonly apiVersion: "v1";
  readonly kind: "List";
  readonly items: readonly unknown[];
}

function services(count: number): List {
  return { apiVersion: "v1", kind: "List", items: Array.from({ length: count }, (_, i) => [service(i), slice(i, 3)]).flat() };
}

/** As large as asked when indented as kubectl does. */
function dump(octets: number): List {
  const one = JSON.stringify({ items: [service(1), slice(1, 20)] }, null, 4).length;
  return {
    apiVersion: "v1",
    kind: "List",
    items: Array.from({ length: Math.ceil(octets / one) }, (_, i) => [service(i), slice(i, 20)]).flat(),
  };
}

function service(i: number): unknown {
  const address = `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      annotations: {
        "meta.helm.sh/release-name": `app-${i}`,
        "meta.helm.sh/release-namespace": "shop",
        "herald.dev/address-pool": "public",
      },
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { "app.kubernetes.io/instance": `app-${i}`, "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/name": "app" },
      name: `app-${i}`,
      namespace: "shop",
      resourceVersion: String(100_000 + i),
      uid: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
    },
    spec: {
      allocateLoadBalancerNodePorts: true,
      clusterIP: address,
      clusterIPs: [address],
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 30_000 + (i % 2000),
      internalTrafficPolicy: "Cluster",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      ports: [{ name: "https", nodePort: 31_000, port: 443, protocol: "TCP", targetPort: "https" }],
      selector: { "app.kubernetes.io/instance": `app-${i}`, "app.kubernetes.io/name": "app" },
      sessionAffinity: "None",
      type: "LoadBalancer",
    },
    status: { loadBalancer: { ingress: [{ ip: address.replace(/^10/, "11"), ipMode: "VIP" }] } },
  };
}

function slice(i: number, endpoints: number): unknown {
  return {
    addressType: "IPv4",
    apiVersion: "discovery.k8s.io/v1",
    endpoints: Array.from({ length: endpoints }, (_, n) => ({
      addresses: [`10.244.${n}.${i & 255}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${n}`,
      targetRef: { kind: "Pod", name: `app-${i}-${n}`, namespace: "shop", uid: `00000000-0000-4000-9000-${String(i).padStart(12, "0")}` },
      zone: "rack-a",
    })),
    kind: "EndpointSlice",
    metadata: {
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io", "kubernetes.io/service-name": `app-${i}` },
      name: `app-${i}-abcde`,
      namespace: "shop",
      resourceVersion: String(200_000 + i),
      uid: `00000000-0000-4000-a000-${String(i).padStart(12, "0")}`,
    },
    ports: [{ name: "https", port: 8443, protocol: "TCP" }],
  };
}
