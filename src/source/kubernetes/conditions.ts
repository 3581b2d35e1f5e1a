import type { KubeFailure } from "../../kube/failure.ts";
import { nameOf } from "../../kube/resource.ts";
import type { Finding } from "../../objects/kinds.ts";
import type { WatchedResource } from "./resources.ts";

/**
 * A kind that cannot be read and will not be by itself, as a finding: it stands as long as it is so. Null for failures that pass, which the
 * age of the last word tells.
 */
export function findingOf({ selection }: WatchedResource, failure: KubeFailure, synced: boolean): Finding | null {
  const { condition } = failure;
  if (condition !== "NotFound" && condition !== "Forbidden") return null;
  const what = condition === "NotFound" ? "is not served by the API server" : "may not be read";
  const effect = synced ? "its last objects stay in force" : "nothing is decided before it can be read";
  return {
    severity: "warning",
    code: synced ? "sourceLost" : "sourceMissing",
    object: null,
    file: "",
    line: 0,
    column: 0,
    field: "",
    message: `${nameOf(selection)} ${what} (${condition}): ${effect}`,
    allowed: condition === "NotFound" ? "herald crds | kubectl apply -f -" : `a role with get, list and watch on ${nameOf(selection)}`,
  };
}

/** Failures of one kind, not of the way to the server. */
export function concernsKind({ condition }: KubeFailure): boolean {
  return condition === "NotFound" || condition === "Forbidden" || condition === "Expired" || condition === "Malformed";
}

/** Failures of the way to the server: an answer to anything else says that they are over. */
export function concernsWay({ condition }: KubeFailure): boolean {
  switch (condition) {
    case "Unreachable":
    case "Silent":
    case "Untrusted":
    case "NoCredentials":
    case "Unauthorized":
      return true;
    default:
      return false;
  }
}

/** Failures that time mends: of them only the second of its sort in a row is worth a line. */
export function passes({ condition }: KubeFailure): boolean {
  switch (condition) {
    case "NotFound":
    case "Forbidden":
    case "Unauthorized":
    case "Untrusted":
    case "NoCredentials":
      return false;
    default:
      return true;
  }
}
