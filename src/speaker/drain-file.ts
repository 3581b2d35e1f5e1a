/**
 * A drain that was asked for through the admin API, as it stands beside the state file. It is somebody's wish and no observation: neither age nor a reboot ends
 * it, and it has to be on disk before it is answered, however many routes there are. So it has a file of its own, sealed like the other. Pure: text in, text out.
 */

import { isRecord } from "../objects/schema.ts";
import { sealed, unsealed } from "./state-seal.ts";

/** Rises with every change that an older reader would misread. */
const FORMAT = 1;

export interface LocalDrain {
  readonly reason: string;
  readonly sinceEpochMillis: number;
}

export type DrainVerdict =
  | { readonly result: "valid"; readonly drain: LocalDrain }
  /** Not to be used. Damaged ones are worth keeping for whoever wants to know how that happened. */
  | { readonly result: "damaged" | "foreign"; readonly why: string };

export function renderDrain({ reason, sinceEpochMillis }: LocalDrain, node: string): Iterable<string | null> {
  return sealed([JSON.stringify({ version: FORMAT, node, since: new Date(sinceEpochMillis).toISOString(), reason })]);
}

/** The drain of this node, if that is what the text says. */
export function readDrain(text: string, node: string): DrainVerdict {
  const body = unsealed(text);
  if (body === null) return { result: "damaged", why: "its checksum does not match: it was cut off or changed" };
  const raw: unknown = JSON.parse(body);
  const { version, node: writtenFor, since, reason } = isRecord(raw) ? raw : NOTHING;
  if (version !== FORMAT)
    return { result: "foreign", why: `it has format ${String(version)}, this version of herald reads format ${FORMAT}` };
  if (writtenFor !== node) return { result: "foreign", why: `it was written for node ${JSON.stringify(writtenFor)}, this is ${node}` };
  const sinceEpochMillis = typeof since === "string" ? Date.parse(since) : Number.NaN;
  if (!Number.isFinite(sinceEpochMillis) || typeof reason !== "string")
    return { result: "damaged", why: "its checksum matches, but its content is not what herald writes" };
  return { result: "valid", drain: { reason, sinceEpochMillis } };
}

const NOTHING: Readonly<Record<string, unknown>> = {};
