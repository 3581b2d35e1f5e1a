import type { Report } from "./findings.ts";
import type { Metadata, Secret } from "./kinds.ts";
import { isRecord } from "./schema.ts";

/** Longest TCP-MD5 key in octets (RFC 2385 leaves it open; the kernel and routers take 80). */
export const MAX_PASSWORD_OCTETS = 80;

/** v1 Secret: its `password`, as kubernetes.io/basic-auth has it, and nothing else. No fault ever quotes what it holds. */
export function projectSecret(raw: Readonly<Record<string, unknown>>, metadata: Metadata, report: Report): Secret {
  const password = secretPassword(raw);
  if (password === null && declaresPassword(raw)) {
    const allowed = `a text of 1..${MAX_PASSWORD_OCTETS} octets, in base64 under data or as it is under stringData`;
    report.add({ severity: "warning", code: "invalidValue", path: [], message: "has a password that cannot be used", allowed });
  }
  return { kind: "Secret", metadata, password };
}

/**
 * The password of a raw Secret; null = it has none that can be a key. One line break at the end is left out: no router's configuration can hold it, and
 * whoever wrote a file with an editor has one.
 */
export function secretPassword(raw: unknown): string | null {
  if (!isRecord(raw)) return null;
  const { data, stringData } = raw;
  const plain = isRecord(stringData) ? stringData["password"] : undefined;
  const encoded = isRecord(data) ? data["password"] : undefined;
  const text = typeof plain === "string" ? plain : typeof encoded === "string" ? decodeBase64(encoded) : null;
  const password = text?.replace(/\r?\n$/, "") ?? "";
  return isPassword(password) ? password : null;
}

/** Can be a TCP-MD5 key. */
export function isPassword(value: string): boolean {
  const { length } = new TextEncoder().encode(value);
  return length >= 1 && length <= MAX_PASSWORD_OCTETS;
}

function declaresPassword({ data, stringData }: Readonly<Record<string, unknown>>): boolean {
  return [data, stringData].some((part) => isRecord(part) && part["password"] !== undefined);
}

function decodeBase64(text: string): string | null {
  try {
    const binary = atob(text);
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (octet) => octet.charCodeAt(0)));
  } catch {
    // Not base64, or not text: no password.
    return null;
  }
}
