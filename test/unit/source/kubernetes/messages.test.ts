import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Message } from "../../../../src/kube/message.ts";
import { watchedResources } from "../../../../src/source/kubernetes/resources.ts";
import { unpacked } from "../../../support/cluster-objects.ts";
import { hasMessages, messageOf } from "../../../support/kube-messages.ts";
import { check } from "../../../support/raw-objects.ts";

/** An object must be the same to Herald whether the server wrote it in JSON or in protobuf. */

const RESOURCES = watchedResources({ heraldNamespace: "herald-system", serviceProxyName: "" });

const address = fc.constantFrom("10.96.0.1", "10.0.0.9", "fd00::1", "None", "", "x", "::ffff:10.0.0.1");
const name = fc.constantFrom("a", "web-0", "kube-system", "ü", "x".repeat(63));
const time = fc.constantFrom("2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2031-12-31T23:59:59Z");
const map = fc.dictionary(
  fc.constantFrom("app", "herald.dev/announce", "kubernetes.io/service-name", "long"),
  fc.string({ maxLength: 80 }),
  {
    maxKeys: 4,
  },
);
/** Any of the fields, all or none. */
const some = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T, never>(fields, { requiredKeys: [] });

const metadata = fc
  .tuple(
    some({
      namespace: name,
      uid: fc.uuid(),
      generation: fc.nat(),
      creationTimestamp: time,
      deletionTimestamp: time,
      labels: map,
      annotations: map,
      finalizers: fc.array(name, { maxLength: 2 }),
      managedFields: fc.array(fc.record({ manager: name, time, fieldsV1: fc.dictionary(fc.string(), fc.jsonValue()) }), { maxLength: 2 }),
    }),
    name,
    fc.nat(),
  )
  .map(([fields, given, version]) => ({ ...fields, name: given, resourceVersion: String(version) }));

const service = fc.record({
  metadata,
  spec: some({
    type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "Other"),
    clusterIP: address,
    clusterIPs: fc.array(address, { maxLength: 2 }),
    externalIPs: fc.array(address, { maxLength: 3 }),
    loadBalancerIP: address,
    loadBalancerClass: name,
    externalTrafficPolicy: fc.constantFrom("Cluster", "Local", ""),
    internalTrafficPolicy: fc.constantFrom("Cluster", "Local"),
    healthCheckNodePort: fc.nat(70_000),
    publishNotReadyAddresses: fc.boolean(),
    ipFamilyPolicy: fc.constantFrom("SingleStack", "PreferDualStack", "RequireDualStack"),
    ipFamilies: fc.array(fc.constantFrom("IPv4", "IPv6"), { maxLength: 2 }),
    selector: map,
    sessionAffinity: name,
    ports: fc.array(
      fc.record({ protocol: fc.constantFrom("TCP", "UDP", "SCTP"), port: fc.nat(65_535), targetPort: fc.oneof(fc.nat(9999), name) }),
      { maxLength: 3 },
    ),
  }),
  status: fc.record({
    loadBalancer: some({
      ingress: fc.array(some({ ip: address, hostname: name, ipMode: fc.constantFrom("VIP", "Proxy") }), { maxLength: 3 }),
    }),
  }),
});

const slice = fc.record({
  metadata,
  addressType: fc.constantFrom("IPv4", "IPv6", "FQDN", "Other"),
  endpoints: fc.array(
    some({
      addresses: fc.array(address, { maxLength: 2 }),
      conditions: some({ ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }),
      targetRef: fc.record({ kind: fc.constantFrom("Pod", "VirtualMachine"), namespace: name, name }),
      nodeName: name,
      zone: name,
    }),
    { maxLength: 12 },
  ),
});

const node = fc.record({
  metadata,
  spec: some({
    podCIDR: address,
    unschedulable: fc.boolean(),
    taints: fc.array(fc.record({ key: name, value: name, effect: name }), { maxLength: 2 }),
  }),
  status: some({
    addresses: fc.array(fc.record({ type: fc.constantFrom("InternalIP", "Hostname"), address }), { maxLength: 3 }),
    conditions: fc.array(
      fc.record({
        type: fc.constantFrom("Ready", "NetworkUnavailable"),
        status: fc.constantFrom("True", "False", "Unknown"),
        lastHeartbeatTime: time,
        message: fc.constantFrom("", "node is shutting down"),
      }),
      { maxLength: 3 },
    ),
  }),
});

const KINDS: readonly (readonly [kind: string, arbitrary: fc.Arbitrary<Readonly<Record<string, unknown>>>])[] = [
  ["Namespace", fc.record({ metadata, status: fc.record({ phase: name }) })],
  ["Node", node],
  ["Service", service],
  ["EndpointSlice", slice],
];

describe("the messages of an API server", () => {
  it.each(KINDS)("say of a %s what its JSON says", (kind, arbitrary) => {
    const resource = RESOURCES.find((one) => one.kind === kind);
    const read = resource?.selection.read;
    if (resource === undefined || read === undefined) throw new Error(`${kind} is not read from messages`);
    const { apiVersion } = resource;
    fc.assert(
      fc.property(arbitrary, (object) => {
        const json: unknown = JSON.parse(JSON.stringify({ kind, apiVersion, ...object }));
        expect(shown(check(read(new Message(messageOf(kind, object)))))).toEqual(shown(check(json)));
      }),
      { numRuns: 500 },
    );
  });

  it.each(KINDS)("of a %s whose octets were damaged are refused as no message, or checked like any other object", (kind, arbitrary) => {
    const read = RESOURCES.find((one) => one.kind === kind)?.selection.read;
    if (read === undefined) throw new Error(`${kind} is not read from messages`);
    const damages = fc.array(fc.record({ at: fc.nat(), octet: fc.integer({ min: 0, max: 255 }) }), { minLength: 1, maxLength: 4 });
    let checked = 0;
    fc.assert(
      fc.property(arbitrary, damages, fc.nat(), (object, list, cut) => {
        const octets = messageOf(kind, object);
        if (octets.length === 0) return;
        for (const { at, octet } of list) octets[at % octets.length] = octet;
        const message = new Message(cut % 4 === 0 ? octets.subarray(0, cut % octets.length) : octets);
        const found = objectOrError(() => read(message));
        if (found instanceof Error) expect(found).toBeInstanceOf(SyntaxError);
        else {
          check(found);
          checked++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(checked).toBeGreaterThan(100);
  });

  it("are asked for of every kind that a server writes in them, and of no other", () => {
    expect(RESOURCES.filter(({ selection }) => selection.read !== undefined).map(({ kind }) => kind)).toEqual(
      RESOURCES.map(({ kind }) => kind).filter(hasMessages),
    );
    expect(RESOURCES.map(({ kind }) => kind).filter(hasMessages)).toEqual(["Namespace", "Node", "Service", "EndpointSlice"]);
  });
});

function objectOrError(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}

function shown(checked: ReturnType<typeof check>): unknown {
  return checked.result === "object" ? { ...checked, object: unpacked(checked.object) } : checked;
}
