/**
 * What the balance report costs in a big cluster: 10,000 Services on 100 nodes, half of them Local with three pods, half Cluster with ten.
 * Offline as one piece; live as the stretches between two pauses, of which the admin server waits at one every 5 ms.
 */
import { addressFromOctets } from "../src/ip/address.ts";
import type { ClusterObject } from "../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../src/plan/change.ts";
import { balanceCluster } from "../src/plan/cluster.ts";
import { Planner } from "../src/plan/planner.ts";
import { advertisement, endpoint, node, peer, service, set, slice } from "../test/support/cluster-objects.ts";

const SERVICES = 10_000;
const NODES = 100;
const VARIANTS = {
  plain: {},
  "maxAnnouncers 64": { maxAnnouncers: 64 },
  "aggregates of 24 bits": { aggregationLength: 24 },
  "announceLimit 5,000": {},
} as const;

const rows = Object.keys(VARIANTS).flatMap((name) => {
  const objects = cluster(name as keyof typeof VARIANTS); // A key of the object itself.
  return [offline(name, objects), live(name, objects)];
});
for (const { name, ...cells } of rows) {
  const text = Object.entries(cells).map(([key, value]) => `${key} ${value}`);
  process.stderr.write(`${name.padEnd(44)}${text.join("   ")}\n`);
}
process.stdout.write(`${JSON.stringify(rows)}\n`);

function offline(name: string, objects: readonly ClusterObject[]) {
  const [start, worked] = [performance.now(), workMillis()];
  const report = balanceCluster(objects, { ...DEFAULT_PLANNER_OPTIONS, ecmpWidth: 64, service: null });
  return { name: `offline, ${name}`, ...spent(start, worked), items: report?.items.length ?? 0 };
}

function live(name: string, objects: readonly ClusterObject[]) {
  const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "node-1", transitionLimit: 0 });
  planner.apply(objects.map(set));
  let [items, characters] = [0, 0];
  const stretches: number[] = [];
  const [start, worked] = [performance.now(), workMillis()];
  let last = worked;
  for (const item of planner.balance({ ecmpWidth: 64, service: null })) {
    if (item !== null) {
      items++;
      characters += JSON.stringify(item).length;
    }
    const now = workMillis();
    stretches.push(now - last);
    last = now;
  }
  stretches.sort((a, b) => b - a);
  const [longest = 0, second = 0, third = 0] = stretches.map((millis) => Math.round(millis * 10) / 10);
  return { name: `live, ${name}`, ...spent(start, worked), items, megabytes: Math.round(characters / 1e6), longest, second, third };
}

/** Of this process, all threads: on a busy machine the clock on the wall says little. */
function workMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function spent(start: number, worked: number) {
  return { milliseconds: Math.round(performance.now() - start), cpuMilliseconds: Math.round(workMillis() - worked) };
}

function cluster(name: keyof typeof VARIANTS): ClusterObject[] {
  const objects: ClusterObject[] = [
    ...Array.from({ length: NODES }, (_, i) => node(`node-${i}`, { internalIPs: [v4(10, i)] })),
    peer("tor", { nextHopSource: "NodeInternalIP", announceLimit: { ipv4: name.startsWith("announceLimit") ? 5_000 : null, ipv6: null } }),
    advertisement("all", { ...VARIANTS[name], linkBandwidth: { bytesPerSecondPerEndpoint: 125_000_000, transitive: true } }),
  ];
  for (let i = 0; i < SERVICES; i++) {
    const local = i % 2 === 0;
    objects.push(
      service(`ns-${i % 50}/s-${i}`, { loadBalancerIPs: [v4(20, i)], externalTrafficPolicy: local ? "Local" : "Cluster" }),
      slice(
        `ns-${i % 50}/s-${i}`,
        Array.from({ length: local ? 3 : 10 }, (_, pod) =>
          endpoint(`10.${100 + pod}.${i >> 8}.${i & 255}`, `node-${(i * 7 + pod * 13) % NODES}`),
        ),
      ),
    );
  }
  return objects;
}

function v4(first: number, n: number) {
  return addressFromOctets(Uint8Array.of(first, n >> 16, (n >> 8) & 255, n & 255));
}
