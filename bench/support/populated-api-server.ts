/** A real kube-apiserver that holds Services and EndpointSlices as many as a bench wants. */
import type { KubeClient } from "../../src/kube/client.ts";
import { ApiServer, type KubeObject } from "../../test/support/lab/api-server.ts";
import { NAMESPACES, namespace, SPEAKER_RULES, servicesIn, slicesIn } from "../../test/support/lab/cluster-kinds.ts";
import { recordedCluster } from "./recorded-objects.ts";
import type { ServerAccess } from "./source-clients.ts";

const TOKEN = "bench-token";
const AT_ONCE = 32;

export async function populatedApiServer(services: number): Promise<{
  readonly access: ServerAccess;
  /** For changes; its budget is a thousand requests a second. */
  readonly admin: KubeClient;
  stop(): Promise<void>;
}> {
  const server = await ApiServer.start();
  server.setToken(TOKEN, "bench");
  await server.kill();
  await server.restart();
  await server.installCrds();
  await server.grant("bench", SPEAKER_RULES);
  for (let index = 0; index < 100; index++) await server.apply(NAMESPACES, namespace(`namespace-${index}`));
  const { signal } = new AbortController();
  for (const { kind, apiVersion, items } of recordedCluster(services)) {
    if (kind !== "Service" && kind !== "EndpointSlice") continue;
    const objects = items.map((item) => objectOf(apiVersion, kind, item)).values();
    const create = async (): Promise<void> => {
      for (const object of objects) {
        const place = (kind === "Service" ? servicesIn : slicesIn)(String(object.metadata["namespace"]));
        const outcome = await server.admin.create(place, object, signal);
        if (!outcome.ok) throw new Error(`${object.metadata.name}: ${outcome.failure.message}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, create));
  }
  return {
    access: { url: `https://127.0.0.1:${server.port}`, ca: server.caPem, token: TOKEN },
    admin: server.admin,
    stop: () => server.stop(),
  };
}

/** Without what the server itself writes. */
function objectOf(apiVersion: string, kind: string, { status: _, ...item }: Readonly<Record<string, unknown>>): KubeObject {
  const { name, namespace: place, labels, annotations } = JSON.parse(JSON.stringify(item["metadata"]));
  const spec = kind === "Service" ? JSON.parse(JSON.stringify(item["spec"])) : undefined;
  for (const port of spec?.ports ?? []) delete port.nodePort;
  if (spec !== undefined) {
    spec.allocateLoadBalancerNodePorts = false;
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  return { ...item, apiVersion, kind, metadata: { name, namespace: place, labels, annotations }, ...(spec === undefined ? {} : { spec }) };
}
