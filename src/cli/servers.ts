import { request } from "node:http";
import { SpeakerError } from "../errors.ts";

/** Where a speaker answers when nothing else is said. */
export const DEFAULT_SERVER = "http://127.0.0.1:7179";

const TIMEOUT_MILLIS = 10_000;

/** A speaker's admin API. `name` is what the person wrote. */
export interface Server {
  readonly name: string;
  readonly target: { readonly host: string; readonly port: number } | { readonly socketPath: string };
}

/** What several speakers said. `errors` are those that gave no answer; `hints` say what to do about each. */
export interface Answers<T> {
  readonly items: readonly T[];
  readonly errors: readonly { readonly server: string; readonly message: string }[];
  readonly hints: readonly string[];
}

/** `http://host:port`, `host:port` or `unix:/path`. A URL without a port means 80, as everywhere; a host alone means 7179. @throws {SpeakerError} USAGE */
export function parseServer(text: string): Server {
  if (text.startsWith("unix:/")) return { name: text, target: { socketPath: text.slice("unix:".length) } };
  const isUrl = text.includes("://");
  // A scheme without a default port: `http:` would drop an explicit 80.
  const url = isUrl && !text.startsWith("http://") ? null : tryUrl(`speaker://${isUrl ? text.slice("http://".length) : text}`);
  if (url === null || url.hostname === "") {
    throw new SpeakerError("USAGE", `--server ${text}: not the address of a speaker`, { remedy: "write http://host:port or unix:/path" });
  }
  const port = url.port === "" ? (isUrl ? 80 : 7179) : Number(url.port);
  return { name: text, target: { host: url.hostname.replace(/^\[|\]$/g, ""), port } };
}

/**
 * Asks every server at once. What went wrong is in `errors`, in the order of the servers.
 * @throws {SpeakerError} SUBJECT_UNKNOWN when every one of them says that there is no such thing
 */
export async function askAll<T extends object>(servers: readonly Server[], path: string): Promise<Answers<T>> {
  const answers = await Promise.all(servers.map((server) => attempt<T>(server, path)));
  const failures = answers.flatMap((answer) => (answer.result === "failure" ? [answer] : []));
  const [first] = failures;
  const nobodyKnows = failures.every(({ error }) => error instanceof SpeakerError && error.code === "SUBJECT_UNKNOWN");
  if (first !== undefined && nobodyKnows && failures.length === answers.length) throw first.error;
  return {
    items: answers.flatMap((answer) => (answer.result === "value" ? [answer.value] : [])),
    errors: failures.map(({ server, error }) => ({ server, message: error instanceof Error ? error.message : String(error) })),
    hints: failures.map(({ error }) => (error instanceof SpeakerError ? error.remedy : "")),
  };
}

type Attempt<T> =
  | { readonly result: "value"; readonly value: T }
  | { readonly result: "failure"; readonly server: string; readonly error: unknown };

async function attempt<T extends object>(server: Server, path: string): Promise<Attempt<T>> {
  try {
    return { result: "value", value: await ask<T>(server, path) };
  } catch (error) {
    return { result: "failure", server: server.name, error };
  }
}

const HINT = { remedy: "is a speaker running there? name it with --server" };

/** GET of one JSON object. @throws {SpeakerError} UNREACHABLE, or SUBJECT_UNKNOWN for a 404 that names what is missing */
async function ask<T extends object>(server: Server, path: string): Promise<T> {
  const { status, body } = await get(server, path);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new SpeakerError("UNREACHABLE", `no speaker there: it answered ${status} without JSON`, { ...HINT, cause });
  }
  if (status !== 200) {
    const words = errorOf(value) ?? `it answered ${status}`;
    throw new SpeakerError(status === 404 ? "SUBJECT_UNKNOWN" : "UNREACHABLE", words);
  }
  if (typeof value !== "object" || value === null || !("node" in value) || !("items" in value) || !Array.isArray(value.items))
    throw new SpeakerError("UNREACHABLE", "no speaker there: it answered with another kind of JSON", HINT);
  return value as T; // The shape is the server's promise (src/view); commands read it as such.
}

function get(server: Server, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...server.target, path, headers: { accept: "application/json", connection: "close" }, timeout: TIMEOUT_MILLIS },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }));
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MILLIS / 1000} s`)));
    outgoing.on("error", (cause) => reject(new SpeakerError("UNREACHABLE", wordsFor(cause), { ...HINT, cause })));
    outgoing.end();
  });
}

function wordsFor(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  if (code === "ECONNREFUSED" || code === "ENOENT") return "nothing listens there";
  if (code === "EACCES") return "not permitted";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "no such host";
  return error.message;
}

function errorOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("error" in value)) return null;
  return typeof value.error === "string" ? value.error : null;
}

function tryUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null; // The caller has the words.
  }
}
