import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { finishAs, runChild } from "./child.mjs";
import { isBuilt } from "./freshness.mjs";
import { install, isInstalled } from "./install.mjs";
import { withLock } from "./lock.mjs";
import { installPeers } from "./peers.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const EXIT_TOOL_BROKEN = 75;

/**
 * Sets up, then becomes `herald demo` or the test run: its arguments, output, exit code and signals are the command's own. `prepare` stops after
 * everything is set up, the test routers included.
 */
export async function run([command, ...args]) {
  if (!["demo", "test", "prepare"].includes(command)) {
    process.stderr.write("usage: node scripts/setup.mjs demo|test|prepare [arguments of the command]\n");
    process.exit(2);
  }
  if (!(isInstalled(root) && isBuilt(root))) await withLock(join(root, ".herald-setup.lock"), prepare);
  if (command !== "demo") await installPeers();
  if (command === "test") {
    await finishAs(
      await runChild(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", ...args], { cwd: root, stdio: "inherit" }),
    );
  } else if (command === "demo") {
    await finishAs(await runChild(process.execPath, [join(root, "dist/herald.mjs"), "demo", ...args], { stdio: "inherit" }));
  }
}

/** Installs and builds what is not so already. Looks again at both: whoever held the lock before may have done the work. */
async function prepare() {
  if (!isInstalled(root)) await install(root);
  if (isBuilt(root)) return;
  let result = await build();
  if (result.code === EXIT_TOOL_BROKEN) {
    process.stderr.write("herald: the installed packages are broken, installing them again\n");
    await install(root);
    result = await build();
  }
  if (result.code !== 0) await finishAs(result);
}

function build() {
  return runChild(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root, stdio: ["ignore", 2, 2] });
}
