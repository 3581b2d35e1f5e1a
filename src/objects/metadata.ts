import type { Fault, FieldPath, Report } from "./findings.ts";
import type { Metadata } from "./kinds.ts";
import { repeated } from "./repeated.ts";
import { isRecord, shown } from "./schema.ts";

/** Annotations that Herald reads; all others are dropped. */
const OUR_ANNOTATIONS = "herald.dev/";

/**
 * metadata of any object. `namespace` is what the caller settled. Labels of kinds whose labels nobody selects on are left out, so that
 * their changes are none.
 */
export function projectMetadata(
  raw: Readonly<Record<string, unknown>>,
  namespace: string,
  options: { readonly labels: boolean },
  report: Report,
): Metadata {
  return {
    name: textOf(raw["name"]),
    namespace: repeated(namespace),
    uid: textOf(raw["uid"]),
    resourceVersion: textOf(raw["resourceVersion"]),
    generation: typeof raw["generation"] === "number" ? raw["generation"] : 0,
    creationTimestamp: textOf(raw["creationTimestamp"]),
    deleting: typeof raw["deletionTimestamp"] === "string",
    labels: options.labels ? texts(raw["labels"], "", ["metadata", "labels"], report) : NONE,
    annotations: texts(raw["annotations"], OUR_ANNOTATIONS, ["metadata", "annotations"], report),
  };
}

/** A text field, "" where it is missing or something else. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * What Kubernetes kinds hold is the API server's business: an odd entry in them costs that entry, not the object, and is a warning.
 */
export function oddEntry(path: FieldPath, message: string, allowed = ""): Fault {
  return { severity: "warning", code: "invalidValue", path, message, allowed };
}

/** Elements of a list field; a field of another type is reported and counts as empty. */
export function elements(value: unknown, path: FieldPath, report: Report): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  report.add({ severity: "warning", code: "wrongType", path, message: "is not a list: left out", allowed: "a list" });
  return [];
}

/** A mapping, or an empty one. */
export function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : NONE;
}

const NONE: Readonly<Record<string, never>> = Object.freeze({});

/** A mapping of texts to texts and of nothing else. */
export function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  if (!isRecord(value)) return false;
  for (const key of Object.keys(value)) if (typeof value[key] !== "string") return false;
  return true;
}

function texts(value: unknown, prefix: string, path: FieldPath, report: Report): Readonly<Record<string, string>> {
  if (!isRecord(value)) {
    if (value !== undefined && value !== null)
      report.add({ severity: "warning", code: "wrongType", path, message: "is not a mapping: left out", allowed: "a mapping" });
    return NONE;
  }
  // Nearly all labels are as they should be, and need no copy.
  if (prefix === "" && isTexts(value)) return value;
  const kept: [string, string][] = [];
  for (const key of Object.keys(value)) {
    if (!key.startsWith(prefix)) continue;
    const one = value[key];
    if (typeof one === "string") kept.push([key, one]);
    else report.add(oddEntry([...path, key], `${shown(one)} is not text: left out`, "text (put it in quotes)"));
  }
  return kept.length === 0 ? NONE : Object.fromEntries(kept);
}
