/** What service accounts may do by the manifests, and what an audit log says they did. */

import type { AuditEvent } from "./api-server.ts";
import { list, record, text } from "./json.ts";

/** One verb on one resource. */
export interface Right {
  /** "" = in every namespace, or of the cluster. */
  readonly namespace: string;
  readonly group: string;
  readonly resource: string;
  /** "" = any. */
  readonly name: string;
  readonly verb: string;
}

type Manifest = Readonly<Record<string, unknown>>;

/** Every right that bindings among the manifests give to a service account of herald-system. */
export function rightsOf(account: string, manifests: readonly Manifest[]): readonly Right[] {
  return manifests.flatMap((binding) => {
    if (binding["kind"] !== "RoleBinding" && binding["kind"] !== "ClusterRoleBinding") return [];
    if (
      !list(binding["subjects"])
        .map(record)
        .some((subject) => subject["kind"] === "ServiceAccount" && subject["name"] === account)
    )
      return [];
    const reference = record(binding["roleRef"]);
    const namespace = binding["kind"] === "RoleBinding" ? text(record(binding["metadata"])["namespace"]) : "";
    const role = manifests.find(({ kind, metadata }) => kind === reference["kind"] && record(metadata)["name"] === reference["name"]);
    if (role === undefined) throw new Error(`${text(binding["kind"])} of ${account}: its role is not among the manifests`);
    return list(role["rules"]).flatMap((rule) => rightsOfRule(record(rule), namespace));
  });
}

/** A server-side apply that makes the object is logged as `patch`, and needs `create` too. */
export function isUsed(right: Right, events: readonly AuditEvent[]): boolean {
  return events.some(
    ({ allowed, group, resource, namespace, name, verb, status }) =>
      allowed &&
      group === right.group &&
      resource === right.resource &&
      (verb === right.verb || (status === 201 && verb === "patch" && right.verb === "create")) &&
      (right.namespace === "" || namespace === right.namespace) &&
      (right.name === "" || name === right.name),
  );
}

export function formatRight({ namespace, group, resource, name, verb }: Right): string {
  return `${verb} ${group === "" ? "" : `${group}/`}${resource}${name === "" ? "" : ` ${name}`} in ${namespace || "the cluster"}`;
}

/** Rules of wildcards have no place in these manifests, and none of resources without a group either. */
function rightsOfRule(rule: Manifest, namespace: string): readonly Right[] {
  const texts = (key: string): readonly string[] => list(rule[key]).map(text);
  const names = rule["resourceNames"] === undefined ? [""] : texts("resourceNames");
  return texts("apiGroups").flatMap((group) =>
    texts("resources").flatMap((resource) =>
      names.flatMap((name) => texts("verbs").map((verb) => ({ namespace, group, resource, name, verb }))),
    ),
  );
}
