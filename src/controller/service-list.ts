import type { KubeClient } from "../kube/client.ts";
import type { KubeFailure, Outcome } from "../kube/failure.ts";
import { fieldsOf } from "../kube/fields.ts";
import type { Selection } from "../kube/resource.ts";
import { checkObject } from "../objects/check.ts";
import { NOWHERE } from "../objects/findings.ts";
import type { Service } from "../objects/kinds.ts";

const SERVICES: Selection = { group: "", version: "v1", plural: "services", namespace: null };
const PAGE = 500;

/**
 * All Services of type LoadBalancer as the server has them now, not as a cache had them: a read without a resourceVersion goes through etcd's quorum. What
 * the last leader wrote is in it, however far behind our own watch is.
 */
export async function listLoadBalancers(client: Pick<KubeClient, "list">, signal: AbortSignal): Promise<Outcome<readonly Service[]>> {
  const chosen = await listAll(client, { ...SERVICES, fieldSelector: "spec.type=LoadBalancer" }, signal);
  // Servers before 1.31 cannot select by type.
  return !chosen.ok && chosen.failure.condition === "Invalid" ? await listAll(client, SERVICES, signal) : chosen;
}

async function listAll(client: Pick<KubeClient, "list">, selection: Selection, signal: AbortSignal): Promise<Outcome<readonly Service[]>> {
  const found: Service[] = [];
  let continuation = "";
  do {
    let failure: KubeFailure | null = null;
    for await (const part of client.list(selection, { limit: PAGE, continuation }, signal)) {
      if (part.type === "failed") failure = part.failure;
      else if (part.type === "end") continuation = part.continuation;
      else for (const item of part.items) found.push(...servicesIn(item));
    }
    if (failure !== null) return { ok: false, failure };
  } while (continuation !== "");
  return { ok: true, value: found };
}

/** The Service that a server sent, or none where it cannot be read. */
export function servicesIn(raw: unknown): readonly Service[] {
  const checked = checkObject({ ...fieldsOf(raw), apiVersion: "v1", kind: "Service" }, NOWHERE, { heraldNamespace: "" });
  return checked.result === "object" && checked.object.kind === "Service" ? [checked.object] : [];
}

/**
 * True unless `version` is known to be older than `than`. Kubernetes' versions are whole numbers that grow; any other text says nothing, and then what came
 * last counts.
 */
export function isNewer(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return true;
  return version.length === than.length ? version > than : version.length > than.length;
}
