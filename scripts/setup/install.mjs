// node_modules, installed and whole. A stamp, written only after a complete installation, says for which lock and platform it was made and what
// files it had; the stamp is believed only while every one of them is still there in its size.
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finishAs, runChild } from "./child.mjs";

const STAMP = "node_modules/.herald-setup.json";

/** True when node_modules holds what package-lock.json asks for on this machine, whole. */
export function isInstalled(root) {
  try {
    const stamp = JSON.parse(readFileSync(join(root, STAMP), "utf8"));
    return stamp.wanted === digestWanted(root) && stamp.files === digestFiles(root) && followsLock(root);
  } catch {
    return false; // Missing, half-written or not readable: the answer is to install again.
  }
}

/** Installs exactly what package-lock.json names, without running scripts of packages. Ends this process when npm cannot. */
export async function install(root) {
  process.stderr.write("herald: installing packages (npm ci)\n");
  rmSync(join(root, STAMP), { force: true });
  const result = await runChild("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: cleanEnvironment(),
  });
  if (result.code === 0 && followsLock(root)) {
    writeFileSync(join(root, STAMP), `${JSON.stringify({ wanted: digestWanted(root), files: digestFiles(root) })}\n`);
    return;
  }
  process.stderr.write("herald: packages could not be installed; npm's message is above\n");
  await finishAs(result.code === 0 ? { code: 1, signal: null } : result);
}

/** npm passes its own settings down as npm_config_*: those of the outer command (`--omit`, `--global`) are not meant for this one. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_config_(omit|include|global|production|dry_run|prefix)$/i.test(name)),
  );
}

/** What is to be installed here: the lock, what package.json asks for (not its scripts), and the platform. */
function digestWanted(root) {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return createHash("sha256")
    .update(JSON.stringify([process.platform, process.arch, process.versions.modules, dependencies, devDependencies, optionalDependencies]))
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** Names and sizes of all installed files; dot folders besides .bin are caches of tools. */
function digestFiles(root) {
  const digest = createHash("sha256");
  const visit = (folder, depth) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((left, right) => (left.name < right.name ? -1 : 1))) {
      if (depth === 0 && entry.name.startsWith(".") && entry.name !== ".bin" && entry.name !== ".package-lock.json") continue;
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) visit(path, depth + 1);
      else digest.update(`${path.slice(root.length)} ${lstatSync(path).size}\n`);
    }
  };
  visit(join(root, "node_modules"), 0);
  return digest.digest("hex");
}

/** npm's own record of what it installed against the lock: all that must be here is, in its version, and nothing else. */
function followsLock(root) {
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const found = JSON.parse(readFileSync(join(root, "node_modules/.package-lock.json"), "utf8")).packages;
  const isSame = ([place, { version }]) => found[place]?.version === version;
  const isExpected = ([place, entry]) => place !== "" && (entry.optional !== true || place in found);
  return Object.entries(wanted).filter(isExpected).every(isSame) && Object.keys(found).every((place) => place in wanted);
}
