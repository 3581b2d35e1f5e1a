import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fieldsOf } from "../../src/kube/fields.ts";
import { type ApiServer, type KubeObject, resource } from "../support/lab/api-server.ts";
import { servicesIn } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_BUILD_MILLIS, CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { ControllerProcess } from "../support/lab/controller.ts";
import { list } from "../support/lab/json.ts";
import { preparedServer } from "../support/lab/prepared-server.ts";
import { until } from "../support/lab/wait.ts";
import { testDirectory } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

/** The real controller as processes, against a real kube-apiserver on a real etcd. Tests go in order: each finds what the ones before it left. */

const SERVICES = servicesIn("shop");
const POOLS = resource("herald.dev", "v1alpha1", "ipaddresspools", "herald-system");
const LEASES = resource("coordination.k8s.io", "v1", "leases", "herald-system");
const PATIENCE_MILLIS = 120_000;
/** Short, so that a takeover is. */
const ELECTION = { leaseDuration: "6s", renewDeadline: "4s", retryPeriod: "1s" };

/** What `herald controller` must be allowed. */
const CONTROLLER_RULES: readonly unknown[] = [
  { apiGroups: [""], resources: ["services", "nodes", "namespaces"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["services/status"], verbs: ["patch"] },
  { apiGroups: ["herald.dev"], resources: ["*"], verbs: ["list", "watch"] },
  { apiGroups: ["herald.dev"], resources: ["ipaddresspools/status"], verbs: ["patch"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
];

requireTools(...CONTROL_PLANE_NEEDS)("a controller on a real API server", () => {
  const signal = new AbortController().signal;
  const directory = testDirectory("controller");
  let server: ApiServer;
  const running: ControllerProcess[] = [];

  beforeAll(async () => {
    server = await preparedServer({ controller: CONTROLLER_RULES });
    writeFileSync(join(directory, "kubeconfig"), kubeconfig(server));
    await server.apply(POOLS, pool("public", { addresses: ["192.0.2.1-192.0.2.4", "2001:db8::/64"] }));
    running.push(await start("first"));
    await until("it leads", () => leads(0), PATIENCE_MILLIS);
  }, CONTROL_PLANE_BUILD_MILLIS);
  afterAll(async () => {
    for (const { daemon } of running) {
      daemon.signal("SIGCONT");
      await daemon.stop("SIGKILL");
    }
    await server?.stop();
  });

  const start = async (name: string): Promise<ControllerProcess> => {
    const own = join(directory, name);
    mkdirSync(own);
    const configuration = { leaderElection: ELECTION };
    const controller = new ControllerProcess({ directory: own, kubeconfig: join(directory, "kubeconfig"), configuration });
    await controller.ready();
    return controller;
  };
  const leads = async (index: number): Promise<boolean> => (await running[index]?.leads()) === true;
  const addressesOf = async (name: string): Promise<readonly string[]> => {
    const answer = await server.admin.get(SERVICES, name, signal);
    if (!answer.ok) throw new Error(answer.failure.message);
    const { ingress } = fieldsOf(fieldsOf(fieldsOf(answer.value)["status"])["loadBalancer"]);
    return ingress === undefined ? [] : list(ingress).map((entry) => String(fieldsOf(entry)["ip"]));
  };
  const has = (name: string, ...addresses: readonly string[]): Promise<true> =>
    until(
      `${name} has ${addresses.join(" and ") || "no address"}`,
      async () => (await addressesOf(name)).join() === addresses.join() && true,
      PATIENCE_MILLIS,
    );
  const apply = (name: string, spec: Readonly<Record<string, unknown>> = {}, annotations: Readonly<Record<string, string>> = {}) =>
    server.apply(SERVICES, service(name, spec, annotations));
  const says = (index: number, what: string, event: string, text: string): Promise<true> =>
    until(
      what,
      async () => {
        const lines = running[index]?.daemon.output().split("\n") ?? [];
        return lines.some((line) => line.includes(`"event":"${event}"`) && line.includes(text)) && true;
      },
      PATIENCE_MILLIS,
    );

  it("gives a Service the first free address, as a virtual IP", async () => {
    await apply("web");
    await has("web", "192.0.2.1");
    const answer = await server.admin.get(SERVICES, "web", signal);
    expect(answer).toMatchObject({ value: { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] } } } });
  });

  it("gives both families to a Service that requires both, and the one it prefers to another", async () => {
    await apply("both", { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"] });
    await has("both", "2001:db8::", "192.0.2.2");
    await apply("six", { ipFamilies: ["IPv6"] });
    await has("six", "2001:db8::1");
  });

  it("puts Services of one sharing key with different ports on one address", async () => {
    const shared = { "herald.dev/allow-shared-ip": "dns" };
    await apply("dns-tcp", { ports: [{ name: "dns", port: 53, protocol: "TCP" }] }, shared);
    await has("dns-tcp", "192.0.2.3");
    await apply("dns-udp", { ports: [{ name: "dns", port: 53, protocol: "UDP" }] }, shared);
    await has("dns-udp", "192.0.2.3");
  });

  it("gives a requested address, and says why it does not", async () => {
    await apply("asks", {}, { "herald.dev/loadBalancerIPs": "192.0.2.4" });
    await has("asks", "192.0.2.4");
    await apply("asks-too", {}, { "herald.dev/loadBalancerIPs": "192.0.2.4" });
    await says(0, "it names who holds the address", "address.unavailable", "192.0.2.4 is held by shop/asks");
    expect(await addressesOf("asks-too")).toEqual([]);
  });

  it("names the pool that has none left, and serves who waits when one is freed", async () => {
    await apply("late");
    await says(0, "it names the pool", "address.unavailable", "no IPv4 address is left in IPAddressPool public");
    expect(await addressesOf("late")).toEqual([]);
    await server.delete(SERVICES, "web");
    await has("late", "192.0.2.1");
  });

  it("leaves a Service of another class alone", async () => {
    await apply("foreign", { loadBalancerClass: "example.com/other", ipFamilies: ["IPv6"] });
    await apply("own", { ipFamilies: ["IPv6"] });
    await has("own", "2001:db8::2");
    expect(await addressesOf("foreign")).toEqual([]);
  });

  it("frees the address of a Service that is no LoadBalancer any more", async () => {
    await apply("asks", { type: "ClusterIP" });
    await has("asks-too", "192.0.2.4");
    await has("asks");
  });

  it("keeps addresses that a pool has lost, and says so", async () => {
    await server.apply(POOLS, pool("public", { addresses: ["192.0.2.1-192.0.2.3", "2001:db8::/64"] }));
    await says(0, "it says what is kept", "address.unavailable", "keeps 192.0.2.4, which is in no IPAddressPool any more");
    expect(await addressesOf("asks-too")).toEqual(["192.0.2.4"]);
    await has("late", "192.0.2.1");
  });

  it("writes how much of a pool is used", async () => {
    await until(
      "the pool says it",
      async () => {
        const answer = await server.admin.get(POOLS, "public", signal);
        const status = JSON.stringify(answer.ok ? fieldsOf(answer.value)["status"] : null);
        return (
          status.includes('"assigned":{"ipv4":3,"ipv6":"3"}') && status.includes('"available":{"ipv4":0,"ipv6":"18446744073709551613"}')
        );
      },
      PATIENCE_MILLIS,
    );
    expect(await running[0]?.get("/metrics")).toContain('herald_pool_addresses{pool="public",family="IPv4",state="assigned"} 3');
  });

  it("gives nothing anew after a restart, and takes in what is held before it serves who is new", async () => {
    await running[0]?.daemon.stop();
    await server.apply(POOLS, pool("public", { addresses: ["192.0.2.1-192.0.2.9", "2001:db8::/64"] }));
    await apply("after-restart");
    const second = await start("second");
    running[0] = second;
    await has("after-restart", "192.0.2.5");
    for (const [name, address] of [
      ["late", "192.0.2.1"],
      ["dns-udp", "192.0.2.3"],
      ["asks-too", "192.0.2.4"],
    ] as const)
      expect(await addressesOf(name), name).toEqual([address]);
    const written = second.daemon
      .output()
      .split("\n")
      .filter((line) => line.includes('"event":"address.written"'));
    expect(written).toHaveLength(1);
  });

  it("lets one of two lead, and the other at once when the first is stopped", async () => {
    running.push(await start("standby"));
    expect([await leads(0), await leads(1)]).toEqual([true, false]);
    await running[0]?.daemon.stop();
    expect(await running[0]?.daemon.exited).toBe(0);
    await until("the standby leads", () => leads(1), PATIENCE_MILLIS);
    await apply("by-standby");
    await has("by-standby", "192.0.2.6");
  });

  it("takes over from one that is killed", async () => {
    running[0] = await start("third");
    await running[1]?.daemon.stop("SIGKILL");
    await apply("after-kill");
    await has("after-kill", "192.0.2.7");
    expect(await leads(0)).toBe(true);
  });

  it("takes over from one that is paused, whose late writes come to nothing", async () => {
    running[1] = await start("fourth");
    running[0]?.daemon.signal("SIGSTOP");
    // The paused one finds these in its socket when it wakes up, beside a Lease that has run out.
    await apply("paused-1");
    await apply("paused-2");
    await has("paused-1", "192.0.2.8");
    await has("paused-2", "192.0.2.9");
    const before = await server.admin.get(SERVICES, "paused-1", signal);
    running[0]?.daemon.signal("SIGCONT");
    await says(0, "it hears that it leads no more", "lease.lost", "");
    expect(await leads(1)).toBe(true);
    await until("it stands by", async () => !(await leads(0)), PATIENCE_MILLIS);
    await has("paused-1", "192.0.2.8");
    await has("paused-2", "192.0.2.9");
    expect(await server.admin.get(SERVICES, "paused-1", signal)).toEqual(before);
  });

  it("refuses a write that was decided for an older version of the Service", async () => {
    const answer = await server.admin.get(SERVICES, "own", signal);
    const { resourceVersion } = fieldsOf(fieldsOf(answer.ok ? answer.value : null)["metadata"]);
    await apply("own", { ipFamilies: ["IPv6"] }, { "example.com/touched": "yes" });
    const late = { metadata: { resourceVersion }, status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } };
    const refused = await server.admin.patch(SERVICES, "own", late, signal, "status");
    expect(refused).toMatchObject({ ok: false, failure: { condition: "Conflict" } });
  });

  it("holds the Lease under a name of its own", async () => {
    expect(await server.list(LEASES)).toEqual(["herald-system/herald-controller"]);
  });
});

function service(name: string, spec: Readonly<Record<string, unknown>>, annotations: Readonly<Record<string, string>>): KubeObject {
  const ports = [{ name: "http", port: 80, protocol: "TCP" }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop", annotations },
    spec: { type: "LoadBalancer", ports, selector: { app: name }, ...spec },
  };
}

function pool(name: string, spec: Readonly<Record<string, unknown>>): KubeObject {
  return { apiVersion: "herald.dev/v1alpha1", kind: "IPAddressPool", metadata: { name, namespace: "herald-system" }, spec };
}

function kubeconfig(server: ApiServer): string {
  const cluster = {
    server: `https://127.0.0.1:${server.port}`,
    "certificate-authority-data": Buffer.from(server.caPem).toString("base64"),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster }],
    users: [{ name: "controller", user: { token: "controller-token" } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "controller" } }],
    "current-context": "lab",
  });
}
