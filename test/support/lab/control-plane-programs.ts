import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export interface ControlPlanePrograms {
  readonly kubeApiserver: string;
  readonly etcd: string;
}

const SOURCES = new URL("../../cluster/apiserver/", import.meta.url).pathname;
const VERSION = "v1.34.4";

const FLAGS: Readonly<Record<ProgramName, readonly string[]>> = {
  etcd: [],
  "kube-apiserver": ["-X", `k8s.io/component-base/version.gitVersion=${VERSION}`],
};
type ProgramName = "etcd" | "kube-apiserver";

/** What this machine must have: nothing where KUBEBUILDER_ASSETS names a directory with both programs, or where both were built before; Go otherwise. */
export const CONTROL_PLANE_NEEDS: readonly string[] =
  process.env["KUBEBUILDER_ASSETS"] || (existsSync(builtPath("etcd")) && existsSync(builtPath("kube-apiserver")))
    ? []
    : ["go (or KUBEBUILDER_ASSETS)"];

/** A first build takes minutes, of which Go's own cache keeps most. */
export const CONTROL_PLANE_BUILD_MILLIS = 1_200_000;

/** kube-apiserver and etcd: those of KUBEBUILDER_ASSETS, or built from their sources, once, into this user's cache. */
export async function controlPlanePrograms(): Promise<ControlPlanePrograms> {
  const given = process.env["KUBEBUILDER_ASSETS"];
  if (given) return { kubeApiserver: join(given, "kube-apiserver"), etcd: join(given, "etcd") };
  return { etcd: await build("etcd"), kubeApiserver: await build("kube-apiserver") };
}

/** In this user's cache; another name for other sources. */
function builtPath(name: ProgramName): string {
  const digest = createHash("sha256");
  for (const file of ["main.go", "go.mod", "go.sum"]) digest.update(readFileSync(join(SOURCES, name, file)));
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "herald-test");
  return join(cache, `${name}-${digest.digest("hex").slice(0, 12)}`);
}

async function build(name: ProgramName): Promise<string> {
  const program = builtPath(name);
  if (existsSync(program)) return program;
  process.stderr.write(`herald: building ${name} for the tests of level cluster; this takes minutes, once\n`);
  mkdirSync(dirname(program), { recursive: true });
  const temporary = `${program}.${process.pid}.tmp`;
  const flags = ["-s", "-w", ...FLAGS[name]].join(" ");
  await run("go", ["build", "-trimpath", "-ldflags", flags, "-o", temporary, "."], join(SOURCES, name));
  // Whole or not at all: another run may build at the same time.
  renameSync(temporary, program);
  return program;
}

function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, GOFLAGS: "-mod=readonly" } });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
    });
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${program} ${args.join(" ")}: ${said}`))));
  });
}
