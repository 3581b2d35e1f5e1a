import type { Readable } from "node:stream";
import type { Secret } from "./secret.ts";

/** A request without its body's encoding. */
export interface RequestHead {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: Secret | null;
  readonly body: string | null;
}

export interface ResponseHead {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly contentType: string | undefined;
  /** To be read to its end, or destroyed. */
  readonly body: Readable;
  /** Asked at the body's end: whether the server ended it. Node ends a stream of HTTP/2 without an error when the connection below it breaks. */
  isWhole(): boolean;
}

/** A way to one API server that takes any number of requests at once. */
export interface Connection {
  readonly protocol: "h2" | "http/1.1";
  /** False once no further request can go this way; those under way go on. */
  readonly usable: boolean;
  /** Resolves with the response's head. @throws Node's error when there is none. */
  request(head: RequestHead, signal: AbortSignal): Promise<ResponseHead>;
  /** No further request goes this way; it ends with the last that is under way. */
  retire(): void;
  /** Ends it and everything under way. */
  close(): void;
}

/** Milliseconds. */
export const TIMES = {
  /** TCP and TLS together. */
  connect: 10_000,
  /** From a request to its response's head. */
  headers: 30_000,
  ping: 10_000,
  pingAnswer: 5_000,
} as const;
