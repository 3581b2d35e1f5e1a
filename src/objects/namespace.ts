import type { Metadata, Namespace } from "./kinds.ts";

/** v1 Namespace: its labels are all that is read. */
export function projectNamespace(_raw: Readonly<Record<string, unknown>>, metadata: Metadata): Namespace {
  return { kind: "Namespace", metadata };
}
