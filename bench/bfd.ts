/**
 * BFD at 50 ms × 3 in network namespaces, Herald's beside that of FRR's bfdd on a host of its own, both with one bfdd as the router. Root on Linux with FRR and nft.
 *
 *   npm run bench -- bfd [cuts] [CUTS]                how long a silent cut of the router's link stays unseen (100 cuts), with an idle speaker
 *   npm run bench -- bfd quiet [SECONDS [SERVICES]]   how often a failure is seen where there is none (600 s), while the speaker's main thread plans all its
 *                                                     Services (100,000) again and again, and collects garbage
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
const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
/** The host of FRR's bfdd that is measured. */
const OTHER = "10.88.0.11";
const FAMILIES = ["IPv4"] as const;
/** For the first load of a cluster's worth of Services. */
const LOAD_MILLIS = 900_000;
const MODES = ["cuts", "quiet"] as const;

interface Row {
  readonly detector: "herald" | "bfdd";
  readonly [column: string]: string | number | null;
}

/** Everything that runs. */
interface Lab {
  readonly fabric: Fabric;
  readonly herald: Herald;
  readonly other: Frr;
  readonly router: Frr;
  readonly cut: LinkCut;
}

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

  async end(): Promise<void> {
    this.#ended = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      const before = await plans(this.#herald);
      this.#herald.cluster.attributes([{ name: "a", communities: [`65000:${this.#rounds++ % 1000}`] }]);
      // A file that changes again and again is not read before it rests.
      while (!this.#ended && (await plans(this.#herald)) === before) await sleep(20);
    }
  }
}

/** How long cuts stayed unseen, in milliseconds. */
class Sample {
  readonly #millis: number[] = [];
  #early = 0;

  /** `times`: of all failures so far. One that was seen while the cut was on its way is none of the cut. */
  add(times: readonly number[], cutAt: number): void {
    const last = times.at(-1) ?? 0;
    if (last < cutAt) this.#early++;
    else this.#millis.push(last - cutAt);
  }

  get max(): number {
    return Math.max(...this.#millis);
  }

  columns(): {
    readonly p50Millis: number;
    readonly p99Millis: number;
    readonly maxMillis: number;
    readonly over200: number;
    readonly early: number;
  } {
    const sorted = this.#millis.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return {
      p50Millis: at(0.5),
      p99Millis: at(0.99),
      maxMillis: at(1),
      over200: sorted.filter((millis) => millis > 200).length,
      early: this.#early,
    };
  }
}

const [, , first = "cuts", ...rest] = process.argv;
const mode = MODES.find((name) => name === first) ?? "cuts";
// A number alone is one of cuts.
const [amount, services] = MODES.some((name) => name === first) ? rest : [first];
const command = `npm run bench -- bfd ${process.argv.slice(2).join(" ")}`.trim();
const lab = await start(mode === "quiet" ? Number(services ?? 100_000) : 1);
try {
  const rows = mode === "quiet" ? await stayUp(Number(amount ?? 600) * 1000) : await cutOften(Number(amount ?? 100));
  process.stdout.write(`${command}\n${JSON.stringify(rows)}\n`);
} catch (error) {
  const daemons = ["node", "other"].flatMap((name) => lab.fabric.host(name).daemons);
  process.stderr.write(`${daemons.map((daemon) => daemon.output().slice(-4000)).join("\n")}\n`);
  throw error;
} finally {
  await lab.fabric.close();
}

async function start(count: number): Promise<Lab> {
  const hosts = { node: NODE, router: ROUTER, other: OTHER };
  const fabric = new Fabric(
    "bench",
    Object.entries(hosts).map(([name, address]) => ({ name, addresses: [`${address}/24`] })),
  );
  const watched = { families: FAMILIES, bfdIntervalMillis: INTERVAL_MILLIS };
  const peers = [NODE, OTHER].map((address, n) => ({ address, asn: 65001 + n, passive: true, ...watched }));
  const router = new Frr(fabric.host("router"), { asn: 65000, routerId: ROUTER, address: ROUTER, peers });
  const back = [{ address: ROUTER, asn: 65000, passive: false, ...watched }];
  const other = new Frr(fabric.host("other"), { asn: 65002, routerId: OTHER, address: OTHER, peers: back });
  const herald = speakerOn(fabric, count);
  const cut = new LinkCut(fabric.host("router"));
  await router.start();
  await other.start();
  other.traceBfd();
  herald.launch();
  await until("everything is announced", async () => record((await herald.peer("tor"))["announced"])["IPv4"] === count, LOAD_MILLIS);
  return { fabric, herald, other, router, cut };
}

