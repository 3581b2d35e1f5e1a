import { spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Daemon } from "./fabric.ts";
import { until } from "./wait.ts";

const BUNDLE = new URL("../../../dist/herald.mjs", import.meta.url).pathname;

export interface ControllerSettings {
  /** A directory of its own. */
  readonly directory: string;
  readonly kubeconfig: string;
  readonly configuration?: Readonly<Record<string, unknown>>;
}

/** The real controller as a process, asked through its unix socket. */
export class ControllerProcess {
  readonly daemon: Daemon;
  readonly #socket: string;

  constructor({ directory, kubeconfig, configuration = {} }: ControllerSettings) {
    this.#socket = join(directory, "admin.sock");
    const file = join(directory, "herald.json");
    const admin = { listen: `unix:${this.#socket}` };
    writeFileSync(file, JSON.stringify({ source: { kubernetes: { kubeconfig } }, admin, log: { format: "json" }, ...configuration }));
    const log = join(directory, "controller.log");
    const output = openSync(log, "w");
    this.daemon = new Daemon(spawn(process.execPath, [BUNDLE, "controller", "--config", file], { stdio: ["ignore", output, output] }), log);
    closeSync(output);
  }

  /** Once it has read the objects. */
  async ready(): Promise<void> {
    await until("the controller is ready", async () => {
      if (!this.daemon.running) throw new Error(`it ended: ${this.daemon.output()}`);
      return (await this.get("/readyz")).startsWith("ok");
    });
  }

  async leads(): Promise<boolean> {
    return (await this.get("/metrics")).includes("herald_leader 1");
  }

  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const question = request({ socketPath: this.#socket, path, agent: false }, (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        answer.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
        answer.on("error", reject);
      });
      question.on("error", reject);
      question.end();
    });
  }
}
