/**
 * N health checks that start together, against a server on loopback: in answering mode each gets 200, in refusing mode 503 for ten seconds. The server is a
 * process of its own, so that the longest gap of the event loop is the prober's.
 *
 *   npm run bench -- probes [COUNT]
 */

import { fork } from "node:child_process";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/clock.ts";
import { parseConfig } from "../src/config/file.ts";
import { parseAddress } from "../src/ip/parse.ts";
import { DataplaneProbes } from "../src/speaker/dataplane-probes.ts";
import { readHostAddresses } from "../src/speaker/host-addresses.ts";
import { askOverHttp } from "../src/speaker/http-ask.ts";

/** Long enough for the pauses to have grown. */
const REFUSING_MILLIS = 10_000;

const [, , first = "10000"] = process.argv;
if (first === "server") serve(Number(process.argv[3]));
else {
  // The gap of a process that does nothing is the machine's own.
  const rows = [await measure(0, 503), await measure(Number(first), 200), await measure(Number(first), 503)];
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}

function serve(status: number): void {
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    response.writeHead(status).end();
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port })); // Listening on TCP: an object.
  process.on("message", () => process.send?.({ asked }));
  process.on("disconnect", () => process.exit(0));
}

async function measure(count: number, status: number): Promise<object> {
  const child = fork(fileURLToPath(import.meta.url), ["server", String(status)]);
  const reply = (): Promise<Record<string, number>> => new Promise((resolve) => child.once("message", (value) => resolve(Object(value))));
  const { port = 0 } = await reply();
  const address = parseAddress("127.0.0.1");
  if (!address.ok) throw new Error(address.why);

  let stated = 0;
  let most = 0;
  let sockets = 0;
  let samples = 0;
  const descriptors = openDescriptors();
  const probes = new DataplaneProbes(
    {
      clock: systemClock,
      log: () => {},
      ask: (url, answered) => {
        most = Math.max(most, probes.size.exchanges);
        if (++samples % 20 === 0) sockets = Math.max(sockets, openDescriptors() - descriptors);
        return askOverHttp(url, answered);
      },
      readAddresses: readHostAddresses,
      random: Math.random,
      state: () => stated++,
    },
    parseConfig("bench", "source: { directory: / }", { env: {} }),
  );
  const cpu = cpuMillis();
  const start = performance.now();
  let last = start;
  let gap = 0;
  let busiest = 0;
  let spent = cpuMillis();
  let turning = true;
  const turn = (): void => {
    const now = performance.now();
    gap = Math.max(gap, now - last);
    last = now;
    const spentNow = cpuMillis();
    busiest = Math.max(busiest, spentNow - spent);
    spent = spentNow;
    if (turning) setImmediate(turn);
  };
  turn();
  const changes = Array.from({ length: count }, (_, i) => ({
    service: `default/web-${i}`,
    uid: `${i}`,
    family: "IPv4" as const,
    port,
    address: address.value,
  }));
  const before = performance.now();
  probes.follow(changes);
  const followMs = performance.now() - before;
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (status === 200 ? probes.size.probes === 0 : performance.now() - start > REFUSING_MILLIS) resolve();
      else setTimeout(look, 5);
    };
    look();
  });
  const ms = performance.now() - start;
  turning = false;
  probes.stop();
  const cpuMs = cpuMillis() - cpu;
  child.send({});
  const { asked = 0 } = await reply();
  child.disconnect();
  return {
    probes: count,
    status,
    milliseconds: Math.round(ms),
    asked,
    stated,
    mostExchanges: most,
    mostSockets: sockets,
    followMs: Number(followMs.toFixed(1)),
    longestGapMs: Number(gap.toFixed(1)),
    // Of one turn, with the threads of the collector: what is less than the longest gap, the machine gave to others.
    busiestTurnCpuMs: Number(busiest.toFixed(1)),
    // The gauge turns the loop without a pause: what it costs is in here.
    cpuMs: Math.round(cpuMs),
  };
}

/** CPU time of this process so far. */
function cpuMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Of this process (Linux). */
function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
