import { DEFINITIONS, type Definition, GROUP, OTHER_KINDS, VERSION } from "./definitions.ts";
import { projectEndpointSlice } from "./endpoint-slice.ts";
import { NAME_PATTERN } from "./fields.ts";
import { type FieldPath, Report, toFinding, type Where } from "./findings.ts";
import type { ClusterObject, Finding, Kind, Metadata, ObjectRef } from "./kinds.ts";
import { projectMetadata } from "./metadata.ts";
import { projectNamespace } from "./namespace.ts";
import { nearest } from "./nearest.ts";
import { projectNode } from "./node.ts";
import { INVALID, isRecord, quoted } from "./schema.ts";
import { projectSecret } from "./secret.ts";
import { projectService } from "./service.ts";
import { reportUnknown } from "./structures.ts";

/** What became of one raw object. */
export type Checked =
  | { readonly result: "object"; readonly object: ClusterObject; readonly findings: readonly Finding[] }
  /** `ref` where the object could at least be named. */
  | { readonly result: "refused"; readonly ref: ObjectRef | null; readonly findings: readonly Finding[] }
  /** Not a kind that Herald reads, or one of ours in another namespace. */
  | { readonly result: "ignored"; readonly findings: readonly Finding[] };

export interface CheckOptions {
  /** Where our own kinds live: the default of theirs, and the only one that counts. */
  readonly heraldNamespace: string;
}

interface KubernetesKind {
  readonly kind: Kind;
  /** null = cluster-scoped. */
  readonly defaultNamespace: string | null;
  /** Read from Herald's namespace alone, which is its default too. */
  readonly oursAlone?: boolean;
  readonly labels: boolean;
  project(raw: Readonly<Record<string, unknown>>, metadata: Metadata, report: Report): ClusterObject;
}

const KUBERNETES = new Map<string, KubernetesKind>([
  ["v1/Service", { kind: "Service", defaultNamespace: "default", labels: true, project: projectService }],
  ["v1/Node", { kind: "Node", defaultNamespace: null, labels: true, project: projectNode }],
  ["v1/Secret", { kind: "Secret", defaultNamespace: null, labels: false, oursAlone: true, project: projectSecret }],
  ["v1/Namespace", { kind: "Namespace", defaultNamespace: null, labels: true, project: projectNamespace }],
  [
    "discovery.k8s.io/v1/EndpointSlice",
    { kind: "EndpointSlice", defaultNamespace: "default", labels: false, project: projectEndpointSlice },
  ],
]);
const OURS = new Map(DEFINITIONS.map((definition) => [definition.kind as string, definition]));
const TOP_LEVEL = ["apiVersion", "kind", "metadata", "spec", "status"];
const NAME = new RegExp(NAME_PATTERN);

/** Recognises, checks, defaults and projects one raw object. All faults of it are reported at once. Lists come apart in {@link expandList}. */
export function checkObject(raw: unknown, where: Where, options: CheckOptions): Checked {
  const report = new Report();
  const identity = identify(raw, report);
  if (identity === null) return refuse(null, null, report, where);
  const { object, apiVersion, kind } = identity;
  const kubernetes = KUBERNETES.get(`${apiVersion}/${kind}`);
  if (kubernetes !== undefined) return checkKubernetes(object, kubernetes, report, where, options);
  if (apiVersion.startsWith(`${GROUP}/`)) return checkOurs(object, apiVersion, kind, report, where, options);
  if (kind === "EndpointSlice") {
    report.add({
      severity: "warning",
      code: "unknownVersion",
      path: ["apiVersion"],
      message: `${quoted(apiVersion)} is ignored`,
      allowed: "discovery.k8s.io/v1",
    });
  }
  return { result: "ignored", findings: report.faults.map((fault) => toFinding(fault, null, where)) };
}

