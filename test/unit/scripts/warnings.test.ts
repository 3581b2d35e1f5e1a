import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

describe("the commands of package.json", () => {
  it("print no warning of npm or Node", () => {
    const { status, stderr } = spawnSync("npm", ["run", "build", "--", "--if-changed"], { cwd: root, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/warn|deprecat|DEP\d{4}/i) });
  });

  it("have no pre- or post-script, which npm would not run here", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const names = Object.keys(scripts);
    expect(names).toEqual(expect.arrayContaining(["start", "test", "test:unit", "test:interop", "test:e2e", "check", "build", "bench"]));
    expect(names.filter((name) => /^(pre|post)/.test(name))).toEqual([]);
  });
});

describe("the bundle", () => {
  it("is an executable file and its parts, each with its map, and the licences of what they ship", () => {
    const { status } = spawnSync(process.execPath, ["scripts/build.mjs", "--if-changed"], { cwd: root });
    expect(status).toBe(0);
    const bundle = readFileSync(join(root, "dist/herald.mjs"), "utf8");
    expect(bundle.startsWith("#!/usr/bin/env node\n")).toBe(true);
    expect(bundle.trimEnd().endsWith("//# sourceMappingURL=herald.mjs.map")).toBe(true);
    expect(JSON.parse(readFileSync(join(root, "dist/herald.mjs.map"), "utf8")).sources).toContain("../src/main.ts");
    const licences = readFileSync(join(root, "dist/THIRD-PARTY.txt"), "utf8");
    const files = readdirSync(join(root, "dist")).filter((name) => name.endsWith(".mjs"));
    const sources = files.flatMap((name): readonly string[] => JSON.parse(readFileSync(join(root, `dist/${name}.map`), "utf8")).sources);
    const folders = new Set(sources.flatMap((source) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? []));
    // A package with maps of its own names sources there that it does not ship.
    const bundled = [...folders].filter((name) => existsSync(join(root, "node_modules", name, "package.json")));
    expect(bundled.length).toBeGreaterThan(20);
    for (const name of [...bundled, "koffi"]) expect(licences).toMatch(new RegExp(`^  ${name} \\d+\\.\\d+\\.\\d+ \\(`, "m"));
  });
});
