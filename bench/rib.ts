/**
 * The Adj-RIB-Out alone: N host routes loaded by number, dumped, repeated for a route refresh, changed one by one, withdrawn, without a socket.
 *
 *   npm run bench -- rib [COUNTS]
 */

import { AdjRibOut } from "../src/bgp/rib/adj-rib-out.ts";
import { AttributeTable } from "../src/bgp/rib/attribute-table.ts";
import { PrefixTable } from "../src/bgp/rib/prefix-table.ts";
import { REHEARSALS, rehearse } from "../src/bgp/rib/rehearsal.ts";
import { PLAIN_ATTRIBUTES } from "../src/bgp/rib/route.ts";
import { addressFromOctets, FAMILIES, type Family } from "../src/ip/address.ts";
import { hostPrefix } from "../src/ip/prefix.ts";
import { hostOctets } from "./support/herald-announcer.ts";

interface Row {
  readonly family: Family;
  readonly routes: number;
  readonly sets: number;
  readonly loadMs: number;
  readonly dumpMs: number;
  readonly updates: number;
  /** The longest single pull: what the event loop waits for. */
  readonly longestPullMs: number;
  readonly refreshMs: number;
  readonly longestRefreshPullMs: number;
  /** One wish and its bytes while everything is loaded, median and 99th percentile of 1,000. */
  readonly changeP50Us: number;
  readonly changeP99Us: number;
  readonly withdrawMs: number;
  readonly reconnectMs: number;
  readonly rssMiB: number;
}

const counts = (process.argv[2] ?? "1000,10000,100000,1000000").split(",").map(Number);
const buffer = new Uint8Array(65536);
for (let i = 0; i < REHEARSALS; i++) rehearse();
const rows: Row[] = [];
for (const family of FAMILIES)
  for (const routes of counts) for (const sets of [1, Math.ceil(routes / 100)]) rows.push(run(family, routes, sets));
process.stdout.write(`${JSON.stringify(rows)}\n`);

function run(family: Family, routes: number, setCount: number): Row {
  globalThis.gc?.();
  const prefixes = new PrefixTable();
  const attributes = new AttributeTable();
  const rib = new AdjRibOut(prefixes, attributes);
  const sets = Array.from({ length: setCount }, (_, n) => attributes.intern({ ...PLAIN_ATTRIBUTES, med: setCount === 1 ? null : n }));
  const loadMs = timed(() => {
    for (let n = 0; n < routes; n++) {
      const id = prefixes.internOctets(family, hostOctets(family, n), 0, family === "IPv4" ? 32 : 128);
      rib.wantId(id, sets[n % setCount] ?? 0);
      prefixes.release(id);
    }
  });
  const session = {
    localAsn: 65001,
    ibgp: false,
    asn4: true,
    extendedNextHop: false,
    enhancedRouteRefresh: true,
    families: FAMILIES,
    sendLimit: 4096,
    nextHop: { IPv4: addressFromOctets(hostOctets("IPv4", 5)), IPv6: addressFromOctets(hostOctets("IPv6", 5)) },
  };
  rib.allowEndOfRib();
  let longestPullMs = 0;
  const dumpMs = timed(() => {
    rib.open(session);
    longestPullMs = pullAll(rib);
  });
  const { updates } = rib;
  let longestRefreshPullMs = 0;
  const refreshMs = timed(() => {
    rib.refresh(family);
    longestRefreshPullMs = pullAll(rib);
  });
  const changes: number[] = [];
  for (let n = 0; n < 1000; n++) {
    const prefix = hostPrefix(addressFromOctets(hostOctets(family, (n * 7919) % routes)));
    const wish = { ...PLAIN_ATTRIBUTES, med: 1_000_000 + n };
    changes.push(
      timed(() => {
        rib.want(prefix, wish);
        rib.fill(buffer);
      }),
    );
  }
  changes.sort((a, b) => a - b);
  const reconnectMs = timed(() => {
    rib.close();
    rib.open(session);
    pullAll(rib);
  });
  const rssMiB = process.memoryUsage.rss() / 2 ** 20;
  const withdrawMs = timed(() => {
    const ids: number[] = [];
    rib.forEachWanted((id) => ids.push(id));
    for (const id of ids) rib.wantId(id, 0);
    pullAll(rib);
  });
  const [changeP50Us, changeP99Us] = [(changes[500] ?? 0) * 1000, (changes[990] ?? 0) * 1000];
  const measured = { loadMs, dumpMs, updates, longestPullMs, refreshMs, longestRefreshPullMs, changeP50Us, changeP99Us };
  return { family, routes, sets: setCount, ...measured, withdrawMs, reconnectMs, rssMiB };
}

function pullAll(rib: AdjRibOut): number {
  let longest = 0;
  for (;;) {
    const start = performance.now();
    const octets = rib.fill(buffer);
    longest = Math.max(longest, performance.now() - start);
    if (octets === 0) return longest;
  }
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
