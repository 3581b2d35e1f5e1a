/**
 * The admin API: HTTP on a loopback port or a unix socket, JSON as in docs (admin API). It reads a view and hands over a few commands; it decides nothing.
 *
 * Three doors are shut here. A page in a browser on this host must not reach it through a name that resolves to 127.0.0.1 (DNS rebinding): only
 * hosts that are addresses or `localhost` are answered. Commands come from loopback or the unix socket alone, and
 * never from a web page (`Origin`). Bodies are small.
 */

import { lstatSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, isIP } from "node:net";
import { formatListenAddress, type ListenAddress } from "../config/listen-address.ts";
import { SpeakerError } from "../errors.ts";
import { describeProcess, findTcpListener, findUnixListener } from "../processes.ts";
import type { SpeakerCommands, SpeakerView } from "../view/speaker-view.ts";
import { type AdminRequest, type Reply, routeRequest } from "./routes.ts";

export interface AdminOptions {
  readonly listen: ListenAddress;
  /** One more place for `/metrics`, `/healthz` and `/readyz` alone; null = none. */
  readonly metricsListen: ListenAddress | null;
}

interface ServerPorts {
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** A request failed in this process: a bug. */
  onFault(what: string, cause: unknown): void;
}

/** What a speaker answers from. */
export interface AdminPorts extends ServerPorts {
  readonly view: SpeakerView;
  readonly commands: SpeakerCommands;
  /** A command was given. */
  onCommand(command: string, from: string): void;
}

/** What a process with pages of its own answers from. */
export interface OwnPages extends ServerPorts {
  answer(request: AdminRequest): Reply;
}

/** Where a started server answers. */
export interface AdminListening {
  /** `http://127.0.0.1:7179` or `unix:/path`. */
  readonly urls: readonly string[];
}

const MAX_BODY_OCTETS = 64 * 1024;
const MAX_HEADER_OCTETS = 16 * 1024;
const REQUEST_TIMEOUT_MILLIS = 10_000;

export class AdminServer {
  readonly #options: AdminOptions;
  readonly #ports: AdminPorts | OwnPages;
  readonly #servers: Server[] = [];

  constructor(options: AdminOptions, ports: AdminPorts | OwnPages) {
    this.#options = options;
    this.#ports = ports;
  }

  /** @throws {SpeakerError} ADDRESS_IN_USE naming the process that holds the port; USAGE, CONFIG_INVALID or UNREADABLE for an address that cannot be used. */
  async start(): Promise<AdminListening> {
    const urls: string[] = [];
    try {
      urls.push(await this.#listen(this.#options.listen, false));
      if (this.#options.metricsListen !== null) urls.push(await this.#listen(this.#options.metricsListen, true));
    } catch (error) {
      await this.stop();
      throw error;
    }
    return { urls };
  }

  /** Ends every connection and frees the ports. */
  async stop(): Promise<void> {
    const servers = this.#servers.splice(0);
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  async #listen(address: ListenAddress, metricsOnly: boolean): Promise<string> {
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_OCTETS,
        requestTimeout: REQUEST_TIMEOUT_MILLIS,
        headersTimeout: REQUEST_TIMEOUT_MILLIS,
        keepAliveTimeout: 5000,
      },
      this.#answer(address, metricsOnly),
    );
    server.on("clientError", (_error, socket) => {
      if (socket.writable)
        socket.end(
          `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"error":"not a valid HTTP request"}\n`,
        );
      else socket.destroy();
    });
    if (address.type === "unix") await removeDeadSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(listenError(address, metricsOnly ? "admin.metricsListen" : "admin.listen", error)));
      if (address.type === "unix") server.listen(address.path, resolve);
      else server.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
    });
    this.#servers.push(server);
    if (address.type === "unix") return formatListenAddress(address);
    const bound = server.address();
    return `http://${formatListenAddress(isAddressInfo(bound) ? { ...address, port: bound.port } : address)}`;
  }

  #answer(address: ListenAddress, metricsOnly: boolean): RequestListener {
    return (request, response) => {
      this.#handle(request, response, address, metricsOnly).catch((cause: unknown) => {
        this.#ports.onFault(`${request.method ?? ""} ${request.url ?? ""}`, cause);
        if (response.headersSent) response.destroy();
        else sendJson(response, 500, { error: "an error in this process; see its log" });
      });
    };
  }

  async #handle(request: IncomingMessage, response: ServerResponse, address: ListenAddress, metricsOnly: boolean): Promise<void> {
    if (!hostIsKnown(request.headers.host, address)) {
      await drop(request, response, 421, "this server does not answer for that host name; use its address or localhost");
      return;
    }
    const body = await readBody(request);
    if (body === null) {
      await drop(request, response, 413, `the body is longer than ${MAX_BODY_OCTETS} octets`);
      return;
    }
    const local = address.type === "unix" || isLoopback(request.socket.remoteAddress ?? "");
    const asked: AdminRequest = {
      ...{ method: request.method ?? "", target: request.url ?? "/", body, local },
      ...{ origin: request.headers.origin ?? null, metricsOnly },
    };
    const reply = "answer" in this.#ports ? this.#ports.answer(asked) : routeRequest(asked, this.#ports, Date.now());
    await sendReply(response, reply, this.#ports, request.method === "HEAD");
  }
}

