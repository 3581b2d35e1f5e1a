import type { Credentials } from "./credentials.ts";
import { InClusterCredentials } from "./in-cluster.ts";
import { KubeconfigCredentials } from "./kubeconfig.ts";

/**
 * Credentials as the configuration names them: the Pod's own, unless a kubeconfig or a context is named.
 * @throws {SpeakerError} UNREACHABLE when nothing is named and this is not a Pod
 */
export function credentialsFor(named: { readonly kubeconfig: string; readonly context: string }): Credentials {
  if (named.kubeconfig === "" && named.context === "") return new InClusterCredentials();
  return new KubeconfigCredentials({ path: named.kubeconfig, context: named.context });
}
