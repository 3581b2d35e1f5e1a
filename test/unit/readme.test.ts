import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const ROOT = new URL("../../", import.meta.url).pathname;
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const BLOCKS = [...README.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({ language: match[1] ?? "", text: match[2] ?? "" }));
const COMMANDS = BLOCKS.filter(({ language }) => language === "").flatMap(({ text }) => text.trim().split("\n"));

function herald(args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [join(ROOT, "dist/herald.mjs"), ...args], { cwd: ROOT, encoding: "utf8" });
}

describe("README.md", () => {
  const offline = COMMANDS.filter((command) => /^node dist\/herald\.mjs (validate|plan|explain|balance) /.test(command));

  it("shows four commands that work without a speaker", () => {
    expect(offline.length).toBe(4);
  });

  for (const command of offline) {
    it(`${command} does what it says`, () => {
      const { status, stdout } = herald(command.split(" ").slice(2));
      expect(status).toBe(0);
      if (command.includes(" plan ")) expect(stdout).toContain("node-3");
      if (command.includes(" explain ")) expect(stdout).toContain("endpoints");
      if (command.includes(" balance ")) expect(stdout).toContain("MAX/MIN");
    });
  }

  it("names only commands that exist", () => {
    const names = new Set(COMMANDS.flatMap((command) => /^node dist\/herald\.mjs (\w+)/.exec(command)?.[1] ?? []));
    expect(names.size).toBe(9);
    for (const name of names) expect(herald([name, "--help"]).status, name).toBe(0);
    const { scripts } = parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const used = COMMANDS.flatMap((command) => /^npm (?:run )?(\w+)/.exec(command)?.[1] ?? []);
    expect(used).toEqual(["start", "test", "build"]);
    for (const script of used) expect(Object.keys(scripts)).toContain(script);
  });

  it("shows objects that validate accepts", () => {
    const objects = BLOCKS.filter(({ language }) => language === "yaml");
    expect(objects.length).toBe(1);
    const directory = mkdtempSync(join(tmpdir(), "herald-readme-"));
    try {
      for (const [index, { text }] of objects.entries()) writeFileSync(join(directory, `${index}.yaml`), text);
      expect(herald(["validate", directory]).status).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("links to files that are there", () => {
    const links = [...README.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? "");
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
  });
});

describe("docs/RFC.md", () => {
  it("names only files that are there", () => {
    const rows = readFileSync(join(ROOT, "docs/RFC.md"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| RFC"));
    expect(rows.length).toBeGreaterThan(90);
    const paths = rows.flatMap((row) => [...row.matchAll(/(?:src|test|scripts|docs)\/[\w./-]+\.(?:ts|md|mjs)/g)].map(([path]) => path));
    expect(paths.length).toBeGreaterThan(150);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
