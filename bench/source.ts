/**
 * The first read of 10,000 Services and 10,000 EndpointSlices from an API server in a process of its own, over TLS and HTTP/2: by WatchList, and by pages of
 * 500. `worstTurnMillis`: the longest that the event loop was late. `bodyMiB`: JSON received.
 */
import { spawn } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { systemClock } from "../src/clock.ts";
import { KubeClient } from "../src/kube/client.ts";
import { KubernetesSource } from "../src/source/kubernetes/kubernetes-source.ts";
import { FakeApiServer } from "../test/support/fake-api-server.ts";
import { RecordingSink } from "../test/support/recording-sink.ts";

const OBJECTS = 10_000;
const ENDPOINTS = 10;

const [, self = "", mode, watchList] = process.argv;
if (mode === "serve") await serve(watchList === "status422" ? "status422" : "works");
else process.stdout.write(`${JSON.stringify([await measure("works"), await measure("status422")])}\n`);

async function measure(how: "works" | "status422"): Promise<Readonly<Record<string, unknown>>> {
  const child = spawn(process.execPath, [self, "serve", how], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const said = await new Promise<string>((resolve) => child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8"))));
    const { url, ca, octets }: { url: string; ca: string; octets: number } = JSON.parse(said);
    const access = {
      server: new URL(url),
      tls: { ca, cert: null, key: null, servername: null, verify: true },
      authorization: null,
      headers: {},
    };
    const client = new KubeClient({ credentials: { source: "bench", read: async () => access }, clock: systemClock, userAgent: "bench" });
    const options = { client, heraldNamespace: "herald-system", serviceProxyName: "", clock: systemClock, random: Math.random };
    const sink = new RecordingSink();
    const stop = new AbortController();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const began = performance.now();
    const ended = new KubernetesSource(options).run(sink, stop.signal);
    await sink.until(() => sink.syncedCount === 1);
    const millis = Math.round(performance.now() - began);
    delay.disable();
    stop.abort();
    await ended;
    return {
      how: how === "works" ? "WatchList" : "pages",
      objects: sink.objects.length,
      bodyMiB: Math.round(octets / 1_048_576),
      millis,
      worstTurnMillis: Math.round(delay.max / 1e5) / 10,
      rssMiB: Math.round(process.memoryUsage().rss / 1_048_576),
    };
  } finally {
    child.stdin.end();
  }
}

async function serve(how: "works" | "status422"): Promise<void> {
  const server = new FakeApiServer({ watchList: how });
  const managedFields = [{ manager: "m", operation: "Update", fieldsV1: { "f:spec": { "f:ports": "x".repeat(1200) } } }];
  let octets = 0;
  const put = (object: Parameters<typeof server.objects.put>[0]): void => {
    octets += JSON.stringify(object).length;
    server.objects.put(object);
  };
  for (let index = 0; index < OBJECTS; index++) {
    const metadata = { name: `s-${index}`, namespace: `n-${index % 100}`, labels: { app: `s-${index}` }, managedFields };
    const address = `10.${100 + (index >> 16)}.${(index >> 8) & 0xff}.${index & 0xff}`;
    const spec = { type: "LoadBalancer", clusterIP: address, clusterIPs: [address], ports: [{ port: 80 }] };
    put({ apiVersion: "v1", kind: "Service", metadata, spec, status: { loadBalancer: { ingress: [{ ip: address }] } } });
    const endpoints = Array.from({ length: ENDPOINTS }, (_, endpoint) => ({
      addresses: [`10.${endpoint}.${(index >> 8) & 0xff}.${index & 0xff}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${endpoint}`,
      targetRef: {
        kind: "Pod",
        namespace: metadata.namespace,
        name: `s-${index}-${endpoint}`,
        uid: "0e4d9e0c-2b5e-4a53-9d43-6c1f0c3ad000",
      },
    }));
    const labels = { "kubernetes.io/service-name": metadata.name };
    put({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { ...metadata, labels }, addressType: "IPv4", endpoints });
  }
  await server.start();
  process.stdin.once("end", () => process.exit()).resume();
  process.stdout.write(JSON.stringify({ url: server.url.href, ca: server.authority.certPem, octets }));
}
