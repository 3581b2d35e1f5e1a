import type { Finding } from "./kinds.ts";

/** Every code of a finding, with what it means. The planner's own findings are here too, so that there is one list to read. */
export const FINDING_CODES = {
  unreadable: "a file or directory cannot be read",
  syntax: "the text is not YAML or JSON",
  duplicateKey: "one key stands twice in one mapping",
  tooLarge: "a file, or what its aliases stand for, is larger than Herald reads",
  notAnObject: "a document is not a Kubernetes object: apiVersion, kind or metadata.name is missing or malformed",
  unknownVersion: "a kind of ours in an API version that this build does not know",
  unknownKind: "herald.dev has no such kind",
  unknownField: "a kind of ours, or the configuration, has no such field",
  requiredField: "a field that must be there is missing",
  wrongType: "a field holds a value of another type",
  invalidValue: "a field holds a value that is not one of those allowed",
  outOfRange: "a number, text or list is too small or too large",
  conflictingFields: "fields that exclude or need each other",
  otherNamespace: "an object of ours outside Herald's namespace: ignored",
  duplicateObject: "the same kind, namespace and name a second time: the first counts",
  sourceMissing: "a kind is not served by the API server, or may not be read: nothing is decided before it can be",
  sourceLost: "a kind that was read before is not served any more, or may not be read: its last objects stay in force",
  lastPeerHeld: "all peers of a node were deleted within 5 s: the last one stays in force for 30 s",
  nodeUnknown: "a node was asked for that no Node object describes",
  unknownCommunity: "an advertisement names neither a community nor an alias",
  unknownBFDProfile: "a peer names a BFDProfile that does not exist: it runs without BFD",
  bfdAgainstRestart: "a peer is to keep the routes of a node that failed, and has BFD, which takes them at once",
  unknownPool: "an advertisement names a pool that does not exist",
  unknownPeer: "an advertisement names a peer that does not exist",
  ambiguousAlias: "two Community objects give one alias different values",
  selectsNothing: "a list of selectors matches no object",
  attributeConflict: "owners of one prefix ask for different attributes",
  sharedAddressDisagrees: "no node serves every owner of a shared address",
  coveringPrefix: "unused addresses of an announced block or aggregate loop, or are dropped",
  overlappingAggregates: "one aggregate or block lies inside another that is announced otherwise",
  gateNotProbed: "an advertisement requires an answer of the data plane where nothing can be asked",
  announceLimitExceeded: "more prefixes are wanted for a peer than its limit lets through",
} as const satisfies Record<string, string>;

export type FindingCode = keyof typeof FINDING_CODES;

/** Steps from the root of an object to a field. */
export type FieldPath = readonly (string | number)[];

/** Where an object stands. Positions are asked for only where there is something to say about it. */
export interface Where {
  /** "" for an API server. */
  readonly file: string;
  locate(path: FieldPath, part?: "key" | "value"): { readonly line: number; readonly column: number };
}

/** An object without a text around it. */
export const NOWHERE: Where = { file: "", locate: () => ({ line: 0, column: 0 }) };

/** One thing found in one field, before it is tied to an object and a place. */
export interface Fault {
  readonly severity?: Finding["severity"];
  readonly code: FindingCode;
  readonly path: FieldPath;
  readonly message: string;
  /** What would be right; "" when the message says it. */
  readonly allowed?: string;
  /** Points at the key instead of the value. */
  readonly atKey?: boolean;
}

/** Collects the faults of one object, all of them at once. */
export class Report {
  readonly faults: Fault[] = [];

  add(fault: Fault): void {
    this.faults.push(fault);
  }

  get refused(): boolean {
    return this.faults.some((fault) => fault.severity !== "warning");
  }
}

/** The finding that a fault becomes once object and place are known. */
export function toFinding(fault: Fault, object: Finding["object"], where: Where): Finding {
  const { line, column } = where.locate(fault.path, fault.atKey === true ? "key" : "value");
  return {
    severity: fault.severity ?? "error",
    code: fault.code,
    object,
    file: where.file,
    line,
    column,
    field: formatPath(fault.path),
    message: fault.message,
    allowed: fault.allowed ?? "",
  };
}

/** `spec.peers[0]`, `metadata.labels["app.kubernetes.io/name"]`. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** What {@link formatPath} wrote. */
export function parsePath(text: string): FieldPath {
  return [...text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|[^.[\]]+/g)].map(([plain, index, quoted]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? plain : String(JSON.parse(quoted));
  });
}

/**
 * `FILE:LINE:COLUMN: error|warning: KIND NS/NAME FIELD: what is wrong; allowed: …`. Parts that are not known are left out: line and column
 * of an unreadable file, namespace of a Node, the field of a finding about a whole object.
 */
export function formatFinding(finding: Finding): string {
  const { object } = finding;
  const name = object === null ? "" : object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
  const place = [finding.file, ...(finding.line > 0 ? [finding.line, finding.column] : [])].filter((part) => part !== "").join(":");
  const subject = [object?.kind ?? "", name, finding.field].filter((part) => part !== "").join(" ");
  const allowed = finding.allowed === "" ? "" : `; allowed: ${finding.allowed}`;
  return [place, finding.severity, subject, oneLine(finding.message + allowed)].filter((part) => part !== "").join(": ");
}

/** Text of a person's file in a message: control characters would break the line, or the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}
