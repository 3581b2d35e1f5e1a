import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiBridge, writeKubeconfig } from "../support/lab/api-bridge.ts";
import { ApiServer, resource } from "../support/lab/api-server.ts";
import {
  ADVERTISEMENTS,
  bgpAdvertisement,
  bgpPeer,
  ingress,
  loadBalancer,
  NAMESPACES,
  NODES,
  namespace,
  node,
  nodeStatus,
  PEERS,
  servicesIn,
  slice,
  slicesIn,
} from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { num, record, text } from "../support/lab/json.ts";
import { Kubectl } from "../support/lab/kubectl.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

/**
 * A password from a Secret of a real API server, read with the rights that the manifests give the speaker's ServiceAccount and no others, and FRR, which
 * takes a session under its own password alone. Tests go in order.
 */

const deployed = (path: string): string => new URL(`../../deploy/kustomize/${path}`, import.meta.url).pathname;
const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
const ROUTE = "198.18.0.1/32";
const SECRETS = resource("", "v1", "secrets", "herald-system");
const ROLE_BINDINGS = resource("rbac.authorization.k8s.io", "v1", "rolebindings", "herald-system");
/** Distinct enough to be found in any output that lets them out. */
const FIRST = "correct-horse-battery";
const NEXT = "next-zebra-condenser";
/** A Secret is read every half minute. */
const PATIENCE_MILLIS = 120_000;

requireTools(
  "root",
  "ip",
  "bgpd",
  "vtysh",
  "kubectl",
  ...CONTROL_PLANE_NEEDS,
)("a peer's password in a Secret of a real API server", () => {
  let server: ApiServer;
  let kubectl: Kubectl;
  let fabric: Fabric;
  let frr: Frr;
  let herald: Herald;
  let bridge: ApiBridge;

  beforeAll(async () => {
    server = await ApiServer.start({});
    kubectl = new Kubectl(server.kubeconfigFile("admin"));
    await kubectl.run(["apply", "-k", deployed("overlays/speaker")]);
    await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    await server.apply(NAMESPACES, namespace("shop"));
    await server.apply(NODES, node("node-1"));
    await server.apply(NODES, nodeStatus("node-1", NODE), "status");
    await server.apply(servicesIn("shop"), loadBalancer("web"));
    await server.apply(servicesIn("shop"), ingress("web", "198.18.0.1"), "status");
    await server.apply(slicesIn("shop"), slice("web-1", "web"));
    await server.apply(
      PEERS,
      bgpPeer("tor", { peerAddress: ROUTER, families: ["IPv4"], connectTime: "1s", passwordSecret: { name: "tor-password" } }),
    );
    await server.apply(ADVERTISEMENTS, bgpAdvertisement());
    fabric = new Fabric("passwords", [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "router", addresses: [`${ROUTER}/24`] },
    ]);
    frr = new Frr(fabric.host("router"), {
      asn: 65000,
      routerId: ROUTER,
      address: ROUTER,
      peers: [{ address: NODE, asn: 65001, passive: true, families: ["IPv4"], password: FIRST }],
      alone: true,
    });
    await frr.start();
    bridge = await ApiBridge.into(fabric.host("node"), () => server.port);
    const uid = await kubectl.run(["-n", "herald-system", "get", "serviceaccount", "herald-speaker", "-o", "jsonpath={.metadata.uid}"]);
    const token = server.serviceAccountToken({ namespace: "herald-system", name: "herald-speaker", uid }, 86_400);
    const kubeconfig = writeKubeconfig(fabric.host("node"), server, token);
    herald = new Herald(fabric.host("node"), { node: "node-1", kubeconfig, configuration: { dataplane: { healthz: "off" } } });
    await herald.start();
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    await fabric?.close();
    bridge?.close();
    await server?.stop();
  });

  const writeSecret = (password: string): Promise<void> =>
    server.apply(SECRETS, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "tor-password", namespace: "herald-system" },
      type: "kubernetes.io/basic-auth",
      stringData: { password },
    });
  const isHeldBecause = (why: string): Promise<true> =>
    until(
      `the peer is held: ${why}`,
      async () => {
        const { state, lastError } = await herald.peer("tor");
        if (state !== "Idle" || lastError === null || !text(record(lastError)["text"]).includes(why))
          throw new Error(JSON.stringify(lastError));
        return true;
      },
      PATIENCE_MILLIS,
    );
  const routerHolds = (what: string): Promise<true> =>
    until(what, async () => frr.established(NODE) && frr.table("IPv4").has(ROUTE) && true, PATIENCE_MILLIS);

  it("is not read without the right to: the peer is held down, and says what to allow (403)", async () => {
    await writeSecret(FIRST);
    await isHeldBecause("Secret herald-system/tor-password: may not be read: allow Herald's ServiceAccount to get it by name");
    expect(herald.output()).toContain("secret.unreadable");
    expect(frr.established(NODE)).toBe(false);
  });

  it("is waited for where the right is there and the Secret is not", async () => {
    await server.delete(SECRETS, "tor-password");
    // As docs/install.md has it.
    await kubectl.run(["apply", "-f", deployed("examples/rack/passwords.yaml")]);
    await isHeldBecause("Secret herald-system/tor-password: there is none: create it");
  });

  it("is read once it is there, and FRR takes the session and the route under it", async () => {
    await writeSecret(FIRST);
    await routerHolds("the router has the route");
  });

  it("is read again when it is rotated, and the session goes on under the new one, without another process", async () => {
    const startedBefore = herald.output().split('"speaker.started"').length;
    const opens = opensFrom(frr);
    await writeSecret(NEXT);
    await until("Herald signs with the new one", async () => herald.output().includes("peer.keyChanged"), PATIENCE_MILLIS);
    // FRR ends the session when its own password is configured, and takes the next one under that.
    frr.configure(`neighbor ${NODE} password ${NEXT}`);
    await until("the session under the new password", async () => opensFrom(frr) > opens, PATIENCE_MILLIS);
    await routerHolds("the router has the route again");
    expect(herald.output().split('"speaker.started"')).toHaveLength(startedBefore);
  });

  it("stays in force when the right to read it is taken away, and the log says that it is", async () => {
    const lines = () => herald.output().split("secret.unreadable").length;
    const before = lines();
    await server.delete(ROLE_BINDINGS, "herald-speaker-passwords");
    await until("the refusal is said", async () => lines() > before, PATIENCE_MILLIS);
    expect(frr.established(NODE)).toBe(true);
    expect(frr.table("IPv4").has(ROUTE)).toBe(true);
  });

  it("is in nothing that Herald says", async () => {
    const views = await Promise.all(["peers", "routes", "services", "events"].map((name) => herald.get(`/api/v1/${name}`)));
    const output = [herald.output(), await herald.metrics(), JSON.stringify(views)].join("\n");
    expect(output.length).toBeGreaterThan(2000);
    for (const password of [FIRST, NEXT]) {
      expect(output).not.toContain(password);
      expect(output).not.toContain(Buffer.from(password).toString("base64"));
    }
  });
});

/** How many OPENs FRR took from the node. */
function opensFrom(frr: Frr): number {
  return num(record(frr.neighbor(NODE)["messageStats"])["opensRecv"]);
}
