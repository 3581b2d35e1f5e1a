import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testDirectory } from "./leftovers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once stdout or stderr holds `text`. */
  said(text: string): Promise<void>;
}

/** A tree with the real scripts/ and everything else made up: an `npm` that installs from the folder beside it, an esbuild that copies, one source. */
export class SetupProject {
  readonly path = testDirectory("setup");

  constructor() {
    cpSync(join(root, "scripts"), join(this.path, "scripts"), { recursive: true });
    this.write("src/main.ts", PROGRAM);
    this.write("package.json", JSON.stringify({ name: "fixture", version: "1.2.3", type: "module" }));
    this.write("package-lock.json", JSON.stringify({ packages: LOCK }));
    for (const [path, text] of Object.entries(PACKAGES)) this.write(`registry/${path}`, text);
    this.write("bin/npm", FAKE_NPM, 0o755);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  write(path: string, text: string, mode = 0o644): void {
    const file = join(this.path, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text, { mode });
  }

  delete(path: string): void {
    rmSync(join(this.path, path), { recursive: true });
  }

  has(path: string): boolean {
    return existsSync(join(this.path, path));
  }

  /** How many times npm was called. */
  installations(): number {
    const log = join(this.path, "npm.log");
    return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").length : 0;
  }

  /** Starts scripts/setup.mjs; `npm` says how the made-up npm behaves. */
  start(
    args: readonly string[],
    npm: "works" | "fails" | "hangs" | "broken-esbuild" = "works",
    nodeOptions: readonly string[] = [],
  ): Running {
    const env = { ...process.env, PATH: `${join(this.path, "bin")}:${process.env["PATH"]}`, FAKE_NPM: npm, HERALD_INSTALL_PEERS: "0" };
    const child = spawn(process.execPath, [...nodeOptions, "scripts/setup.mjs", ...args], {
      cwd: this.path,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    const listeners = new Set<() => void>();
    const note = () => {
      for (const listener of listeners) listener();
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      note();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      note();
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
    const said = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (!stdout.includes(text) && !stderr.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        void ended.then(() => reject(new Error(`ended without saying "${text}": ${stdout}${stderr}`)));
      });
    return { child, ended, said };
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended;
  }
}

/** What the made-up bundle does: says its arguments; exits, kills itself or waits for signals as told. */
const PROGRAM = `
const [command, what, value] = process.argv.slice(2);
console.log(JSON.stringify(process.argv.slice(2)));
if (what === "--exit") process.exitCode = Number(value);
if (what === "--die") process.kill(process.pid, value);
if (what === "--wait") {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => { console.log("got " + signal); process.exit(42); });
  setInterval(() => {}, 1000);
  console.log("ready");
}
`;

const LOCK = {
  "": { name: "fixture" },
  "node_modules/esbuild": { version: "1.0.0" },
  "node_modules/koffi": { version: "1.0.0" },
  "node_modules/vitest": { version: "1.0.0" },
  "node_modules/elsewhere": { version: "1.0.0", optional: true, os: ["nowhere"] },
};

const PACKAGES: Readonly<Record<string, string>> = {
  "esbuild/package.json": JSON.stringify({ name: "esbuild", version: "1.0.0", type: "module", exports: "./index.js" }),
  "esbuild/index.js": `
import { readFileSync } from "node:fs";
import { join } from "node:path";
export async function build({ absWorkingDir, outdir }) {
  const path = join(absWorkingDir, outdir, "herald.mjs");
  const contents = readFileSync(join(absWorkingDir, "src/main.ts"));
  if (contents.includes("syntax error")) throw Object.assign(new Error("build failed"), { errors: [{}] });
  return { outputFiles: [{ path, contents }, { path: path + ".map", contents: Buffer.from("{}") }], metafile: { inputs: {}, outputs: {} } };
}`,
  "koffi/package.json": JSON.stringify({ name: "koffi", version: "1.0.0", license: "MIT" }),
  "koffi/LICENSE.txt": "Permission is hereby granted",
  "vitest/package.json": JSON.stringify({ name: "vitest", version: "1.0.0" }),
  "vitest/vitest.mjs": "console.log('vitest ' + process.argv.slice(2).join(' ')); process.exit(3);",
};

const FAKE_NPM = `#!${process.execPath}
import fs from "node:fs";
fs.appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");
console.log("npm talks on stdout");
fs.rmSync("node_modules", { recursive: true, force: true });
fs.cpSync("registry/esbuild", "node_modules/esbuild", { recursive: true });
if (process.env.FAKE_NPM === "fails") { console.error("npm error: no network"); process.exit(9); }
if (process.env.FAKE_NPM === "hangs") { console.log("npm is half done"); setInterval(() => {}, 1000); }
else {
  fs.cpSync("registry", "node_modules", { recursive: true });
  const { packages } = JSON.parse(fs.readFileSync("package-lock.json", "utf8"));
  delete packages[""];
  delete packages["node_modules/elsewhere"];
  const first = fs.readFileSync("npm.log", "utf8").trim().split("\\n").length === 1;
  if (process.env.FAKE_NPM === "broken-esbuild" && first) fs.writeFileSync("node_modules/esbuild/index.js", "throw new Error('no binary')");
  fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
}
`;
