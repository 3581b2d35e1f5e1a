import type { KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/failure.ts";
import type { Resource } from "../kube/resource.ts";

/** One object as the server has it now; null = there is none. By a list of one: whoever may list and watch needs no right to get besides. */
export async function readOne(
  client: Pick<KubeClient, "list">,
  resource: Resource,
  name: string,
  signal: AbortSignal,
): Promise<Outcome<unknown>> {
  let found: unknown = null;
  for await (const part of client.list({ ...resource, fieldSelector: `metadata.name=${name}` }, { limit: 0, continuation: "" }, signal)) {
    if (part.type === "failed") return { ok: false, failure: part.failure };
    if (part.type === "items") found = part.items[0] ?? found;
  }
  return { ok: true, value: found };
}
