import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SpeakerError } from "../errors.ts";
import type { Access, Credentials } from "./credentials.ts";
import { Secret } from "./secret.ts";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface InClusterOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Directory with `token` and `ca.crt`. */
  readonly directory?: string;
}

/**
 * The Pod's own service account. Token and CA are read before every request: kubelet replaces the token long before it expires, and requests are
 * rare. `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` say where the server is; a Pod that sets them itself overrides what Kubernetes
 * gives, which a speaker needs where the service proxy is not up before it.
 */
export class InClusterCredentials implements Credentials {
  readonly source = "the Pod's service account";
  readonly #server: URL;
  readonly #directory: string;
  #last: { readonly token: string; readonly ca: string } | null = null;

  /** @throws {SpeakerError} UNREACHABLE where the environment names no API server. */
  constructor({ env = process.env, directory = SERVICE_ACCOUNT }: InClusterOptions = {}) {
    const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
    const port = env["KUBERNETES_SERVICE_PORT"] || "443";
    if (host === "") {
      throw new SpeakerError("UNREACHABLE", "API server: KUBERNETES_SERVICE_HOST is not set, so this is not a Pod", {
        remedy: "name a kubeconfig with --kubeconfig, or a directory of objects with --directory",
      });
    }
    const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (!URL.canParse(server)) {
      throw new SpeakerError("UNREACHABLE", `API server: ${server} is not an address`, {
        remedy: "mend KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
      });
    }
    this.#server = new URL(server);
    this.#directory = directory;
  }

  async read({ renew }: { readonly renew: boolean }): Promise<Access> {
    const { token, ca } = await this.#files(renew);
    return {
      server: this.#server,
      tls: { ca, cert: null, key: null, servername: null, verify: true },
      authorization: new Secret(`Bearer ${token}`),
      headers: {},
    };
  }

  async #files(renew: boolean): Promise<{ readonly token: string; readonly ca: string }> {
    try {
      const [token, ca] = await Promise.all(["token", "ca.crt"].map((name) => readFile(join(this.#directory, name), "utf8")));
      if (token === undefined || token.trim() === "") throw new Error("the token is empty");
      this.#last = { token: token.trim(), ca: ca ?? "" };
    } catch (cause) {
      // A volume that is being replaced, or a file system that is full: what was read before may still be good.
      if (this.#last === null || renew) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new SpeakerError("UNREADABLE", `service account ${this.#directory}: ${why}`, {
          remedy: "mount the service account's token into the Pod",
          cause,
        });
      }
    }
    return this.#last;
  }
}
