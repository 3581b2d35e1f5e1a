import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import type { Clock, Timer } from "../clock.ts";
import type { ResponseHead } from "./connection.ts";
import { SilenceError } from "./failure.ts";

/** So long one may work on what has arrived before the event loop has its turn. Milliseconds. */
const TURN = 4;

/**
 * The octets of a body, chunk by chunk; the event loop has a turn between chunks when work on them takes long. Ends with the body. `silenceMillis` without
 * any octet break it off.
 * @throws {SilenceError}, or Node's error when the connection breaks
 */
export async function* octetsOf(head: ResponseHead, clock: Clock, silenceMillis: number): AsyncGenerator<Buffer> {
  const silence = new Silence(head.body, clock, silenceMillis);
  const body = head.contentEncoding === "gzip" ? inflate(head.body) : head.body;
  let turnAt = clock.now();
  try {
    for await (const chunk of body) {
      silence.heard();
      if (!Buffer.isBuffer(chunk)) throw new Error("a body that is not octets");
      yield chunk;
      if (clock.now() - turnAt < TURN) continue;
      await nextTurn();
      turnAt = clock.now();
    }
    if (!head.isWhole()) throw new Error("the connection broke in the middle of an answer");
  } finally {
    silence.end();
    head.body.destroy();
  }
}

/** Reads a whole body, up to `limit` octets; what is beyond them is dropped. */
export async function textOf(head: ResponseHead, clock: Clock, silenceMillis: number, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of octetsOf(head, clock, silenceMillis)) {
    chunks.push(chunk);
    octets += chunk.length;
    if (octets >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString("utf8");
}

/** The thread pool inflates, not the event loop. */
function inflate(body: Readable): Readable {
  const gunzip = createGunzip();
  body.once("error", (error) => gunzip.destroy(error));
  body.once("close", () => {
    if (!body.readableEnded) gunzip.destroy(new Error("the connection broke in the middle of a compressed body"));
  });
  return body.pipe(gunzip);
}

/** Breaks a body off that stays silent. One timer that looks, instead of one per chunk. */
class Silence {
  readonly #body: Readable;
  readonly #clock: Clock;
  readonly #millis: number;
  #heardAt: number;
  #timer: Timer;

  constructor(body: Readable, clock: Clock, millis: number) {
    this.#body = body;
    this.#clock = clock;
    this.#millis = millis;
    this.#heardAt = clock.now();
    this.#timer = clock.setTimer(millis, () => this.#look());
  }

  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  end(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const left = this.#heardAt + this.#millis - this.#clock.now();
    if (left > 0) this.#timer = this.#clock.setTimer(left, () => this.#look());
    else this.#body.destroy(new SilenceError(`nothing came for ${this.#millis / 1000} s`));
  }
}
