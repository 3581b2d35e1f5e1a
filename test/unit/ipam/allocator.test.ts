import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../src/ip/format.ts";
import { Allocator } from "../../../src/ipam/allocator.ts";
import { problemText } from "../../../src/ipam/problem.ts";
import type { IPAddressPool, LoadBalancerWish, Metadata, ObjectChange, Service } from "../../../src/objects/kinds.ts";
import { HERALD_NAMESPACE, ip, labelled, namespace, pool, service, wish } from "../../support/cluster-objects.ts";

class Cluster {
  readonly allocator: Allocator;

  constructor(loadBalancerClass = "") {
    this.allocator = new Allocator({ loadBalancerClass, heraldNamespace: HERALD_NAMESPACE });
  }

  /** What was decided: `name: address address (problem)`. */
  set(...objects: readonly (Service | IPAddressPool | ReturnType<typeof namespace>)[]): readonly string[] {
    return this.#decide(objects.map((object) => ({ type: "set", object })));
  }

  delete(kind: "Service" | "IPAddressPool", name: string): readonly string[] {
    const space = kind === "Service" ? "default" : HERALD_NAMESPACE;
    return this.#decide([{ type: "delete", ref: { kind, namespace: space, name }, resourceVersion: "" }]);
  }

  #decide(changes: readonly ObjectChange[]): readonly string[] {
    this.allocator.apply(changes);
    return this.allocator.decide().map((decision) => {
      const problems = decision.problems.map(problemText).join("; ");
      const addresses = decision.addresses.map(formatAddress).join(" ") || "-";
      return `${decision.service.metadata.name}: ${addresses}${problems === "" ? "" : ` (${problems})`}`;
    });
  }
}

interface Asking extends Partial<LoadBalancerWish> {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly metadata?: Partial<Metadata>;
  readonly held?: readonly string[];
  readonly policy?: Service["externalTrafficPolicy"];
  readonly class?: string;
}

