import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Who may import whom, `import type` included. A statement of the design (docs/ARCHITECTURE.md), not a cage: it changes with the design, in the same
 * commit. Every layer may import itself and src/errors.ts.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  // Seams of the shell: one file each, not for pure layers.
  clock: [],
  log: [],
  metrics: [],
  processes: [],
  // Pure layers: the same input gives the same output, anywhere.
  ip: [],
  "bgp/wire": ["ip"],
  "bgp/bfd": ["ip"],
  "bgp/fsm": ["ip", "bgp/wire"],
  "bgp/rib": ["ip", "bgp/wire"],
  // text: durations, which objects and the configuration write alike.
  objects: ["ip", "text"],
  plan: ["ip", "objects", "bgp/rib"],
  ipam: ["ip", "objects", "plan"],
  view: ["ip", "plan"],
  // The shell, from the files inwards.
  text: [],
  config: ["ip", "text", "objects"],
  kube: ["config"],
  source: ["ip", "text", "objects", "config", "kube"],
  controller: ["ip", "objects", "plan", "ipam", "source", "config", "kube", "view"],
  speaker: ["ip", "bgp/wire", "bgp/bfd", "bgp/fsm", "bgp/rib", "objects", "plan", "source", "config", "kube", "view"],
  admin: ["config", "view"],
  demo: [
    ...["ip", "text", "objects", "config", "kube", "source", "plan", "view", "controller", "speaker", "admin"],
    ...["bgp/wire", "bgp/bfd", "bgp/fsm", "bgp/rib"],
  ],
  cli: ["*"],
  main: ["cli"],
};

const SEAMS = ["clock", "log", "metrics", "processes"];
const PURE = ["errors", "ip", "bgp/wire", "bgp/bfd", "bgp/fsm", "bgp/rib", "objects", "plan", "ipam", "view"];
const FOR_ALL = ["errors"];

/**
 * Modules of Node that only some layers may touch, so that one can say where bytes leave the process. Peers are dialled and heard by the speaker alone;
 * the demo's router is one more listener of its kind, the API server is kube's, and the admin server asks its unix socket whether somebody still answers there.
 */
const RESERVED: Readonly<Record<string, readonly string[]>> = {
  "node:net": ["speaker", "demo", "admin"],
  "node:dgram": ["speaker"],
  "node:http2": ["kube"],
  "node:https": ["kube", "speaker"],
  "node:tls": ["kube"],
  "@kubernetes/client-node": ["kube"],
  "node:worker_threads": ["speaker"],
};

