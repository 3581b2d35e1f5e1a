import { stat } from "node:fs/promises";
import { SpeakerError } from "../errors.ts";
import type { Access, Credentials } from "./credentials.ts";
import type { LoadedKubeconfig } from "./kubeconfig-loader.ts";
import { Secret } from "./secret.ts";

export interface KubeconfigOptions {
  /** "" = what KUBECONFIG names, else ~/.kube/config. */
  readonly path: string;
  /** "" = the current one. */
  readonly context: string;
}

/**
 * A kubeconfig with everything that kubectl takes: contexts, certificates, tokens, exec plugins, OIDC. It is read again when the file changed, and
 * when the server refuses what it gave, so that no plugin's answer is kept beyond that.
 */
export class KubeconfigCredentials implements Credentials {
  readonly source: string;
  readonly #options: KubeconfigOptions;
  #loaded: { readonly version: string; readonly config: LoadedKubeconfig } | null = null;

  constructor(options: KubeconfigOptions) {
    this.#options = options;
    this.source = `kubeconfig ${options.path === "" ? "of this user" : options.path}`;
  }

  async read({ renew }: { readonly renew: boolean }): Promise<Access> {
    try {
      const version = await this.#version();
      if (renew || this.#loaded === null || this.#loaded.version !== version) {
        // The package behind it is large: only who has a kubeconfig pays for it.
        const { loadKubeconfig } = await import("./kubeconfig-loader.ts");
        this.#loaded = { version, config: loadKubeconfig(this.#options.path, this.#options.context) };
      }
      return accessOf(await this.#loaded.config.access());
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SpeakerError("UNREADABLE", `${this.source}: ${why.replaceAll("\n", " ")}`, {
        remedy: "name a kubeconfig that kubectl can use",
        cause,
      });
    }
  }

  /** What tells one version of the file from another; "" where several files or the user's own are meant. */
  async #version(): Promise<string> {
    if (this.#options.path === "") return "";
    const { ino, size, mtimeMs } = await stat(this.#options.path);
    return `${ino}:${size}:${mtimeMs}`;
  }
}

function accessOf({ server, tls, authorization, headers }: Awaited<ReturnType<LoadedKubeconfig["access"]>>): Access {
  return {
    server: new URL(server),
    tls: { ...tls, key: tls.key === null ? null : new Secret(tls.key) },
    authorization: authorization === null ? null : new Secret(authorization),
    headers,
  };
}
