import { setMaxListeners } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { RequestBudget } from "./budget.ts";
import type { Connection, RequestHead, ResponseHead } from "./connection.ts";
import type { Access, Credentials } from "./credentials.ts";
import { dial, sameWay } from "./dial.ts";
import { acceptOf, Encodings, isTypeRefused, JSON_TYPE } from "./encoding.ts";
import { failureOfError, failureOfStatus, failureWith, type KubeFailure, type Outcome } from "./failure.ts";
import { fieldsOf } from "./fields.ts";
import { ListSplitter } from "./list-splitter.ts";
import { isProtobuf } from "./meta-messages.ts";
import { bodyOf, octetsOf } from "./octets.ts";
import { Pace } from "./pace.ts";
import { pathOf, type Query, type Resource, type Selection } from "./resource.ts";
import { type WatchEvent, WatchLines } from "./watch-events.ts";
import { WatchFrames } from "./watch-frames.ts";

export interface KubeClientOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** `herald/0.1.0`. */
  readonly userAgent: string;
  readonly budget?: { readonly perSecond: number; readonly burst: number };
}

/** A list as it arrives: items, then its end or what broke it off. */
export type ListPart =
  | { readonly type: "items"; readonly items: readonly unknown[] }
  /** `continuation`: "" = this was the last page. */
  | { readonly type: "end"; readonly resourceVersion: string; readonly continuation: string }
  | { readonly type: "failed"; readonly failure: KubeFailure };

export interface WatchQuery {
  /** null = from now on, with everything that is there first. */
  readonly resourceVersion: string | null;
  readonly timeoutSeconds: number;
  /** WatchList: everything that is there, ended by a bookmark that says so. */
  readonly initialEvents: boolean;
  /** Longest time without any octet. */
  readonly silenceMillis: number;
}

/** Longest pause in the body of an answer that is not a watch. */
const ANSWER_SILENCE_MILLIS = 30_000;
/** An answer longer than this is cut: one object, or the words of a failure. */
const MAX_ANSWER_OCTETS = 16 << 20;

/**
 * One API server. Knows no kind. All requests share one connection and one budget; credentials are read before each, and once more after a 401.
 * Nothing here repeats a request that failed for another reason: whoever asks knows whether it may be asked twice.
 */
