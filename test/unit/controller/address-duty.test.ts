import { afterEach, describe, expect, it } from "vitest";
import { AddressDuty } from "../../../src/controller/address-duty.ts";
import type { ObjectEvent } from "../../../src/controller/events.ts";
import { formatAddress } from "../../../src/ip/format.ts";
import type { ListPart } from "../../../src/kube/client.ts";
import type { KubeFailure, Outcome } from "../../../src/kube/failure.ts";
import { fieldsOf } from "../../../src/kube/fields.ts";
import type { Resource, Selection } from "../../../src/kube/resource.ts";
import { silentLog } from "../../../src/log.ts";
import { checkObject } from "../../../src/objects/check.ts";
import { NOWHERE } from "../../../src/objects/findings.ts";
import type { ObjectChange } from "../../../src/objects/kinds.ts";
import { HERALD_NAMESPACE, pool } from "../../support/cluster-objects.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { refused } from "../../support/fake-leases.ts";

type Raw = Readonly<Record<string, unknown>>;

/** Services on a server that compares versions. */
class FakeServices {
  readonly objects = new Map<string, Raw>();
  /** Answers to the next writes, instead of doing them. */
  readonly failures: KubeFailure[] = [];
  readonly patches: { readonly name: string; readonly patch: Raw }[] = [];
  /** Under way at once, at most. */
  most = 0;
  /** Called before a write is looked at. */
  beforeWrite: (name: string) => void = () => {};
  #running = 0;
  #version = 100;

