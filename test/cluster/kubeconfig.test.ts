import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { KubeconfigCredentials } from "../../src/kube/kubeconfig.ts";
import { ApiServer } from "../support/lab/api-server.ts";
import { NAMESPACES, SPEAKER_RULES } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { testDirectory } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

/** Who a kubeconfig says that one is, as a real API server sees it. Tests go in order. */

requireTools(...CONTROL_PLANE_NEEDS)("a kubeconfig against a real API server", () => {
  let server: ApiServer;
  let directory: string;
  const clients: KubeClient[] = [];

  beforeAll(async () => {
    server = await ApiServer.start();
    server.setToken("token-1", "bearer");
    await server.kill();
    await server.restart();
    for (const user of ["bearer", "certified"]) await server.grant(user, SPEAKER_RULES);
    directory = testDirectory("kubeconfig");
    mkdirSync(directory, { recursive: true });
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    for (const client of clients) client.close();
    await server?.stop();
  });

  function clientOf(name: string, user: unknown): KubeClient {
    const path = join(directory, name);
    const cluster = { server: `https://127.0.0.1:${server.port}`, "certificate-authority-data": base64(server.caPem) };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "lab", cluster }],
      users: [{ name: "me", user }],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "me" } }],
      "current-context": "lab",
    };
    writeFileSync(path, JSON.stringify(config));
    const client = new KubeClient({
      credentials: new KubeconfigCredentials({ path, context: "" }),
      clock: systemClock,
      userAgent: "herald",
    });
    clients.push(client);
    return client;
  }

  /** `ok`, or the condition. */
  async function ask(client: KubeClient): Promise<string> {
    const outcome = await client.get(NAMESPACES, "default", new AbortController().signal);
    return outcome.ok ? "ok" : outcome.failure.condition;
  }

  it("is let in with a client certificate, of data or of a file, and forbidden everything without one", async () => {
    const { certPem, keyPem } = server.authority.issue({ commonName: "certified" });
    writeFileSync(join(directory, "me.crt"), certPem);
    const files = clientOf("files", { "client-certificate": "me.crt", "client-key-data": base64(keyPem) });
    const data = clientOf("data", { "client-certificate-data": base64(certPem), "client-key-data": base64(keyPem) });
    const unknown = clientOf("nobody", {});
    expect(await Promise.all([files, data, unknown].map(ask))).toEqual(["ok", "ok", "Forbidden"]);
  });

  it("is let in with the token of a file, and with the next one once that has been replaced", async () => {
    const file = join(directory, "token");
    writeFileSync(file, "token-1\n");
    const plugin = `printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"2999-01-01T00:00:00Z"}}' $(cat ${file})`;
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "sh", args: ["-c", plugin], interactiveMode: "Never" };
    const both = [clientOf("with-file", { tokenFile: "token" }), clientOf("with-plugin", { exec })];
    expect(await Promise.all(both.map(ask))).toEqual(["ok", "ok"]);
    server.setToken("token-2", "bearer");
    await server.kill();
    await server.restart();
    expect(await Promise.all(both.map(ask))).toEqual(["Unauthorized", "Unauthorized"]);
    writeFileSync(file, "token-2\n");
    expect(await Promise.all(both.map(ask))).toEqual(["ok", "ok"]);
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
