import { SpeakerError } from "../errors.ts";
import { fieldsOf } from "./fields.ts";
import { isProtobuf, objectOf, statusOf } from "./meta-messages.ts";

/** What can become of a request, named. None is terminal: whoever asked may ask again. */
export type Condition =
  | "Unauthorized" // 401, also with credentials read anew
  | "Forbidden" // 403
  | "NotFound" // 404: the object, or a kind that the server does not serve
  | "Conflict" // 409
  | "Expired" // 410, or a resourceVersion that the server does not know: what it says must be listed anew
  | "Invalid" // 400, 422
  | "TooManyRequests" // 429
  | "ServerError" // 5xx
  | "Refused" // any other status
  | "Unreachable" // no connection, or one that broke
  | "Untrusted" // the server's certificate
  | "NoCredentials" // token, certificate or kubeconfig cannot be read
  | "Silent" // connected, and nothing came within the limit
  | "Malformed" // an answer that is not what the API says
  | "Aborted"; // by our own signal

export interface KubeFailure {
  readonly condition: Condition;
  /** HTTP status; null where there was none. */
  readonly status: number | null;
  readonly message: string;
  /** The server's Retry-After. */
  readonly retryAfterMillis: number | null;
  readonly cause?: unknown;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: KubeFailure };

/** Longest Retry-After that is obeyed: a server's odd clock must not silence us for hours. */
const LONGEST_RETRY_AFTER_MILLIS = 60_000;

/** A failure of ours, without a status. */
export function failureWith(condition: Condition, message: string, cause?: unknown): KubeFailure {
  return { condition, status: null, message, retryAfterMillis: null, cause };
}

/** The failure that a status code and the body beside it (a `Status` object, or anything) stand for. */
export function failureOfStatus(
  status: number,
  { body, contentType }: { readonly body: Buffer; readonly contentType: string | undefined },
  retryAfter: string | undefined,
): KubeFailure {
  return failureOfObject(parse(body, contentType), status, retryAfterMillis(retryAfter));
}

/** The failure that a `Status` object stands for: of an answer, or of an ERROR event in a watch, which has its code inside. */
export function failureOfObject(object: unknown, status: number | null = null, retryAfter: number | null = null): KubeFailure {
  const fields = fieldsOf(object);
  const code = status ?? (typeof fields["code"] === "number" ? fields["code"] : null);
  const message = typeof fields["message"] === "string" && fields["message"] !== "" ? fields["message"] : `status ${code ?? "unknown"}`;
  return { condition: conditionOf(code, message, fields["reason"]), status: code, message, retryAfterMillis: retryAfter };
}

/** The failure that an error of Node's stands for. */
export function failureOfError(error: unknown, signal?: AbortSignal): KubeFailure {
  if (signal?.aborted === true) return failureWith("Aborted", "given up", error);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SilenceError) return failureWith("Silent", message, error);
  if (error instanceof SpeakerError) return failureWith("NoCredentials", message, error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  return failureWith(UNTRUSTED.test(code) ? "Untrusted" : "Unreachable", message, error);
}

/** Nothing came for as long as it may take. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
}

/** Node's codes for certificates that do not verify (OpenSSL's X509_V_ERR names, and its own). */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|HOSTNAME_MISMATCH|INVALID_CA/;

function conditionOf(code: number | null, message: string, reason: unknown): Condition {
  // A server that has gone back in time, as after a restore, refuses the version we know with 504.
  if (code === 410 || reason === "Expired" || reason === "Gone" || message.includes("Too large resource version")) return "Expired";
  switch (code) {
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 400:
    case 422:
      return "Invalid";
    case 429:
      return "TooManyRequests";
    default:
      return code === null ? "Malformed" : code >= 500 ? "ServerError" : "Refused";
  }
}

/** Seconds, as the API server writes them; the other form (a date) needs the time of day and is not used by it. */
function retryAfterMillis(header: string | undefined): number | null {
  if (header === undefined || !/^\d+$/.test(header)) return null;
  return Math.min(Number(header) * 1000, LONGEST_RETRY_AFTER_MILLIS);
}

function parse(body: Buffer, contentType: string | undefined): unknown {
  try {
    return isProtobuf(contentType) ? objectOf(body, statusOf) : JSON.parse(body.toString("utf8"));
  } catch {
    // A proxy's page: the status says enough.
    return null;
  }
}
