import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { projectFile } from "../project.ts";
import { ClusterDirectory } from "./cluster.ts";
import type { Daemon, Host } from "./fabric.ts";
import { list, record } from "./json.ts";
import { until } from "./wait.ts";

const BUNDLE = projectFile("dist/herald.mjs");

export interface HeraldSettings {
  readonly node: string;
  /** Addresses to accept sessions on. */
  readonly listen?: readonly string[];
  readonly record?: boolean;
  /** Objects that several speakers share; a directory of its own by default. */
  readonly cluster?: ClusterDirectory;
  /** Further keys of the configuration. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** A program that starts it and is told the rest of the command line: `setpriv` cuts down what it may do. */
  readonly under?: readonly string[];
  /** Options of Node itself. */
  readonly nodeOptions?: readonly string[];
  /** Further variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Another place of the bundle, away from the package koffi. */
  readonly bundle?: string;
  /** Reads objects from the API server that this names instead of from {@link Herald.cluster}. */
  readonly kubeconfig?: string;
}

/** The real speaker as a process on a host of the fabric, asked through its admin socket. */
export class Herald {
  readonly cluster: ClusterDirectory;
  readonly recording: string;
  readonly #host: Host;
  readonly #settings: HeraldSettings;
  readonly #socket: string;
  #daemon: Daemon | undefined;

  constructor(host: Host, settings: HeraldSettings) {
    this.#host = host;
    this.#settings = settings;
    this.#socket = join(host.directory, "admin.sock");
    this.recording = join(host.directory, "session.jsonl");
    this.cluster = settings.cluster ?? new ClusterDirectory(join(host.directory, "cluster"));
  }

  async start(): Promise<void> {
    this.launch();
    await until("the speaker is ready", async () => this.#ready());
  }

  /** Starts the process, and waits for nothing. */
  launch(): void {
    const file = join(this.#host.directory, "herald.json");
    const { kubeconfig } = this.#settings;
    const configuration = {
      nodeName: this.#settings.node,
      source: kubeconfig === undefined ? { directory: this.cluster.path } : { kubernetes: { kubeconfig } },
      bgp: { listen: this.#settings.listen ?? [] },
      admin: { listen: `unix:${this.#socket}` },
      stateFile: "",
      ...(this.#settings.record === true ? { record: this.recording } : {}),
      ...this.#settings.configuration,
    };
    writeFileSync(file, JSON.stringify(configuration));
    const { under = [], nodeOptions = [], bundle = BUNDLE, environment } = this.#settings;
    const [program = "", ...args] = [...under, process.execPath, ...nodeOptions, bundle, "speaker", "--config", file];
    this.#daemon = this.#host.start(program, args, environment);
  }

  /** SIGKILL: the process has no last words. */
  async crash(): Promise<void> {
    this.#daemon?.signal("SIGKILL");
    await this.#daemon?.exited;
  }

  /** Where its admin API is, as `--server` takes it. */
  get server(): string {
    return `unix:${this.#socket}`;
  }

  /** SIGTERM, and its exit code. */
  async stop(): Promise<number | null> {
    this.#daemon?.signal("SIGTERM");
    return (await this.#daemon?.exited) ?? null;
  }

  /** Told, and not waited for. */
  signal(name: "SIGTERM" | "SIGINT" | "SIGSTOP"): void {
    this.#daemon?.signal(name);
  }

  /** Its exit code, once it has ended. */
  async ended(): Promise<number | null> {
    return (await this.#daemon?.exited) ?? null;
  }

  output(): string {
    return this.#daemon?.output() ?? "";
  }

  /** What `record` wrote. */
  recorded(): string {
    return readFileSync(this.recording, "utf8");
  }

  async metrics(): Promise<string> {
    return (await this.#ask("GET", "/metrics")).body;
  }

  async get(path: string): Promise<Record<string, unknown>> {
    return record(JSON.parse((await this.#ask("GET", path)).body));
  }

  async post(path: string): Promise<number> {
    return (await this.#ask("POST", path)).status;
  }

  /** The view of one peer in /api/v1/peers. */
  async peer(name: string): Promise<Record<string, unknown>> {
    const { items } = await this.get("/api/v1/peers");
    const found = list(items)
      .map(record)
      .find((item) => item["name"] === name);
    if (found === undefined) throw new Error(`the speaker has no peer ${name}`);
    return found;
  }

  async #ready(): Promise<boolean> {
    if (this.#daemon?.running !== true) throw new Error(`the speaker ended: ${this.output()}`);
    return (await this.#ask("GET", "/readyz")).status === 200;
  }

  #ask(method: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const question = request({ socketPath: this.#socket, method, path, agent: false }, (answer) => {
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
