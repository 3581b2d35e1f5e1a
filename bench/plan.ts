/**
 * What planning costs: one changed EndpointSlice among 10,000 and 100,000 Services, a peer and an advertisement that touch all of them, and
 * what the planner keeps in memory, for Services with one address and for a million addresses.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { systemClock } from "../src/clock.ts";
import { type Address, addressFromOctets } from "../src/ip/address.ts";
import type { EndpointSlice, Service } from "../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../src/plan/change.ts";
import type { Input } from "../src/plan/facts.ts";
import { Planner } from "../src/plan/planner.ts";
import { Planning } from "../src/speaker/planning.ts";
import { advertisement, endpoint, node, peer, service, set, slice } from "../test/support/cluster-objects.ts";

const CHANGES = 20_000;
const NODES = 100;
const SLICE_AT_ONCE = 500;

type Row = Readonly<Record<string, string | number>>;

const slices = [10_000, 100_000].map(sliceChanges);
const [small, large] = slices;
const ratio = small === undefined || large === undefined ? 0 : hundredths(Number(large["p50"]) / Number(small["p50"]));
const rows: Row[] = [
  ...slices,
  { name: "p50 at 100,000 to p50 at 10,000", ratio },
  wholeChanges(10_000),
  await heldLoop(10_000),
  manyAddresses(),
  oneAddress(100_000),
];
for (const row of rows) {
  const cells = Object.entries(row).filter(([key]) => key !== "name");
  process.stderr.write(`${String(row["name"]).padEnd(44)}${cells.map(([key, value]) => `${key} ${value}`).join("   ")}\n`);
}
process.stdout.write(`${JSON.stringify(rows)}\n`);

/** Microseconds from `apply` to the route changes; a Local Service's endpoint on our node comes and goes. */
function sliceChanges(count: number): Row {
  const objects = heapOf(() => cluster(count));
  const planned = heapOf(() => loaded(objects.value));
  const planner = planned.value;
  const times = new Float64Array(CHANGES);
  let routes = 0;
  for (let i = -2_000; i < CHANGES; i++) {
    const n = (Math.imul(i + 2_000, 7919) >>> 0) % count;
    const here = i % 2 === 0;
    const input = [set(sliceOf(n, here))];
    const start = process.hrtime.bigint();
    const change = planner.apply(input);
    if (i >= 0) times[i] = Number(process.hrtime.bigint() - start) / 1000;
    routes += change.routes.length;
  }
  if (routes < CHANGES / 4) throw new Error(`only ${routes} routes changed`);
  times.sort();
  return {
    name: `slice change, ${count.toLocaleString("en-US")} Services`,
    p50: hundredths(times[CHANGES / 2] ?? 0),
    p99: hundredths(times[Math.floor(CHANGES * 0.99)] ?? 0),
    unit: "µs",
    plannerBytesPerService: Math.round(planned.octets / count),
    objectBytesPerService: Math.round(objects.octets / count),
  };
}

/** Milliseconds of everything that touches every Service. */
function wholeChanges(count: number): Row {
  const inputs = cluster(count);
  const start = performance.now();
  const planner = loaded(inputs);
  const load = performance.now() - start;
  const timed = (input: Input) => {
    const times = [0, 1, 2, 3, 4].map(() => {
      const before = performance.now();
      planner.apply([input]);
      const there = performance.now() - before;
      planner.apply([set(peer("tor1")), set(advertisement("all"))]);
      return there;
    });
    return hundredths(Math.min(...times));
  };
  planner.note([set(peer("tor1", { families: ["IPv6"] }))]);
  let longest = 0;
  for (let pending = 1; pending > 0; ) {
    const before = performance.now();
    ({ pending } = planner.decide(SLICE_AT_ONCE));
    longest = Math.max(longest, performance.now() - before);
  }
  planner.apply([set(peer("tor1"))]);
  return {
    name: `everything touched, ${count.toLocaleString("en-US")} Services`,
    load: hundredths(load),
    peer: timed(set(peer("tor1", { families: ["IPv6"] }))),
    advertisement: timed(set(advertisement("all", { med: 7 }))),
    longestSlice: hundredths(longest),
    unit: "ms",
  };
}

