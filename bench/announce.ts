/**
 * Announcing N host routes to one receiver that keeps nothing: Herald beside the daemons that are installed, on loopback, in one run. The clock runs from the
 * KEEPALIVE that establishes the session to the moment when both End-of-RIB and the last of the N prefixes are there (some send End-of-RIB before their routes).
 *
 *   npm run bench -- announce [COUNTS] [NAMES] [FAMILIES]      announce 1000,100000 herald,bird 4,6
 */

import { ANNOUNCERS, type AnnouncerName, isInstalled, startAnnouncer } from "./support/announcers.ts";
import { runHeraldAnnouncer } from "./support/herald-announcer.ts";
import { type Measurement, Receiver } from "./support/receiver.ts";

interface Row {
  readonly family: string;
  readonly routes: number;
  readonly announcer: string;
  /** Milliseconds; the best of the runs for daemons, and for Herald the first session of a fresh process. */
  readonly ms: number | null;
  /** The same on a second session of the same process. */
  readonly reconnectMs: number | null;
  readonly endOfRibMs: number | null;
  /** Herald's time divided by that of the fastest daemon of the same family and count. */
  ratio?: number;
  readonly updates: number;
  readonly longestGapMs: number;
  readonly peakRssMiB: number;
  readonly loopDelayMaxMs: number | null;
}

/** ExaBGP needs minutes and gigabytes to read a million routes. */
const MOST: Partial<Record<AnnouncerName, number>> = { exabgp: 100_000 };

const [, , first = "1000,10000,100000,1000000", second = ANNOUNCERS.join(), third = "4,6"] = process.argv;
if (first === "herald-announcer") runHeraldAnnouncer(JSON.parse(second));
else
  await main(
    first.split(",").map(Number),
    ANNOUNCERS.filter((name) => second.split(",").includes(name)),
    third.split(","),
  );

async function main(counts: readonly number[], names: readonly AnnouncerName[], families: readonly string[]): Promise<void> {
  const rows: Row[] = [];
  let port = 20_000 + (process.pid % 10_000);
  for (const family of families.map((text) => (text === "6" ? 6 : 4))) {
    for (const count of counts) {
      const group: Row[] = [];
      for (const name of names) {
        if (!isInstalled(name) || count > (MOST[name] ?? Number.POSITIVE_INFINITY)) {
          process.stderr.write(
            `announce: no ${name} with ${count} routes: ${isInstalled(name) ? "it takes minutes to load" : "not installed"}\n`,
          );
          continue;
        }
        try {
          const row = await measure(name, family, count, port);
          port += 3;
          group.push(row);
          process.stderr.write(`announce: ${row.family} ${count} ${name}: ${row.ms?.toFixed(1) ?? "incomplete"} ms\n`);
        } catch (error) {
          process.stderr.write(
            `announce: ${name} with ${count} routes failed: ${error instanceof Error ? error.message : String(error)}\n`,
          );
        }
      }
      const fastest = Math.min(
        ...group.filter(({ announcer, ms }) => !announcer.startsWith("herald") && ms !== null).map(({ ms }) => ms ?? 0),
      );
      for (const row of group) if (row.ms !== null && Number.isFinite(fastest)) row.ratio = row.ms / fastest;
      rows.push(...group);
    }
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}

async function measure(name: AnnouncerName, family: 4 | 6, count: number, port: number): Promise<Row> {
  const receiver = await Receiver.start(port, family, count);
  try {
    const announcer = await startAnnouncer(name, family, count, port);
    announcer.measuring();
    const once = await complete(receiver, count);
    announcer.measuring();
    const again = await complete(receiver, count);
    const { peakRssMiB, loopDelayMax } = await announcer.stop();
    return {
      family: `IPv${family}`,
      routes: count,
      announcer: name,
      ms: name.startsWith("herald") ? time(once, count) : better(time(once, count), time(again, count)),
      reconnectMs: time(again, count),
      endOfRibMs: once.endOfRib,
      updates: once.updates,
      longestGapMs: once.longestGap,
      peakRssMiB,
      loopDelayMaxMs: loopDelayMax ?? null,
    };
  } finally {
    receiver.stop();
  }
}

/** The next session that carries routes: a connection from before the daemon gave up waiting brings none. */
async function complete(receiver: Receiver, count: number): Promise<Measurement> {
  let measurement = await receiver.measure();
  for (let attempt = 0; attempt < 2 && measurement.prefixes < count; attempt++) measurement = await receiver.measure();
  return measurement;
}

/** Null unless all routes came. Without an End-of-RIB at all, the last prefix counts. */
function time({ endOfRib, lastPrefix, prefixes }: Measurement, count: number): number | null {
  return prefixes < count ? null : Math.max(endOfRib ?? 0, lastPrefix);
}

function better(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
