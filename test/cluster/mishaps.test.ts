import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Credentials } from "../../src/kube/credentials.ts";
import { fieldsOf } from "../../src/kube/fields.ts";
import { InClusterCredentials } from "../../src/kube/in-cluster.ts";
import { BreakableLink } from "../support/breakable-link.ts";
import { type ApiServer, resource } from "../support/lab/api-server.ts";
import {
  bgpPeer,
  loadBalancer,
  NAMESPACES,
  namespace,
  PEERS,
  SPEAKER_RULES,
  servicesIn,
  slice,
  slicesIn,
} from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Following } from "../support/lab/following.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { testDirectory } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

/** What happens to control planes that nobody broke on purpose: storage that hangs, and tokens that expire. */

const SHOP_SERVICES = servicesIn("shop");
const SHOP_SLICES = slicesIn("shop");
const ACCOUNTS = resource("", "v1", "serviceaccounts", "herald-system");

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function follow(credentials: Credentials): Following {
  const following = new Following(credentials);
  cleanups.push(() => following.stop());
  return following;
}

requireTools(...CONTROL_PLANE_NEEDS)("a control plane with mishaps", () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await preparedServer({ herald: SPEAKER_RULES });
    await server.apply(PEERS, bgpPeer("tor"));
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => server?.stop());

  /** Reads everything, and goes on following. */
  async function begin(credentials: Credentials): Promise<Following> {
    const following = follow(credentials);
    await following.sink.until(() => following.sink.syncedCount === 1);
    return following;
  }

  /** A Service with an endpoint; written again while the server says that it could not. */
  async function expose(index: number): Promise<void> {
    await server.apply(SHOP_SERVICES, loadBalancer(`s-${index}`));
    await server.apply(SHOP_SLICES, slice(`s-${index}-1`, `s-${index}`));
  }

  it("etcd that hangs under churn costs nothing: what was there stays, and what was written is there afterwards", async () => {
    for (let index = 0; index < 10; index++) await expose(index);
    const early = await begin(server.credentials("herald-token"));
    let written = 0;
    const churn = Array.from({ length: 10 }, async (_, index) => {
      await expose(10 + index);
      written++;
    });
    await server.pauseStorage();
    expect(written).toBe(0);
    // Whoever comes now reads nothing, and holds nothing against it.
    const late = follow(server.credentials("herald-token"));
    await server.resumeStorage();
    await Promise.all(churn);
    for (const following of [early, late]) {
      const held = await following.agree(server);
      expect(held.filter((name) => name.startsWith("EndpointSlice "))).toHaveLength(20);
      await following.sink.until(() => following.sink.syncedCount === 1);
      expect(following.sink.changes().filter((change) => change.startsWith("delete"))).toEqual([]);
    }
  });

  it("a ServiceAccount's token that has expired is refused, read again, and replaced without a restart", async () => {
    const created = await server.admin.create(ACCOUNTS, serviceAccount("herald"), new AbortController().signal);
    if (!created.ok) throw new Error(created.failure.message);
    const account = { namespace: "herald-system", name: "herald", uid: String(fieldsOf(fieldsOf(created.value)["metadata"])["uid"]) };
    await server.grant("system:serviceaccount:herald-system:herald", SPEAKER_RULES);

    const directory = testDirectory("service-account");
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    writeFileSync(join(directory, "ca.crt"), server.caPem);
    /** As kubelet does: the whole file at once. */
    const mount = (token: string): void => {
      writeFileSync(join(directory, "token.new"), token);
      renameSync(join(directory, "token.new"), join(directory, "token"));
    };
    mount(server.serviceAccountToken(account, 3600));
    const link = new BreakableLink(() => server.port);
    const port = await link.start();
    cleanups.push(() => link.stop());
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(port) };
    const following = await begin(new InClusterCredentials({ env, directory }));
    const before = following.sink.batches.length;

    mount(server.serviceAccountToken(account, -3600));
    // A watch that is open needs no token; the next one does.
    link.reset();
    await until("the expired token is refused", async () => following.restarts("Unauthorized") > 0);
    await server.apply(NAMESPACES, namespace("meanwhile"));
    mount(server.serviceAccountToken(account, 3600));
    await following.sink.until(() => following.sink.names.includes("Namespace meanwhile"));
    await following.agree(server);
    expect(following.sink.changes(before).filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(following.sink.syncedCount).toBe(1);
    expect(JSON.stringify(following.sink.faults)).not.toContain(server.serviceAccountToken(account, -3600).slice(0, 30));
  });
});

function serviceAccount(name: string): unknown {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "herald-system" } };
}