  set(name: string, spec: Raw = {}, status: Raw = {}, annotations: Raw = {}): Raw {
    const versions = { uid: `uid-${name}`, resourceVersion: String(++this.#version), creationTimestamp: "2026-01-01T00:00:00Z" };
    const raw = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop", annotations, ...versions },
      spec: { type: "LoadBalancer", ipFamilies: ["IPv4"], ...spec },
      status,
    };
    this.objects.set(name, raw);
    return raw;
  }

  async *list({ fieldSelector = "" }: Selection): AsyncGenerator<ListPart> {
    const name = /^metadata\.name=(.+)$/.exec(fieldSelector)?.[1];
    yield { type: "items", items: [...this.objects].flatMap(([key, object]) => (name === undefined || name === key ? [object] : [])) };
    yield { type: "end", resourceVersion: String(this.#version), continuation: "" };
  }

  async patch(_place: Resource, name: string, patch: unknown): Promise<Outcome<unknown>> {
    this.#running++;
    this.most = Math.max(this.most, this.#running);
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#running--;
    this.beforeWrite(name);
    const raw = this.objects.get(name);
    const failure = this.failures.shift();
    if (failure !== undefined) return { ok: false, failure };
    if (raw === undefined) return refused("NotFound", 404);
    const wanted = fieldsOf(fieldsOf(patch)["metadata"])["resourceVersion"];
    if (wanted !== fieldsOf(raw["metadata"])["resourceVersion"]) return refused("Conflict", 409);
    this.patches.push({ name, patch: fieldsOf(patch) });
    const metadata = { ...fieldsOf(raw["metadata"]), resourceVersion: String(++this.#version) };
    const after = { ...raw, metadata, status: fieldsOf(fieldsOf(patch)["status"]) };
    this.objects.set(name, after);
    return { ok: true, value: after };
  }

  addresses(name: string): readonly string[] {
    const raw = this.objects.get(name);
    return raw === undefined ? [] : set(raw).object.loadBalancerIPs.map(formatAddress);
  }
}

function set(raw: Raw) {
  const checked = checkObject(raw, NOWHERE, { heraldNamespace: HERALD_NAMESPACE });
  if (checked.result !== "object" || checked.object.kind !== "Service") throw new Error("not a Service");
  return { type: "set", object: checked.object } as const satisfies ObjectChange;
}

class Rig {
  readonly clock = new FakeClock();
  readonly events: ObjectEvent[] = [];
  readonly stop = new AbortController();
  holds = true;
  readonly duty: AddressDuty;
  #ended: Promise<void> = Promise.resolve();

  constructor(services: FakeServices) {
    this.duty = new AddressDuty(
      { loadBalancerClass: "", heraldNamespace: HERALD_NAMESPACE },
      {
        client: services,
        clock: this.clock,
        random: () => 0,
        log: silentLog,
        events: { emit: (event) => this.events.push(event) },
        holds: () => this.holds,
        usageChanged: () => {},
      },
    );
    this.observe({ type: "set", object: pool("public", "192.0.2.1", "192.0.2.3") });
    rigs.push(this);
  }

  observe(...changes: readonly ObjectChange[]): void {
    this.duty.observe({ changes, findings: [], at: 0 });
  }

  async lead(): Promise<void> {
    this.#ended = this.duty.lead(this.stop.signal);
    await settle();
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.#ended;
  }
}

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.end();
});

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("the duty that gives addresses", () => {
  it("writes nothing while it does not lead", async () => {
    const services = new FakeServices();
    const rig = new Rig(services);
    rig.observe(set(services.set("web")));
    await settle();
    expect(services.patches).toEqual([]);
  });

  it("writes the address with the version it was decided for, and tells of it", async () => {
    const services = new FakeServices();
    services.set("web");
    const rig = new Rig(services);
    await rig.lead();
    expect(services.patches).toEqual([
      {
        name: "web",
        patch: { metadata: { resourceVersion: "101" }, status: { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] } } },
      },
    ]);
    expect(rig.events).toMatchObject([
      {
        type: "Normal",
        reason: "AddressAssigned",
        note: "192.0.2.1 from IPAddressPool public",
        regarding: { kind: "Service", name: "web", uid: "uid-web" },
      },
    ]);
  });

  it("takes in what the last leader wrote, however far behind its own watch is", async () => {
    const services = new FakeServices();
    const rig = new Rig(services);
    const stale = set(services.set("old"));
    services.set("old", {}, { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } });
    services.set("new");
    await rig.lead();
    rig.observe(stale);
    await settle();
    expect(services.addresses("old")).toEqual(["192.0.2.1"]);
    expect(services.addresses("new")).toEqual(["192.0.2.2"]);
    expect(services.patches.map(({ name }) => name)).toEqual(["new"]);
  });

  it("does not write when another may lead, though nobody has told it yet", async () => {
    const services = new FakeServices();
    services.set("web");
    const rig = new Rig(services);
    rig.holds = false;
    await rig.lead();
    expect(services.patches).toEqual([]);
  });

  it("decides again when its write comes too late: the newer version keeps what it says", async () => {
    const services = new FakeServices();
    services.set("web");
    const rig = new Rig(services);
    services.beforeWrite = () => {
      services.beforeWrite = () => {};
      services.set("web", {}, {}, { "herald.dev/loadBalancerIPs": "192.0.2.3" });
    };
    await rig.lead();
    expect(services.addresses("web")).toEqual(["192.0.2.3"]);
    expect(services.patches).toHaveLength(1);
    const gained = rig.events.filter(({ reason }) => reason === "AddressAssigned");
    expect(gained.map(({ note }) => note)).toEqual(["192.0.2.3 from IPAddressPool public"]);
  });

  it("waits as long as the server asks, and no other Service waits with it", async () => {
    const services = new FakeServices();
    services.set("a");
    services.set("b");
    services.failures.push({ condition: "TooManyRequests", status: 429, message: "later", retryAfterMillis: 7000 });
    const rig = new Rig(services);
    await rig.lead();
    expect(services.patches.map(({ name }) => name)).toEqual(["b"]);
    rig.clock.advance(6999);
    await settle();
    expect(services.patches).toHaveLength(1);
    rig.clock.advance(1);
    await settle();
    expect(services.patches.map(({ name }) => name)).toEqual(["b", "a"]);
  });

  it("keeps a bounded number of writes under way", async () => {
    const services = new FakeServices();
    const rig = new Rig(services);
    rig.observe({ type: "set", object: pool("large", "198.18.0.1", "198.18.1.250") });
    for (let i = 0; i < 200; i++) services.set(`s${i}`);
    await rig.lead();
    for (let i = 0; i < 10; i++) await settle();
    expect(services.patches).toHaveLength(200);
    expect(services.most).toBe(16);
  });

  it("says once why a Service has no address, names the pool, and serves it when one is freed", async () => {
    const services = new FakeServices();
    for (const name of ["a", "b", "c", "d"]) services.set(name);
    const rig = new Rig(services);
    await rig.lead();
    expect(services.addresses("d")).toEqual([]);
    const warnings = rig.events.filter(({ type }) => type === "Warning");
    expect(warnings).toMatchObject([
      {
        reason: "AddressUnavailable",
        note: "no IPv4 address is left in IPAddressPool public: add addresses, or free some",
        regarding: { name: "d" },
      },
    ]);
    services.objects.delete("b");
    rig.observe({ type: "delete", ref: { kind: "Service", namespace: "shop", name: "b" }, resourceVersion: "999" });
    await settle();
    expect(services.addresses("d")).toEqual(["192.0.2.2"]);
  });

  it("does not chase somebody who writes the same status: it waits five seconds between", async () => {
    const services = new FakeServices();
    services.set("web");
    const rig = new Rig(services);
    await rig.lead();
    rig.observe(set(services.set("web", {}, { loadBalancer: { ingress: [{ ip: "203.0.113.9" }] } })));
    await settle();
    expect(services.addresses("web")).toEqual(["203.0.113.9"]);
    rig.clock.advance(5000);
    await settle();
    expect(services.addresses("web")).toEqual(["192.0.2.1"]);
  });

  it("has nothing under way any more when it has stopped leading", async () => {
    const services = new FakeServices();
    for (let i = 0; i < 3; i++) services.set(`s${i}`);
    const rig = new Rig(services);
    services.beforeWrite = () => rig.stop.abort();
    await rig.lead();
    await rig.end();
    const written = services.patches.length;
    await settle();
    expect(services.patches).toHaveLength(written);
    expect(rig.duty.usage()).toEqual([]);
  });
});
