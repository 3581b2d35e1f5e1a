/** What each path of the admin API answers: a request as values in, a reply as values out, no socket. */

import { SpeakerError } from "../errors.ts";
import { parseSince, SINCE_ALLOWED } from "../view/since.ts";
import type { EventQuery, SpeakerCommands, SpeakerView } from "../view/speaker-view.ts";

export interface AdminRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly body: string;
  /** From loopback or the unix socket. */
  readonly local: boolean;
  /** A browser says from which page a request comes. */
  readonly origin: string | null;
  /** The listener for scrapes alone. */
  readonly metricsOnly: boolean;
}

export type Reply =
  | { readonly kind: "json"; readonly status: number; readonly value: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "text"; readonly status: number; readonly text: string }
  | { readonly kind: "metrics" }
  /** The command is given; the answer waits for the disk. */
  | { readonly kind: "later"; readonly value: Promise<unknown> }
  /** `items`: null = none yet, and a moment at which to wait. */
  | { readonly kind: "stream"; readonly node: string; readonly items: Iterable<object | null> };

interface Ports {
  readonly view: SpeakerView;
  readonly commands: SpeakerCommands;
  onCommand(command: string, from: string): void;
}

/** Never throws for what a client sent. */
export function routeRequest(request: AdminRequest, ports: Ports, nowEpochMillis: number): Reply {
  const url = parseTarget(request.target);
  if (url === null) return failure(400, "the request target is not a path");
  const page = findPage(url.path);
  if (page === null || (request.metricsOnly && !page.scrape)) return failure(404, `nothing at ${url.path}`);
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (method !== page.method) {
    return {
      kind: "json",
      status: 405,
      value: { error: `${url.path} takes ${page.method}, not ${request.method}` },
      headers: { Allow: page.method },
    };
  }
  if (page.method === "POST") {
    if (!request.local) return failure(403, "commands are taken from this host alone");
    if (request.origin !== null) return failure(403, "commands are not taken from web pages");
  }
  try {
    return page.answer({ query: url.query, body: request.body, argument: page.argument }, ports, nowEpochMillis);
  } catch (error) {
    if (!(error instanceof SpeakerError)) throw error;
    return failure(error.code === "SUBJECT_UNKNOWN" ? 404 : 400, error.remedy === "" ? error.message : `${error.message}: ${error.remedy}`);
  }
}

interface Question {
  readonly query: URLSearchParams;
  readonly body: string;
  /** The name in the path. */
  readonly argument: string;
}

interface Page {
  readonly method: "GET" | "POST";
  readonly scrape: boolean;
  readonly answer: (question: Question, ports: Ports, nowEpochMillis: number) => Reply;
}

const get = (answer: Page["answer"], scrape = false): Page => ({ method: "GET", scrape, answer });
const post = (answer: Page["answer"]): Page => ({ method: "POST", scrape: false, answer });

const PAGES: Readonly<Record<string, Page>> = {
  "/": get((_question, { view }) => ({ kind: "text", status: 200, text: frontPage(view) })),
  "/healthz": get(() => ({ kind: "text", status: 200, text: "ok\n" }), true),
  "/readyz": get((_question, { view }) => {
    const ready = view.ready();
    return { kind: "text", status: ready ? 200 : 503, text: ready ? `ok\n${drainLine(view)}` : `not ready: ${view.waitingFor()}\n` };
  }, true),
  "/metrics": get(() => ({ kind: "metrics" }), true),
  "/api/v1/peers": get((_question, { view }) => json(view.peers())),
  "/api/v1/routes": get((_question, { view }) => ({ kind: "stream", node: view.node, items: view.routes() })),
  "/api/v1/services": get((_question, { view }) => ({ kind: "stream", node: view.node, items: view.services() })),
  "/api/v1/explain": get(({ query }, { view }) => {
    const subject = query.get("subject") ?? "";
    return subject === "" ? failure(400, "explain needs ?subject= with a service, an address or a prefix") : json(view.explain(subject));
  }),
  "/api/v1/balance": get(({ query }, { view }) => ({ kind: "stream", node: view.node, items: view.balance(query.get("service")) })),
  "/api/v1/events": get(({ query }, { view }, now) => {
    const since = query.get("since") ?? "";
    const sinceEpochMillis = since === "" ? null : parseSince(since, now);
    if (since !== "" && sinceEpochMillis === null) return failure(400, `since "${since}" is not ${SINCE_ALLOWED}`);
    const asked: EventQuery = { service: query.get("service"), sinceEpochMillis };
    return json(view.events(asked));
  }),
  "/api/v1/drain": post(({ body }, { commands, onCommand }) => {
    const reason = parseReason(body);
    if (reason === null) return failure(400, 'the body has to be {"reason": "text"}');
    onCommand("drain", reason);
    return { kind: "later", value: commands.drain(reason) };
  }),
  "/api/v1/undrain": post((_question, { commands, onCommand }) => {
    onCommand("undrain", "");
    return { kind: "later", value: commands.undrain() };
  }),
};

const PEER_PAGES: Readonly<Record<string, Page>> = {
  reset: post(({ argument }, { commands, onCommand }) => {
    commands.resetPeer(argument);
    onCommand("reset", argument);
    return json({ peer: argument, reset: true });
  }),
  refresh: post(({ argument }, { commands, onCommand }) => {
    commands.refreshPeer(argument);
    onCommand("refresh", argument);
    return json({ peer: argument, refresh: true });
  }),
};

function findPage(path: string): (Page & { readonly argument: string }) | null {
  const fixed = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  if (fixed !== undefined) return { ...fixed, argument: "" };
  const match = /^\/api\/v1\/peers\/([^/]+)\/(reset|refresh)$/.exec(path);
  const page = PEER_PAGES[match?.[2] ?? ""];
  const name = decode(match?.[1] ?? "");
  return page === undefined || name === null ? null : { ...page, argument: name };
}

function parseTarget(target: string): { readonly path: string; readonly query: URLSearchParams } | null {
  if (!target.startsWith("/")) return null;
  const mark = target.indexOf("?");
  return mark < 0
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // a broken escape names nothing
  }
}

/** An empty body means no reason; null = not what was asked for. */
function parseReason(body: string): string | null {
  if (body.trim() === "") return "asked for through the admin API";
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null || !("reason" in value) || typeof value.reason !== "string") return null;
    return value.reason;
  } catch {
    return null; // not JSON: the caller answers 400
  }
}

function json(value: unknown): Reply {
  return { kind: "json", status: 200, value };
}

function failure(status: number, error: string): Reply {
  return { kind: "json", status, value: { error } };
}

function frontPage(view: SpeakerView): string {
  const lines = [`Herald on ${view.node}: ${view.ready() ? "ready" : `not ready: ${view.waitingFor()}`}`, drainLine(view)];
  for (const peer of view.peers().items) {
    const { announced } = peer;
    lines.push(
      `${peer.name}  ${peer.peerAddress}  ${peer.state} since ${peer.since}  IPv4 ${announced.IPv4}  IPv6 ${announced.IPv6}  pending ${peer.pending}`,
    );
  }
  return `${[...lines, "", ...Object.keys(PAGES).filter((path) => path !== "/")].join("\n")}\n`;
}

/** A drained node is ready: it does what it should. */
function drainLine(view: SpeakerView): string {
  const { phase, text } = view.drain();
  return phase === "none" ? "" : `drained: ${text.replaceAll(/\s+/g, " ")}\n`;
}
