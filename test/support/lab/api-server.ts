import { spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { parse } from "yaml";
import { systemClock } from "../../../src/clock.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import type { Credentials } from "../../../src/kube/credentials.ts";
import type { Outcome } from "../../../src/kube/failure.ts";
import { pathOf, type Resource } from "../../../src/kube/resource.ts";
import { Secret } from "../../../src/kube/secret.ts";
import { createAuthority } from "../certificate.ts";
import { testDirectory } from "../leftovers.ts";
import { type ControlPlanePrograms, controlPlanePrograms } from "./control-plane-programs.ts";
import { Daemon } from "./fabric.ts";
import { record, text } from "./json.ts";
import { kubeconfigOf } from "./kubeconfig.ts";
import { until } from "./wait.ts";

const CRDS = new URL("../../../deploy/crds/", import.meta.url).pathname;
const ADMIN_TOKEN = "admin-token";
const SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc";

/** An object as it is sent. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** Where objects of a kind live, for the calls of a test. */
export function resource(group: string, version: string, plural: string, namespace: string | null = null): Resource {
  return { group, version, plural, namespace };
}

const AUDIT_LOG = "audit.log";
/** Who asked for what, without bodies; a watch is there as soon as it is answered, and once more at its end. */
const AUDIT_POLICY = JSON.stringify({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
});

const CUSTOM_RESOURCE_DEFINITIONS = resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");

export interface ApiServerOptions {
  /** Keeps an audit log of who asked for what; see {@link ApiServer.audit}. */
  readonly audit?: boolean;
  /** Users by their tokens, from the start on; see {@link ApiServer.setToken}. */
  readonly tokens?: Readonly<Record<string, string>>;
  /** Another etcd than the one that is built. */
  readonly etcd?: string;
  /** Further flags of kube-apiserver. */
  readonly flags?: readonly string[];
}

/** A request as the audit log has it once it was answered. */
export interface AuditEvent {
  readonly user: string;
  readonly verb: string;
  /** "" = of no resource, as /version is. */
  readonly group: string;
  /** With its subresource: `services/status`. */
  readonly resource: string;
  /** "" = of the whole cluster. */
  readonly namespace: string;
  /** "" = of a list, or of what is made without one. */
  readonly name: string;
  readonly allowed: boolean;
  readonly status: number;
}

/** A real kube-apiserver on a real etcd, on free ports of loopback, with RBAC. */
export class ApiServer {
  readonly authority = createAuthority("cluster authority");
  readonly #programs: ControlPlanePrograms;
  readonly #directory = testDirectory("apiserver");
  readonly #tokens = new Map([[ADMIN_TOKEN, { user: "admin", group: "system:masters" }]]);
  readonly #signal = new AbortController();
  #ports = { api: 0, etcd: 0, etcdPeer: 0 };
  #etcd: Daemon | null = null;
  #server: Daemon | null = null;
  #admin: KubeClient | null = null;
  readonly #options: ApiServerOptions;

  private constructor(programs: ControlPlanePrograms, options: ApiServerOptions) {
    this.#programs = programs;
    this.#options = options;
    for (const [token, user] of Object.entries(options.tokens ?? {})) this.setToken(token, user);
  }

  /** Builds what is not there, and starts both. */
  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const server = new ApiServer(await controlPlanePrograms(), options);
    try {
      await server.#start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#ports.api;
  }

  get caPem(): string {
    return this.authority.certPem;
  }

  /** For calls of a user that may do everything. */
  get admin(): KubeClient {
    this.#admin ??= new KubeClient({
      credentials: this.credentials(ADMIN_TOKEN),
      clock: systemClock,
      userAgent: "herald-test",
      budget: { perSecond: 1000, burst: 1000 },
    });
    return this.#admin;
  }

  /** Credentials of the bearer of a token, who reaches the server at `port`. */
  credentials(token: string, port = this.port): Credentials {
    const access = {
      server: new URL(`https://127.0.0.1:${port}`),
      tls: { ca: this.caPem, cert: null, key: null, servername: null, verify: true },
      authorization: new Secret(`Bearer ${token}`),
      headers: {},
    };
    return { source: "the test", read: async () => access };
  }

  /** A kubeconfig of the bearer of a token, by default of a user that may do everything. */
  kubeconfig(token = ADMIN_TOKEN): string {
    return kubeconfigOf({ port: this.port, ca: this.caPem, token });
  }

  /** The same as a file. */
  kubeconfigFile(name: string, token = ADMIN_TOKEN): string {
    this.#write(`${name}.kubeconfig`, this.kubeconfig(token));
    return join(this.#directory, `${name}.kubeconfig`);
  }

  /** Tokens of one user; takes effect with the next start of the server. */
  setToken(token: string, user: string): void {
    for (const [known, { user: owner }] of this.#tokens) if (owner === user) this.#tokens.delete(known);
    this.#tokens.set(token, { user, group: "testers" });
  }

  /** Lets a user do things; takes a moment to reach the server's own view. */
  async grant(user: string, rules: readonly unknown[]): Promise<void> {
    const rbac = (plural: string): Resource => resource("rbac.authorization.k8s.io", "v1", plural);
    const head = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name: user } };
    await this.apply(rbac("clusterroles"), { ...head, kind: "ClusterRole", rules });
    await this.apply(rbac("clusterrolebindings"), {
      ...head,
      kind: "ClusterRoleBinding",
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
    });
  }

  /** Creates or replaces the fields that `object` names. @throws what the server says */
  async apply(place: Resource, object: KubeObject, subresource?: string): Promise<void> {
    const options = { manager: "test", ...(subresource === undefined ? {} : { subresource }) };
    const outcome = await until(`${object.kind} ${object.metadata.name} is applied`, async () => {
      const answer = await this.admin.apply(place, object, options, this.#signal.signal);
      // A server that has just started has no addresses for Services yet, though it answers.
      if (!answer.ok && answer.failure.condition === "ServerError") throw new Error(answer.failure.message);
      return answer;
    });
    succeeded(outcome);
  }

  /** What the server would say to `kubectl create`: "" = it would take the object. Nothing is stored. */
  async refusalOf(place: Resource, object: KubeObject): Promise<string> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const path = pathOf(place, { dryRun: "All", fieldValidation: "Strict" });
    const answer = await new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port: this.port, path, method: "POST", headers, ca: this.caPem }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }));
      });
      asked.on("error", reject);
      asked.end(JSON.stringify(object));
    });
    if (answer.status === 201) return "";
    const { message } = JSON.parse(answer.text);
    if (answer.status !== 400 && answer.status !== 422) throw new Error(`the API server: ${answer.status} ${message}`);
    return String(message);
  }

  async delete(place: Resource, name: string): Promise<void> {
    succeeded(await this.admin.delete(place, name, this.#signal.signal));
  }

  /** Herald's own kinds, from deploy/crds; resolves when all are served. */
  async installCrds(): Promise<void> {
    const files = readdirSync(CRDS).filter((name) => name.endsWith(".yaml"));
    for (const file of files) await this.apply(CUSTOM_RESOURCE_DEFINITIONS, parse(readFileSync(join(CRDS, file), "utf8")));
    for (const file of files) {
      const [plural = ""] = file.split(".");
      await until(`${plural} are served`, async () => (await this.list(resource("herald.dev", "v1alpha1", plural))) !== null);
    }
  }

  /** Names `namespace/name` of all objects at a place, as the server has them; null = it does not serve them. */
  async list(place: Resource): Promise<readonly string[] | null> {
    const names: string[] = [];
    for await (const part of this.admin.list(place, { limit: 0, continuation: "" }, this.#signal.signal)) {
      if (part.type === "failed") return null;
      if (part.type === "items") names.push(...part.items.map(nameOf));
    }
    return names.sort();
  }

  /** As a crash: SIGKILL. */
  async kill(): Promise<void> {
    await this.#server?.stop("SIGKILL");
  }

  /** After {@link kill}, on the same port and the same etcd; `flags` are further ones of this start. */
  async restart(flags: readonly string[] = []): Promise<void> {
    await this.#startServer(flags);
  }

  /** Every request of a user that was answered so far, of all starts. */
  audit(user: string): readonly AuditEvent[] {
    const lines = readFileSync(join(this.#directory, AUDIT_LOG), "utf8").split("\n");
    // The last one may be half written. Most are of others, and parsing is the dear part.
    return lines
      .slice(0, -1)
      .filter((line) => line.includes(JSON.stringify(user)))
      .map((line) => auditEventOf(JSON.parse(line)))
      .filter((event) => event.user === user);
  }

  /** Stops etcd where it is, as a machine that swaps or a disk that hangs does. Resolves when the API server has missed it three times, 2 s each. */
  async pauseStorage(): Promise<void> {
    this.#etcd?.signal("SIGSTOP");
    for (const time of ["once", "twice", "three times"])
      await until(`the API server misses its storage ${time}`, async () => !(await this.#storageAnswers()));
  }

  async resumeStorage(): Promise<void> {
    this.#etcd?.signal("SIGCONT");
    await until("the API server has its storage again", () => this.#storageAnswers(), 60_000);
  }

  /** A token of a ServiceAccount, as kubelet mounts them; `validSeconds` may lie in the past. */
  serviceAccountToken(account: { readonly namespace: string; readonly name: string; readonly uid: string }, validSeconds: number): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: SERVICE_ACCOUNT_ISSUER,
      aud: [SERVICE_ACCOUNT_ISSUER],
      sub: `system:serviceaccount:${account.namespace}:${account.name}`,
      iat: now - 7200,
      nbf: now - 7200,
      exp: now + validSeconds,
      "kubernetes.io": { namespace: account.namespace, serviceaccount: { name: account.name, uid: account.uid } },
    };
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = `${part({ alg: "RS256" })}.${part(claims)}`;
    return `${body}.${sign("sha256", Buffer.from(body), readFileSync(join(this.#directory, "sa.key"))).toString("base64url")}`;
  }

  /** Forgets etcd's history up to now. */
  async compact(): Promise<void> {
    const post = async (path: string, body: unknown): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${this.#ports.etcd}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`etcd ${path}: ${await answer.text()}`);
      return await answer.json();
    };
    const range: unknown = await post("kv/range", { key: Buffer.from("/").toString("base64"), limit: 1 });
    const revision = /"revision":"(\d+)"/.exec(JSON.stringify(range))?.[1];
    if (revision === undefined) throw new Error("etcd says no revision");
    await post("kv/compaction", { revision, physical: true });
  }

  async stop(): Promise<void> {
    this.#signal.abort();
    this.#admin?.close();
    // The server first: without its store it would only complain.
    await this.#server?.stop("SIGKILL");
    await this.#etcd?.stop("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const [api = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
    this.#ports = { api, etcd, etcdPeer };
    const { certPem, keyPem } = this.authority.issue({ commonName: "kube-apiserver", hosts: ["127.0.0.1", "localhost"] });
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.#write("server.crt", certPem);
    this.#write("server.key", keyPem);
    this.#write("ca.crt", this.caPem);
    this.#write("sa.key", String(privateKey.export({ type: "pkcs8", format: "pem" })));
    this.#write("sa.pub", String(publicKey.export({ type: "spki", format: "pem" })));
    this.#etcd = this.#spawn("etcd", this.#options.etcd ?? this.#programs.etcd, [
      `--data-dir=${join(this.#directory, "etcd")}`,
      `--listen-client-urls=http://127.0.0.1:${etcd}`,
      `--advertise-client-urls=http://127.0.0.1:${etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${etcdPeer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${etcdPeer}`,
      `--initial-cluster=default=http://127.0.0.1:${etcdPeer}`,
      // Nothing here must outlive the machine.
      "--unsafe-no-fsync",
      "--log-level=warn",
    ]);
    await this.#startServer();
  }

  async #startServer(flags: readonly string[] = []): Promise<void> {
    const tokens = [...this.#tokens].map(([token, { user, group }]) => `${token},${user},${user},${group}\n`);
    this.#write("tokens.csv", tokens.join(""));
    const file = (name: string): string => join(this.#directory, name);
    this.#write("audit-policy.yaml", AUDIT_POLICY);
    const audit = [`--audit-policy-file=${file("audit-policy.yaml")}`, `--audit-log-path=${file(AUDIT_LOG)}`];
    const server = this.#spawn("kube-apiserver", this.#programs.kubeApiserver, [
      `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${this.#ports.api}`,
      // Of the documentation's range: a loopback address may not be advertised, and nobody dials it.
      "--advertise-address=192.0.2.1",
      "--endpoint-reconciler-type=none",
      "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
      `--tls-cert-file=${file("server.crt")}`,
      `--tls-private-key-file=${file("server.key")}`,
      `--client-ca-file=${file("ca.crt")}`,
      `--token-auth-file=${file("tokens.csv")}`,
      `--service-account-key-file=${file("sa.pub")}`,
      `--service-account-signing-key-file=${file("sa.key")}`,
      `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
      "--authorization-mode=RBAC",
      "--disable-admission-plugins=ServiceAccount",
      "--etcd-compaction-interval=0",
      ...(this.#options.audit === true ? audit : []),
      ...(this.#options.flags ?? []),
      ...flags,
    ]);
    this.#server = server;
    await until(
      "the API server is ready",
      async () => {
        if (!server.running) throw new Error(`it ended: ${server.output().slice(-2000)}`);
        return (await this.list(resource("", "v1", "namespaces")))?.includes("/default");
      },
      90_000,
    );
  }

  #storageAnswers(): Promise<boolean> {
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const options = { host: "127.0.0.1", port: this.port, path: "/readyz/etcd", ca: this.caPem, headers, agent: false };
      const question = request(options, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      question.once("error", () => resolve(false));
      question.end();
    });
  }

  #spawn(name: string, program: string, args: readonly string[]): Daemon {
    const log = join(this.#directory, `${name}.log`);
    const output = openSync(log, "a");
    const child = spawn(program, args, { cwd: this.#directory, stdio: ["ignore", output, output] });
    closeSync(output);
    return new Daemon(child, log);
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#directory, name), text, { mode: 0o600 });
  }
}

function succeeded(outcome: Outcome<unknown>): void {
  if (!outcome.ok) throw new Error(`the API server: ${outcome.failure.condition}: ${outcome.failure.message}`);
}

/** audit.k8s.io/v1, level Metadata. */
function auditEventOf(line: unknown): AuditEvent {
  const { user, verb, objectRef = {}, annotations = {}, responseStatus = {} } = record(line);
  const { apiGroup = "", resource = "", subresource, namespace = "", name = "" } = record(objectRef);
  return {
    user: text(record(user)["username"] ?? ""),
    verb: text(verb),
    group: text(apiGroup),
    resource: subresource === undefined ? text(resource) : `${text(resource)}/${text(subresource)}`,
    namespace: text(namespace),
    name: text(name),
    allowed: record(annotations)["authorization.k8s.io/decision"] === "allow",
    status: Number(record(responseStatus)["code"] ?? 0),
  };
}

function nameOf(object: unknown): string {
  const { namespace, name } = JSON.parse(JSON.stringify(object)).metadata;
  return `${namespace ?? ""}/${name}`;
}

/** Ports that were free a moment ago, each another one. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(
    (server) =>
      new Promise<number>((resolve) =>
        server.listen(0, "127.0.0.1", () => {
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : 0);
        }),
      ),
  );
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
}
