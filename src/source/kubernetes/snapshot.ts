import type { KubeClient } from "../../kube/client.ts";
import type { KubeFailure } from "../../kube/failure.ts";
import type { ClusterObject, Finding } from "../../objects/kinds.ts";
import { KindStore } from "./kind-store.ts";
import { type WatchedResource, watchedResources } from "./resources.ts";

/** What an API server holds, read once. Each kind is of one moment; two kinds may be some milliseconds apart, as they are for a speaker. */
export interface Snapshot {
  readonly objects: readonly ClusterObject[];
  /** Of objects that were refused, or that are odd. */
  readonly findings: readonly Finding[];
}

/** A kind that could not be read, and why. */
export interface UnreadKind {
  readonly resource: WatchedResource;
  readonly failure: KubeFailure;
}

export type SnapshotOutcome =
  | { readonly ok: true; readonly snapshot: Snapshot }
  /** In the order of the kinds; at least one. */
  | { readonly ok: false; readonly unread: readonly UnreadKind[] };

export interface SnapshotOptions {
  readonly client: Pick<KubeClient, "list">;
  /** Where our own kinds live. */
  readonly heraldNamespace: string;
  /** "" = none. */
  readonly serviceProxyName: string;
}

const PAGE = 500;
/** Times that a kind is read anew where the server itself says that this would help. */
const ATTEMPTS = 3;

/** Lists every kind that a speaker follows. Half an answer would be a wrong one: where one kind cannot be read, there is no snapshot. */
export async function readSnapshot(options: SnapshotOptions, signal: AbortSignal): Promise<SnapshotOutcome> {
  const kinds = await Promise.all(watchedResources(options).map((resource) => readKind(resource, options, signal)));
  const unread = kinds.flatMap((kind) => (kind.ok ? [] : [kind.unread]));
  if (unread.length > 0) return { ok: false, unread };
  const snapshots = kinds.flatMap((kind) => (kind.ok ? [kind.snapshot] : []));
  return {
    ok: true,
    snapshot: { objects: snapshots.flatMap(({ objects }) => objects), findings: snapshots.flatMap(({ findings }) => findings) },
  };
}

type KindOutcome = { readonly ok: true; readonly snapshot: Snapshot } | { readonly ok: false; readonly unread: UnreadKind };

async function readKind(resource: WatchedResource, options: SnapshotOptions, signal: AbortSignal): Promise<KindOutcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await readPages(resource, options, signal);
    if (outcome.ok || attempt === ATTEMPTS || !isWorthAnother(outcome.unread.failure)) return outcome;
  }
}

async function readPages(
  resource: WatchedResource,
  { client, heraldNamespace }: SnapshotOptions,
  signal: AbortSignal,
): Promise<KindOutcome> {
  const store = new KindStore(resource, { heraldNamespace });
  // By name: an object that moves from page to page while they are read comes twice.
  const objects = new Map<string, ClusterObject>();
  let continuation = "";
  do {
    for await (const part of client.list(resource.selection, { limit: PAGE, continuation }, signal)) {
      if (part.type === "failed") return { ok: false, unread: { resource, failure: part.failure } };
      if (part.type === "end") continuation = part.continuation;
      else
        for (const item of part.items) {
          const change = store.set(item);
          if (change?.type === "set") objects.set(`${change.object.metadata.namespace}/${change.object.metadata.name}`, change.object);
        }
    }
  } while (continuation !== "");
  return { ok: true, snapshot: { objects: [...objects.values()], findings: store.findings() } };
}

/** Pages that are older than the server's history begin anew; a server that names a pause has had it by the time we ask (`RequestBudget`). */
function isWorthAnother({ condition, retryAfterMillis }: KubeFailure): boolean {
  return condition === "Expired" || (condition === "TooManyRequests" && retryAfterMillis !== null);
}
