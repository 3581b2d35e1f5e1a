import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { ResponseHead } from "../../../src/kube/connection.ts";
import { octetsOf } from "../../../src/kube/octets.ts";

const PIECE = 16 << 10;
const PIECES = 64;

function headOf(body: Readable, isWhole = true): ResponseHead {
  return { status: 200, retryAfter: undefined, contentEncoding: undefined, contentType: undefined, body, isWhole: () => isWhole };
}

function pieces(): readonly Buffer[] {
  return Array.from({ length: PIECES }, (_, index) => Buffer.alloc(PIECE, index));
}

describe("the octets of an answer", () => {
  it("come whole and in order, and no more of them at a time than one turn of the event loop works on", async () => {
    const batches: Buffer[] = [];
    for await (const batch of octetsOf(headOf(Readable.from(pieces())), systemClock, 10_000)) batches.push(Buffer.concat(batch));
    expect(Buffer.concat(batches).equals(Buffer.concat(pieces()))).toBe(true);
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThan((64 << 10) + PIECE);
  });

  it("wait in the stream while nobody takes them", async () => {
    const body = Readable.from(pieces());
    const octets = octetsOf(headOf(body), systemClock, 10_000);
    expect((await octets.next()).done).toBe(false);
    for (let turn = 0; turn < 1000 && !body.isPaused(); turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(body.isPaused()).toBe(true);
    await octets.return(undefined);
    expect(body.destroyed).toBe(true);
  });

  it("that end without the server's word, or with an error, end in one", async () => {
    const read = async (head: ResponseHead): Promise<void> => {
      let octets = 0;
      for await (const batch of octetsOf(head, systemClock, 10_000)) octets += batch.length;
      throw new Error(`ended after ${octets}`);
    };
    await expect(read(headOf(Readable.from(pieces()), false))).rejects.toThrow("the connection broke in the middle of an answer");
    const failing = new Readable({ read: () => {} });
    failing.push(Buffer.from("x"));
    failing.destroy(new Error("gone"));
    await expect(read(headOf(failing))).rejects.toThrow("gone");
  });
});
