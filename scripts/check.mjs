// npm run check: everything that is judged without running a test. One line per step; stops at the first that fails, with its output.
// `--fix` lets the formatter and linter mend what they can, and writes the generated files anew.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install, isInstalled } from "./setup/install.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const tools = join(root, "tools");
const bundle = join(root, "dist/herald.mjs");
const fixing = process.argv.includes("--fix");

// Without an extension, which kustomize knows as well: `kubectl apply -f deploy/crds` must not take it for an object.
const KUSTOMIZATION = "Kustomization";

/** Name, what it promises, and the work: throws `Failure` with what a person needs to see. */
const STEPS = [
  ["tools", "packages and lint tools are installed from their locks", installTools],
  ["locks", "npm ci accepts every lock, and none names a registry", checkLocks],
  ["types", "tsc --noEmit", () => command(process.execPath, ["node_modules/typescript/bin/tsc", "--noEmit"])],
  ["lint", "biome, format and rules, warnings are errors", lint],
  ["build", "dist/herald.mjs", () => command(process.execPath, ["scripts/build.mjs"])],
  [
    "unused",
    "knip: no unused file, export or dependency",
    () => command(tool("knip"), ["--treat-config-hints-as-errors", "--no-progress"]),
  ],
  ["fsm", "docs/fsm.md is what the state machine does", () => compareFile("docs/fsm.md", ["generate", "fsm"])],
  ["crds", "deploy/crds is what the schema says", compareCrds],
];

class Failure extends Error {}

for (const [name, promise, work] of STEPS) {
  const startedAt = performance.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stdout.write(`FAILED  ${name.padEnd(8)}${promise}\n\n${error.message.trim()}\n`);
    process.exit(1);
  }
  process.stdout.write(`ok      ${name.padEnd(8)}${promise} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
}

async function installTools() {
  for (const folder of [root, tools]) if (!isInstalled(folder)) await install(folder);
}

/** `npm ci` refuses a lock that does not fit its manifest; npm must have nothing else to say about it either. */
function checkLocks() {
  for (const folder of [root, tools, join(tools, "node24")]) {
    const text = readFileSync(join(folder, "package-lock.json"), "utf8");
    const line = text.split("\n").findIndex((content) => content.includes('"resolved"'));
    if (line >= 0)
      throw new Failure(
        `${folder}/package-lock.json:${line + 1} names where a package was fetched; omit-lockfile-registry-resolved is for that`,
      );
    const { status, stderr } = spawnSync("npm", ["ci", "--dry-run", "--offline", "--ignore-scripts"], { cwd: folder, encoding: "utf8" });
    if (status !== 0 || stderr !== "") throw new Failure(`npm ci does not accept ${folder}/package-lock.json:\n${stderr}`);
  }
}

function lint() {
  command(tool("biome"), ["check", "--error-on-warnings", "--max-diagnostics=200", ...(fixing ? ["--write"] : []), "."]);
}

/** A generated document: the bundle prints it, the tree keeps it. */
function compareFile(path, args) {
  const wanted = command(process.execPath, [bundle, ...args]);
  if (fixing) writeFileSync(join(root, path), wanted);
  else if (read(path) !== wanted)
    throw new Failure(`${path} differs from \`herald ${args.join(" ")}\`; npm run check -- --fix writes it anew`);
}

/** One file per CustomResourceDefinition, named like it, and the list of them for kustomize, which reads no file outside a folder of its own. */
function compareCrds() {
  const printed = command(process.execPath, [bundle, "crds"]).split(/^---\n/m);
  const definitions = new Map(printed.filter((text) => text.trim() !== "").map((text) => [`${nameOf(text)}.yaml`, text]));
  if (definitions.size === 0) throw new Failure("herald crds printed nothing");
  const wanted = new Map([...definitions, [KUSTOMIZATION, kustomizationOf([...definitions.keys()].sort())]]);
  if (fixing) {
    rmSync(join(root, "deploy/crds"), { recursive: true, force: true });
    mkdirSync(join(root, "deploy/crds"), { recursive: true });
    for (const [name, text] of wanted) writeFileSync(join(root, "deploy/crds", name), text);
  }
  const found = readdirSync(join(root, "deploy/crds"));
  const differing = [...new Set([...wanted.keys(), ...found])].filter(
    (name) => !found.includes(name) || read(`deploy/crds/${name}`) !== wanted.get(name),
  );
  if (differing.length === 0) return;
  throw new Failure(`deploy/crds differs from \`herald crds\` (${differing.join(", ")}); npm run check -- --fix writes it anew`);
}

function kustomizationOf(files) {
  const lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "resources:", ...files.map((file) => `  - ${file}`)];
  return `${lines.join("\n")}\n`;
}

function nameOf(definition) {
  const name = /^metadata:\n(?: .*\n)*? {2}name: "?([a-z.]+)"?$/m.exec(definition)?.[1];
  if (name === undefined) throw new Failure(`herald crds printed a document without a name:\n${definition.slice(0, 400)}`);
  return name;
}

function read(path) {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return undefined; // A file that is not there differs from every text.
  }
}

function tool(name) {
  return join(tools, "node_modules/.bin", name);
}

/** Runs a program to its end and returns its stdout; a failure shows all it said. */
function command(program, args) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  if (status === 0) return stdout;
  throw new Failure(
    `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\n${[program, ...args].join(" ")}: ${signal ?? `exit code ${status}`}`,
  );
}
