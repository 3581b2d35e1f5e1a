/**
 * An API server that was recorded: every octet is made before the first request, so that what is measured is its client. WatchList, lists with pages,
 * HTTP/2 and HTTP/1.1 with TLS, JSON and protobuf. A line `churn PER_SECOND SECONDS` on its standard input makes it say changes of EndpointSlices in every
 * watch on them, each with the moment at which it was said as its resourceVersion: microseconds of the clock that all processes of the machine share.
 */
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createInterface } from "node:readline";
import { fieldsOf } from "../../src/kube/fields.ts";
import { PROTOBUF_TYPE } from "../../src/kube/meta-messages.ts";
import { createAuthority } from "../../test/support/certificate.ts";
import { frameOf, hasMessages, listOf, messageOf } from "../../test/support/kube-messages.ts";
import { type RecordedKind, recordedCluster, slice } from "./recorded-objects.ts";
import { sliceState } from "./slice-state.ts";

interface Recording {
  readonly apiVersion: string;
  readonly kind: string;
  readonly json: Written;
  /** null = a kind that a server has in JSON alone. */
  readonly protobuf: Written | null;
}

interface Written {
  readonly watchList: readonly Buffer[];
  readonly items: readonly Uint8Array[];
}

type Write = (type: string, kind: string, apiVersion: string, object: Readonly<Record<string, unknown>>) => Buffer;

/** Octets of one piece of a stream: about what a server flushes. */
const PIECE = 32 << 10;
const VERSION = "900000";

export async function serveRecording(services: number): Promise<void> {
  const kinds = recordedCluster(services);
  const recordings = new Map(kinds.map((kind) => [kind.path, record(kind)]));
  const authority = createAuthority("recorded");
  const { certPem: cert, keyPem: key } = authority.issue({ commonName: "server", hosts: ["127.0.0.1"] });
  const watches = new Map<Http2ServerResponse, Write>();
  const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
    answer(request, response, recordings, watches).catch(() => response.destroy());
  });
  server.on("session", (session) => session.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const objects = kinds.reduce((sum, { items }) => sum + items.length, 0);
  const versions = new Map<string, string>();
  for (const { kind, items } of kinds) if (kind === "EndpointSlice") for (const item of items) note(versions, item);
  const commands = createInterface({ input: process.stdin });
  commands.on("line", (line) => {
    const [, perSecond = 0, seconds = 0] = line.split(" ").map(Number);
    void churn(watches, versions, services, perSecond, seconds).then((said) => {
      process.stdout.write(`${JSON.stringify({ said, state: sliceState(versions) })}\n`);
    });
  });
  commands.once("close", () => process.exit());
  process.stdout.write(`${JSON.stringify({ url: `https://127.0.0.1:${port}`, ca: authority.certPem, objects })}\n`);
}

async function answer(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  recordings: ReadonlyMap<string, Recording>,
  watches: Map<Http2ServerResponse, Write>,
): Promise<void> {
  response.on("error", () => {});
  const url = new URL(request.url, "https://localhost");
  const recording = recordings.get(url.pathname);
  if (recording === undefined) {
    response.writeHead(404);
    return void response.end("{}");
  }
  const { searchParams } = url;
  const isProtobuf = recording.protobuf !== null && String(request.headers.accept).startsWith(PROTOBUF_TYPE);
  const form = isProtobuf ? "protobuf" : "json";
  if (searchParams.get("watch") !== "true") {
    const { length } = recording.json.items;
    const limit = Number(searchParams.get("limit") ?? 0) || length;
    const from = Number(searchParams.get("continue") ?? 0);
    return await list(response, recording, form, from, Math.min(length, from + limit));
  }
  if (searchParams.get("sendInitialEvents") === "true" && process.env["RECORDED_PAGES"] === "1") {
    response.writeHead(422, { "content-type": "application/json" });
    return void response.end(JSON.stringify({ kind: "Status", status: "Failure", code: 422, reason: "Invalid", message: "forbidden" }));
  }
  response.writeHead(200, { "content-type": isProtobuf ? `${PROTOBUF_TYPE};stream=watch` : "application/json" });
  if ("flushHeaders" in response && typeof response.flushHeaders === "function") response.flushHeaders();
  if (searchParams.get("sendInitialEvents") === "true") await send(response, recording[form]?.watchList ?? []);
  if (!url.pathname.endsWith("/endpointslices")) return;
  watches.set(response, isProtobuf ? frameOf : line);
  response.once("close", () => watches.delete(response));
}

async function list(
  response: Http2ServerResponse,
  { apiVersion, kind, json, protobuf }: Recording,
  form: "json" | "protobuf",
  from: number,
  to: number,
): Promise<void> {
  const metadata = { resourceVersion: VERSION, ...(to < json.items.length ? { continue: String(to) } : {}) };
  if (form === "protobuf") {
    response.writeHead(200, { "content-type": PROTOBUF_TYPE });
    const octets = listOf(kind, apiVersion, metadata, protobuf?.items.slice(from, to) ?? []);
    await send(
      response,
      Array.from({ length: Math.ceil(octets.length / PIECE) }, (_, i) => octets.subarray(i * PIECE, (i + 1) * PIECE)),
    );
    return void response.end();
  }
  response.writeHead(200, { "content-type": "application/json" });
  const head = `{"kind":"${kind}List","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`;
  const pieces: Uint8Array[] = [Buffer.from(head)];
  for (const [index, item] of json.items.slice(from, to).entries()) {
    if (index > 0) pieces.push(Buffer.from(","));
    pieces.push(item);
  }
  pieces.push(Buffer.from("]}"));
  await send(response, inPieces(pieces));
  response.end();
}

async function send(response: Http2ServerResponse, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) if (!response.write(piece)) await new Promise<void>((resolve) => response.once("drain", resolve));
}

