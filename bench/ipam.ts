/**
 * Giving addresses: so many Services at once, and one after the other into a full cluster; deciding alone, no API server. Per second of this process's
 * own CPU time, garbage collection included, so that what else the machine does counts for nothing.
 *
 *   npm run bench -- ipam [SERVICES]
 */

import { parseAddress, parseRange } from "../src/ip/parse.ts";
import { Allocator } from "../src/ipam/allocator.ts";
import type { IPAddressPool, Metadata, ObjectChange, Service } from "../src/objects/kinds.ts";

const SERVICES = Number(process.argv[2] ?? 100_000);
const ROUNDS = 3;

interface Shape {
  readonly name: string;
  readonly ranges: readonly string[];
  service(index: number): Partial<Service["loadBalancer"] & object> & { readonly annotations?: Readonly<Record<string, string>> };
}

const SHAPES: readonly Shape[] = [
  { name: "IPv4 /12, one pool", ranges: ["10.0.0.0-10.15.255.255"], service: () => ({}) },
  { name: "IPv6 /64, one pool", ranges: ["2001:db8::-2001:db8::ffff:ffff:ffff:ffff"], service: () => ({ ipFamilies: ["IPv6"] }) },
  {
    name: "dual-stack, 50 overlapping pools",
    ranges: Array.from({ length: 50 }, (_, i) => `10.${i}.0.0-10.${i + 20}.255.255`).concat("2001:db8::-2001:db8::ffff:ffff:ffff:ffff"),
    service: () => ({ ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack" }),
  },
  {
    name: "shared, ten to an address",
    ranges: ["10.0.0.0-10.15.255.255"],
    service: (index) => ({
      ports: [{ protocol: "TCP", port: 1 + (index % 10) }],
      annotations: { "herald.dev/allow-shared-ip": `key ${Math.floor(index / 1000)}` },
    }),
  },
  {
    name: "requested, scattered",
    ranges: ["10.0.0.0-10.255.255.255"],
    // An odd step visits every address of 2^20 once.
    service: (index) => {
      const at = (index * 655_361) % 1_048_576;
      return { loadBalancerIP: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}` };
    },
  },
];

const rows = SHAPES.map((shape) => {
  const rounds = Array.from({ length: ROUNDS }, () => measure(shape));
  const best = <K extends keyof Measured>(key: K): number => Math.max(...rounds.map((round) => round[key]));
  return {
    shape: shape.name,
    services: SERVICES,
    addressesPerCpuSecond: Math.round(best("together")),
    oneByOnePerCpuSecond: Math.round(best("oneByOne")),
  };
});
process.stdout.write(`${JSON.stringify(rows)}\n`);

interface Measured {
  readonly together: number;
  readonly oneByOne: number;
}

function measure(shape: Shape): Measured {
  const pools = shape.ranges.map((range, index) => pool(`pool-${index}`, range));
  const services = Array.from({ length: SERVICES }, (_, index) => service(index, shape.service(index)));
  const allocator = new Allocator({ loadBalancerClass: "", heraldNamespace: "herald-system" });
  allocator.apply(pools);
  globalThis.gc?.();
  const start = cpuSeconds();
  allocator.apply(services);
  const given = allocator.decide().reduce((sum, { addresses }) => sum + addresses.length, 0);
  const together = given / (cpuSeconds() - start);
  if (given < SERVICES) throw new Error(`${shape.name}: ${given} addresses for ${SERVICES} Services`);

  // Into the full cluster: every fifth goes and comes back, each on its own.
  const again = services.filter((_, index) => index % 5 === 0);
  const from = cpuSeconds();
  let returned = 0;
  for (const change of again) {
    if (change.type !== "set") continue;
    const { namespace, name } = change.object.metadata;
    allocator.apply([{ type: "delete", ref: { kind: "Service", namespace, name }, resourceVersion: "" }]);
    allocator.decide();
    allocator.apply([change]);
    for (const { addresses } of allocator.decide()) returned += addresses.length;
  }
  return { together, oneByOne: returned / (cpuSeconds() - from) };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function metadata(name: string, namespace: string, annotations: Readonly<Record<string, string>> = {}): Metadata {
  const versions = { uid: name, resourceVersion: "1", generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" };
  return { name, namespace, ...versions, deleting: false, labels: {}, annotations };
}

function pool(name: string, range: string): ObjectChange {
  const parsed = parseRange(range);
  if (!parsed.ok) throw new Error(parsed.why);
  const object: IPAddressPool = {
    kind: "IPAddressPool",
    metadata: metadata(name, "herald-system"),
    ranges: [{ from: parsed.value.first, to: parsed.value.last }],
    autoAssign: true,
    avoidBuggyIPs: false,
    serviceAllocation: null,
  };
  return { type: "set", object };
}

function service(index: number, { annotations, ...wish }: ReturnType<Shape["service"]>): ObjectChange {
  const clusterIP = parseAddress("10.96.0.1");
  const object: Service = {
    kind: "Service",
    metadata: metadata(`service-${index}`, "shop", annotations),
    type: "LoadBalancer",
    headless: false,
    clusterIPs: clusterIP.ok ? [clusterIP.value] : [],
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerClass: null,
    externalTrafficPolicy: "Cluster",
    internalTrafficPolicy: "Cluster",
    healthCheckNodePort: null,
    publishNotReadyAddresses: false,
    loadBalancer: { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"], loadBalancerIP: "", ports: [], selector: {}, ...wish },
  };
  return { type: "set", object };
}