/** The objects of a `List` or of a list of one kind (`ServiceList`), lists inside lists included; any other value is itself. */
export function expandList(raw: unknown): readonly { readonly raw: unknown; readonly path: FieldPath }[] {
  const found: { readonly raw: unknown; readonly path: FieldPath }[] = [];
  const add = (value: unknown, path: FieldPath, inherited: { readonly apiVersion: unknown; readonly kind: string } | null): void => {
    const record = isRecord(value) ? value : null;
    const kind = record?.["kind"];
    if (record !== null && typeof kind === "string" && kind.endsWith("List") && Array.isArray(record["items"])) {
      // An API server leaves kind and apiVersion out of the items of a typed list.
      const typed = kind === "List" ? null : { apiVersion: record["apiVersion"], kind: kind.slice(0, -"List".length) };
      const items: readonly unknown[] = record["items"];
      for (let index = 0; index < items.length; index++) add(items[index], [...path, "items", index], typed);
      return;
    }
    const anonymous = record !== null && inherited !== null && record["kind"] === undefined && record["apiVersion"] === undefined;
    found.push({ raw: anonymous ? { ...inherited, ...record } : value, path });
  };
  add(raw, [], null);
  return found;
}

interface Identity {
  readonly object: Readonly<Record<string, unknown>>;
  readonly apiVersion: string;
  readonly kind: string;
}

function identify(raw: unknown, report: Report): Identity | null {
  if (!isRecord(raw)) {
    report.add({
      code: "notAnObject",
      path: [],
      message: "is not a Kubernetes object",
      allowed: "a mapping with apiVersion, kind and metadata",
    });
    return null;
  }
  const { apiVersion, kind } = raw;
  for (const field of ["apiVersion", "kind"]) {
    const value = raw[field];
    if (typeof value === "string" && value !== "") continue;
    const message = value === undefined || value === null ? "is missing: not a Kubernetes object" : "is not text";
    report.add({
      code: "notAnObject",
      path: [field],
      message,
      allowed: field === "kind" ? "a kind like Service" : "an API version like v1",
    });
  }
  if (typeof apiVersion !== "string" || typeof kind !== "string" || report.refused) return null;
  return { object: raw, apiVersion, kind };
}

function checkKubernetes(
  raw: Readonly<Record<string, unknown>>,
  definition: KubernetesKind,
  report: Report,
  where: Where,
  { heraldNamespace }: CheckOptions,
): Checked {
  const { kind } = definition;
  const metadata = metadataOf(raw, report);
  if (metadata === null) return refuse(kind, null, report, where);
  const defaultNamespace = definition.oursAlone === true ? heraldNamespace : definition.defaultNamespace;
  const written = metadata["namespace"];
  const namespace = defaultNamespace === null ? "" : typeof written === "string" && written !== "" ? written : defaultNamespace;
  if (definition.oursAlone === true && namespace !== heraldNamespace) return { result: "ignored", findings: NO_FINDINGS };
  const object = definition.project(raw, projectMetadata(metadata, namespace, definition, report), report);
  // Nearly all objects come through here: no list is made for nothing.
  if (report.faults.length === 0) return { result: "object", object, findings: NO_FINDINGS };
  return report.refused
    ? refuse(kind, refOf(object), report, where)
    : { result: "object", object, findings: tied(report, refOf(object), where) };
}

function checkOurs(
  raw: Readonly<Record<string, unknown>>,
  apiVersion: string,
  kind: string,
  report: Report,
  where: Where,
  options: CheckOptions,
): Checked {
  const definition = OURS.get(kind);
  if (definition === undefined && !OTHER_KINDS.includes(kind)) {
    const known = [...OURS.keys(), ...OTHER_KINDS];
    const near = nearest(kind, known);
    const message = `${GROUP} has no kind ${quoted(kind)}${near === undefined ? "" : `: did you mean ${near}?`}`;
    report.add({ code: "unknownKind", path: ["kind"], message, allowed: known.join(", ") });
    return refuse(null, null, report, where);
  }
  if (apiVersion !== `${GROUP}/${VERSION}`) {
    report.add({
      code: "unknownVersion",
      path: ["apiVersion"],
      message: `${quoted(apiVersion)} is not known`,
      allowed: `${GROUP}/${VERSION}`,
    });
    return refuse(null, null, report, where);
  }
  if (definition === undefined) return { result: "ignored", findings: NO_FINDINGS };
  const metadata = metadataOf(raw, report);
  if (metadata === null) return refuse(kind, null, report, where);
  return checkSpec(raw, metadata, definition, report, where, options);
}