/** Longest time the speaker's event loop is held by a peer change that touches every Service: planning as the speaker does it, in slices. */
async function heldLoop(count: number): Promise<Row> {
  const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "node0" });
  let [routes, decided] = [0, () => {}];
  const planning = new Planning({
    clock: systemClock,
    planner,
    meter: () => performance.now(),
    coalesceMillis: () => 0,
    changed: (change) => {
      routes += change.routes.length;
    },
    decided: () => decided(),
  });
  const round = (begin: () => void) => {
    return new Promise<void>((resolve) => {
      decided = resolve;
      begin();
    });
  };
  const timed = async (begin: () => void): Promise<Row> => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const start = performance.now();
    await round(begin);
    const whole = performance.now() - start;
    // The last slice is seen by the timer that it held up.
    await new Promise((resolve) => setTimeout(resolve, 5));
    delay.disable();
    return { whole: hundredths(whole), held: hundredths(delay.max / 1e6) };
  };
  planning.add(cluster(count), 0);
  const first = await timed(() => planning.sync());
  const rows: Row[] = [];
  for (let i = 0; i < 10; i++) {
    rows.push(await timed(() => planning.add([set(peer("tor1", { families: i % 2 === 0 ? ["IPv6"] : ["IPv4"] }))], 0)));
  }
  planning.stop();
  if (routes < count * 10) throw new Error(`only ${routes} routes changed`);
  const median = (key: string) => rows.map((row) => Number(row[key])).sort((a, b) => a - b)[5] ?? 0;
  return {
    name: `speaker's loop, ${count.toLocaleString("en-US")} Services`,
    firstRound: Number(first["whole"]),
    heldInFirst: Number(first["held"]),
    peer: median("whole"),
    held: median("held"),
    unit: "ms",
  };
}

/** 100,000 Services that share one address. */
function oneAddress(count: number): Row {
  const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "node0" });
  const shared = { loadBalancerIPs: [addressOf(0)], externalTrafficPolicy: "Local" } as const;
  planner.note([set(peer("tor1")), set(advertisement("all")), set(node("node0")), set(node("node1"))]);
  for (let n = 0; n < count; n++) planner.note([set(service(`team-${n % 50}/service-${n}`, shared)), set(sliceOf(n, true))]);
  let [first, longest] = [0, 0];
  for (let pending = 1; pending > 0; ) {
    const before = performance.now();
    ({ pending } = planner.decide(SLICE_AT_ONCE));
    const millis = performance.now() - before;
    first += millis;
    longest = Math.max(longest, millis);
  }
  const times = Array.from({ length: 200 }, (_, i) => {
    const input = [set(sliceOf((i * 7919) % count, i % 2 === 0))];
    const before = performance.now();
    planner.apply(input);
    return performance.now() - before;
  }).sort((a, b) => a - b);
  return {
    name: `${count.toLocaleString("en-US")} Services on one address`,
    firstRound: Math.round(first),
    longestSlice: hundredths(longest),
    p50: hundredths(times[100] ?? 0),
    p99: hundredths(times[198] ?? 0),
    unit: "ms",
  };
}

/** 10,000 Services of 100 addresses each. */
function manyAddresses(): Row {
  const services = 10_000;
  const each = 100;
  const objects = heapOf(() => cluster(services, each));
  const start = performance.now();
  const planned = heapOf(() => loaded(objects.value));
  const load = performance.now() - start;
  const mebibytes = (octets: number) => Math.round(octets / 1024 / 1024);
  return {
    name: "1,000,000 addresses of 10,000 Services",
    load: Math.round(load),
    objects: mebibytes(objects.octets),
    planner: mebibytes(planned.octets),
    total: mebibytes(objects.octets + planned.octets),
    unit: "ms, MiB",
  };
}

function loaded(inputs: readonly Input[]): Planner {
  const planner = new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "node0" });
  planner.note(inputs);
  let routes = 0;
  for (let pending = 1; pending > 0; ) {
    const change = planner.decide(SLICE_AT_ONCE);
    routes += change.routes.length;
    ({ pending } = change);
  }
  if (routes === 0) throw new Error("nothing is announced");
  return planner;
}

function cluster(services: number, addresses = 1): Input[] {
  const inputs = [set(peer("tor1")), set(peer("tor2")), set(advertisement("all"))];
  for (let n = 0; n < NODES; n++) inputs.push(set(node(`node${n}`)));
  for (let n = 0; n < services; n++) inputs.push(set(serviceOf(n, addresses)), set(sliceOf(n, true)));
  return inputs;
}

function serviceOf(n: number, addresses: number): Service {
  const loadBalancerIPs = Array.from({ length: addresses }, (_, i) => addressOf(n * addresses + i));
  return service(`team-${n % 50}/service-${n}`, { loadBalancerIPs, externalTrafficPolicy: "Local" });
}

function sliceOf(n: number, here: boolean): EndpointSlice {
  const endpoints = [`node${1 + (n % (NODES - 1))}`, here ? "node0" : "node1"].map((on, i) => {
    return endpoint(`10.${i + 1}.${(n >>> 8) & 0xff}.${n & 0xff}`, on);
  });
  return slice(`team-${n % 50}/service-${n}-x7k2p`, endpoints, { serviceName: `service-${n}` });
}

function addressOf(n: number): Address {
  return addressFromOctets(Uint8Array.of(20 + (n >>> 24), (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff));
}

function heapOf<T>(make: () => T): { readonly value: T; readonly octets: number } {
  const before = used();
  const value = make();
  return { value, octets: used() - before };
}

function used(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