export class KubeClient {
  readonly #options: KubeClientOptions;
  readonly #budget: RequestBudget;
  readonly #encodings: Encodings;
  #way: { readonly access: Access; readonly connection: Promise<Connection>; usable(): boolean } | null = null;
  #closed = false;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.#budget = new RequestBudget(options.clock, options.budget);
    this.#encodings = new Encodings(options.clock);
  }

  /** @throws {SpeakerError} when there are no credentials to read: what a start fails for, and nothing later. */
  async check(): Promise<void> {
    await this.#options.credentials.read({ renew: false });
  }

  /** The parts of one page of a list, in order. The last is `end` or `failed`. */
  async *list(
    selection: Selection,
    page: { readonly limit: number; readonly continuation: string },
    signal: AbortSignal,
  ): AsyncGenerator<ListPart> {
    const query = { limit: page.limit, continue: page.continuation === "" ? undefined : page.continuation };
    const answer = await this.#send({ method: "GET", path: pathOf(selection, query), body: null, type: null, gzip: true }, signal);
    if (!answer.ok) return yield { type: "failed", failure: answer.failure };
    const splitter = new ListSplitter();
    try {
      for await (const chunks of octetsOf(answer.value, this.#options.clock, ANSWER_SILENCE_MILLIS)) {
        const items = chunks.flatMap((chunk) => splitter.push(chunk).map((text): unknown => JSON.parse(text)));
        if (items.length > 0) yield { type: "items", items };
      }
      const { resourceVersion, continue: continuation } = fieldsOf(fieldsOf(splitter.finish())["metadata"]);
      if (typeof resourceVersion !== "string") throw new SyntaxError("a list without a resourceVersion");
      yield { type: "end", resourceVersion, continuation: typeof continuation === "string" ? continuation : "" };
    } catch (error) {
      yield { type: "failed", failure: malformedOr(error, signal) };
    }
  }

  /**
   * What changes, as lists of events that arrived together. Ends when the server ends the watch, as it does after its time; any other end is a last
   * event `failed`. The iterator must be run to its end, or left by `break`.
   */
  async watch(selection: Selection, query: WatchQuery, signal: AbortSignal): Promise<Outcome<AsyncGenerator<readonly WatchEvent[]>>> {
    const path = pathOf(selection, watchParameters(query));
    const read = this.#encodings.readerOf(selection);
    const answer = await this.#send({ method: "GET", path, body: null, type: null, gzip: false, accept: acceptOf(read) }, signal);
    if (!answer.ok) {
      if (read === null || !isTypeRefused(answer.failure.status)) return answer;
      this.#encodings.failed(read);
      return await this.watch(selection, query, signal);
    }
    const isMessages = read !== null && isProtobuf(answer.value.contentType);
    const body = isMessages ? new WatchFrames(read) : new WatchLines();
    const malformed = isMessages ? () => this.#encodings.failed(read) : () => {};
    return { ok: true, value: this.#events(answer.value, body, { silenceMillis: query.silenceMillis, malformed }, signal) };
  }

  get(resource: Resource, name: string, signal: AbortSignal): Promise<Outcome<unknown>> {
    return this.#ask({ method: "GET", path: pathOf(resource, {}, name), body: null, type: null, gzip: false }, signal);
  }

  create(resource: Resource, object: unknown, signal: AbortSignal): Promise<Outcome<unknown>> {
    return this.#ask({ method: "POST", path: pathOf(resource), body: JSON.stringify(object), type: JSON_TYPE, gzip: false }, signal);
  }

  /** Replaces the whole object. With a `metadata.resourceVersion` only that version: Conflict when somebody wrote it in between. */
  update(resource: Resource, name: string, object: unknown, signal: AbortSignal): Promise<Outcome<unknown>> {
    return this.#ask(
      { method: "PUT", path: pathOf(resource, {}, name), body: JSON.stringify(object), type: JSON_TYPE, gzip: false },
      signal,
    );
  }

  /** Server-side apply: the fields that `object` names become `manager`'s, whoever had them. */
  apply(
    resource: Resource,
    object: { readonly metadata: { readonly name: string } },
    { manager, subresource }: { readonly manager: string; readonly subresource?: string },
    signal: AbortSignal,
  ): Promise<Outcome<unknown>> {
    const path = pathOf(resource, { fieldManager: manager, force: true }, object.metadata.name, subresource);
    // JSON is YAML, and this type is the one that every server takes.
    return this.#ask({ method: "PATCH", path, body: JSON.stringify(object), type: "application/apply-patch+yaml", gzip: false }, signal);
  }

  /** JSON merge patch (RFC 7386). */
  patch(resource: Resource, name: string, patch: unknown, signal: AbortSignal, subresource?: string): Promise<Outcome<unknown>> {
    const path = pathOf(resource, {}, name, subresource);
    return this.#ask({ method: "PATCH", path, body: JSON.stringify(patch), type: "application/merge-patch+json", gzip: false }, signal);
  }

  delete(resource: Resource, name: string, signal: AbortSignal): Promise<Outcome<unknown>> {
    return this.#ask({ method: "DELETE", path: pathOf(resource, {}, name), body: null, type: null, gzip: false }, signal);
  }

  /** Ends the connection and everything under way. */
  close(): void {
    this.#closed = true;
    this.#withWay((connection) => connection.close());
    this.#way = null;
  }

  async *#events(
    head: ResponseHead,
    body: WatchLines | WatchFrames,
    { silenceMillis, malformed }: { readonly silenceMillis: number; malformed(): void },
    signal: AbortSignal,
  ): AsyncGenerator<readonly WatchEvent[]> {
    const { clock } = this.#options;
    const pace = new Pace();
    try {
      for await (const chunks of octetsOf(head, clock, silenceMillis)) {
        body.push(...chunks);
        for (let began = clock.now(), events = body.take(pace.events); events.length > 0; events = body.take(pace.events)) {
          const last = events.at(-1);
          if (last?.type === "failed" && last.failure.condition === "Malformed") malformed();
          // Whoever takes them has done with them when we go on, and need not go on after a failure.
          yield events;
          if (last?.type === "failed") return;
          if (events.length < pace.events) break;
          pace.took(clock.now() - began);
          await nextTurn();
          signal.throwIfAborted();
          began = clock.now();
        }
      }
      if (body.unfinished) yield [{ type: "failed", failure: failureWith("Unreachable", "the watch ended in the middle of an event") }];
    } catch (error) {
      yield [{ type: "failed", failure: failureOfError(error, signal) }];
    }
  }

  async #ask(request: Request, signal: AbortSignal): Promise<Outcome<unknown>> {
    const answer = await this.#send(request, signal);
    if (!answer.ok) return answer;
    try {
      const body = await bodyOf(answer.value, this.#options.clock, ANSWER_SILENCE_MILLIS, MAX_ANSWER_OCTETS);
      return { ok: true, value: JSON.parse(body.toString("utf8")) };
    } catch (error) {
      return { ok: false, failure: malformedOr(error, signal) };
    }
  }

  /** A response with a status of 2xx, its body unread; everything else as a failure. */
  async #send(request: Request, signal: AbortSignal): Promise<Outcome<ResponseHead>> {
    // One signal for the life of the process, and many requests at a time: more listeners than Node expects, and no leak.
    setMaxListeners(0, signal);
    await this.#budget.take(signal);
    try {
      const access = await this.#options.credentials.read({ renew: false });
      const first = await this.#attempt(request, access, signal);
      if (first.status !== 401) return await this.#judge(first, signal);
      const renewed = await this.#options.credentials.read({ renew: true });
      if (sameWay(access, renewed) && sameAuthorization(access, renewed)) return await this.#judge(first, signal);
      first.body.resume();
      return await this.#judge(await this.#attempt(request, renewed, signal), signal);
    } catch (error) {
      return { ok: false, failure: failureOfError(error, signal) };
    }
  }

  async #judge(head: ResponseHead, signal: AbortSignal): Promise<Outcome<ResponseHead>> {
    if (head.status >= 200 && head.status < 300) return { ok: true, value: head };
    const body = await bodyOf(head, this.#options.clock, ANSWER_SILENCE_MILLIS, MAX_ANSWER_OCTETS).catch(() => Buffer.alloc(0));
    if (signal.aborted) return { ok: false, failure: failureOfError(null, signal) };
    const failure = failureOfStatus(head.status, { body, contentType: head.contentType }, head.retryAfter);
    if (failure.retryAfterMillis !== null && (head.status === 429 || head.status === 503)) this.#budget.hold(failure.retryAfterMillis);
    return { ok: false, failure };
  }

  async #attempt(request: Request, access: Access, signal: AbortSignal): Promise<ResponseHead> {
    const connection = await this.#connect(access);
    signal.throwIfAborted();
    const prefix = access.server.pathname.replace(/\/$/, "");
    const head: RequestHead = {
      method: request.method,
      path: `${prefix}${request.path}`,
      headers: {
        ...access.headers,
        accept: request.accept ?? JSON_TYPE,
        "user-agent": this.#options.userAgent,
        ...(request.gzip ? { "accept-encoding": "gzip" } : {}),
        ...(request.type === null ? {} : { "content-type": request.type }),
      },
      authorization: access.authorization,
      body: request.body,
    };
    return await connection.request(head, signal);
  }

  /** The connection that is there, or a new one where that is used up, or where server or certificates have changed. */
  async #connect(access: Access): Promise<Connection> {
    if (this.#closed) throw new Error("the client was closed");
    if (this.#way?.usable() && sameWay(this.#way.access, access)) return await this.#way.connection;
    this.#withWay((before) => before.retire());
    let settled: Connection | null = null;
    const connection = dial(access, this.#options.clock);
    const way = { access, connection, usable: () => settled === null || settled.usable };
    this.#way = way;
    try {
      settled = await connection;
    } catch (error) {
      if (this.#way === way) this.#way = null;
      throw error;
    }
    if (this.#closed) settled.close();
    return settled;
  }

  #withWay(act: (connection: Connection) => void): void {
    // Whoever waits for a dial hears that it failed; here it is of no interest.
    this.#way?.connection.then(act, () => {});
  }
}

interface Request {
  readonly method: RequestHead["method"];
  readonly path: string;
  readonly body: string | null;
  readonly type: string | null;
  readonly gzip: boolean;
  /** Types of the answer, the preferred first; absent = JSON. */
  readonly accept?: string;
}

function watchParameters({ resourceVersion, timeoutSeconds, initialEvents }: WatchQuery): Query {
  return {
    watch: true,
    allowWatchBookmarks: true,
    timeoutSeconds,
    resourceVersion: resourceVersion ?? undefined,
    ...(initialEvents ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" } : {}),
  };
}

function sameAuthorization(a: Access, b: Access): boolean {
  return a.authorization === null ? b.authorization === null : a.authorization.equals(b.authorization);
}

function malformedOr(error: unknown, signal: AbortSignal): KubeFailure {
  return error instanceof SyntaxError && !signal.aborted
    ? failureWith("Malformed", `an answer that is not what the API says: ${error.message}`, error)
    : failureOfError(error, signal);
}
