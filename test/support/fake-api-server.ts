/**
 * An API server for what a real one cannot be made to show: faults, at the moment a test wants them. Lists with pages, watches with bookmarks, WatchList,
 * 410, over HTTP/2 or HTTP/1.1 with TLS, in JSON or protobuf. It keeps objects as they are given and checks nothing.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer, type Server } from "node:https";
import { gzipSync } from "node:zlib";
import { fieldsOf } from "../../src/kube/fields.ts";
import { PROTOBUF_TYPE } from "../../src/kube/meta-messages.ts";
import { type Authority, createAuthority } from "./certificate.ts";
import { type FakeObject, FakeObjects } from "./fake-objects.ts";
import { frameOf, messageOf, wrapped } from "./kube-messages.ts";

type Request = Http2ServerRequest | IncomingMessage;
type Response = Http2ServerResponse | ServerResponse;

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly protocol: "h2" | "http/1.1";
  readonly contentType: string | undefined;
  readonly accept: string | undefined;
  readonly body: string;
}

/** What happens to a request instead of an answer. */
export type Fault =
  | { readonly type: "status"; readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** The stream (or connection) breaks without an answer. */
  | { readonly type: "reset" }
  /** No answer at all, for ever. */
  | { readonly type: "stall" }
  /** An answer of 200 whose body is this, and ends or not. */
  | { readonly type: "body"; readonly text: string; readonly end: boolean; readonly contentType?: string };

export interface FakeServerOptions {
  readonly protocol?: "h2" | "http/1.1";
  /** How WatchList is answered. */
  readonly watchList?: "works" | "status422" | "errorEvent" | "ignored";
  readonly authority?: Authority;
}

interface OpenWatch {
  readonly path: string;
  readonly response: Response;
  readonly write: Write;
}

/** An event as the client takes it. */
type Write = (type: string, object: unknown) => string | Uint8Array;

export class FakeApiServer {
  readonly authority: Authority;
  readonly objects = new FakeObjects();
  readonly requests: SeenRequest[] = [];
  /** Bearer tokens that are let in; null = everybody is. */
  tokens: Set<string> | null = null;
  /** Kinds by plural that are not served. */
  readonly missing = new Set<string>();
  /** Pages of lists are sent in pieces of so many octets, a turn of the event loop each; 0 = in one. */
  pieceOctets = 0;
  gzip = false;
  /** Watches that take it are written in protobuf, as by a real server for its own kinds. */
  protobuf = false;
  /** Sent instead of a 410 status for watches from before the compaction. */
  expiresInStream = false;
  readonly #faults: { readonly matches: (request: SeenRequest) => boolean; readonly fault: Fault; left: number }[] = [];
  readonly #options: FakeServerOptions;
  readonly #server: Http2SecureServer | Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<{ destroy(): unknown }>();
  readonly #watches = new Set<OpenWatch>();
  readonly #waiting = new Set<() => void>();
  connections = 0;
  #port = 0;

  constructor(options: FakeServerOptions = {}) {
    this.#options = options;
    this.authority = options.authority ?? createAuthority("fake authority");
    const { certPem: cert, keyPem: key } = this.authority.issue({ commonName: "fake", hosts: ["127.0.0.1", "localhost"] });
    const handler = (request: Request, response: Response): void => {
      this.#handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error("fault")));
    };
    if (options.protocol === "http/1.1") this.#server = createServer({ cert, key, ALPNProtocols: ["http/1.1"] }, handler);
    else {
      const server = createSecureServer({ cert, key, allowHTTP1: false }, handler);
      server.on("session", (session) => {
        this.#sessions.add(session);
        session.once("close", () => this.#sessions.delete(session));
        session.on("error", () => {});
      });
      this.#server = server;
    }
    this.#server.on("secureConnection", (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    this.objects.onChange = (path, event) => this.#tell(path, event);
  }

  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of [...this.#sockets]) socket.destroy();
    await closed;
  }

  get port(): number {
    return this.#port;
  }

  get url(): URL {
    return new URL(`https://127.0.0.1:${this.#port}`);
  }

  /** The next `times` requests that match suffer this instead. */
  fail(matches: (request: SeenRequest) => boolean, fault: Fault, times = 1): void {
    this.#faults.push({ matches, fault, left: times });
  }

  /** Watches that are open on a plural; all of them without one. */
  watching(plural?: string): number {
    return [...this.#watches].filter(({ path }) => plural === undefined || path.endsWith(`/${plural}`)).length;
  }

  /** Ends watches as a server does after their time. */
  endWatches(): void {
    for (const { response } of [...this.#watches]) response.end();
  }

  /** Breaks watches in the middle: those whose path `which` takes. */
  resetWatches(which: (path: string) => boolean = () => true): void {
    for (const { path, response } of [...this.#watches]) if (which(path)) reset(response);
  }

  /** Says something in every watch on a plural. */
  say(plural: string, text: string | Uint8Array): void {
    for (const { path, response } of this.#watches) if (path.endsWith(`/${plural}`)) write(response, text);
  }

  bookmark(plural: string): void {
    this.say(plural, line("BOOKMARK", bookmarkAt(this.objects.version)));
  }

  /** Asks clients to leave, as a server does before it ends (RFC 9113 §6.8). */
  goaway(): void {
    for (const session of this.#sessions) session.goaway(0);
  }

  /** Resolves once `condition` holds; it is asked after everything that happens here. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const ask = (): void => {
        if (!condition()) return;
        this.#waiting.delete(ask);
        resolve();
      };
      this.#waiting.add(ask);
    });
  }

  async #handle(request: Request, response: Response): Promise<void> {
    response.on("error", () => {});
    const url = new URL(request.url ?? "/", this.url);
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      authorization: request.headers.authorization,
      protocol: request.httpVersion === "2.0" ? "h2" : "http/1.1",
      contentType: request.headers["content-type"],
      accept: request.headers.accept,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    this.requests.push(seen);
    const fault = this.#faults.find(({ matches, left }) => left > 0 && matches(seen));
    if (fault !== undefined) {
      fault.left--;
      suffer(response, fault.fault);
    } else await this.#answer(seen, response);
    this.#notify();
  }

  async #answer(request: SeenRequest, response: Response): Promise<void> {
    if (this.tokens !== null && !this.tokens.has(request.authorization?.replace(/^Bearer /, "") ?? ""))
      return answer(response, 401, status(401, "Unauthorized", "Unauthorized"));
    if ([...this.missing].some((plural) => request.path.split("/").includes(plural)))
      return answer(response, 404, status(404, "NotFound", "the server could not find the requested resource"));
    if (request.query.get("watch") === "true") return this.#watch(request, response);
    if (request.method === "GET") return await this.#list(request, response);
    if (request.method === "DELETE") return answer(response, 200, status(200, "", ""));
    answer(response, request.method === "POST" ? 201 : 200, JSON.parse(request.body));
  }

  async #list({ path, query }: SeenRequest, response: Response): Promise<void> {
    const one = this.objects.at(path);
    if (one !== undefined) return answer(response, 200, one);
    const page = this.objects.page(path, Number(query.get("limit") ?? 0), query.get("continue") ?? "");
    if (page === null) return answer(response, 410, status(410, "Expired", "The provided continue parameter is too old"));
    const body = Buffer.from(JSON.stringify(page));
    response.writeHead(200, { "content-type": "application/json", ...(this.gzip ? { "content-encoding": "gzip" } : {}) });
    const octets = this.gzip ? gzipSync(body) : body;
    const size = this.pieceOctets === 0 ? octets.length : this.pieceOctets;
    for (let start = 0; start < octets.length; start += size) {
      write(response, octets.subarray(start, start + size));
      if (this.pieceOctets > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  }

  #watch({ path, query, accept }: SeenRequest, response: Response): void {
    const isProtobuf = this.protobuf && accept?.startsWith(PROTOBUF_TYPE) === true;
    const said: Write = isProtobuf ? frame : line;
    const initial = query.get("sendInitialEvents") === "true";
    const mode = this.#options.watchList ?? "works";
    if (initial && mode === "status422") {
      answer(response, 422, status(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch"));
      return;
    }
    const from = query.get("resourceVersion") ?? "";
    const expired = from !== "" && Number(from) < this.objects.compactedAt;
    const gone = status(410, "Expired", `too old resource version: ${from}`);
    if (expired && !this.expiresInStream) {
      if (!isProtobuf) return void answer(response, 410, gone);
      response.writeHead(410, { "content-type": PROTOBUF_TYPE });
      return void response.end(wrapped("Status", "v1", messageOf("Status", gone)));
    }
    response.writeHead(200, { "content-type": isProtobuf ? `${PROTOBUF_TYPE};stream=watch` : "application/json" });
    // The head goes out before there is anything to say.
    if ("flushHeaders" in response) response.flushHeaders();
    if (expired) return void response.end(said("ERROR", gone));
    if (initial && mode === "errorEvent")
      return void response.end(
        line("ERROR", status(500, "InternalError", "the required storage feature RequestWatchProgress is disabled")),
      );
    if (from === "") {
      for (const object of this.objects.list(path)) write(response, said("ADDED", object));
      if (initial && mode === "works") write(response, said("BOOKMARK", bookmarkAt(this.objects.version, true)));
    } else for (const event of this.objects.since(path, Number(from))) write(response, said(event.type, event.object));
    const watch: OpenWatch = { path, response, write: said };
    this.#watches.add(watch);
    response.once("close", () => {
      this.#watches.delete(watch);
      this.#notify();
    });
  }

  #tell(collection: string, event: { readonly type: string; readonly object: FakeObject }): void {
    for (const { path, response, write: said } of this.#watches)
      if (this.objects.covers(path, collection, event.object)) write(response, said(event.type, event.object));
  }

  #notify(): void {
    for (const ask of [...this.#waiting]) ask();
  }
}

/** A `Status` object. */
export function status(code: number, reason: string, message: string): Readonly<Record<string, unknown>> {
  return { kind: "Status", apiVersion: "v1", status: code < 300 ? "Success" : "Failure", message, reason, code };
}

function suffer(response: Response, fault: Fault): void {
  switch (fault.type) {
    case "status":
      answer(response, fault.status, fault.body ?? status(fault.status, "Fault", "a fault of the test"), fault.headers);
      return;
    case "reset":
      reset(response);
      return;
    case "stall":
      return;
    case "body":
      response.writeHead(200, { "content-type": fault.contentType ?? "application/json" });
      write(response, fault.text);
      if (fault.end) response.end();
  }
}

function answer(response: Response, code: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function reset(response: Response): void {
  // Code 2, INTERNAL_ERROR.
  if ("stream" in response) response.stream.close(2);
  else response.destroy();
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function frame(type: string, object: unknown): Uint8Array {
  const { kind, apiVersion, ...fields } = fieldsOf(object);
  // What a bookmark says stands in the metadata, which every kind has in the same place.
  return frameOf(type, kind === "Any" ? "Namespace" : String(kind), String(apiVersion), fields);
}

function bookmarkAt(version: number, end = false): unknown {
  const annotations = end ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  return { kind: "Any", apiVersion: "v1", metadata: { resourceVersion: String(version), ...annotations } };
}

/** Node's two kinds of response have no common type of `write`. */
function write(response: Response, content: string | Uint8Array): void {
  if ("stream" in response) response.write(content);
  else response.write(content);
}
