import { describe, expect, it } from "vitest";
import type { Address } from "../../../src/ip/address.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import { accepted, check, refusal } from "../../support/raw-objects.ts";

function service(spec: Readonly<Record<string, unknown>>, status: unknown = {}): Readonly<Record<string, unknown>> {
  return { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec, status };
}

function written(addresses: readonly Address[]): readonly string[] {
  return addresses.map(formatAddress);
}

function findings(raw: unknown): readonly string[] {
  return check(raw).findings.map(({ severity, code, field }) => `${severity} ${code} ${field}`);
}

describe("a Service", () => {
  it("has Kubernetes' defaults", () => {
    const { metadata, ...rest } = accepted("Service", service({}));
    expect(metadata).toMatchObject({
      name: "web",
      namespace: "default",
      uid: "",
      resourceVersion: "",
      generation: 0,
      creationTimestamp: "",
      deleting: false,
    });
    expect(rest).toEqual({
      kind: "Service",
      type: "ClusterIP",
      headless: false,
      clusterIPs: [],
      externalIPs: [],
      loadBalancerIPs: [],
      loadBalancerClass: null,
      externalTrafficPolicy: "Cluster",
      internalTrafficPolicy: "Cluster",
      healthCheckNodePort: null,
      publishNotReadyAddresses: false,
      loadBalancer: null,
    });
  });

  it("says what addresses it wants where it is of type LoadBalancer", () => {
    const raw = service({
      type: "LoadBalancer",
      ipFamilyPolicy: "PreferDualStack",
      ipFamilies: ["IPv6", "IPv4"],
      loadBalancerIP: "192.0.2.7",
      ports: [{ port: 53, protocol: "UDP" }, { port: 443 }, { port: 0 }],
      selector: { app: "web" },
    });
    expect(accepted("Service", raw).loadBalancer).toEqual({
      ipFamilyPolicy: "PreferDualStack",
      ipFamilies: ["IPv6", "IPv4"],
      loadBalancerIP: "192.0.2.7",
      ports: [
        { protocol: "UDP", port: 53 },
        { protocol: "TCP", port: 443 },
      ],
      selector: { app: "web" },
    });
    expect(findings(raw)).toHaveLength(1);
    expect(accepted("Service", service({ type: "LoadBalancer" })).loadBalancer).toEqual({
      ipFamilyPolicy: "SingleStack",
      ipFamilies: [],
      loadBalancerIP: "",
      ports: [],
      selector: {},
    });
  });

  it("says all addresses it has", () => {
    const raw = service(
      {
        type: "LoadBalancer",
        clusterIP: "10.96.0.1",
        clusterIPs: ["10.96.0.1", "fd00::1"],
        externalIPs: ["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"],
        loadBalancerClass: "herald.dev/bgp",
        externalTrafficPolicy: "Local",
        internalTrafficPolicy: "Local",
        healthCheckNodePort: 30000,
        publishNotReadyAddresses: true,
      },
      {
        loadBalancer: {
          ingress: [
            { ip: "198.51.100.1" },
            { hostname: "lb.example" },
            { ip: "198.51.100.2", ipMode: "Proxy" },
            { ip: "2001:db8::1", ipMode: "VIP" },
          ],
        },
      },
    );
    const object = accepted("Service", raw);
    expect(written(object.clusterIPs)).toEqual(["10.96.0.1", "fd00::1"]);
    expect(written(object.externalIPs)).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(written(object.loadBalancerIPs)).toEqual(["198.51.100.1", "2001:db8::1"]);
    expect(object).toMatchObject({
      externalTrafficPolicy: "Local",
      internalTrafficPolicy: "Local",
      healthCheckNodePort: 30000,
      loadBalancerClass: "herald.dev/bgp",
    });
    expect(object.publishNotReadyAddresses).toBe(true);
    expect(findings(raw)).toEqual([]);
  });

  it("has a health check port only where that is one: it is asked over HTTP", () => {
    const ports = [0, -1, 1.5, 65_536, 70_000, "30000", null];
    expect(ports.map((port) => accepted("Service", service({ healthCheckNodePort: port })).healthCheckNodePort)).toEqual(
      ports.map(() => null),
    );
    expect(accepted("Service", service({ healthCheckNodePort: 65_535 })).healthCheckNodePort).toBe(65_535);
  });

  it("has no LoadBalancer addresses unless it is of that type", () => {
    const status = { loadBalancer: { ingress: [{ ip: "198.51.100.1" }] } };
    expect(accepted("Service", service({ type: "NodePort" }, status)).loadBalancerIPs).toEqual([]);
  });

  it("may have clusterIP alone, none yet, or be headless", () => {
    expect(written(accepted("Service", service({ clusterIP: "10.96.0.1" })).clusterIPs)).toEqual(["10.96.0.1"]);
    expect(accepted("Service", service({ clusterIP: "" }))).toMatchObject({ clusterIPs: [], headless: false });
    expect(accepted("Service", service({ clusterIP: "None", clusterIPs: ["None"] }))).toMatchObject({ clusterIPs: [], headless: true });
    expect(accepted("Service", service({ type: "ExternalName", externalName: "example.org" })).type).toBe("ExternalName");
  });

  it("loses a malformed address and keeps the others, with a warning", () => {
    const raw = service({ externalIPs: ["192.0.2.1", "192.0.2.300", 7, "010.0.0.1", "192.0.2.4"] });
    expect(written(accepted("Service", raw).externalIPs)).toEqual(["192.0.2.1", "192.0.2.4"]);
    expect(findings(raw)).toEqual([
      "warning invalidValue spec.externalIPs[1]",
      "warning wrongType spec.externalIPs[2]",
      "warning invalidValue spec.externalIPs[3]",
    ]);
  });

  it("is taken with fields Herald does not know, odd shapes and all", () => {
    const raw = { ...service({ clusterIPs: "10.96.0.1", ports: 7, trafficDistribution: "PreferClose" }, "odd"), extra: 1 };
    expect(accepted("Service", raw).clusterIPs).toEqual([]);
    expect(findings(raw)).toEqual(["warning wrongType spec.clusterIPs"]);
    expect(accepted("Service", { apiVersion: "v1", kind: "Service", metadata: { name: "bare" } }).type).toBe("ClusterIP");
  });

  it("is refused with a policy that is not known: guessing could announce what is not served", () => {
    expect(refusal(service({ externalTrafficPolicy: "Locale" }))).toMatchObject([
      {
        code: "invalidValue",
        field: "spec.externalTrafficPolicy",
        message: '"Locale" is not known: did you mean Local?',
        allowed: "Cluster, Local",
      },
    ]);
    expect(refusal(service({ internalTrafficPolicy: 1, type: "Balancer" })).map(({ field }) => field)).toEqual([
      "spec.type",
      "spec.internalTrafficPolicy",
    ]);
  });

  it("keeps labels, annotations of herald.dev alone, and the word that it is being deleted", () => {
    const metadata = {
      name: "web",
      namespace: "shop",
      uid: "u",
      resourceVersion: "7",
      generation: 3,
      creationTimestamp: "2026-01-01T00:00:00Z",
      deletionTimestamp: "2026-01-02T00:00:00Z",
      labels: { app: "web", version: 2, __proto__: "x" },
      annotations: { "herald.dev/address-pool": "public", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    };
    const raw = { apiVersion: "v1", kind: "Service", metadata };
    expect(accepted("Service", raw).metadata).toEqual({
      name: "web",
      namespace: "shop",
      uid: "u",
      resourceVersion: "7",
      generation: 3,
      creationTimestamp: "2026-01-01T00:00:00Z",
      deleting: true,
      labels: { app: "web" },
      annotations: { "herald.dev/address-pool": "public" },
    });
    expect(findings(raw)).toEqual(["warning invalidValue metadata.labels.version"]);
  });
});

describe("an EndpointSlice", () => {
  const slice = (endpoints: unknown, addressType: unknown = "IPv4"): Readonly<Record<string, unknown>> => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", namespace: "shop", labels: { "kubernetes.io/service-name": "web", other: "x" } },
    addressType,
    endpoints,
  });
  const one = (endpoint: Readonly<Record<string, unknown>>): unknown =>
    [...accepted("EndpointSlice", slice([{ addresses: ["10.0.0.1"], ...endpoint }])).endpoints][0];

  it("belongs to the Service of its label, or to none", () => {
    expect(accepted("EndpointSlice", slice([]))).toMatchObject({
      serviceName: "web",
      addressType: "IPv4",
      endpoints: { length: 0 },
      metadata: { labels: {} },
    });
    const { metadata: _, ...rest } = slice([]);
    expect(accepted("EndpointSlice", { ...rest, metadata: { name: "x" } }).serviceName).toBeNull();
  });

  it("takes a missing ready as true, a missing serving as ready, a missing terminating as false", () => {
    const cases: readonly [unknown, boolean, boolean, boolean][] = [
      [undefined, true, true, false],
      [{}, true, true, false],
      [{ ready: null, serving: null, terminating: null }, true, true, false],
      [{ ready: false }, false, false, false],
      [{ ready: true }, true, true, false],
      [{ ready: false, serving: true }, false, true, false],
      [{ ready: false, serving: true, terminating: true }, false, true, true],
      [{ ready: true, terminating: true }, true, true, true],
      [{ serving: false }, true, false, false],
    ];
    for (const [conditions, ready, serving, terminating] of cases)
      expect(one({ conditions })).toMatchObject({ ready, serving, terminating });
    expect(cases.length).toBe(9);
  });

  it("reads the node and the pod of an endpoint where it has them", () => {
    expect(one({ nodeName: "node1", targetRef: { kind: "Pod", name: "web-0" } })).toMatchObject({ nodeName: "node1", pod: "web-0" });
    expect(one({ nodeName: null, targetRef: { kind: "VirtualMachine", name: "vm" } })).toMatchObject({ nodeName: null, pod: null });
    expect(one({})).toMatchObject({ nodeName: null, pod: null });
  });

  it("uses the first address alone", () => {
    expect(
      written([...accepted("EndpointSlice", slice([{ addresses: ["10.0.0.1", "10.0.0.2"] }])).endpoints].map(({ address }) => address)),
    ).toEqual(["10.0.0.1"]);
  });

  it("loses an endpoint without an address of its family and keeps the others", () => {
    const raw = slice([{ addresses: ["fd00::1"] }, { addresses: [] }, {}, { addresses: ["x"] }, null, { addresses: ["10.0.0.9"] }]);
    expect(written([...accepted("EndpointSlice", raw).endpoints].map(({ address }) => address))).toEqual(["10.0.0.9"]);
    expect(findings(raw)).toEqual([
      "warning invalidValue endpoints[0].addresses[0]",
      "warning invalidValue endpoints[1]",
      "warning invalidValue endpoints[2]",
      "warning invalidValue endpoints[3].addresses[0]",
      "warning invalidValue endpoints[4]",
    ]);
  });

  it("of names has no endpoints here", () => {
    expect(accepted("EndpointSlice", slice([{ addresses: ["pod.example.org"] }], "FQDN"))).toMatchObject({
      addressType: "FQDN",
      endpoints: [],
    });
  });

  it("is refused without an address type that is known", () => {
    expect(refusal(slice([], null))).toMatchObject([{ code: "requiredField", field: "addressType" }]);
    expect(refusal(slice([], "IPv5"))).toMatchObject([{ code: "invalidValue", field: "addressType", allowed: "IPv4, IPv6, FQDN" }]);
  });

  it("of an older API is ignored with a warning", () => {
    const raw = { ...slice([]), apiVersion: "discovery.k8s.io/v1beta1" };
    expect(check(raw)).toMatchObject({ result: "ignored", findings: [{ severity: "warning", code: "unknownVersion" }] });
  });
});

