// What a received UPDATE costs: one of 500 prefixes, and a foreign table of a million through the framer, with the memory it leaves behind.
// The yardstick is one pass over the same octets that only counts prefixes.

import { Framer } from "../src/bgp/wire/framer.ts";
import type { PathAttributes, UpdateContext } from "../src/bgp/wire/messages.ts";
import { countNlri, nlriBlock, prefixesOf } from "../src/bgp/wire/nlri.ts";
import { decodeUpdate, encodeUpdate } from "../src/bgp/wire/update.ts";
import type { Family } from "../src/ip/address.ts";
import { addressFromOctets } from "../src/ip/address.ts";
import { prefixOf } from "../src/ip/prefix.ts";

const CONTEXT: UpdateContext = { asn4: true, ibgp: false, families: ["IPv4", "IPv6"], extendedNextHop: false };
const TABLE = 1_000_000;
const CHUNK = 65_536;

interface Row {
  readonly what: string;
  readonly prefixes: number;
  readonly millis: number;
  readonly nanosPerPrefix: number;
  /** Times the yardstick, measured in the same run. */
  readonly ratio: number;
  readonly rssGrowthMiB: number | null;
}

const rows: Row[] = [];
for (const family of ["IPv4", "IPv6"] as const) {
  const body = update(family, 500, 0).subarray(19);
  const octets = decodeUpdate(body, CONTEXT).announced[0]?.octets ?? new Uint8Array(0);
  const yardstick = best(() => countNlri(octets, family));
  const decode = best(() => decodeUpdate(body, CONTEXT).announced.length);
  const values = best(() => {
    let sum = 0;
    for (const block of decodeUpdate(body, CONTEXT).announced) for (const prefix of prefixesOf(block)) sum += prefix.length;
    return sum;
  });
  rows.push(row(`${family}, count only`, 500, yardstick, yardstick), row(`${family} UPDATE of 500`, 500, decode, yardstick));
  rows.push(row(`${family} UPDATE of 500, a value per prefix`, 500, values, yardstick));
}
rows.push(table("table of 1M, 500 per UPDATE", 500), table("table of 1M, 10 per UPDATE", 10));
process.stdout.write(`${JSON.stringify(rows)}\n`);

/** A million prefixes in chunks as a socket delivers them, each made, read and dropped. */
function table(what: string, perUpdate: number): Row {
  const messages = Array.from({ length: 64 }, (_, i) => update("IPv4", perUpdate, i * perUpdate));
  const length = messages.reduce((sum, message) => sum + message.length, 0);
  const stream = new Uint8Array(length);
  let at = 0;
  for (const message of messages) {
    stream.set(message, at);
    at += message.length;
  }
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let peak = before;
  const framer = new Framer();
  let prefixes = 0;
  let decoding = 0;
  let counting = 0;
  let offset = 0;
  while (prefixes < TABLE) {
    // A chunk of its own each time, like those of a socket.
    const chunk = new Uint8Array(CHUNK);
    for (let filled = 0; filled < CHUNK; ) {
      const part = stream.subarray(offset, offset + CHUNK - filled);
      chunk.set(part, filled);
      filled += part.length;
      offset = (offset + part.length) % length;
    }
    const start = performance.now();
    framer.push(chunk);
    const blocks: Uint8Array[] = [];
    for (let frame = framer.next(); frame !== null; frame = framer.next()) {
      for (const block of decodeUpdate(frame.body, CONTEXT).announced) {
        prefixes += block.count;
        blocks.push(block.octets);
      }
    }
    const decoded = performance.now();
    for (const block of blocks) countNlri(block, "IPv4");
    counting += performance.now() - decoded;
    decoding += decoded - start;
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  return { ...row(what, prefixes, decoding, counting), rssGrowthMiB: (peak - before) / 2 ** 20 };
}

function row(what: string, prefixes: number, millis: number, yardstick: number): Row {
  return { what, prefixes, millis, nanosPerPrefix: (millis * 1e6) / prefixes, ratio: millis / yardstick, rssGrowthMiB: null };
}

/** Milliseconds of one call, the best of ten rounds. */
function best(call: () => number): number {
  let fastest = Number.POSITIVE_INFINITY;
  let sink = 0;
  for (let round = 0; round < 10; round++) {
    const start = performance.now();
    for (let i = 0; i < 1000; i++) sink += call();
    fastest = Math.min(fastest, (performance.now() - start) / 1000);
  }
  if (sink === 0) throw new Error("nothing was decoded");
  return fastest;
}

/** An announcement of /24s or /64s with the attributes of a route from the internet. */
function update(family: Family, count: number, first: number): Uint8Array {
  const prefixes = Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const octets = new Uint8Array(family === "IPv4" ? 4 : 16);
    octets.set([family === "IPv4" ? 100 : 0x20, (n >>> 8) & 0xff, n & 0xff]);
    return prefixOf(addressFromOctets(octets), family === "IPv4" ? 24 : 64);
  });
  const via = family === "IPv4" ? Uint8Array.of(10, 0, 0, 5) : Uint8Array.of(0xfd, ...new Uint8Array(14), 5);
  const attributes: PathAttributes = {
    origin: "igp",
    asPath: [{ type: "sequence", asns: [4200000001, 64500 + (first % 400), 3356, 1299] }],
    med: first,
    communities: [0xfde80001, 0xfde80002],
    largeCommunities: [[64500, 1, 2]],
  };
  const block = {
    ...nlriBlock(family, prefixes),
    nextHop: { address: addressFromOctets(via), linkLocal: null },
    multiprotocol: family === "IPv6",
  };
  // Encoded whatever its length: 500 /64s need an extended message.
  return encodeUpdate({ name: "announce", block, attributes }, CONTEXT);
}
