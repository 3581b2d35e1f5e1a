// npm run bench [-- NAME [arguments]]: every bench/*.ts, or one. Each is bundled (Node 20 runs no TypeScript) and runs in a process of its own,
// with `--expose-gc` and the bundle built. A benchmark prints its result as one line of JSON, an object or an array of objects, on stdout.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { builtins } from "./bundle/builtins.mjs";

// What the image has in deploy/image/herald, where a figure depends on it.
const NODE_OPTIONS = { conditions: ["--max-semi-space-size=4"] };

const root = fileURLToPath(new URL("..", import.meta.url));
const [wanted, ...args] = process.argv.slice(2);
const all = readdirSync(join(root, "bench"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => basename(name, ".ts"))
  .sort();
const names = wanted === undefined ? all : all.filter((name) => name === wanted);
if (names.length === 0) {
  process.stderr.write(`herald bench: there is no benchmark ${wanted ?? "at all"}: known are ${all.join(", ") || "none"}\n`);
  process.exit(2);
}

const built = spawnSync(process.execPath, ["scripts/build.mjs", "--if-changed"], { cwd: root, stdio: ["ignore", 2, 2] });
if (built.status !== 0) process.exit(1);

// Below node_modules, so that koffi, which stays outside the bundle, is found from there.
const folder = join(root, `node_modules/.herald-bench/${process.pid}`);
mkdirSync(folder, { recursive: true });
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let failures = 0;
for (const name of names) failures += (await runBenchmark(name)) ? 0 : 1;
process.exitCode = failures === 0 ? 0 : 1;

async function runBenchmark(name) {
  const file = join(folder, `${name}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [`bench/${name}.ts`],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    external: ["koffi", "esbuild"],
    plugins: [builtins],
    banner: {
      js: 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);',
    },
    define: { HERALD_VERSION: '"bench"', HERALD_COMMIT: '"bench"' },
    sourcemap: "inline",
    logLevel: "warning",
  });
  const options = {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 28,
    env: { ...process.env, HERALD_ROOT: root },
  };
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--expose-gc", "--enable-source-maps", ...(NODE_OPTIONS[name] ?? []), file, ...args],
    options,
  );
  for (const line of stdout.split("\n").filter((text) => text !== "")) {
    const result = parse(line);
    process.stdout.write(`${result === undefined ? line : JSON.stringify({ benchmark: name, result })}\n`);
    if (result !== undefined) process.stdout.write(`\n${table([result].flat())}\n`);
  }
  if (status !== 0) process.stderr.write(`herald bench: ${name} failed with exit code ${status}\n`);
  return status === 0;
}

function parse(line) {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined; // A line for people; printed as it is.
  }
}

/** Rows of one shape, aligned: words left, numbers right. */
function table(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((line) => line[at].length)));
  const isNumeric = columns.map((column) => rows.every((row) => row[column] === undefined || typeof row[column] === "number"));
  const line = (values) =>
    values
      .map((value, at) => (isNumeric[at] ? value.padStart(widths[at]) : value.padEnd(widths[at])))
      .join("  ")
      .trimEnd();
  return `${[line(columns.map((column) => column.toUpperCase())), ...cells.map(line)].join("\n")}\n`;
}

function cell(value) {
  if (value === undefined || value === null) return "-";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
