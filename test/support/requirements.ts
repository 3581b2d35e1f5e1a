import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe } from "vitest";

/** Folders of daemons that a user's PATH often lacks. */
const FURTHER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/frr"];

/** Where a program is on this machine, PATH first; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...FURTHER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Debian's etcd, which lacks what WatchList needs of a store (from 3.4.25 and 3.5.8 on it has it). */
export const OLD_ETCD = "etcd before 3.4.25";

/**
 * `describe` for tests that need something of this machine: programs by name (and words for people behind it), `root`, or {@link OLD_ETCD}. Where one is missing the tests are skipped, counted, and
 * the reason stands in their name, from where the report of the run takes it.
 *
 *     requireTools("gobgpd", "gobgp")("GoBGP over loopback", () => { … });
 */
export function requireTools(...needs: readonly string[]): (name: string, tests: () => void) => void {
  const missing = needs.filter((need) => !isPresent(need));
  if (missing.length === 0) return (name, tests) => void describe(name, tests);
  return (name, tests) => void describe.skip(`${name} [not run: this machine lacks ${missing.join(", ")}]`, tests);
}

function isPresent(need: string): boolean {
  if (need === "root") return process.getuid?.() === 0 && existsSync("/proc/self/ns/net");
  if (need === OLD_ETCD) return hasOldEtcd();
  // What follows the program's name is for people.
  return findProgram(need.replace(/ .*/, "")) !== undefined;
}

function hasOldEtcd(): boolean {
  const program = findProgram("etcd");
  if (program === undefined) return false;
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const [, minor = Number.NaN, patch = 0] = /etcd Version: 3\.(\d+)\.(\d+)/.exec(stdout)?.map(Number) ?? [];
  return minor < 4 || (minor === 4 && patch < 25);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
