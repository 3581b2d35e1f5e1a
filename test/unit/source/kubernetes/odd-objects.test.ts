import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/clock.ts";
import { KubeClient } from "../../../../src/kube/client.ts";
import type { ClusterObject } from "../../../../src/objects/kinds.ts";
import { KubernetesSource } from "../../../../src/source/kubernetes/kubernetes-source.ts";
import { FakeApiServer } from "../../../support/fake-api-server.ts";
import type { FakeObject } from "../../../support/fake-objects.ts";
import { RecordingSink } from "../../../support/recording-sink.ts";

/** What an API server may say and Herald does not expect: newer kinds, older CRDs, broken storage. It costs that object alone. */

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function following(...objects: readonly FakeObject[]): Promise<{ readonly server: FakeApiServer; readonly sink: RecordingSink }> {
  const server = new FakeApiServer();
  await server.start();
  cleanups.push(() => server.stop());
  for (const object of objects) server.objects.put(object);
  const access = {
    server: server.url,
    tls: { ca: server.authority.certPem, cert: null, key: null, servername: null, verify: true },
    authorization: null,
    headers: {},
  };
  const client = new KubeClient({ credentials: { source: "the test", read: async () => access }, clock: systemClock, userAgent: "herald" });
  const options = { client, heraldNamespace: "herald-system", serviceProxyName: "", clock: systemClock, random: () => 0 };
  const sink = new RecordingSink();
  const stop = new AbortController();
  const ended = new KubernetesSource(options).run(sink, stop.signal);
  cleanups.push(async () => {
    stop.abort();
    await ended;
  });
  await sink.until(() => sink.syncedCount === 1);
  return { server, sink };
}

function service(name: string, spec: Readonly<Record<string, unknown>> = {}, metadata: Readonly<Record<string, unknown>> = {}): FakeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop", ...metadata },
    spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", ...spec },
  };
}

function slice(name: string, addressType: unknown = "IPv4", endpoints: unknown = [{ addresses: ["10.1.0.1"] }]): FakeObject {
  const metadata = { name, namespace: "shop", labels: { "kubernetes.io/service-name": "web" } };
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType, endpoints };
}

function peer(spec: Readonly<Record<string, unknown>> = {}): FakeObject {
  const metadata = { name: "tor", namespace: "herald-system" };
  return {
    apiVersion: "herald.dev/v1alpha1",
    kind: "BGPPeer",
    metadata,
    spec: { myASN: 65001, peerASN: 65000, peerAddress: "10.0.0.254", ...spec },
  };
}

