import { finished, type Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import type { Clock, Timer } from "../clock.ts";
import type { ResponseHead } from "./connection.ts";
import { SilenceError } from "./failure.ts";

/** What has arrived in one turn of the event loop is handed on together, up to about so much: some milliseconds of work. */
const BATCH_OCTETS = 64 << 10;

/**
 * The octets of a body in the pieces in which they arrived, as many together as came in one turn of the event loop; whoever works on them has no more than one
 * batch a turn. Ends with the body. `silenceMillis` without any octet break it off.
 * @throws {SilenceError}, or Node's error when the connection breaks
 */
export async function* octetsOf(head: ResponseHead, clock: Clock, silenceMillis: number): AsyncGenerator<readonly Buffer[]> {
  const silence = new Silence(head.body, clock, silenceMillis);
  const arrivals = new Arrivals(head.contentEncoding === "gzip" ? inflate(head.body) : head.body);
  try {
    for (let batch = await arrivals.next(); batch.length > 0; batch = await arrivals.next()) {
      silence.heard();
      yield batch;
    }
    if (!head.isWhole()) throw new Error("the connection broke in the middle of an answer");
  } finally {
    silence.end();
    head.body.destroy();
  }
}

/** Reads a whole body, up to `limit` octets; what is beyond them is dropped. */
export async function bodyOf(head: ResponseHead, clock: Clock, silenceMillis: number, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const batch of octetsOf(head, clock, silenceMillis)) {
    for (const chunk of batch) {
      chunks.push(chunk);
      octets += chunk.length;
    }
    if (octets >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
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

/** What came and was not yet taken. An iterator of Node's would cost as much per piece as TLS does. */
class Arrivals {
  readonly #body: Readable;
  #pieces: Buffer[] = [];
  #octets = 0;
  #over = false;
  #error: Error | null = null;
  #wake: () => void = () => {};

  constructor(body: Readable) {
    this.#body = body;
    body.on("data", (piece: unknown) => this.#take(piece));
    finished(body, { writable: false }, (error) => {
      this.#over = true;
      this.#error ??= error ?? null;
      this.#wake();
    });
  }

  /** At least one piece, in a turn of its own; none = that was all. */
  async next(): Promise<readonly Buffer[]> {
    if (this.#pieces.length === 0 && !this.#over) await new Promise<void>((resolve) => (this.#wake = resolve));
    // More of what the connection has read comes in the same turn.
    await nextTurn();
    if (this.#error !== null) throw this.#error;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#octets = 0;
    if (this.#body.isPaused()) this.#body.resume();
    return pieces;
  }

  #take(piece: unknown): void {
    if (!Buffer.isBuffer(piece)) {
      this.#body.destroy(new Error("a body that is not octets"));
      return;
    }
    this.#pieces.push(piece);
    this.#octets += piece.length;
    // The server waits, by the window of the connection, until there is room again.
    if (this.#octets >= BATCH_OCTETS) this.#body.pause();
    this.#wake();
  }
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
