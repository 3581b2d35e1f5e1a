import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Clock, Timer } from "../clock.ts";
import { type Connection, type RequestHead, type ResponseHead, TIMES } from "./connection.ts";
import { SilenceError } from "./failure.ts";
import { within } from "./waiting.ts";

/**
 * The server may send so much of one answer before it hears from us: more than 64 KiB per round trip, and no more than is to be held while the event loop is
 * busy. All answers together have twice as much.
 */
const WINDOW_OCTETS = 512 << 10;

/**
 * One HTTP/2 session. A PING every 10 s notices within 15 s that nobody is at the other end any more; a watch alone would never. After GOAWAY no
 * further request goes this way, and what is under way ends in its own time (RFC 9113 §6.8).
 */
export class Http2Connection implements Connection {
  readonly protocol = "h2";
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  #timer: Timer;
  #leaving = false;

  constructor(origin: string, socket: TLSSocket, clock: Clock) {
    this.#clock = clock;
    this.#session = connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_OCTETS },
    });
    this.#session.once("connect", () => this.#session.setLocalWindowSize(2 * WINDOW_OCTETS));
    this.#session.on("goaway", () => {
      this.#leaving = true;
    });
    // Every stream hears of it too, and says so to whoever waits for it.
    this.#session.on("error", () => {});
    this.#session.once("close", () => this.#timer.cancel());
    this.#timer = this.#nextPing();
  }

  get usable(): boolean {
    return !this.#leaving && !this.#session.closed && !this.#session.destroyed;
  }

  async request(head: RequestHead, signal: AbortSignal): Promise<ResponseHead> {
    const stream = this.#session.request(
      {
        ...head.headers,
        ...(head.authorization === null ? {} : { authorization: head.authorization.reveal() }),
        [constants.HTTP2_HEADER_METHOD]: head.method,
        [constants.HTTP2_HEADER_PATH]: head.path,
      },
      { endStream: head.body === null, signal },
    );
    const answered = new Promise<ResponseHead>((resolve, reject) => {
      stream.once("response", (headers) => {
        const status = headers[constants.HTTP2_HEADER_STATUS];
        const { "content-encoding": contentEncoding, "content-type": contentType } = headers;
        const isWhole = (): boolean => stream.rstCode === constants.NGHTTP2_NO_ERROR;
        resolve({ status: Number(status ?? 0), retryAfter: headers["retry-after"], contentEncoding, contentType, body: stream, isWhole });
      });
      stream.once("error", reject);
      stream.once("close", () => reject(new Error(`the server ended the request without an answer (HTTP/2 code ${stream.rstCode})`)));
    });
    // An error after the head is the reader's; without one it would be nobody's.
    stream.on("error", () => {});
    if (head.body !== null) stream.end(head.body);
    try {
      return await within(this.#clock, TIMES.headers, answered, () => new SilenceError(`no answer within ${TIMES.headers / 1000} s`));
    } catch (error) {
      stream.close(constants.NGHTTP2_CANCEL);
      throw error;
    }
  }

  retire(): void {
    this.#leaving = true;
    this.#session.close();
  }

  close(): void {
    this.#timer.cancel();
    this.#session.destroy();
  }

  #nextPing(): Timer {
    return this.#clock.setTimer(TIMES.ping, () => this.#ping());
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    const deadline = this.#clock.setTimer(TIMES.pingAnswer, () =>
      this.#session.destroy(new SilenceError(`no answer to a PING within ${TIMES.pingAnswer / 1000} s`)),
    );
    this.#timer = deadline;
    this.#session.ping((error) => {
      deadline.cancel();
      if (error === null && !this.#session.destroyed) this.#timer = this.#nextPing();
    });
  }
}
