import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { SecureContextOptions } from "node:tls";
import type { Clock } from "../clock.ts";
import { type Connection, type RequestHead, type ResponseHead, TIMES } from "./connection.ts";
import { SilenceError } from "./failure.ts";
import { within } from "./waiting.ts";

/** Options of TLS as Node takes them. */
export type TlsOptions = SecureContextOptions & { readonly servername?: string; readonly rejectUnauthorized?: boolean };

/**
 * HTTP/1.1, where a proxy in between does not speak HTTP/2, or where a kubeconfig names `kubectl proxy`. Each watch takes a connection of its own.
 * There is no PING: the limit on a watch's silence notices what TCP does not.
 */
export class Http1Connection implements Connection {
  readonly protocol = "http/1.1";
  readonly #server: URL;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;
  #underWay = 0;
  #retired = false;

  constructor(server: URL, tls: TlsOptions, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    const options = { keepAlive: true, keepAliveMsecs: 10_000 };
    this.#agent = server.protocol === "http:" ? new HttpAgent(options) : new HttpsAgent({ ...options, ...tls });
  }

  get usable(): boolean {
    return !this.#retired;
  }

  async request(head: RequestHead, signal: AbortSignal): Promise<ResponseHead> {
    const send = this.#server.protocol === "http:" ? httpRequest : httpsRequest;
    const request = send({
      host: this.#server.hostname.replace(/^\[|\]$/g, ""),
      port: this.#server.port,
      method: head.method,
      path: head.path,
      headers: { ...head.headers, ...(head.authorization === null ? {} : { authorization: head.authorization.reveal() }) },
      agent: this.#agent,
      signal,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve);
      request.once("error", reject);
    });
    // An error after the head is the reader's; without this it would be nobody's.
    request.on("error", () => {});
    this.#underWay++;
    request.once("close", () => {
      this.#underWay--;
      if (this.#retired && this.#underWay === 0) this.#agent.destroy();
    });
    request.end(head.body ?? undefined);
    const late = (): Error => new SilenceError(`no answer within ${TIMES.headers / 1000} s`);
    try {
      const response = await within(this.#clock, TIMES.headers, answered, late);
      const { "retry-after": retryAfter, "content-encoding": contentEncoding, "content-type": contentType } = response.headers;
      const isWhole = (): boolean => response.complete;
      return { status: response.statusCode ?? 0, retryAfter, contentEncoding, contentType, body: response, isWhole };
    } catch (error) {
      request.destroy();
      throw error;
    }
  }

  retire(): void {
    this.#retired = true;
    if (this.#underWay === 0) this.#agent.destroy();
  }

  close(): void {
    this.#retired = true;
    this.#agent.destroy();
  }
}