/** What makes a pure layer depend on when, where or by what luck it runs. */
const IMPURE =
  /\b(?:Date\.now|Date\(\)|Math\.random|performance\.|setTimeout|setInterval|setImmediate|queueMicrotask|console\.|process\.|crypto\.|globalThis|fetch\()/g;

/** Floors: a reader that finds nothing finds no violation either. */
const MINIMUM = { files: 100, imports: 300, edges: 250, pureFiles: 55 };

/** A token at a time, so that "//" inside a string is no comment and a quote inside a comment no string. */
const TOKENS = /(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/g;

interface Import {
  readonly from: string;
  readonly specifier: string;
}

const files = listSources("src");
const imports = files.flatMap((from) => specifiersOf(read(from)).map((specifier): Import => ({ from, specifier })));

describe("the house (docs/ARCHITECTURE.md)", () => {
  it("reads every source file there is, and an import in nearly all of them", () => {
    const onDisk = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    expect(files.length).toBe(onDisk.length);
    expect(files.length).toBeGreaterThan(MINIMUM.files);
    expect(imports.length).toBeGreaterThan(MINIMUM.imports);
  });

  it("gives every source file a layer of the table", () => {
    expect(files.filter((path) => !(layerOf(path) in ALLOWED))).toEqual([]);
  });

  it("names only layers of the table as ones that may be imported", () => {
    const named = Object.values(ALLOWED).flat();
    expect(named.filter((layer) => layer !== "*" && !(layer in ALLOWED))).toEqual([]);
  });

  it("imports only where the table allows", () => {
    const edges = imports.flatMap(({ from, specifier }) => {
      const target = targetOf(from, specifier);
      return target === undefined ? [] : [{ from, target }];
    });
    expect(edges.length).toBeGreaterThan(MINIMUM.edges);
    expect(
      edges.filter(({ from, target }) => !mayImport(layerOf(from), layerOf(target))).map(({ from, target }) => `${from} → ${target}`),
    ).toEqual([]);
  });

  it("resolves every relative import to a source file", () => {
    const lost = imports.filter(({ from, specifier }) => {
      const target = targetOf(from, specifier);
      return target !== undefined && !files.includes(target);
    });
    expect(lost).toEqual([]);
  });

  it("names Node's own modules with node: and leaves sockets to the layers that own them", () => {
    const bare = imports.filter(({ specifier }) => builtinModules.includes(specifier));
    const trespassing = imports.filter(({ from, specifier }) => RESERVED[specifier]?.includes(layerOf(from)) === false);
    expect([...bare, ...trespassing]).toEqual([]);
  });

  it("keeps pure layers free of Node, of clocks, of luck and of output", () => {
    const pure = files.filter((path) => PURE.includes(layerOf(path)));
    expect(pure.length).toBeGreaterThan(MINIMUM.pureFiles);
    const nodeImports = imports.filter(({ from, specifier }) => pure.includes(from) && specifier.startsWith("node:"));
    const impure = pure.flatMap((path) => {
      const found = withoutCommentsAndText(read(path)).match(IMPURE) ?? [];
      return found.map((word) => `${path}: ${word}`);
    });
    expect(nodeImports).toEqual([]);
    expect(impure).toEqual([]);
  });
});

describe("the reader of imports", () => {
  it("finds every form of an import and none in comments or text", () => {
    const source = [
      'import a from "./static.ts";',
      'import type { B } from "./type.ts";',
      'import {\n  c,\n  type D,\n} from "./lines.ts";',
      'import "./effect.ts";',
      'export { e } from "./again.ts";',
      'export * from "./all.ts";',
      'const f = await import("./dynamic.ts");',
      'type G = import("./inline.ts").G;',
      'const h = new URL("./worker.ts", import.meta.url);',
      '// import i from "./comment.ts";',
      "const j = 'from \"./text.ts\"';",
    ].join("\n");
    const found = ["./static.ts", "./type.ts", "./lines.ts", "./effect.ts", "./again.ts", "./all.ts", "./dynamic.ts", "./inline.ts"];
    expect(specifiersOf(source).sort()).toEqual(found.sort());
  });

  it("sees a clock in code and not in a comment, a string or a longer word", () => {
    expect(withoutCommentsAndText("const now = Date.now();")).toContain("Date.now");
    expect(withoutCommentsAndText('// Date.now\n/* Date.now */ const a = "Date.now";')).not.toContain("Date.now");
    expect(withoutCommentsAndText("const reasonedAt = `at`.concat(Date.now());")).toContain("Date.now");
  });
});

/** `bgp` and its like hold several layers; a file directly in src is a layer of its own. */
function layerOf(path: string): string {
  const [first = "", second = ""] = path.replace(/^src\//, "").split("/");
  return first === "bgp" ? `bgp/${second}` : first.replace(/\.ts$/, "");
}

function mayImport(from: string, target: string): boolean {
  if (from === target || FOR_ALL.includes(target)) return true;
  if (SEAMS.includes(target)) return !PURE.includes(from) && !SEAMS.includes(from);
  const allowed = ALLOWED[from] ?? [];
  return allowed.includes(target) || (allowed.includes("*") && target !== "main");
}

/** The source file a relative import leads to; undefined for packages and Node's own modules. */
function targetOf(from: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? posix.join(dirname(from), specifier) : undefined;
}

/** Every module a source names: import, import type, export … from, import(). */
function specifiersOf(source: string): string[] {
  const code = withoutComments(source);
  const statements = code.matchAll(/^\s*(?:import|export)\b(?:[^"'`;()]*?\bfrom)?\s*"([^"]+)"/gm);
  const calls = code.matchAll(/\bimport\(\s*"([^"]+)"/g);
  return [...statements, ...calls].flatMap(([, specifier]) => specifier ?? []);
}

function withoutComments(source: string): string {
  return source.replace(TOKENS, (token, comment?: string) => (comment === undefined ? token : " "));
}

function withoutCommentsAndText(source: string): string {
  return source.replace(TOKENS, (_, comment?: string) => (comment === undefined ? '""' : " "));
}

function listSources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? listSources(path) : path.endsWith(".ts") ? [path] : [];
  });
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
