// npm run build: src/main.ts and all it imports → dist/herald.mjs and, beside it, the parts that it loads, with source maps and the licences of what they contain.
// What is imported with `await import(…)` is a part of its own, which costs memory only where it is used: V8 keeps the whole text of every file that it loaded.
// `--if-changed` does nothing when dist/ is already what the sources make.
//
// Exit codes: 0 built, 1 the sources do not build, 75 esbuild itself is missing or broken (so that set-up knows to install again).
// A map lies beside each file and is read only under `node --enable-source-maps`: reading it at every start would cost more than the start.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtins } from "./bundle/builtins.mjs";
import { buildRecord, digestInputs, isBuilt } from "./setup/freshness.mjs";
import { thirdParty } from "./third-party.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const EXIT_TOOL_BROKEN = 75;

/** The process, and the thread that it starts. */
const ENTRIES = { herald: "src/main.ts", "bfd-worker": "src/speaker/bfd-worker.ts" };

// Packages inside the bundle are CommonJS in part and call `require` for Node's own modules.
const BANNER = `#!/usr/bin/env node
const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);`;

// Of the Kubernetes client the bundle needs KubeConfig alone: the module that has it, without what that imports for calls Herald never makes.
const ALIASES = {
  "@kubernetes/client-node": "./node_modules/@kubernetes/client-node/dist/config.js",
  "node-fetch": "./scripts/bundle/node-fetch.mjs",
};

if (!(process.argv.includes("--if-changed") && isBuilt(root))) await build();

async function build() {
  const startedAt = performance.now();
  // Taken before esbuild reads: a file saved while it runs makes the record stale, not the bundle wrong.
  const inputs = digestInputs(root);
  const { outputFiles, metafile } = await bundle();
  mkdirSync(join(root, "dist"), { recursive: true });
  // What starts a process comes last: it names its parts.
  const program = join(root, "dist/herald.mjs");
  for (const { path, contents } of outputFiles) if (path !== program) put(path, contents);
  for (const { path, contents } of outputFiles) if (path === program) put(path, contents);
  chmodSync(program, 0o755);
  put(join(root, "dist/THIRD-PARTY.txt"), thirdParty(root, metafile));
  removeOthers(new Set(["THIRD-PARTY.txt", ...outputFiles.map(({ path }) => basename(path))]));
  const record = buildRecord(root, inputs);
  put(record.path, record.text);
  const size = outputFiles.reduce((sum, { path, contents }) => (path.endsWith(".mjs") ? sum + contents.length : sum), 0);
  process.stderr.write(
    `built dist/herald.mjs, ${Math.round(size / 1024)} KiB with its parts in ${Math.round(performance.now() - startedAt)} ms\n`,
  );
}

async function bundle() {
  try {
    const esbuild = await import("esbuild");
    return await esbuild.build({
      absWorkingDir: root,
      entryPoints: ENTRIES,
      outdir: "dist",
      outExtension: { ".js": ".mjs" },
      // All in one folder: a part finds the others, and the program, from its own place.
      chunkNames: "[name]-[hash]",
      bundle: true,
      splitting: true,
      // Comments and indentation are memory too; names stay, and a line is short enough to be named by a stack.
      minifyWhitespace: true,
      lineLimit: 160,
      platform: "node",
      target: "node20.19",
      format: "esm",
      external: ["koffi"],
      alias: ALIASES,
      plugins: [builtins],
      banner: { js: BANNER },
      define: stamp(),
      sourcemap: true,
      sourcesContent: true,
      legalComments: "none",
      metafile: true,
      write: false,
      logLevel: "warning",
    });
  } catch (error) {
    if (Array.isArray(error.errors)) process.exit(1); // A BuildFailure: esbuild has printed every error with file and line.
    process.stderr.write(`esbuild does not run: ${error.message}\n`);
    process.exit(EXIT_TOOL_BROKEN);
  }
}

/** Version and commit, as `herald version` prints them. A build outside a git checkout says so through HERALD_COMMIT, or not at all. */
function stamp() {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const git = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], { cwd: root, encoding: "utf8" });
  const commit = process.env.HERALD_COMMIT || (git.status === 0 ? git.stdout.trim() : "unknown");
  return { HERALD_VERSION: JSON.stringify(version), HERALD_COMMIT: JSON.stringify(commit) };
}

/** Of an earlier build: parts have a digest of their content in their names. */
function removeOthers(wanted) {
  for (const name of readdirSync(join(root, "dist")))
    if (!wanted.has(name) && /\.mjs(\.map)?$/.test(name)) rmSync(join(root, "dist", name));
}

/** Replaces a file whole, so that a process that starts meanwhile reads the old one or the new one. */
function put(path, contents) {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
