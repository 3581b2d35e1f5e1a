/**
 * Between a client and a real API server, for faults that need HTTP: TLS ends here, with a certificate of the same authority, and begins anew. What
 * happens to TCP alone is `BreakableLink`'s, which goes in front of this or of the server itself.
 */

import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import type { ApiServer } from "./api-server.ts";

/** Pace of a slow body. */
const PIECE_OCTETS = 256;
const PIECE_MILLIS = 2;
/** HTTP/2 error codes (RFC 9113 §7). */
const INTERNAL_ERROR = 2;
const CANCEL = 8;

export class FaultProxy {
  readonly #target: ApiServer;
  readonly #server: Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Open ones, and the plural that each is about. */
  readonly #watches = new Map<ServerHttp2Stream, string>();
  #upstream: ClientHttp2Session | null = null;
  #slow = "";
  #refusing = { plural: "", left: 0, retryAfterSeconds: 0 };
  /** Counted, so that a test can tell that its fault took place. */
  readonly seen = { sessions: 0, refused: 0, slowed: 0 };

  constructor(target: ApiServer) {
    this.#target = target;
    const { certPem: cert, keyPem: key } = target.authority.issue({ commonName: "fault-proxy", hosts: ["127.0.0.1"] });
    this.#server = createSecureServer({ cert, key, allowHTTP1: false });
    this.#server.on("session", (session) => {
      this.seen.sessions++;
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session)).on("error", () => {});
    });
    this.#server.on("stream", (stream, headers) => this.#serve(stream, headers));
    this.#server.on("sessionError", () => {});
  }

  /** Resolves with its port on loopback. */
  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    this.#upstream?.destroy();
    await closed;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Says something in the open watches on a plural that no API server says. */
  garble(plural: string): void {
    for (const watch of this.#watchesOn(plural)) watch.write("}{ this is no event\n");
  }

  /** From now on answers about a plural come in small pieces; "" = none does. */
  slowDown(plural: string): void {
    this.#slow = plural;
  }

  /** The next requests about a plural are refused as by a server that has too much to do. */
  refuse(plural: string, times: number, retryAfterSeconds: number): void {
    this.#refusing = { plural, left: times, retryAfterSeconds };
  }

  /** Ends the watches on a plural in the middle. */
  resetWatches(plural: string): void {
    for (const watch of this.#watchesOn(plural)) watch.close(INTERNAL_ERROR);
  }

  /** As a server that is about to end (RFC 9113 §6.8): new requests have to go another way, and then the watches end. */
  leave(): void {
    const leaving = [...this.#watches.keys()];
    for (const session of this.#sessions) session.goaway(0);
    for (const watch of leaving) watch.end();
  }

  #watchesOn(plural: string): readonly ServerHttp2Stream[] {
    return [...this.#watches].flatMap(([watch, about]) => (about === plural ? [watch] : []));
  }

  #serve(near: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    near.on("error", () => {});
    const path = headers[":path"] ?? "";
    const plural = /([^/]+)$/.exec(path.replace(/\?.*/, ""))?.[1] ?? "";
    if (this.#refusing.left > 0 && plural === this.#refusing.plural) {
      this.#refusing.left--;
      this.seen.refused++;
      near.respond({ ":status": 429, "content-type": "text/plain", "retry-after": String(this.#refusing.retryAfterSeconds) });
      near.end("Too many requests, please try again later.\n");
      return;
    }
    const far = this.#reach().request(plain(headers, [":method", ":path"]));
    far.once("error", () => near.close(INTERNAL_ERROR));
    far.once("close", () => {
      if (!far.readableEnded) near.close(INTERNAL_ERROR);
    });
    near.once("close", () => {
      this.#watches.delete(near);
      far.close(CANCEL);
    });
    near.pipe(far);
    far.once("response", (answer) => {
      if (near.destroyed) return;
      near.respond(plain(answer, [":status"]));
      if (path.includes("watch=true") && answer[":status"] === 200) this.#watches.set(near, plural);
      this.#relay(far, near, plural === this.#slow).catch(() => near.close(INTERNAL_ERROR));
    });
  }

  async #relay(far: ClientHttp2Stream, near: ServerHttp2Stream, slow: boolean): Promise<void> {
    if (slow) this.seen.slowed++;
    for await (const chunk of far) {
      if (!Buffer.isBuffer(chunk)) throw new Error("a body that is not octets");
      for (let start = 0; start < chunk.length; start += slow ? PIECE_OCTETS : chunk.length) {
        if (near.destroyed || near.writableEnded) return;
        near.write(slow ? chunk.subarray(start, start + PIECE_OCTETS) : chunk);
        if (slow) await pause(PIECE_MILLIS);
      }
    }
    if (!near.writableEnded) near.end();
  }

  #reach(): ClientHttp2Session {
    if (this.#upstream === null || this.#upstream.closed || this.#upstream.destroyed) {
      this.#upstream = connect(`https://127.0.0.1:${this.#target.port}`, { ca: this.#target.caPem });
      this.#upstream.on("error", () => {});
    }
    return this.#upstream;
  }
}

/** The ordinary fields, and of the pseudo ones those that are named. */
function plain(headers: Readonly<Record<string, unknown>>, pseudo: readonly string[]): Record<string, string> {
  const kept = Object.entries(headers).filter(([name, value]) => value !== undefined && (!name.startsWith(":") || pseudo.includes(name)));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}
