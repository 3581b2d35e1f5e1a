import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { forgetProcess, registerProcess } from "./leftovers.ts";

/** The program as it ships. */
export const BUNDLE = fileURLToPath(new URL("../../dist/herald.mjs", import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end while this process goes on: servers that the test itself is can answer. `env` adds to this process's own. */
export function runBundle(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BUNDLE, ...args], {
      env: { ...process.env, LC_ALL: "C.UTF-8", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (child.pid !== undefined) registerProcess(child.pid);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once("error", reject);
    child.once("close", (status) => {
      if (child.pid !== undefined) forgetProcess(child.pid);
      resolve({ status, stdout, stderr });
    });
  });
}
