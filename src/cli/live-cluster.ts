/** The cluster itself as a side of the commands that plan: where it is, and what is in it at this moment. */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { SpeakerError } from "../errors.ts";
import { KubeClient } from "../kube/client.ts";
import type { Credentials } from "../kube/credentials.ts";
import { credentialsFor } from "../kube/credentials-for.ts";
import type { KubeFailure } from "../kube/failure.ts";
import { InClusterCredentials } from "../kube/in-cluster.ts";
import { KubeconfigCredentials } from "../kube/kubeconfig.ts";
import { nameOf } from "../kube/resource.ts";
import { readSnapshot, type Snapshot, type UnreadKind } from "../source/kubernetes/snapshot.ts";
import { VERSION } from "./version.ts";

/** What `--kubeconfig` and `--context` name; "" = not said. */
export interface ClusterAccess {
  readonly kubeconfig: string;
  readonly context: string;
}

/** PATH that means the cluster. A file of that name is `./live`. */
export const LIVE = "live";

/** As people read it where a PATH would stand. */
export function wordsForPaths(paths: readonly string[]): string {
  return paths.map((path) => (path === LIVE ? "the live cluster" : path)).join(" ");
}

export function namesCluster({ kubeconfig, context }: ClusterAccess): boolean {
  return kubeconfig !== "" || context !== "";
}

/** A cluster that is named and not read would be an answer about something else. @throws {SpeakerError} USAGE */
export function requireLive(access: ClusterAccess, paths: readonly string[]): void {
  if (!namesCluster(access) || paths.includes(LIVE)) return;
  throw new SpeakerError("USAGE", "--kubeconfig, --context: every PATH is a file", { remedy: "write live where the cluster is meant" });
}

/** PATHs of a command that asks running speakers where there are none. @throws {SpeakerError} USAGE */
export function pathsOrLive({ paths, access, serversNamed }: AskedOrRead): readonly string[] {
  if (serversNamed && namesCluster(access)) {
    throw new SpeakerError("USAGE", "--server with --kubeconfig or --context: one asks speakers, the others the cluster", {
      remedy: "leave one of them out",
    });
  }
  if (paths.length === 0) return namesCluster(access) ? [LIVE] : [];
  requireLive(access, paths);
  return paths;
}

export interface AskedOrRead {
  readonly access: ClusterAccess;
  /** None = running speakers are asked, unless `access` names a cluster. */
  readonly paths: readonly string[];
  readonly servers: readonly string[];
  /** `--server` was said. */
  readonly serversNamed: boolean;
}

/** An API server that is asked a few things and left. `name`: its host and port, for messages. */
export interface ReachedCluster {
  readonly name: string;
  readonly client: KubeClient;
}

/** Runs `work` with a way to the cluster, which ends with it. @throws {SpeakerError} UNREACHABLE, UNREADABLE */
export async function withCluster<T>(access: ClusterAccess, work: (cluster: ReachedCluster) => Promise<T>): Promise<T> {
  const credentials = findCredentials(access);
  const { server } = await credentials.read({ renew: false });
  const client = new KubeClient({ credentials, clock: systemClock, userAgent: `herald/${VERSION}` });
  try {
    return await work({ name: server.host, client });
  } finally {
    client.close();
  }
}

/** Everything that is in the cluster now and that a speaker would read. @throws {SpeakerError} UNREACHABLE, UNREADABLE */
export async function readCluster(access: ClusterAccess, heraldNamespace: string): Promise<Snapshot> {
  return await withCluster(access, async ({ name, client }) => {
    const options = { client, heraldNamespace, serviceProxyName: "" };
    const outcome = await readSnapshot(options, new AbortController().signal);
    if (!outcome.ok) throw unreadError(name, outcome.unread);
    return outcome.snapshot;
  });
}

/** The error that a failure stands for when it is about the server and not about one kind. */
export function clusterError(server: string, { condition, message, cause }: KubeFailure): SpeakerError {
  // It names the file and says what to do.
  if (cause instanceof SpeakerError) return cause;
  const [why, remedy] = CLUSTER_WORDS[condition] ?? [`it answered ${message}`, ""];
  const detail = condition === "Unreachable" || condition === "Silent" || condition === "Untrusted" ? ` (${message})` : "";
  return new SpeakerError("UNREACHABLE", `live cluster ${server}: ${why}${detail}`, { remedy, cause });
}

const CLUSTER_WORDS: Readonly<Partial<Record<KubeFailure["condition"], readonly [why: string, remedy: string]>>> = {
  Unauthorized: ["it does not accept our credentials (401)", "log in again, or name another user's context with --context"],
  Unreachable: ["no answer", "name the right kubeconfig with --kubeconfig, or files of objects"],
  Silent: ["no answer", "name the right kubeconfig with --kubeconfig, or files of objects"],
  Untrusted: ["its certificate is not of an authority we trust", "put its authority into the kubeconfig"],
};

function unreadError(server: string, unread: readonly UnreadKind[]): SpeakerError {
  const ofKind = unread.filter(({ failure }) => failure.condition === "Forbidden" || failure.condition === "NotFound");
  const other = unread.find((kind) => !ofKind.includes(kind));
  if (other !== undefined) return clusterError(server, other.failure);
  const named = (condition: KubeFailure["condition"]): string =>
    ofKind
      .filter(({ failure }) => failure.condition === condition)
      .map(({ resource }) => nameOf(resource.selection))
      .join(", ");
  const [forbidden, missing] = [named("Forbidden"), named("NotFound")];
  const parts = [
    ...(forbidden === "" ? [] : [{ why: `may not read ${forbidden} (403)`, remedy: `ask for a role with list on ${forbidden}` }]),
    ...(missing === "" ? [] : [{ why: `does not serve ${missing} (404)`, remedy: "herald crds | kubectl apply -f -" }]),
  ];
  const remedy = parts.map((part) => part.remedy).join("; ");
  return new SpeakerError("UNREACHABLE", `live cluster ${server}: ${parts.map(({ why }) => why).join("; ")}`, { remedy });
}

/** In kubectl's order: what is named, KUBECONFIG, ~/.kube/config, the Pod's own. @throws {SpeakerError} UNREACHABLE when there is none */
function findCredentials(access: ClusterAccess): Credentials {
  if (namesCluster(access)) return credentialsFor(access);
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST } = process.env;
  if (KUBECONFIG || existsSync(join(homedir(), ".kube", "config"))) return new KubeconfigCredentials({ path: "", context: "" });
  if (KUBERNETES_SERVICE_HOST) return new InClusterCredentials();
  throw new SpeakerError("UNREACHABLE", "live cluster: there is no kubeconfig (KUBECONFIG, ~/.kube/config), and this is not a Pod", {
    remedy: "name a kubeconfig with --kubeconfig, or files or directories of objects",
  });
}