function record({ apiVersion, kind, items }: RecordedKind): Recording {
  const bookmark = { metadata: { resourceVersion: VERSION, annotations: { "k8s.io/initial-events-end": "true" } } };
  const watchList = (write: Write): readonly Buffer[] =>
    inPieces([...items.map((item) => write("ADDED", kind, apiVersion, item)), write("BOOKMARK", kind, apiVersion, bookmark)]);
  return {
    apiVersion,
    kind,
    json: { watchList: watchList(line), items: items.map((item) => Buffer.from(JSON.stringify(item))) },
    protobuf: hasMessages(kind) ? { watchList: watchList(frameOf), items: items.map((item) => messageOf(kind, item)) } : null,
  };
}

/** Every 5 ms as many changes as belong to them. */
async function churn(
  watches: ReadonlyMap<Http2ServerResponse, Write>,
  versions: Map<string, string>,
  services: number,
  perSecond: number,
  seconds: number,
): Promise<number> {
  const began = performance.now();
  let said = 0;
  for (;;) {
    const elapsed = performance.now() - began;
    const due = Math.floor(Math.min(elapsed / 1000, seconds) * perSecond);
    for (; said < due; said++) {
      const index = (said * 7919) % services;
      const now = Math.round((performance.timeOrigin + performance.now()) * 1000);
      const object = slice(index, String(now), Math.floor(said / services) % 2 === 1);
      note(versions, object);
      for (const [response, write] of watches) response.write(write("MODIFIED", "EndpointSlice", "discovery.k8s.io/v1", object));
    }
    if (elapsed >= seconds * 1000) return said;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function note(versions: Map<string, string>, { metadata }: Readonly<Record<string, unknown>>): void {
  const { namespace, name, resourceVersion } = fieldsOf(metadata);
  versions.set(`${namespace}/${name}`, String(resourceVersion));
}

function line(type: string, kind: string, apiVersion: string, object: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object: { kind, apiVersion, ...object } })}\n`);
}

function inPieces(parts: readonly Uint8Array[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let group: Uint8Array[] = [];
  let octets = 0;
  for (const part of parts) {
    group.push(part);
    octets += part.length;
    if (octets < PIECE) continue;
    pieces.push(Buffer.concat(group));
    group = [];
    octets = 0;
  }
  if (group.length > 0) pieces.push(Buffer.concat(group));
  return pieces;
}
