import { type ChildProcess, execFile, spawn } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { SpeakerError } from "../errors.ts";

/** Folders that a user's PATH often lacks. */
const FURTHER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/frr"];

/** Runs a program in the foreground until its standard input ends; so no daemon outlives this process, even when it is killed. */
const GUARD = `
exec 3<&0 </dev/null
"$@" & child=$!
{ cat <&3 >/dev/null; kill "$child"; sleep 2; kill -KILL "$child"; } 2>/dev/null & guard=$!
wait "$child"; status=$?
kill "$guard" 2>/dev/null
exit $status
`;

/** Where a program is. @throws {SpeakerError} UNSUPPORTED when this machine has none; `packageName` is what would bring it */
export function requireProgram(name: string, packageName: string): string {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...FURTHER_FOLDERS];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new SpeakerError("UNSUPPORTED", `${name} is not installed`, {
    remedy: `install it (Debian: apt-get install ${packageName}), or use --router builtin`,
  });
}

/** A program in the foreground that ends with this process at the latest. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #name: string;
  readonly #exited: Promise<void>;

  constructor(name: string, program: string, args: readonly string[], directory: string) {
    this.#name = name;
    this.#log = join(directory, `${name}.log`);
    const output = openSync(this.#log, "w");
    // Of a session of its own: Ctrl-C in a terminal is for this process, which ends the daemon in its own way.
    this.#child = spawn("sh", ["-c", GUARD, name, program, ...args], { cwd: directory, detached: true, stdio: ["pipe", output, output] });
    closeSync(output);
    this.#child.stdin?.on("error", () => {});
    this.#exited = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", () => resolve());
    });
  }

  /** @throws {SpeakerError} with its last words when it has ended */
  requireRunning(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) return;
    const words = readFileSync(this.#log, "utf8").trim().split("\n").slice(-3).join(" ");
    throw new SpeakerError("UNREACHABLE", `${this.#name} did not start: ${words}`);
  }

  /** Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }
}

/** What a program prints on standard output, or on both outputs. @throws {Error} unless it exits 0 within ten seconds */
export function ask(program: string, args: readonly string[], outputs: "stdout" | "both" = "stdout"): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: "utf8", timeout: 10_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(outputs === "both" ? stdout + stderr : stdout);
      else reject(new Error(`${program} ${args.join(" ")}: ${stderr.trim() === "" ? error.message : stderr.trim()}`, { cause: error }));
    });
  });
}

/** A port that nobody had a moment ago. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause) => reject(new SpeakerError("ADDRESS_IN_USE", `cannot listen on ${host}: ${cause.message}`, { cause })));
    server.listen(0, host, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : 0));
    });
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