function isAddressInfo(value: AddressInfo | string | null): value is AddressInfo {
  return typeof value === "object" && value !== null;
}

/** Null = too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_OCTETS) return null;
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    octets += chunk.length;
    if (octets > MAX_BODY_OCTETS) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Answers without having read the body, so the connection cannot be used again. */
async function drop(request: IncomingMessage, response: ServerResponse, status: number, error: string): Promise<void> {
  response.setHeader("Connection", "close");
  sendJson(response, status, { error });
  await new Promise<void>((resolve) => response.once("close", resolve));
  request.destroy();
}

async function sendReply(response: ServerResponse, reply: Reply, ports: ServerPorts, headOnly: boolean): Promise<void> {
  switch (reply.kind) {
    case "json":
      for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
      sendJson(response, reply.status, reply.value);
      return;
    case "text":
      response.writeHead(reply.status, { ...HEADERS, "Content-Type": "text/plain; charset=utf-8" });
      response.end(headOnly ? "" : reply.text);
      return;
    case "metrics":
      response.writeHead(200, { ...HEADERS, "Content-Type": ports.metrics.contentType });
      response.end(headOnly ? "" : await ports.metrics.text());
      return;
    case "later":
      sendJson(response, 200, await reply.value);
      return;
    case "stream":
      response.writeHead(200, { ...HEADERS, "Content-Type": "application/json" });
      if (headOnly) response.end();
      else await sendList(response, reply.node, reply.items);
      return;
  }
}

const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };
const STREAM_CHUNK_CHARACTERS = 64 * 1024;

/** Longest stretch of making a list before the event loop gets its turn. */
const STREAM_SLICE_MILLIS = 5;

/** `{"node","items":[…]}` in pieces: between two of them the event loop turns and a slow reader is waited for. */
async function sendList(response: ServerResponse, node: string, items: Iterable<object | null>): Promise<void> {
  let text = `{"node":${JSON.stringify(node)},"items":[`;
  let first = true;
  let start = performance.now();
  for (const item of items) {
    if (item !== null) {
      text += first ? JSON.stringify(item) : `,${JSON.stringify(item)}`;
      first = false;
    }
    if (text.length < STREAM_CHUNK_CHARACTERS && performance.now() - start < STREAM_SLICE_MILLIS) continue;
    const more = text === "" || response.write(text);
    text = "";
    if (!more) await new Promise<void>((resolve) => whenDrained(response, resolve));
    // Into a socket that takes all at once a write is drained before the event loop has turned.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (response.destroyed) return;
    start = performance.now();
  }
  response.end(`${text}]}\n`);
}

function whenDrained(response: ServerResponse, resolve: () => void): void {
  const done = (): void => {
    response.off("drain", done);
    response.off("close", done);
    resolve();
  };
  response.once("drain", done);
  response.once("close", done);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { ...HEADERS, "Content-Type": "application/json" });
  response.end(`${JSON.stringify(value)}\n`);
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}

/** Addresses cannot be rebound; names can, all but `localhost`. */
function hostIsKnown(header: string | undefined, address: ListenAddress): boolean {
  if (address.type === "unix") return true;
  if (header === undefined) return false;
  const name = /^\[([^\]]+)\](:\d+)?$/.exec(header)?.[1] ?? header.replace(/:\d+$/, "");
  return isIP(name) !== 0 || name.toLowerCase() === "localhost";
}

function listenError(address: ListenAddress, key: string, error: Error): SpeakerError {
  const code = "code" in error ? error.code : "";
  const where = formatListenAddress(address);
  const setting = `set ${key}`;
  if (code === "EADDRINUSE") {
    const pid = address.type === "unix" ? findUnixListener(address.path) : findTcpListener(address.port);
    const holder = pid === null ? "another process" : describeProcess(pid);
    return new SpeakerError("ADDRESS_IN_USE", `admin API on ${where}: in use by ${holder}`, {
      remedy: `stop it or ${setting} to a free address`,
      cause: error,
    });
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new SpeakerError("CONFIG_INVALID", `admin API on ${where}: the address is not on this host`, { remedy: setting, cause: error });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new SpeakerError("CONFIG_INVALID", `admin API on ${where}: permission denied`, {
      remedy: `${setting} to a port above 1023 or a writable path`,
      cause: error,
    });
  }
  return new SpeakerError("UNREADABLE", `admin API on ${where}: ${error.message}`, { remedy: setting, cause: error });
}

/** A socket file outlives its process. It is removed when nobody answers on it; a file of another kind is left alone. */
async function removeDeadSocket(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) return;
  } catch {
    return; // not there: nothing to remove
  }
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (!answered) rmSync(path, { force: true });
}
