import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { removeLeftovers } from "./leftovers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Before any test: ends what earlier runs left behind, and builds the bundle that tests run as a process of its own. */
export function setup(): void {
  const removed = removeLeftovers();
  if (removed.length > 0) process.stderr.write(`removed leftovers of earlier test runs: ${removed.join(", ")}\n`);
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs", "--if-changed"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  // Sources that do not build fail every test that runs the bundle, and no other: an older bundle must not stand in for them.
  rmSync(`${root}/dist/herald.mjs`, { force: true });
  process.stderr.write("dist/herald.mjs does not build: tests that run it will fail\n");
}
