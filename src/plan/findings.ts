import type { FindingCode } from "../objects/findings.ts";
import type { Finding, Metadata } from "../objects/kinds.ts";

/** What the planner finds; docs/semantics.md lists each with what to do. */
export const PLAN_FINDING_CODES = [
  "unknownCommunity",
  "unknownBFDProfile",
  "bfdAgainstRestart",
  "unknownPool",
  "unknownPeer",
  "ambiguousAlias",
  "selectsNothing",
  "nodeUnknown",
  "attributeConflict",
  "sharedAddressDisagrees",
  "coveringPrefix",
  "overlappingAggregates",
  "gateNotProbed",
  "announceLimitExceeded",
] as const satisfies readonly FindingCode[];

type PlanFindingCode = (typeof PLAN_FINDING_CODES)[number];

/** A finding about an object. File and position are known to the source alone: the caller that has them adds them. */
export function findingOf(
  severity: Finding["severity"],
  code: PlanFindingCode,
  object: { readonly kind: string; readonly metadata: Pick<Metadata, "namespace" | "name"> },
  words: { readonly field?: string; readonly message: string; readonly allowed?: string },
): Finding {
  const { namespace, name } = object.metadata;
  return {
    severity,
    code,
    object: { kind: object.kind, namespace, name },
    file: "",
    line: 0,
    column: 0,
    field: words.field ?? "",
    message: words.message,
    allowed: words.allowed ?? "",
  };
}

/** By object, then field, then code: the same list whatever the order of events. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  const key = ({ object, field, code, message }: Finding) =>
    [object?.kind ?? "", object?.namespace ?? "", object?.name ?? "", field, code, message].join("\u0000");
  return findings
    .map((finding) => ({ finding, at: key(finding) }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .map(({ finding }) => finding);
}