describe("a Node", () => {
  const node = (spec: unknown, status: unknown): Readonly<Record<string, unknown>> => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node1", namespace: "odd" },
    spec,
    status,
  });

  it("is in no namespace and has nothing without a status", () => {
    const { metadata, ...rest } = accepted("Node", node(undefined, undefined));
    expect(metadata.namespace).toBe("");
    expect(rest).toEqual({
      kind: "Node",
      internalIPs: [],
      networkUnavailable: false,
      ready: false,
      shuttingDown: false,
      unschedulable: false,
      taints: [],
    });
  });

  it("says its internal addresses, taints and conditions", () => {
    const raw = node(
      { unschedulable: true, taints: [{ key: "a", effect: "NoSchedule" }, { key: "b", value: "c", effect: "NoExecute" }, {}] },
      {
        addresses: [
          { type: "Hostname", address: "node1" },
          { type: "InternalIP", address: "10.0.0.1" },
          { type: "InternalIP", address: "fd00::1" },
          { type: "ExternalIP", address: "192.0.2.1" },
          { type: "InternalIP", address: "x" },
        ],
        conditions: [
          { type: "NetworkUnavailable", status: "True" },
          { type: "Ready", status: "True" },
        ],
      },
    );
    const object = accepted("Node", raw);
    expect(written(object.internalIPs)).toEqual(["10.0.0.1", "fd00::1"]);
    expect(object).toMatchObject({ unschedulable: true, networkUnavailable: true, ready: true, shuttingDown: false });
    expect(object.taints).toEqual([
      { key: "a", value: "", effect: "NoSchedule" },
      { key: "b", value: "c", effect: "NoExecute" },
    ]);
    expect(findings(raw)).toEqual(["warning invalidValue status.addresses[4].address", "warning invalidValue spec.taints[2]"]);
  });

  it("is shutting down when kubelet says so", () => {
    const ready = (status: string, message: string): unknown =>
      accepted("Node", node({}, { conditions: [{ type: "Ready", status, message }] })).shuttingDown;
    expect(ready("False", "node is shutting down")).toBe(true);
    expect(ready("False", "container runtime is down")).toBe(false);
    expect(ready("True", "node is shutting down")).toBe(false);
    expect(ready("Unknown", "node is shutting down")).toBe(false);
  });
});

describe("a Namespace", () => {
  it("is its labels", () => {
    expect(
      accepted("Namespace", { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { team: "a" } } }).metadata,
    ).toMatchObject({ name: "shop", namespace: "", labels: { team: "a" } });
  });
});