function asks(
  name: string,
  { annotations = {}, metadata = {}, held = [], policy = "Cluster", class: ours, ...more }: Asking = {},
): Service {
  return service(name, {
    metadata: { annotations, creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
    loadBalancerIPs: held.map(ip),
    externalTrafficPolicy: policy,
    loadBalancerClass: ours ?? null,
    loadBalancer: wish({ ipFamilies: ["IPv4"], ...more }),
  });
}

function dual(name: string, from4: string, to4: string, from6: string, to6: string): IPAddressPool {
  const plain = pool(name, from4, to4);
  return { ...plain, ranges: [...plain.ranges, { from: ip(from6), to: ip(to6) }] };
}

const SHARED = { "herald.dev/allow-shared-ip": "k" };
const TCP80 = { protocol: "TCP", port: 80 } as const;
const UDP80 = { protocol: "UDP", port: 80 } as const;

describe("giving addresses", () => {
  it("gives the least free address, the oldest Service first", () => {
    const cluster = new Cluster();
    const young = asks("a-young", { metadata: { creationTimestamp: "2026-01-02T00:00:00Z" } });
    expect(cluster.set(pool("p", "192.0.2.1", "192.0.2.3"), young, asks("old"))).toEqual(["old: 192.0.2.1", "a-young: 192.0.2.2"]);
    cluster.delete("Service", "old");
    expect(cluster.set(asks("next"))).toEqual(["next: 192.0.2.1"]);
  });

  it("serves Services of the configured class alone, and those without one only when none is configured", () => {
    const one = pool("p", "192.0.2.1", "192.0.2.9");
    expect(
      new Cluster("example.com/bgp").set(one, asks("none"), asks("ours", { class: "example.com/bgp" }), asks("other", { class: "x/y" })),
    ).toEqual(["ours: 192.0.2.1"]);
    expect(new Cluster().set(one, asks("none"), asks("ours", { class: "example.com/bgp" }))).toEqual(["none: 192.0.2.1"]);
  });

  it("names the pools that have none left, and serves who waits as soon as one is free", () => {
    const cluster = new Cluster();
    expect(cluster.set(pool("p", "192.0.2.1", "192.0.2.1"), asks("a"), asks("b"))).toEqual([
      "a: 192.0.2.1",
      "b: - (no IPv4 address is left in IPAddressPool p: add addresses, or free some)",
    ]);
    expect(cluster.delete("Service", "a")).toEqual(["b: 192.0.2.1"]);
  });

  it("leaves out addresses that end in .0 and .255 where the pool says so, requested ones too", () => {
    const cluster = new Cluster();
    const careful = { ...pool("p", "192.0.2.254", "192.0.3.1"), avoidBuggyIPs: true };
    expect(cluster.set(careful, asks("a"), asks("b"), asks("c"))).toEqual([
      "a: 192.0.2.254",
      "b: 192.0.3.1",
      "c: - (no IPv4 address is left in IPAddressPool p: add addresses, or free some)",
    ]);
    expect(cluster.set(asks("c", { loadBalancerIP: "192.0.3.0" }))[0]).toContain(
      "192.0.3.0 is in no IPAddressPool that this Service may use",
    );
    expect(cluster.allocator.usage()).toEqual([{ pool: "p", family: "IPv4", assigned: 2n, available: 0n }]);
  });

  it("gives from pools set aside for the Service first, by priority, and from those of others never", () => {
    const aside = (name: string, from: string, priority: number, namespaces: readonly string[]): IPAddressPool => ({
      ...pool(name, from, from),
      serviceAllocation: { priority, namespaces, namespaceSelectors: [labelled("team", "a")], serviceSelectors: [] },
    });
    const cluster = new Cluster();
    cluster.set(
      pool("open", "192.0.2.9", "192.0.2.9"),
      aside("late", "192.0.2.2", 20, ["default"]),
      aside("early", "192.0.2.1", 10, ["default"]),
    );
    cluster.set(aside("last", "192.0.2.3", 0, ["default"]), aside("others", "192.0.2.4", 1, ["elsewhere"]));
    expect(cluster.set(...["a", "b", "c", "d", "e"].map((name) => asks(name))).map((line) => line.slice(0, 12))).toEqual([
      "a: 192.0.2.1",
      "b: 192.0.2.2",
      "c: 192.0.2.3",
      "d: 192.0.2.9",
      "e: - (no IPv",
    ]);
    // The namespace's labels open the pool.
    expect(cluster.set(namespace("default", { team: "a" }))).toEqual(["e: 192.0.2.4"]);
  });

  it("gives from a pool without autoAssign only to who names it or an address of it", () => {
    const cluster = new Cluster();
    const manual = { ...pool("manual", "192.0.2.1", "192.0.2.2"), autoAssign: false };
    expect(cluster.set(manual, asks("a"))).toEqual([
      "a: - (no IPAddressPool gives this Service IPv4 addresses: add one, or name one with herald.dev/address-pool)",
    ]);
    expect(cluster.set(asks("b", { annotations: { "herald.dev/address-pool": "manual" } }))).toEqual(["b: 192.0.2.1"]);
    expect(cluster.set(asks("c", { annotations: { "herald.dev/loadBalancerIPs": "192.0.2.2" } }))).toEqual(["c: 192.0.2.2"]);
  });

  it("takes an address of a /64 without counting to it", () => {
    const cluster = new Cluster();
    const large = pool("p", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff");
    expect(cluster.set(large, asks("a", { ipFamilies: ["IPv6"] }))).toEqual(["a: 2001:db8::"]);
    expect(cluster.allocator.usage()).toEqual([{ pool: "p", family: "IPv6", assigned: 1n, available: (1n << 64n) - 1n }]);
  });

  it("counts an address in every pool that it lies in", () => {
    const cluster = new Cluster();
    cluster.set(pool("a", "192.0.2.1", "192.0.2.4"), pool("b", "192.0.2.3", "192.0.2.9"));
    cluster.set(...["1", "2", "3"].map((name) => asks(name)));
    expect(cluster.allocator.usage()).toEqual([
      { pool: "a", family: "IPv4", assigned: 3n, available: 1n },
      { pool: "b", family: "IPv4", assigned: 1n, available: 6n },
    ]);
  });
});

describe("dual-stack", () => {
  const both = { ipFamilies: ["IPv6", "IPv4"] } as const;

  it("gives both families from one pool where one has both", () => {
    const cluster = new Cluster();
    const pools = [pool("a", "192.0.2.1", "192.0.2.9"), dual("b", "198.51.100.1", "198.51.100.9", "2001:db8::1", "2001:db8::9")];
    expect(cluster.set(...pools, asks("s", { ...both, ipFamilyPolicy: "RequireDualStack" }))).toEqual(["s: 2001:db8::1 198.51.100.1"]);
  });

  it("gives a new Service that requires both none rather than one, and one that prefers both what there is", () => {
    const cluster = new Cluster();
    const lines = cluster.set(
      pool("a", "192.0.2.1", "192.0.2.9"),
      asks("prefers", { ...both, ipFamilyPolicy: "PreferDualStack" }),
      asks("requires", { ...both, ipFamilyPolicy: "RequireDualStack" }),
    );
    expect(lines.map((line) => line.slice(0, 22))).toEqual(["prefers: 192.0.2.1 (no", "requires: - (no IPAddr"]);
    expect(cluster.set(pool("six", "2001:db8::1", "2001:db8::9"))).toEqual([
      "prefers: 2001:db8::1 192.0.2.1",
      "requires: 2001:db8::2 192.0.2.2",
    ]);
  });

  it("keeps the address of the family that stays when a Service gains or loses the other", () => {
    const cluster = new Cluster();
    cluster.set(dual("p", "192.0.2.1", "192.0.2.9", "2001:db8::1", "2001:db8::9"), asks("first"), asks("s"));
    expect(cluster.set(asks("s", { ...both, ipFamilyPolicy: "RequireDualStack" }))).toEqual(["s: 2001:db8::1 192.0.2.2"]);
    expect(cluster.set(asks("s", { ipFamilies: ["IPv6"] }))).toEqual(["s: 2001:db8::1"]);
  });
});

describe("requests", () => {
  it("names who holds the address, and moves the Service once it is free; until then it keeps what it has", () => {
    const cluster = new Cluster();
    cluster.set(pool("p", "192.0.2.1", "192.0.2.3"), asks("a"), asks("b"));
    expect(cluster.set(asks("b", { loadBalancerIP: "192.0.2.1" }))).toEqual([
      "b: 192.0.2.2 (192.0.2.1 is held by default/a: to share it, give both the same herald.dev/allow-shared-ip)",
    ]);
    expect(cluster.delete("Service", "a")).toEqual(["b: 192.0.2.1"]);
  });

  it("names the same one of several holders, whichever came first", () => {
    const cluster = new Cluster();
    cluster.set(pool("p", "192.0.2.1", "192.0.2.1"), asks("z", { annotations: SHARED, ports: [TCP80] }));
    cluster.set(asks("y", { annotations: SHARED, ports: [UDP80] }));
    expect(cluster.set(asks("s", { loadBalancerIP: "192.0.2.1" }))[0]).toContain("192.0.2.1 is held by default/y:");
  });

  const bad: readonly [Asking, string][] = [
    [{ loadBalancerIP: "192.0.2" }, 'spec.loadBalancerIP: "192.0.2" is not an IP address'],
    [{ loadBalancerIP: "2001:db8::1" }, "spec.loadBalancerIP: 2001:db8::1 is IPv6, and the Service is IPv4"],
    [
      { annotations: { "herald.dev/loadBalancerIPs": "192.0.2.1,192.0.2.2" } },
      "herald.dev/loadBalancerIPs: 192.0.2.1 and 192.0.2.2 are both IPv4: a Service has one address per family",
    ],
    [
      { loadBalancerIP: "192.0.2.1", annotations: { "herald.dev/loadBalancerIPs": "192.0.2.2" } },
      "spec.loadBalancerIP is 192.0.2.1, and herald.dev/loadBalancerIPs asks for 192.0.2.2: keep one of them",
    ],
    [
      { loadBalancerIP: "203.0.113.1" },
      "203.0.113.1 is in no IPAddressPool that this Service may use: add it to one, or change herald.dev/loadBalancerIPs",
    ],
    [{ annotations: { "herald.dev/address-pool": "q" } }, "there is no IPAddressPool q, which herald.dev/address-pool names"],
    [
      { loadBalancerIP: "203.0.113.1", annotations: { "herald.dev/address-pool": "p" } },
      "203.0.113.1 is not in IPAddressPool p, which herald.dev/address-pool names",
    ],
    [{ annotations: { "herald.dev/address-pool": "aside" } }, "IPAddressPool aside is set aside for other Services (serviceAllocation)"],
    [{ ipFamilies: ["IPv6"], annotations: { "herald.dev/address-pool": "p" } }, "IPAddressPool p has no IPv6 addresses"],
  ];

  it("says what is wrong with one that cannot be granted", () => {
    const serviceAllocation = { priority: 0, namespaces: ["elsewhere"], namespaceSelectors: [], serviceSelectors: [] };
    for (const [asking, text] of bad) {
      const cluster = new Cluster();
      cluster.set(pool("p", "192.0.2.1", "192.0.2.9"), { ...pool("aside", "198.51.100.1", "198.51.100.1"), serviceAllocation });
      expect(cluster.set(asks("s", asking))).toEqual([`s: - (${text})`]);
    }
    expect(bad.length).toBe(9);
  });

  it("moves a Service to the pool that it names now", () => {
    const cluster = new Cluster();
    cluster.set(pool("p", "192.0.2.1", "192.0.2.9"), pool("q", "198.51.100.1", "198.51.100.1"), asks("s"));
    expect(cluster.set(asks("s", { annotations: { "herald.dev/address-pool": "q" } }))).toEqual(["s: 198.51.100.1"]);
  });
});

describe("sharing", () => {
  it("puts Services of one key on one address while no port is the same", () => {
    const cluster = new Cluster();
    const lines = cluster.set(
      pool("p", "192.0.2.1", "192.0.2.9"),
      asks("a", { annotations: SHARED, ports: [TCP80] }),
      asks("b", { annotations: SHARED, ports: [UDP80] }),
      asks("c", { annotations: SHARED, ports: [TCP80] }),
      asks("d", { annotations: { "herald.dev/allow-shared-ip": "other" }, ports: [] }),
    );
    expect(lines).toEqual(["a: 192.0.2.1", "b: 192.0.2.1", "c: 192.0.2.2", "d: 192.0.2.3"]);
    // The address is free when the last has left it.
    cluster.delete("Service", "a");
    expect(cluster.set(asks("e"))).toEqual(["e: 192.0.2.4"]);
    cluster.delete("Service", "b");
    expect(cluster.set(asks("f"))).toEqual(["f: 192.0.2.1"]);
  });

  it("does not mix policies, nor under Local the pods of different selectors or namespaces", () => {
    const cluster = new Cluster();
    const local = { annotations: SHARED, policy: "Local", selector: { app: "x" } } as const;
    const lines = cluster.set(
      pool("p", "192.0.2.1", "192.0.2.9"),
      asks("a", { annotations: SHARED, ports: [TCP80] }),
      asks("b", { ...local, ports: [UDP80] }),
      asks("c", { ...local, ports: [TCP80] }),
      asks("d", { ...local, selector: { app: "y" }, ports: [] }),
      asks("other/e", { ...local, ports: [] }),
    );
    expect(lines).toEqual(["a: 192.0.2.1", "b: 192.0.2.2", "c: 192.0.2.2", "d: 192.0.2.3", "e: 192.0.2.4"]);
  });

  it("moves the Service whose change ended the sharing, and nobody else", () => {
    const cluster = new Cluster();
    cluster.set(
      pool("p", "192.0.2.1", "192.0.2.9"),
      asks("a", { annotations: SHARED, ports: [TCP80] }),
      asks("b", { annotations: SHARED, ports: [UDP80] }),
    );
    expect(cluster.set(asks("a", { annotations: SHARED, ports: [TCP80, UDP80] }))).toEqual(["a: 192.0.2.2"]);
    expect(cluster.allocator.held("default/b")?.map(formatAddress)).toEqual(["192.0.2.1"]);
  });
});

describe("what is held already", () => {
  it("is taken in before anything is given, whatever the order", () => {
    const cluster = new Cluster();
    const lines = cluster.set(asks("a-new"), pool("p", "192.0.2.1", "192.0.2.9"), asks("held", { held: ["192.0.2.1"] }));
    expect(lines).toEqual(["a-new: 192.0.2.2", "held: 192.0.2.1"]);
  });

  it("is said with the preferred family first, whatever order the status had", () => {
    const cluster = new Cluster();
    const both = { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack" } as const;
    const lines = cluster.set(
      dual("p", "192.0.2.1", "192.0.2.9", "2001:db8::1", "2001:db8::9"),
      asks("s", { ...both, held: ["2001:db8::1", "192.0.2.1"] }),
    );
    expect(lines).toEqual(["s: 192.0.2.1 2001:db8::1"]);
  });

  it("is kept and reported when its pool shrinks, goes, or is set aside for others", () => {
    const cluster = new Cluster();
    const outside =
      "s: 192.0.2.1 (keeps 192.0.2.1, which is in no IPAddressPool any more: add it to one, or delete the Service to free it)";
    cluster.set(pool("p", "192.0.2.1", "192.0.2.9"), asks("s"));
    expect(cluster.set(pool("p", "192.0.2.5", "192.0.2.9"))).toEqual([outside]);
    expect(cluster.set(pool("p", "192.0.2.1", "192.0.2.9"))).toEqual(["s: 192.0.2.1"]);
    const serviceAllocation = { priority: 0, namespaces: ["elsewhere"], namespaceSelectors: [], serviceSelectors: [] };
    expect(cluster.set({ ...pool("p", "192.0.2.1", "192.0.2.9"), serviceAllocation })[0]).toContain(
      "although IPAddressPool p is set aside",
    );
    expect(cluster.delete("IPAddressPool", "p")).toEqual([outside]);
  });

  it("stays with both of two that are found on one address without sharing it, and the younger is told", () => {
    const cluster = new Cluster();
    const young = asks("a", { held: ["192.0.2.1"], metadata: { creationTimestamp: "2026-01-02T00:00:00Z" } });
    const conflict = "(keeps 192.0.2.1, which default/old holds too: to share it, give both the same herald.dev/allow-shared-ip)";
    expect(cluster.set(pool("p", "192.0.2.1", "192.0.2.9"), young, asks("old", { held: ["192.0.2.1"] }))).toEqual([
      "old: 192.0.2.1",
      `a: 192.0.2.1 ${conflict}`,
    ]);
    expect(cluster.delete("Service", "old")).toEqual(["a: 192.0.2.1"]);
  });

  it("is free once the Service changes its type or class, and nothing is given while it is being deleted", () => {
    const cluster = new Cluster();
    cluster.set(pool("p", "192.0.2.1", "192.0.2.1"), asks("a"));
    expect(cluster.set({ ...asks("a"), type: "ClusterIP", loadBalancer: null }, asks("b"))).toEqual(["b: 192.0.2.1"]);
    expect(cluster.set(asks("b", { class: "x/y" }), asks("c"))).toEqual(["c: 192.0.2.1"]);
    expect(cluster.set(asks("d", { metadata: { deleting: true } }))).toEqual(["d: -"]);
  });

  it("does not pass to another object of the same name", () => {
    const cluster = new Cluster();
    cluster.set(pool("p", "192.0.2.1", "192.0.2.9"), asks("a", { metadata: { uid: "1" } }), asks("b"));
    expect(cluster.set(asks("a", { metadata: { uid: "2" }, loadBalancerIP: "192.0.2.5" }))).toEqual(["a: 192.0.2.5"]);
    expect(cluster.set(asks("c"))).toEqual(["c: 192.0.2.1"]);
  });
});