function speakerOn(hosts: Fabric, count: number): Herald {
  const herald = new Herald(hosts.host("node"), {
    node: "node",
    configuration: { resetSpread: "0s", log: { level: "info", format: "json" } },
    nodeOptions: mode === "quiet" ? ["--trace-gc"] : [],
  });
  const spec = { receiveInterval: INTERVAL_MILLIS, transmitInterval: INTERVAL_MILLIS };
  const metadata = { name: "fast", namespace: "herald-system" };
  herald.cluster.node("node", [NODE]);
  herald.cluster.write("profiles.json", [{ apiVersion: "herald.dev/v1alpha1", kind: "BFDProfile", metadata, spec }]);
  herald.cluster.attributes([{ name: "a" }]);
  herald.cluster.services(Array.from({ length: count }, (_, index) => serviceAt(index, "a")));
  herald.cluster.peers([
    { name: "tor", myASN: 65001, peerASN: 65000, peerAddress: ROUTER, families: FAMILIES, connectTime: "1s", bfdProfile: "fast" },
  ]);
  return herald;
}

async function cutOften(count: number): Promise<readonly Row[]> {
  const { herald, cut } = lab;
  const seen = { herald: new Sample(), bfdd: new Sample(), ended: new Sample() };
  for (let n = 0; n < count; n++) {
    await comeUp();
    const cutAt = cut.cut();
    await until("both have seen the cut", async () => {
      const here = (await herald.peer("tor"))["state"] !== "Established";
      return here && lab.other.bfd(ROUTER)?.["status"] !== "up";
    });
    seen.herald.add(heraldTimes("bfd.transition"), cutAt);
    seen.bfdd.add(bfddTimes(), cutAt);
    seen.ended.add(heraldTimes("peer.down"), cutAt);
    cut.mend();
  }
  const { flaps } = await herald.peer("tor");
  return [
    { detector: "herald", cuts: count, ...seen.herald.columns(), sessionEndedMaxMillis: seen.ended.max, sessionsLost: Number(flaps) },
    { detector: "bfdd", cuts: count, ...seen.bfdd.columns(), sessionEndedMaxMillis: null, sessionsLost: null },
  ];
}

async function stayUp(millis: number): Promise<readonly Row[]> {
  const { herald, router } = lab;
  await comeUp();
  const counts = async () => ({
    herald: heraldTimes("bfd.transition").length,
    bfdd: bfddTimes().length,
    nearHerald: router.bfdChanges(NODE).downs,
    nearBfdd: router.bfdChanges(OTHER).downs,
    plans: await plans(herald),
    collections: collections().length,
  });
  const before = await counts();
  const load = new Planning(herald);
  await sleep(millis);
  const after = await counts();
  await load.end();
  const pauses = collections().slice(before.collections, after.collections);
  const what = { seconds: millis / 1000 };
  const main = { plans: after.plans - before.plans, collections: pauses.length, longestCollectionMillis: Math.max(0, ...pauses) };
  const none = { plans: null, collections: null, longestCollectionMillis: null };
  return [
    {
      detector: "herald",
      ...what,
      falseDetections: after.herald - before.herald,
      ofItsRouter: after.nearHerald - before.nearHerald,
      ...main,
    },
    { detector: "bfdd", ...what, falseDetections: after.bfdd - before.bfdd, ofItsRouter: after.nearBfdd - before.nearBfdd, ...none },
  ];
}

async function comeUp(): Promise<void> {
  await until("both sessions and their BFD are up", async () => {
    const peer = await lab.herald.peer("tor");
    const here = peer["state"] === "Established" && record(peer["bfd"])["state"] === "Up";
    return here && lab.other.established(ROUTER) && lab.other.bfd(ROUTER)?.["status"] === "up";
  });
}

function heraldLines(): readonly string[] {
  return lab.herald.output().split("\n");
}

/** When the BFD thread saw a failure, or the main thread ended the session, in milliseconds since 1970. */
function heraldTimes(event: "bfd.transition" | "peer.down"): readonly number[] {
  return heraldLines()
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => record(JSON.parse(line)))
    .filter((line) => event !== "bfd.transition" || (line["from"] === "Up" && line["to"] === "Down"))
    .map((line) => Date.parse(text(line["at"] ?? line["time"])));
}

/** The same of bfdd. */
function bfddTimes(): readonly number[] {
  return lab.other.bfdFailures();
}

/** Pauses of full collections of garbage so far, in milliseconds. */
function collections(): readonly number[] {
  return heraldLines().flatMap((line) => {
    const pause = /Mark-Compact.* MB, ([\d.]+) \//.exec(line)?.[1];
    return pause === undefined ? [] : [Number(pause)];
  });
}

/** Rounds of planning so far. */
async function plans(herald: Herald): Promise<number> {
  const line = (await herald.metrics()).split("\n").find((text) => text.startsWith("herald_plan_seconds_count"));
  return Number(line?.split(" ").at(-1) ?? Number.NaN);
}
