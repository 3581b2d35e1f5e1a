/**
 * A round of the controller's conditions: what is wrong between the objects of a cluster, found in slices beside other work. CPU time of the round; of the
 * worst turn of the event loop, all threads (V8's compiler and collector among them) in the best round, and its own thread's work alone in the worst; and the longest
 * piece between two pauses. Runs with the young generation of the image.
 *
 *   npm run bench -- conditions [SERVICES] [NODES]
 */

import { systemClock } from "../src/clock.ts";
import { runInSlices } from "../src/controller/slices.ts";
import type { ClusterObject } from "../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../src/plan/change.ts";
import { findInPieces } from "../src/plan/cluster.ts";
import { conditionsOf } from "../src/plan/conditions.ts";
import { advertisement, endpoint, ip, labelled, node, peer, service, slice } from "../test/support/cluster-objects.ts";
import { cpuMillis, rounded, Stalls } from "./support/stalls.ts";

const SERVICES = Number(process.argv[2] ?? 10_000);
const NODES = Number(process.argv[3] ?? 500);
const RACKS = 10;
const ROUNDS = 3;

const SHAPES: Readonly<Record<string, readonly ClusterObject[]>> = {
  "one peer, one advertisement": [peer("tor"), advertisement("all")],
  "a peer per rack, aggregates": [
    ...Array.from({ length: RACKS }, (_, i) => peer(`tor-${i}`, { nodeSelectors: [labelled("rack", `r${i}`)] })),
    advertisement("all", { aggregationLength: 24 }),
    advertisement("gold", { serviceSelectors: [labelled("tier", "gold")], localPref: 200 }),
  ],
};

const rows: object[] = [];
for (const [shape, own] of Object.entries(SHAPES)) {
  const objects = [...own, ...cluster()];
  let cpu = Number.POSITIVE_INFINITY;
  let worstTurn = Number.POSITIVE_INFINITY;
  let worstThread: number | null = null;
  let worstPiece = Number.POSITIVE_INFINITY;
  let saying = Number.POSITIVE_INFINITY;
  let findings = 0;
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    const stalls = new Stalls({ asksCpu: true });
    const began = cpuMillis();
    const found = await runInSlices(findInPieces(objects, DEFAULT_PLANNER_OPTIONS), systemClock, new AbortController().signal);
    stalls.stop();
    cpu = Math.min(cpu, cpuMillis() - began);
    worstTurn = Math.min(worstTurn, stalls.worstCpuMillis);
    if (stalls.worstThreadMillis !== null) worstThread = Math.max(worstThread ?? 0, stalls.worstThreadMillis);
    findings = found?.result.length ?? 0;
    const from = cpuMillis();
    const nodes = objects.filter((object) => object.kind === "Node");
    conditionsOf({ objects: objects.filter(isOwn), nodes, findings: found?.result ?? [], sessions: new Map() });
    saying = Math.min(saying, cpuMillis() - from);
    worstPiece = Math.min(worstPiece, longestPiece(objects));
  }
  const sizes = { services: SERVICES, nodes: NODES, findings };
  rows.push({
    shape,
    ...sizes,
    cpuMillis: Math.round(cpu),
    worstTurnCpuMillis: rounded(worstTurn),
    // Of all rounds: a turn that is too long once is too long.
    worstTurnOwnThreadMillis: worstThread === null ? null : rounded(worstThread),
    worstPieceMillis: rounded(worstPiece),
    conditionsMillis: rounded(saying),
  });
}
process.stdout.write(`${JSON.stringify(rows)}\n`);

/** Milliseconds of CPU time. */
function longestPiece(objects: readonly ClusterObject[]): number {
  let longest = 0;
  let from = cpuMillis();
  for (const work = findInPieces(objects, DEFAULT_PLANNER_OPTIONS); work.next().done !== true; ) {
    const now = cpuMillis();
    longest = Math.max(longest, now - from);
    from = now;
  }
  return longest;
}

function isOwn(object: ClusterObject) {
  return object.kind === "BGPPeer" || object.kind === "BGPAdvertisement";
}

function* cluster(): Generator<ClusterObject> {
  for (let index = 0; index < NODES; index++)
    yield node(`node-${index}`, {
      metadata: { labels: { rack: `r${index % RACKS}` } },
      internalIPs: [ip(`10.1.${index >> 8}.${index & 255}`)],
    });
  for (let index = 0; index < SERVICES; index++) {
    const name = `shop/service-${index}`;
    yield service(name, {
      metadata: { labels: index % 10 === 0 ? { tier: "gold" } : {} },
      loadBalancerIPs: [ip(`203.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)],
      externalTrafficPolicy: index % 2 === 0 ? "Local" : "Cluster",
    });
    const endpoints = Array.from({ length: 10 }, (_, i) =>
      endpoint(`10.${2 + i}.${index >> 8}.${index & 255}`, `node-${(index + i * 7) % NODES}`),
    );
    yield slice(name, endpoints);
  }
}
