import type { Node } from "../objects/kinds.ts";
import type { DrainSigns } from "./change.ts";
import type { ReasonCode } from "./reasons.ts";

export const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";
export const DRAIN_ANNOTATION = "herald.dev/drain";

/** What drains a node: `command` is known to its own speaker alone. */
export const DRAIN_CAUSES = ["annotation", "taint", "cordon", "nodeShutdown", "command"] as const;
export type DrainCause = (typeof DRAIN_CAUSES)[number];

/** A drain that only the node's own speaker knows of. `since`: RFC 3339, where it is known. */
export interface CommandedDrain {
  readonly reason: string;
  readonly since: string | null;
}

/** Checks 8 to 10 for a node: null = it may announce. `field` and `value` are what decided. */
export interface NodeObstacle {
  readonly check: 8 | 9 | 10;
  readonly reason: ReasonCode & ("nodeLabeledExcludeBalancers" | "nodeNetworkUnavailable" | "nodeDrained");
  readonly field: string;
  readonly value: string;
  readonly text: string;
  /** Of check 10. */
  readonly cause?: DrainCause;
}

/**
 * The first of the checks 8 to 10 that a node fails. A node without an object has no labels, conditions or taints and fails none.
 */
export function nodeObstacle(
  node: Node | undefined,
  options: { readonly ignoreExcludeLabel: boolean; readonly drain: DrainSigns },
  localDrain: CommandedDrain | null = null,
): NodeObstacle | null {
  if (node !== undefined && !options.ignoreExcludeLabel && Object.hasOwn(node.metadata.labels, EXCLUDE_LABEL)) {
    return {
      check: 8,
      reason: "nodeLabeledExcludeBalancers",
      field: "metadata.labels",
      value: EXCLUDE_LABEL,
      text: `node ${node.metadata.name} is labelled ${EXCLUDE_LABEL}`,
    };
  }
  if (node?.networkUnavailable) {
    return {
      check: 9,
      reason: "nodeNetworkUnavailable",
      field: "status.conditions",
      value: "NetworkUnavailable",
      text: `node ${node.metadata.name} has a true NetworkUnavailable condition`,
    };
  }
  const sign = localDrain === null ? drainSign(node, options.drain) : commandSign(localDrain);
  return sign === null ? null : { check: 10, reason: "nodeDrained", ...sign };
}

type Sign = Required<Pick<NodeObstacle, "field" | "value" | "text" | "cause">>;

function commandSign({ reason, since }: CommandedDrain): Sign {
  const when = since === null ? "" : ` since ${since}`;
  return { field: "", value: reason, text: `drained on this node${when}: ${reason}`, cause: "command" };
}

function drainSign(node: Node | undefined, signs: DrainSigns): Sign | null {
  if (node === undefined) return null;
  const { name, annotations } = node.metadata;
  const mark = annotations[DRAIN_ANNOTATION];
  if (signs.annotation && mark !== undefined && mark !== "false") {
    const why = mark === "" || mark === "true" ? "" : `: ${mark}`;
    return {
      field: `metadata.annotations[${DRAIN_ANNOTATION}]`,
      value: mark,
      text: `node ${name} is marked for drain${why}`,
      cause: "annotation",
    };
  }
  const taint = node.taints.find(({ key }) => signs.taints.includes(key));
  if (taint !== undefined)
    return { field: "spec.taints", value: taint.key, text: `node ${name} has the taint ${taint.key}`, cause: "taint" };
  if (signs.cordon && node.unschedulable)
    return { field: "spec.unschedulable", value: "true", text: `node ${name} is cordoned`, cause: "cordon" };
  if (signs.nodeShutdown && node.shuttingDown) {
    return { field: "status.conditions", value: "Ready=False", text: `node ${name} is shutting down`, cause: "nodeShutdown" };
  }
  return null;
}
