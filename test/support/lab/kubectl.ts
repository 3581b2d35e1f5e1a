import { spawn } from "node:child_process";
import { parseAllDocuments } from "yaml";
import { record } from "./json.ts";

/** kubectl on this machine, as the owner of a kubeconfig. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #folder: string;

  /** `folder`: where relative paths begin. */
  constructor(kubeconfig: string, folder = ".") {
    this.#kubeconfig = kubeconfig;
    this.#folder = folder;
  }

  /** Its stdout. @throws its stderr, where it fails */
  run(args: readonly string[], input = ""): Promise<string> {
    return run(["--kubeconfig", this.#kubeconfig, ...args], this.#folder, input);
  }
}

/** What `kubectl apply -k` would send, in its order. */
export async function kustomize(folder: string): Promise<readonly Record<string, unknown>[]> {
  const documents = parseAllDocuments(await run(["kustomize", folder], ".", ""));
  return documents.map((document) => record(document.toJS()));
}

function run(args: readonly string[], cwd: string, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("kubectl", args, { cwd, stdio: ["pipe", "pipe", "pipe"] });
    const said = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      said.out += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said.err += chunk.toString("utf8");
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(said.out);
      else reject(new Error(`kubectl ${args.slice(2).join(" ")}: exit code ${code}: ${said.err}${said.out}`));
    });
    // It may end without having read: then its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
