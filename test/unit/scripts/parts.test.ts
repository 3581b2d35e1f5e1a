import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/** The built program. What a start loads is what its files import statically; every file's map names the modules in it. */
const dist = fileURLToPath(new URL("../../../dist", import.meta.url));
const STATIC_IMPORT = /\b(?:from|import)\s*"\.\/([\w-]+\.mjs)"/g;

const files = readdirSync(dist).filter((name) => name.endsWith(".mjs"));
const modules = new Map(files.map((name) => [name, modulesOf(name)]));

describe("a speaker that starts in a Pod", () => {
  const loaded = loadedBy("src/main.ts", "src/cli/speaker.ts");

  it("loads its own modules, and the packages that each start needs", () => {
    expect(loaded.length).toBeGreaterThan(250);
    for (const path of ["src/speaker/speaker.ts", "src/kube/in-cluster.ts", "src/plan/planner.ts"]) expect(loaded).toContain(path);
    expect(packagesOf(loaded)).toEqual(expect.arrayContaining(["commander", "ip-address", "pino", "yaml"]));
  });

  it("loads nothing that only a kubeconfig needs", () => {
    expect(packagesOf(loaded)).not.toContain("@kubernetes/client-node");
    expect(loaded).not.toContain("src/kube/kubeconfig-loader.ts");
    expect(packagesOf(loadedBy("src/kube/kubeconfig-loader.ts"))).toContain("@kubernetes/client-node");
  });

  it("loads nothing of the controller, the demo, the checks of manifests or the BFD thread", () => {
    const others = /^src\/(?:controller|ipam|demo)\/|^src\/speaker\/bfd-worker\.ts$|^src\/cli\/(?:plan|explain|validate|demo|controller)/;
    expect(loaded.filter((path) => others.test(path))).toEqual([]);
    expect([...modules.values()].flat().filter((path) => others.test(path)).length).toBeGreaterThan(50);
  });
});

describe("every file of the program", () => {
  // V8 keeps the text of a file as long as its functions: two octets a character where a single one is beyond Latin-1.
  it("is held by V8 with one octet a character", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((name) => /[^\0-\xff]/.test(readFileSync(join(dist, name), "utf8")))).toEqual([]);
  });

  it("takes Node's own modules from the process: `import` would load what their exports stand for, needed or not", () => {
    const texts = files.map((name) => readFileSync(join(dist, name), "utf8"));
    for (const name of ["node:http", "node:fs"])
      expect(texts.filter((text) => text.includes(`getBuiltinModule("${name}")`)).length).toBe(1);
    const imports = texts.flatMap((text) => [...text.matchAll(/(?:^|;)import\b[^"();]*"([^"]+)";/gm)].map(([, from]) => from));
    expect(imports.length).toBeGreaterThan(files.length);
    expect(imports.filter((from) => from?.startsWith("./") !== true)).toEqual([]);
  });
});

/** Modules of the files that these modules are in, and of all that those import statically: paths from the project's folder. */
function loadedBy(...entries: readonly string[]): readonly string[] {
  const seen = new Set(entries.map(fileWith));
  for (const name of seen)
    for (const [, imported = ""] of readFileSync(join(dist, name), "utf8").matchAll(STATIC_IMPORT)) seen.add(imported);
  return [...seen].flatMap((name) => modules.get(name) ?? []);
}

function fileWith(path: string): string {
  const name = files.find((file) => modules.get(file)?.includes(path));
  if (name === undefined) throw new Error(`${path} is in no file of dist`);
  return name;
}

function modulesOf(name: string): readonly string[] {
  const { sources } = JSON.parse(readFileSync(join(dist, `${name}.map`), "utf8")) as { readonly sources: readonly string[] };
  return sources.map((source) => source.replace(/^\.\.\//, ""));
}

function packagesOf(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []))];
}
