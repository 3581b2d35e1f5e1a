/**
 * What users of a rack lose while it changes: connections that failed, of those that a client opened meanwhile, and of these the ones that were under way when the
 * router's table changed (which no speaker can save). Each change twice: as Herald does it, and as a speaker does that withdraws on exit, announces as soon as the
 * slices say so and drains nothing. Root on Linux, with FRR. `npm run bench -- rack [PART OF A NAME [HOLD_MILLIS]]`
 */

import * as changes from "../test/support/lab/rack-changes.ts";
import { ServiceRack, type ServiceRackSpec } from "../test/support/lab/service-rack.ts";
import { failuresOf, inFlightAt } from "../test/support/lab/traffic.ts";
import { removeLeftovers } from "../test/support/leftovers.ts";

const PER_SECOND = 200;
const [wanted = "", hold = "1000"] = process.argv.slice(2);
/** How long a connection is in use. */
const HOLD_MILLIS = Number(hold);

removeLeftovers();
const all = Object.values(changes).filter((value): value is changes.RackChange => typeof value === "object" && "run" in value);
const rows: unknown[] = [];
for (const change of all.filter(({ name }) => name.includes(wanted))) {
  rows.push({ change: change.name, herald: await cost(change, changes.mergedSpec(change.spec ?? {})) });
  const plain = changes.mergedSpec(change.spec ?? {}, changes.PLAIN);
  rows.push({ change: change.name, plain: await cost(change, plain) });
}
process.stdout.write(`${JSON.stringify(rows)}\n`);

async function cost(change: changes.RackChange, spec: Omit<ServiceRackSpec, "name">): Promise<unknown> {
  const rack = new ServiceRack({ name: "bench", ...spec });
  try {
    await rack.start();
    const traffic = await rack.traffic({ perSecond: PER_SECOND, holdMillis: HOLD_MILLIS });
    await change.run(rack, traffic);
    const { opened, failed, synRetransmits } = await traffic.stop();
    const inFlight = new Set(traffic.tableChanges().flatMap((moment) => inFlightAt(traffic.connections, moment)));
    const failures = failuresOf(traffic.connections);
    return { opened, failed, failedUnderWay: failures.filter((connection) => inFlight.has(connection)).length, synRetransmits };
  } finally {
    await rack.close();
  }
}
