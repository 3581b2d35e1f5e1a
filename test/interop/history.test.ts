import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ClusterDirectory } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import type { RouterPeer } from "../support/lab/router.ts";
import { Vty } from "../support/lab/vty.ts";
import { expectedPaths, type PathLines } from "../support/rack-expectation.ts";
import { NODES, nodeAddress, RackHistory, ROUTER } from "../support/rack-history.ts";
import { RackTable } from "../support/rack-table.ts";
import { requireTools } from "../support/requirements.ts";

/** More and other histories: `HERALD_STEPS=2000 HERALD_SEED=7 npx vitest run --project interop test/interop/history.test.ts`. */
const STEPS = Number(process.env["HERALD_STEPS"] ?? 200);
const SEED = Number(process.env["HERALD_SEED"] ?? 1);
const [ISLANDS, PER_ISLAND] = [250, 8];
/** From a change of the files to the router's table. */
const PATIENCE_MILLIS = 30_000;
/** No drain takes its time, no hold-down or damping either: what the table is after a step depends on the step alone. */
const AT_ONCE = {
  weightHoldDown: "0s",
  weightTolerance: 0,
  announceHoldDown: false,
  drain: { gracePeriod: "0s" },
  log: { level: "warn" },
} as const;

requireTools(
  "root",
  "ip",
  "bgpd",
)(`a history of ${STEPS} steps over 2,000 Services on eight speakers, seed ${SEED}`, () => {
  const history = new RackHistory(SEED, ISLANDS, PER_ISLAND);
  /** By island. */
  const expected = new Map<number, PathLines>();
  const everyIsland = Array.from({ length: ISLANDS }, (_, island) => island);
  let fabric: Fabric;
  let cluster: ClusterDirectory;
  let vty: Vty;
  let router: RackTable;

  beforeAll(async () => {
    fabric = new Fabric("history", [
      { name: "tor", addresses: [`${ROUTER.IPv4}/24`, `${ROUTER.IPv6}/64`] },
      ...NODES.map((name) => ({ name, addresses: [`${nodeAddress(name, "IPv4")}/24`, `${nodeAddress(name, "IPv6")}/64`] })),
    ]);
    const frr = new Frr(fabric.host("tor"), {
      asn: 65000,
      routerId: ROUTER.IPv4,
      address: ROUTER.IPv4,
      alone: true,
      peers: NODES.flatMap((name) => [sessionWith(name, "IPv4"), sessionWith(name, "IPv6")]),
    });
    cluster = new ClusterDirectory(`${fabric.host("tor").directory}/cluster`);
    for (const file of history.files) cluster.write(file, history.contents(file));
    await frr.start();
    vty = await Vty.connect(frr.vty);
    router = new RackTable(vty);
    // One after the other: each has two thousand Services to read, and the machine may have few cores.
    for (const node of NODES) await new Herald(fabric.host(node), { node, cluster, configuration: AT_ONCE }).start();
  }, 300_000);
  afterAll(async () => {
    vty?.close();
    await fabric?.close();
  });

  const plan = (islands: readonly number[]): void => {
    for (const island of islands) expected.set(island, expectedPaths(history, [island]));
  };
  const wanted = (): PathLines => new Map([...expected.values()].flatMap((lines) => [...lines]));

  /** Asks for a few of the changed prefixes, which costs the router little, until they are right, and then for everything. */
  const routerHolds = async (what: string, changed: readonly string[]): Promise<void> => {
    const table = wanted();
    const patience = AbortSignal.timeout(PATIENCE_MILLIS);
    for (const prefix of changed.slice(0, 20)) {
      while (!patience.aborted && (await router.readPrefix(prefix)) !== (table.get(prefix) ?? "")) await sleep(10);
    }
    for (;;) {
      const differences = compare(table, await router.read());
      if (differences.length === 0) return;
      if (patience.aborted) throw new Error(`${what}\n${differences.length} prefixes differ:\n${differences.slice(0, 5).join("\n")}`);
      await sleep(50);
    }
  };

  it("begins with the table that the naive planner gives for each of the nodes", async () => {
    plan(everyIsland);
    await routerHolds("the start", [...wanted().keys()]);
    expect(history.serviceCount).toBe(2000);
    expect(wanted().size).toBeGreaterThan(1500);
  });

  it("has that table after every step", async () => {
    let changes = 0;
    for (let number = 1; number <= STEPS; number++) {
      const before = wanted();
      const { what, islands, files } = history.next();
      for (const file of files) cluster.write(file, history.contents(file));
      plan(islands ?? everyIsland);
      const after = wanted();
      const changed = [...new Set([...before.keys(), ...after.keys()])].filter((prefix) => before.get(prefix) !== after.get(prefix));
      changes += changed.length;
      await routerHolds(`step ${number} of seed ${SEED}: ${what}`, changed);
    }
    // A history in which nothing happens proves nothing.
    expect(changes).toBeGreaterThan(2 * STEPS);
  }, 900_000);
});

/** The router's side of a node's session over one family. */
function sessionWith(node: string, family: "IPv4" | "IPv6"): RouterPeer {
  const families = family === "IPv4" ? (["IPv4", "IPv6"] as const) : (["IPv6"] as const);
  return { address: nodeAddress(node, family), localAddress: ROUTER[family], asn: 65001, passive: true, families };
}

/** What is wrong, a prefix each. */
function compare(wanted: PathLines, held: PathLines): string[] {
  return [...new Set([...wanted.keys(), ...held.keys()])]
    .filter((prefix) => wanted.get(prefix) !== held.get(prefix))
    .map((prefix) => `${prefix} should be\n${wanted.get(prefix) ?? "absent"}\nand is\n${held.get(prefix) ?? "absent"}`);
}
