/**
 * What tests leave on the machine, and how the next run finds it. A killed test run skips its `afterAll`, so everything a test makes outside its own
 * process carries the pid of that process in its name: `<tmp>/herald-test-<pid>-<name>-…` directories (state of daemons, a file per process to end)
 * and `herald-test-<pid>-<name>` network namespaces. Whatever bears the name of a dead pid is nobody's, and is removed before the next run.
 */

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const OURS = /^herald-test-(\d+)-/;
const PROCESSES = "processes";

/** Makes an empty directory for this test process, world-readable (daemons drop their rights). Removed by the next run when this one is killed. */
export function testDirectory(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-${name}-`));
  chmodSync(path, 0o755);
  return path;
}

/** The name for a network namespace of this test process. */
export function testNamespace(name: string): string {
  return `herald-test-${process.pid}-${name}`;
}

/** Notes a daemon that this test process started, so that a later run ends it if this one is killed before it could. */
export function registerProcess(pid: number): void {
  const folder = join(tmpdir(), `herald-test-${process.pid}-${PROCESSES}`);
  mkdirSync(folder, { recursive: true });
  // With its time of start: by the time somebody reads this, the pid may belong to a stranger.
  writeFileSync(join(folder, String(pid)), startOf(pid) ?? "");
}

/** Takes back the note of a process that has ended; the last one takes the folder along. */
export function forgetProcess(pid: number): void {
  const folder = join(tmpdir(), `herald-test-${process.pid}-${PROCESSES}`);
  rmSync(join(folder, String(pid)), { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // Others are still noted there.
  }
}

/** Removes namespaces, processes and directories of test processes that are no longer alive. Returns what it removed. */
export function removeLeftovers(): string[] {
  const namespaces = deadOnes(listNamespaces());
  const folders = deadOnes(readdirSync(tmpdir()));
  const processes = folders.filter((folder) => folder.endsWith(`-${PROCESSES}`)).flatMap(endRegistered);
  for (const namespace of namespaces) removeNamespace(namespace);
  for (const folder of folders) rmSync(join(tmpdir(), folder), { recursive: true, force: true });
  return [...namespaces, ...processes, ...folders];
}

function deadOnes(names: readonly string[]): string[] {
  return names.filter((name) => {
    const owner = OURS.exec(name)?.[1];
    return owner !== undefined && !isAlive(Number(owner));
  });
}

function listNamespaces(): string[] {
  return namesIn("/run/netns"); // Not there where no namespace was ever named, or the system has none.
}

/** Names in a folder; none where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeNamespace(name: string): void {
  const { stdout } = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
  for (const pid of (stdout ?? "").split("\n").filter((line) => line !== "")) end(Number(pid));
  spawnSync("ip", ["netns", "delete", name]);
}

function endRegistered(folder: string): string[] {
  // Another run may be at the same work: what it takes away meanwhile is done.
  return namesIn(join(tmpdir(), folder)).flatMap((pid) => {
    const start = noteOf(join(tmpdir(), folder, pid));
    if (start === "" || startOf(Number(pid)) !== start) return [];
    end(Number(pid));
    return [`process ${pid}`];
  });
}

function noteOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime, which is what was wanted.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** When a process started, in whatever form the system tells it; undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    // proc(5): the 22nd field, counted after the command's name, which may itself hold spaces and parentheses.
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19];
  } catch {
    const { status, stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
    return status === 0 && stdout.trim() !== "" ? stdout.trim() : undefined;
  }
}
