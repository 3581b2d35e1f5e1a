/**
 * What users of a rack lose while it changes: connections that failed, of those that a client opened meanwhile, and of these the ones that were under way when the
 * router's table changed (which no speaker can save). Each planned change and fault twice: as Herald does it, and as a speaker does that withdraws on exit, announces
 * as soon as the slices say so and drains nothing. Root on Linux, with FRR. `npm run bench -- rack [PART OF A NAME [HOLD_MILLIS]]`
 */

import * as changes from "../test/support/lab/rack-changes.ts";
import * as faults from "../test/support/lab/rack-faults.ts";
import { longConnections } from "../test/support/lab/rack-long-connections.ts";
import { ServiceRack } from "../test/support/lab/service-rack.ts";
import { costOf } from "../test/support/lab/traffic-cost.ts";
import { removeLeftovers } from "../test/support/leftovers.ts";

const [wanted = "", hold = "1000"] = process.argv.slice(2);
/** How long a connection is in use. */
const SHORT: Load = { perSecond: 200, holdMillis: Number(hold), before: 0 };
const LONG: Load = { perSecond: 20, holdMillis: 60_000, before: 300 };
/** At 200 a second a minute's worth. */
const API_SERVER_AWAY_FLOWS = 12_000;

interface Load {
  readonly perSecond: number;
  readonly holdMillis: number;
  /** Connections that are opened before the change begins, and more. */
  readonly before: number;
}

interface Case {
  readonly change: changes.RackChange;
  readonly load: Load;
  /** The other speaker too. */
  readonly plain: boolean;
}

const RESILIENT = { resilientIdleSeconds: 2 };
const BFD = { bfdIntervalMillis: 300 };
const { under } = changes;
const COMPARED: readonly changes.RackChange[] = [
  changes.attributes,
  changes.coverings,
  changes.proxies,
  changes.surge,
  changes.speakersRestarted,
  under(changes.speakersRestarted, "with BFD", BFD),
  changes.peerEdited,
  changes.apiServerAway(API_SERVER_AWAY_FLOWS),
  changes.drain,
  under(changes.drain, "resilient hashing", RESILIENT),
  changes.recreate,
  under(changes.recreate, "resilient hashing", RESILIENT),
  faults.speakerKilled,
  faults.powerCut,
  under(faults.powerCut, "with BFD", BFD),
  faults.rebooted,
];
const CASES: readonly Case[] = [
  ...COMPARED.map((change) => ({ change, load: SHORT, plain: true })),
  { change: under(faults.speakerKilled, "with BFD", BFD), load: SHORT, plain: false },
  { change: under(faults.speakerKilled, "without Graceful Restart", faults.WITHOUT_GRACEFUL_RESTART), load: SHORT, plain: false },
  ...[
    under(changes.surge, "60 s connections"),
    under(changes.drain, "60 s connections"),
    under(changes.drain, "60 s connections, resilient hashing", RESILIENT),
    // A pod serves on until those that it had have ended.
    ...longConnections(LONG.holdMillis + 5_000),
  ].map((change) => ({ change, load: LONG, plain: false })),
];

removeLeftovers();
const rows: unknown[] = [];
for (const { change, load, plain } of CASES.filter(({ change: { name } }) => name.includes(wanted))) {
  await measure(change.name, "herald", change, load, change.spec ?? {});
  if (plain) await measure(change.name, "plain", change, load, changes.mergedSpec(change.spec ?? {}, changes.PLAIN));
}
process.stdout.write(`${JSON.stringify(rows)}\n`);

async function measure(name: string, speaker: string, change: changes.RackChange, load: Load, spec: changes.RackSetting): Promise<void> {
  const row = { change: name, speaker, ...(await cost(change, load, spec)) };
  rows.push(row);
  // The whole takes half an hour.
  process.stderr.write(`${JSON.stringify(row)}\n`);
}

async function cost(change: changes.RackChange, load: Load, spec: changes.RackSetting): Promise<object> {
  const rack = new ServiceRack({ name: "bench", ...spec });
  try {
    await rack.start();
    const traffic = await rack.traffic(load);
    await traffic.greetings(load.before);
    const began = performance.timeOrigin + performance.now();
    await change.run(rack, traffic);
    return costOf(traffic, await traffic.stop(), began);
  } catch (error) {
    process.exitCode = 1;
    return { error: String(error) };
  } finally {
    await rack.close();
  }
}