function held(sink: RecordingSink, kind: ClusterObject["kind"], name: string): ClusterObject {
  const found = sink.objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

/** A valid object, what it becomes, and what is said; the valid one must stay in force. */
const REFUSED: readonly { readonly what: string; readonly good: FakeObject; readonly odd: FakeObject; readonly finding: string }[] = [
  { what: "a type of Service", good: service("web"), odd: service("web", { type: "Tunnel" }), finding: "invalidValue spec.type" },
  {
    what: "a traffic policy",
    good: service("web"),
    odd: service("web", { externalTrafficPolicy: "Regional" }),
    finding: "invalidValue spec.externalTrafficPolicy",
  },
  { what: "an address type", good: slice("web-1"), odd: slice("web-1", "IPv9"), finding: "invalidValue addressType" },
  { what: "an AS number that is a word", good: peer(), odd: peer({ peerASN: "sixty" }), finding: "invalidValue spec.peerASN" },
  { what: "an AS number with a fraction", good: peer(), odd: peer({ peerASN: 65000.5 }), finding: "invalidValue spec.peerASN" },
  { what: "a field that a newer Herald has", good: peer(), odd: peer({ warpFactor: 9 }), finding: "unknownField spec.warpFactor" },
  { what: "a spec that is a list", good: peer(), odd: { ...peer(), spec: [] }, finding: "wrongType spec" },
];

describe("an object that says what Herald does not know", () => {
  for (const { what, good, odd, finding } of REFUSED) {
    it(`${what}: a finding about it, its last valid version stays, and everybody else goes on`, async () => {
      const { server, sink } = await following(good);
      const before = held(sink, kindOf(good), good.metadata.name);
      server.objects.put(odd);
      server.objects.put(service("other"));
      await sink.until(() => sink.names.includes("Service shop/other") && sink.findings.length > 0);
      expect(held(sink, kindOf(good), good.metadata.name)).toEqual(before);
      expect(sink.findings.map(({ code, field, object }) => `${code} ${field} of ${object?.name}`)).toEqual([
        `${finding} of ${good.metadata.name}`,
      ]);
      server.objects.put(good);
      await sink.until(() => sink.findings.length === 0);
    });
  }

  it("in fields and values that Herald does not read is taken like any other", async () => {
    const { sink } = await following(
      service("web", { trafficDistribution: "PreferSameNode", ipFamilyPolicy: "Someday", newField: { deep: [1] } }, { newer: true }),
      { ...slice("web-1"), ports: "none", topology: 7 },
      peer({ peerASN: "65000" }),
    );
    expect(sink.names).toEqual(["BGPPeer herald-system/tor", "EndpointSlice shop/web-1", "Service shop/web"]);
    expect(sink.findings).toEqual([]);
    expect(held(sink, "BGPPeer", "tor")).toMatchObject({ peerASN: 65000 });
  });

  it("in one entry of a list costs that entry, with a warning", async () => {
    const endpoints = [
      { addresses: ["10.1.0.1"] },
      { addresses: ["nonsense"] },
      { addresses: [] },
      7,
      { addresses: ["10.1.0.2"], conditions: 9 },
    ];
    const { sink } = await following(slice("web-1", "IPv4", endpoints), service("web", {}, { labels: { a: 1, b: "2" } }));
    const kept = held(sink, "EndpointSlice", "web-1");
    expect(kept.kind === "EndpointSlice" && kept.endpoints.length).toBe(2);
    expect(held(sink, "Service", "web").metadata.labels).toEqual({ b: "2" });
    expect(sink.findings.map(({ severity, field }) => `${severity} ${field}`)).toEqual([
      "warning metadata.labels.a",
      "warning endpoints[1].addresses[0]",
      "warning endpoints[2]",
      "warning endpoints[3]",
    ]);
  });

  it("with an annotation of 1 MB is taken, and the megabyte is dropped", async () => {
    const { sink } = await following(service("web", {}, { annotations: { big: "x".repeat(1 << 20), "herald.dev/note": "kept" } }));
    expect(held(sink, "Service", "web").metadata.annotations).toEqual({ "herald.dev/note": "kept" });
    expect(sink.findings).toEqual([]);
  });

  it("once in each of 1,000 slices of one Service: all are held, and 1,000 findings name them", async () => {
    const endpoints = [{ addresses: ["10.1.0.1"] }, { addresses: ["nonsense"] }];
    const { sink } = await following(...Array.from({ length: 1000 }, (_, index) => slice(`web-${index}`, "IPv4", endpoints)));
    expect(sink.objects.length).toBe(1000);
    expect(new Set(sink.findings.map(({ object }) => object?.name)).size).toBe(1000);
  });

  it("in octets that are no UTF-8 is read with a mark in their place", async () => {
    const { server, sink } = await following(service("web"));
    const text = JSON.stringify({ type: "MODIFIED", object: service("web", {}, { resourceVersion: "900", labels: { app: "x@y" } }) });
    const octets = Buffer.from(`${text}\n`);
    octets[octets.indexOf("@")] = 0xff;
    server.say("services", octets);
    await sink.until(() => held(sink, "Service", "web").metadata.labels["app"] !== undefined);
    expect(held(sink, "Service", "web").metadata.labels).toEqual({ app: "x\ufffdy" });
    server.objects.put(service("other"));
    await sink.until(() => sink.names.includes("Service shop/other"));
  });

  it("without a name, or that is none at all, deletes nothing", async () => {
    const { server, sink } = await following(service("web"));
    for (const object of [{ metadata: { resourceVersion: "901" } }, { kind: 7, metadata: { name: 3, resourceVersion: "902" } }]) {
      server.say("services", `${JSON.stringify({ type: "MODIFIED", object })}\n${JSON.stringify({ type: "DELETED", object })}\n`);
    }
    server.say("services", `${JSON.stringify({ type: "MODIFIED", object: null })}\n`);
    await server.until(() => server.requests.filter(({ path }) => path.endsWith("/services")).length >= 2);
    server.objects.put(service("other"));
    await sink.until(() => sink.names.includes("Service shop/other"));
    expect(sink.names).toEqual(["Service shop/other", "Service shop/web"]);
    expect(sink.changes().filter((change) => change.startsWith("delete"))).toEqual([]);
  });
});

function kindOf({ kind }: FakeObject): ClusterObject["kind"] {
  if (kind === "Service" || kind === "EndpointSlice" || kind === "BGPPeer") return kind;
  throw new Error(kind);
}
