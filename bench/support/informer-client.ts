/** The informer of `@kubernetes/client-node` on Services and EndpointSlices, for comparison. */
import { CoreV1Api, DiscoveryV1Api, KubeConfig, makeInformer } from "@kubernetes/client-node";
import type { ServerAccess } from "./source-clients.ts";
import { measured } from "./stalls.ts";

export async function followInformer({ url, ca, token }: ServerAccess): Promise<void> {
  const config = new KubeConfig();
  const cluster = { name: "lab", server: url, caData: Buffer.from(ca).toString("base64"), skipTLSVerify: false };
  config.loadFromClusterAndUser(cluster, { name: "me", ...(token === undefined ? {} : { token }) });
  const core = config.makeApiClient(CoreV1Api);
  const discovery = config.makeApiClient(DiscoveryV1Api);
  await measured(async () => {
    await Promise.all([
      makeInformer(config, "/api/v1/services", () => core.listServiceForAllNamespaces()).start(),
      makeInformer(config, "/apis/discovery.k8s.io/v1/endpointslices", () => discovery.listEndpointSliceForAllNamespaces()).start(),
    ]);
  });
  process.exit();
}
