/** The workloads of the manifests as processes of this machine: their own arguments, environment and configuration, with a token of their service account. */

import { spawn } from "node:child_process";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { parse } from "yaml";
import { Daemon } from "./fabric.ts";
import { list, record, text } from "./json.ts";
import { until } from "./wait.ts";

const BUNDLE = new URL("../../../dist/herald.mjs", import.meta.url).pathname;

type Manifest = Readonly<Record<string, unknown>>;

/** The one container of a DaemonSet or Deployment. */
export interface Workload {
  readonly name: string;
  readonly account: string;
  /** Of the program: `["speaker", "--config", "/etc/herald/herald.yaml"]`. */
  readonly args: readonly string[];
  /** Name → the field of the Pod it comes from, or its value. */
  readonly env: ReadonlyMap<string, string>;
  /** The herald.yaml it mounts. */
  readonly configuration: Record<string, unknown>;
}

export function workloadsOf(manifests: readonly Manifest[]): readonly Workload[] {
  return manifests
    .filter(({ kind }) => kind === "DaemonSet" || kind === "Deployment")
    .map((manifest) => {
      const pod = record(record(record(manifest["spec"])["template"])["spec"]);
      const container = record(list(pod["containers"])[0]);
      const config = list(pod["volumes"])
        .map((volume) => record(volume)["configMap"])
        .find((configMap) => configMap !== undefined);
      const configMap = manifests.find(({ kind, metadata }) => kind === "ConfigMap" && record(metadata)["name"] === record(config)["name"]);
      return {
        name: text(record(manifest["metadata"])["name"]),
        account: text(pod["serviceAccountName"]),
        args: list(container["args"]).map(text),
        env: new Map(list(container["env"]).map((entry) => envOf(record(entry)))),
        configuration: record(parse(text(record(record(configMap)["data"])["herald.yaml"]))),
      };
    });
}

export interface Surroundings {
  /** Where the speaker accepts sessions, instead of dialling alone. */
  readonly bgpPort: number;
  readonly directory: string;
  readonly kubeconfig: string;
  /** Fields of the Pod by path: `spec.nodeName`. */
  readonly fields: Readonly<Record<string, string>>;
}

export class RunningWorkload {
  readonly #daemon: Daemon;
  readonly #socket: string;

  private constructor(daemon: Daemon, socket: string) {
    this.#daemon = daemon;
    this.#socket = socket;
  }

  /** Its admin socket, port, state and kubeconfig are this machine's; no service proxy is asked, for there is none. All else is as the manifests say. */
  static start(workload: Workload, { bgpPort, directory, kubeconfig, fields }: Surroundings): RunningWorkload {
    const home = join(directory, `${workload.name}-${fields["metadata.name"] ?? ""}`);
    mkdirSync(home, { recursive: true });
    const socket = join(home, "admin.sock");
    const configuration = {
      ...workload.configuration,
      source: { kubernetes: { kubeconfig } },
      admin: { listen: `unix:${socket}` },
      bgp: { listen: ["127.0.0.1"], port: bgpPort },
      dataplane: { healthz: "off" },
      stateFile: join(home, "state.json"),
    };
    const file = join(home, "herald.yaml");
    writeFileSync(file, JSON.stringify(configuration));
    const args = workload.args.map((arg) => (arg === "/etc/herald/herald.yaml" ? file : arg));
    const env = Object.fromEntries([...workload.env].map(([name, value]) => [name, fields[value] ?? value]));
    const log = join(home, "log");
    const output = openSync(log, "a");
    const child = spawn(process.execPath, [BUNDLE, ...args], { cwd: home, stdio: ["ignore", output, output], env });
    return new RunningWorkload(new Daemon(child, log), socket);
  }

  async ready(): Promise<void> {
    await until("it is ready", async () => {
      if (!this.#daemon.running) throw new Error(`it ended: ${this.#daemon.output()}`);
      return (await this.#ask("/readyz")).status === 200;
    });
  }

  /** Items of a list of its admin API. */
  async items(path: string): Promise<readonly Record<string, unknown>[]> {
    return list(record(JSON.parse((await this.#ask(path)).body))["items"]).map(record);
  }

  /** SIGTERM, and its exit code. */
  async stop(): Promise<number | null> {
    this.#daemon.signal("SIGTERM");
    return await this.#daemon.exited;
  }

  async kill(): Promise<void> {
    await this.#daemon.stop("SIGKILL");
  }

  #ask(path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const question = request({ socketPath: this.#socket, path, agent: false }, (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }));
        answer.on("error", reject);
      });
      question.on("error", reject);
      question.end();
    });
  }
}

function envOf({ name, value, valueFrom }: Record<string, unknown>): readonly [string, string] {
  const field = valueFrom === undefined ? value : record(record(valueFrom)["fieldRef"])["fieldPath"];
  return [text(name), text(field)];
}
