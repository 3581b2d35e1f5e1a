import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage } from "../../../../src/bgp/wire/codec.ts";
import { EXTENDED_MAXIMUM, Framer } from "../../../../src/bgp/wire/framer.ts";
import type { Message, UpdateContext } from "../../../../src/bgp/wire/messages.ts";
import { prefixesOf } from "../../../../src/bgp/wire/nlri.ts";
import { describeNotification } from "../../../../src/bgp/wire/notification.ts";
import { encodeUpdate } from "../../../../src/bgp/wire/update.ts";
import { WireError } from "../../../../src/errors.ts";
import { message as messageOf } from "../../../support/vector.ts";
import { controlMessage, updateContent } from "../../../support/wire-arbitraries.ts";

/** 20,000 in CI; the nightly script asks for a million. */
const RUNS = Number(process.env["HERALD_FUZZ_RUNS"] ?? 20_000);
const SEED = Number(process.env["HERALD_FUZZ_SEED"] ?? 20260701);
/** Messages that are cut up together; a multiple keeps the number of streams down. */
const PER_STREAM = 4;

/** xorshift32: the same octets for the same seed, everywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Sound messages to start from, so that mutations reach deep. */
function corpus(): Uint8Array[] {
  const control = fc.sample(controlMessage, { seed: SEED, numRuns: 100 }).map(encodeMessage);
  const updates = fc.sample(updateContent, { seed: SEED, numRuns: 300 }).map((content, i) => encodeUpdate(content, { asn4: i % 3 !== 0 }));
  const cases = ["001702 0000 0000", "001D02 0000 0006 800F03 000201", "002003 06 02 0A 6E6F646520647261696E"].map(messageOf);
  return [...control, ...updates, ...cases];
}

const INTERESTING = [0, 1, 2, 14, 15, 16, 32, 33, 64, 127, 128, 129, 254, 255];

/** One to four changes behind the marker; the header's length follows the new size most of the time. */
function mutate(octets: Uint8Array, random: (below: number) => number): Uint8Array {
  let result = octets.slice();
  const changes = 1 + random(4);
  for (let i = 0; i < changes; i++) {
    const at = 19 + random(Math.max(1, result.length - 18));
    const kind = random(14);
    if (kind < 4) result[at] = random(256);
    else if (kind < 8) result[at] = INTERESTING[random(INTERESTING.length)] ?? 0;
    else if (kind < 11) result[at] = (result[at] ?? 0) ^ (1 << random(8));
    else if (kind === 11) result = Uint8Array.of(...result.subarray(0, at));
    else if (kind === 12) result = Uint8Array.of(...result.subarray(0, at), random(256), ...result.subarray(at));
    else result = Uint8Array.of(...result.subarray(0, at), ...result.subarray(at + 1 + random(8)));
  }
  if (random(100) === 0) result[16 + random(3)] = random(256);
  else result.set([result.length >>> 8, result.length & 0xff], 16);
  return result;
}

/** Reads all there is to read, as the speaker does. Returns how many messages came out. */
function consume(stream: Uint8Array, context: UpdateContext, random: (below: number) => number): { frames: number; refused: number } {
  const framer = new Framer();
  if (random(2) === 0) framer.setMaximum(EXTENDED_MAXIMUM);
  let frames = 0;
  let refused = 0;
  for (let at = 0; at < stream.length; ) {
    const size = 1 + random(random(4) === 0 ? 3 : 600);
    framer.push(stream.slice(at, at + size));
    at += size;
    try {
      for (let frame = framer.next(); frame !== null; frame = framer.next()) {
        frames += 1;
        refused += inspect(() => decodeMessage(frame, context)) ? 0 : 1;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { frames, refused: refused + 1 };
    }
    expect(framer.buffered).toBeLessThanOrEqual(EXTENDED_MAXIMUM);
  }
  return { frames, refused };
}

/** Uses what was decoded; false when it was refused with a WireError that a NOTIFICATION can carry. */
function inspect(decode: () => Message): boolean {
  try {
    const message = decode();
    if (message.name === "notification") describeNotification(message);
    if (message.name === "update") {
      for (const block of [...message.announced, ...message.withdrawn]) expect([...prefixesOf(block)].length).toBe(block.count);
    }
    return true;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    expect(error.severity).toBe("reset");
    expect(error.data.length).toBeLessThanOrEqual(4096 - 21);
    return false;
  }
}

describe("any octets from a peer", () => {
  it(
    `are read or refused with a NOTIFICATION, never anything else (${RUNS} mutated messages, seed ${SEED})`,
    () => {
      const random = generator(SEED);
      const seeds = corpus();
      const contexts: UpdateContext[] = [];
      for (const asn4 of [true, false]) {
        for (const ibgp of [true, false]) contexts.push({ asn4, ibgp, families: ["IPv4", "IPv6"], extendedNextHop: ibgp });
      }
      let mutated = 0;
      let frames = 0;
      let refused = 0;
      while (mutated < RUNS) {
        const messages = Array.from({ length: PER_STREAM }, () => mutate(seeds[random(seeds.length)] ?? new Uint8Array(19), random));
        const context = contexts[random(contexts.length)] ?? { asn4: true, ibgp: true, families: ["IPv4"], extendedNextHop: false };
        const outcome = consume(Uint8Array.of(...messages.flatMap((octets) => [...octets])), context, random);
        mutated += PER_STREAM;
        frames += outcome.frames;
        refused += outcome.refused;
      }
      expect(mutated).toBeGreaterThanOrEqual(RUNS);
      // Both outcomes are common, so the mutations neither miss nor stop at the header.
      expect(frames - refused).toBeGreaterThan(RUNS / 10);
      expect(refused).toBeGreaterThan(RUNS / 20);
    },
    60_000 + RUNS,
  );

  it("are read or refused where they are pure noise", () => {
    const random = generator(SEED + 1);
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const body = Uint8Array.from({ length: random(200) }, () => random(256));
      for (let type = 0; type < 7; type++) {
        const context: UpdateContext = { asn4: i % 2 === 0, ibgp: i % 3 === 0, families: ["IPv4", "IPv6"], extendedNextHop: true };
        refused += inspect(() => decodeMessage({ type, body }, context)) ? 0 : 1;
      }
    }
    expect(refused).toBeGreaterThan(4000);
  });
});
