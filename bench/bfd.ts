/**
 * BFD at 50 ms × 3 against FRR's bfdd in network namespaces: how long a silent cut of the link stays unseen, first with an idle speaker, then with one whose main
 * thread plans all the time; and how often a failure is seen where there is none. Root on Linux with FRR and nft.
 *
 *   npm run bench -- bfd [CUTS [SECONDS]]
 */

import { setTimeout as sleep } from "node:timers/promises";
import { serviceAt } from "../test/support/lab/cluster.ts";
import { Fabric } from "../test/support/lab/fabric.ts";
import { Frr } from "../test/support/lab/frr.ts";
import { Herald } from "../test/support/lab/herald.ts";
import { record, text } from "../test/support/lab/json.ts";
import { LinkCut } from "../test/support/lab/link-cut.ts";
import { until } from "../test/support/lab/wait.ts";

const INTERVAL_MILLIS = 50;
const SERVICES = 2000;
const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";

/** Gives every route other attributes again and again, so that the main thread always has all of them to plan. */
class Planning {
  readonly #herald: Herald;
  readonly #done: Promise<void>;
  #ended = false;
  #rounds = 0;

  constructor(herald: Herald) {
    this.#herald = herald;
    this.#done = this.#run();
  }

  async end(): Promise<number> {
    this.#ended = true;
    await this.#done;
    return this.#rounds;
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      this.#herald.cluster.attributes([{ name: "a", communities: [`65000:${this.#rounds++ % 1000}`] }]);
      await sleep(50);
    }
  }
}

const [, , cuts = "100", seconds = "60"] = process.argv;
const fabric = new Fabric("bench", [
  { name: "node", addresses: [`${NODE}/24`] },
  { name: "router", addresses: [`${ROUTER}/24`] },
]);
try {
  const peer = { address: NODE, asn: 65001, passive: true, families: ["IPv4"] as const, bfdIntervalMillis: INTERVAL_MILLIS };
  const router = new Frr(fabric.host("router"), { asn: 65000, routerId: ROUTER, address: ROUTER, peers: [peer] });
  const herald = speakerOn(fabric);
  const cut = new LinkCut(fabric.host("router"));
  await router.start();
  await herald.start();
  const rows = [await cutOften("idle", Number(cuts), herald, cut), await stayUp("idle", Number(seconds) * 1000, herald)];
  const load = new Planning(herald);
  rows.push(await cutOften("planning", Math.ceil(Number(cuts) / 5), herald, cut), await stayUp("planning", Number(seconds) * 1000, herald));
  const rounds = await load.end();
  process.stdout.write(`${JSON.stringify(rows.map((row) => ({ ...row, changes: row.mainThread === "planning" ? rounds : 0 })))}\n`);
} catch (error) {
  process.stderr.write(
    `${fabric
      .host("node")
      .daemons.map((daemon) => daemon.output().slice(-20_000))
      .join("\n")}\n`,
  );
  throw error;
} finally {
  await fabric.close();
}

function speakerOn(hosts: Fabric): Herald {
  const herald = new Herald(hosts.host("node"), {
    node: "node",
    configuration: { resetSpread: "0s", log: { level: "info", format: "json" } },
  });
  const spec = { receiveInterval: INTERVAL_MILLIS, transmitInterval: INTERVAL_MILLIS };
  const metadata = { name: "fast", namespace: "herald-system" };
  herald.cluster.node("node", [NODE]);
  herald.cluster.write("profiles.json", [{ apiVersion: "herald.dev/v1alpha1", kind: "BFDProfile", metadata, spec }]);
  herald.cluster.attributes([{ name: "a" }]);
  herald.cluster.services(Array.from({ length: SERVICES }, (_, index) => serviceAt(index, "a")));
  herald.cluster.peers([
    { name: "tor", myASN: 65001, peerASN: 65000, peerAddress: ROUTER, families: ["IPv4"], connectTime: "1s", bfdProfile: "fast" },
  ]);
  return herald;
}

async function cutOften(mainThread: string, count: number, herald: Herald, cut: LinkCut): Promise<Row> {
  const seen: number[] = [];
  const ended: number[] = [];
  let early = 0;
  let resets = 0;
  for (let n = 0; n < count; n++) {
    resets += await comeUp(herald);
    const [detections, downs] = [times(herald, "bfd.transition").length, times(herald, "peer.down").length];
    const cutAt = cut.cut();
    await until(
      "the cut is seen",
      async () => times(herald, "peer.down").length > downs && times(herald, "bfd.transition").length > detections,
    );
    const [detection = 0] = times(herald, "bfd.transition").slice(detections);
    const [down = 0] = times(herald, "peer.down").slice(downs);
    // A failure that was seen while the rule was on its way is none of the cut.
    if (detection < cutAt - INTERVAL_MILLIS) early++;
    else {
      seen.push(detection - cutAt);
      ended.push(down - cutAt);
    }
    cut.mend();
  }
  const sorted = seen.sort((a, b) => a - b);
  return {
    mainThread,
    what: "silent cuts",
    count,
    early,
    resets,
    p50Millis: at(sorted, 0.5),
    p99Millis: at(sorted, 0.99),
    maxMillis: at(sorted, 1),
    sessionEndedMaxMillis: Math.max(...ended),
    over200: sorted.filter((millis) => millis > 200).length,
    falseDetections: null,
  };
}

async function stayUp(mainThread: string, millis: number, herald: Herald): Promise<Row> {
  await comeUp(herald);
  const before = times(herald, "bfd.transition").length;
  await sleep(millis);
  const falseDetections = times(herald, "bfd.transition").length - before;
  const rest = { early: null, resets: null, p50Millis: null, p99Millis: null, maxMillis: null, sessionEndedMaxMillis: null, over200: null };
  return { mainThread, what: "seconds without a cut", count: millis / 1000, ...rest, falseDetections };
}

interface Row {
  readonly mainThread: string;
  readonly what: string;
  readonly count: number;
  readonly early: number | null;
  /** Times that the session did not come up by itself within 20 s. */
  readonly resets: number | null;
  readonly p50Millis: number | null;
  readonly p99Millis: number | null;
  readonly maxMillis: number | null;
  readonly sessionEndedMaxMillis: number | null;
  readonly over200: number | null;
  readonly falseDetections: number | null;
}

async function comeUp(herald: Herald): Promise<number> {
  for (let resets = 0; ; resets++) {
    try {
      await until("the session and BFD are up", async () => isUp(herald), 20_000);
      return resets;
    } catch (error) {
      if (resets === 5) throw error;
      await herald.post("/api/v1/peers/tor/reset");
    }
  }
}

async function isUp(herald: Herald): Promise<boolean> {
  const peer = await herald.peer("tor");
  return peer["state"] === "Established" && record(peer["bfd"])["state"] === "Up";
}

/** When the BFD thread saw a failure, or the main thread ended the session, in milliseconds since 1970. */
function times(herald: Herald, event: "bfd.transition" | "peer.down"): readonly number[] {
  return herald
    .output()
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => record(JSON.parse(line)))
    .filter((line) => event !== "bfd.transition" || (line["from"] === "Up" && line["to"] === "Down"))
    .map((line) => Date.parse(text(line["at"] ?? line["time"])));
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