function checkSpec(
  raw: Readonly<Record<string, unknown>>,
  rawMetadata: Readonly<Record<string, unknown>>,
  definition: Definition,
  report: Report,
  where: Where,
  { heraldNamespace }: CheckOptions,
): Checked {
  const { kind } = definition;
  const written = rawMetadata["namespace"];
  const namespace = typeof written === "string" && written !== "" ? written : heraldNamespace;
  const ref: ObjectRef = { kind, namespace, name: String(rawMetadata["name"]) };
  if (namespace !== heraldNamespace) {
    const message = `is ignored: Herald reads its own kinds from ${heraldNamespace} alone`;
    report.add({ severity: "warning", code: "otherNamespace", path: ["metadata", "namespace"], message, allowed: heraldNamespace });
    return { result: "ignored", findings: tied(report, ref, where) };
  }
  if (!NAME.test(ref.name) || ref.name.length > 253) {
    report.add({
      code: "invalidValue",
      path: ["metadata", "name"],
      message: `${quoted(ref.name)} is not a name`,
      allowed: "lower-case letters, digits, - and .",
    });
  }
  for (const key of Object.keys(raw)) if (!TOP_LEVEL.includes(key)) reportUnknown(key, TOP_LEVEL, [], report);
  const metadata = projectMetadata(rawMetadata, namespace, { labels: true }, report);
  if (raw["spec"] === undefined || raw["spec"] === null) {
    report.add({ code: "requiredField", path: ["spec"], message: "is missing", allowed: "a mapping", atKey: true });
    return refuse(kind, ref, report, where);
  }
  const object = definition.read(raw["spec"], ["spec"], report, metadata);
  if (object === INVALID || report.refused) return refuse(kind, ref, report, where);
  return { result: "object", object, findings: tied(report, ref, where) };
}

/** metadata with a name, or null after saying what is wrong. */
function metadataOf(raw: Readonly<Record<string, unknown>>, report: Report): Readonly<Record<string, unknown>> | null {
  const metadata = raw["metadata"];
  if (isRecord(metadata) && typeof metadata["name"] === "string" && metadata["name"] !== "") {
    return ["name", "namespace"].some((field) => isOddName(metadata[field], field, report)) ? null : metadata;
  }
  const path = isRecord(metadata) ? ["metadata", "name"] : ["metadata"];
  const generated = isRecord(metadata) && metadata["generateName"] !== undefined;
  const unusual = isRecord(metadata) && metadata["name"] !== undefined && metadata["name"] !== null && metadata["name"] !== "";
  const message = unusual ? "is not text (put it in quotes)" : generated ? "is missing: generateName names nothing here" : "is missing";
  report.add({ code: "notAnObject", path, message, allowed: "a name", atKey: !unusual });
  return null;
}

/** A name that could pass for another's, or break a line. What else an API server refuses is left to it. */
function isOddName(value: unknown, field: string, report: Report): boolean {
  if (typeof value !== "string" || !/[/\s\p{Cc}]/u.test(value)) return false;
  report.add({
    code: "invalidValue",
    path: ["metadata", field],
    message: `${quoted(value)} is not a name`,
    allowed: "no /, space or control character",
  });
  return true;
}

const NO_FINDINGS: readonly Finding[] = [];

function refuse(kind: string | null, ref: ObjectRef | null, report: Report, where: Where): Checked {
  const object = ref ?? (kind === null ? null : { kind, namespace: "", name: "" });
  return { result: "refused", ref, findings: tied(report, object, where) };
}

function tied(report: Report, object: Finding["object"], where: Where): readonly Finding[] {
  return report.faults.map((fault) => toFinding(fault, object, where));
}

/** Names an object. */
export function refOf({ kind, metadata }: ClusterObject): ObjectRef {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}

/** Map key of a name; equal exactly when the names are. */
export function refKey({ kind, namespace, name }: ObjectRef): string {
  return `${kind}/${namespace}/${name}`;
}
