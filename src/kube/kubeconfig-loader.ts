import { KubeConfig } from "@kubernetes/client-node";
import { type TokenFile, tokenFileOf } from "./token-file.ts";

/** A kubeconfig in one context. */
export interface LoadedKubeconfig {
  /** Runs exec plugins and refreshes tokens where the user has such. */
  access(): Promise<{
    readonly server: string;
    readonly tls: {
      readonly ca: string | null;
      readonly cert: string | null;
      readonly key: string | null;
      readonly servername: string | null;
      readonly verify: boolean;
    };
    readonly authorization: string | null;
    readonly headers: Readonly<Record<string, string>>;
  }>;
}

/**
 * The one importer of `@kubernetes/client-node`, to be imported lazily. The named import lets the bundler leave the rest of the package out.
 * @throws {Error} in the package's words, or when there is no such context.
 */
export function loadKubeconfig(path: string, context: string): LoadedKubeconfig {
  const config = new KubeConfig();
  if (path === "") config.loadFromDefault();
  else config.loadFromFile(path);
  if (context !== "") {
    if (config.getContextObject(context) === null) throw new Error(`there is no context ${JSON.stringify(context)}`);
    config.setCurrentContext(context);
  }
  const user = config.getCurrentUser();
  const tokenFile = user === null ? null : tokenFileOf(user.name, path);
  return { access: () => access(config, tokenFile) };
}

async function access(config: KubeConfig, tokenFile: TokenFile | null): ReturnType<LoadedKubeconfig["access"]> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`context ${JSON.stringify(config.getCurrentContext() ?? "")} names no cluster`);
  if (!URL.canParse(cluster.server)) throw new Error(`${JSON.stringify(cluster.server)} is not the URL of a server`);
  if (cluster.proxyUrl) throw new Error("proxy-url is not supported");
  const options: Parameters<KubeConfig["applyToHTTPSOptions"]>[0] = {};
  await config.applyToHTTPSOptions(options);
  const { authorization, headers } = headersOf(options.headers);
  const token = await tokenFile?.read();
  return {
    server: cluster.server,
    tls: {
      ca: pem(options.ca),
      cert: pem(options.cert),
      key: pem(options.key),
      servername: "servername" in options && typeof options.servername === "string" ? options.servername : null,
      verify: options.rejectUnauthorized !== false,
    },
    authorization: token ? `Bearer ${token}` : (authorization ?? basic(options.auth)),
    headers,
  };
}

/** A user with a name and a password, from before tokens. */
function basic(auth: unknown): string | null {
  return typeof auth === "string" ? `Basic ${Buffer.from(auth).toString("base64")}` : null;
}

function headersOf(value: unknown): { readonly authorization: string | null; readonly headers: Readonly<Record<string, string>> } {
  let authorization: string | null = null;
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(typeof value === "object" && value !== null ? value : {})) {
    if (typeof text !== "string") continue;
    if (name.toLowerCase() === "authorization") authorization = text;
    else headers[name.toLowerCase()] = text;
  }
  return { authorization, headers };
}

function pem(value: unknown): string | null {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : null;
}
