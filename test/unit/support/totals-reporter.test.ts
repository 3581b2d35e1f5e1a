import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testDirectory } from "../../support/leftovers.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
let folder: string;
beforeEach(() => {
  folder = testDirectory("reporter");
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs vitest on made-up levels, `level/file` to the body of the file, and returns its exit code and the lines at its end. */
function run(files: Readonly<Record<string, string>>, config = ""): { code: number | null; last: string; lines: readonly string[] } {
  const levels = [...new Set(Object.keys(files).map((path) => path.split("/")[0]))];
  for (const [path, body] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), `import { beforeAll, describe, expect, it } from "vitest";\n${body}\n`);
  }
  const projects = levels.map((name) => ({ test: { name, include: [`${name}/**/*.test.ts`] } }));
  const reporters = ["default", join(root, "test/support/totals-reporter.ts")];
  writeFileSync(
    join(folder, "vitest.config.mjs"),
    `export default { test: { reporters: ${JSON.stringify(reporters)}, projects: ${JSON.stringify(projects)}, ${config} } };`,
  );
  const env = { ...process.env, NO_COLOR: "1", VITEST: "", VITEST_POOL_ID: "", VITEST_WORKER_ID: "" };
  const { status, stdout } = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run"], { cwd: folder, env, encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  return { code: status, last: lines.at(-1) ?? "", lines };
}

const PASSES = 'it("holds", () => expect(1).toBe(1));';

describe("the last line of a test run", () => {
  it("adds up all levels and leaves the exit code 0 when all pass", () => {
    const { code, last } = run({ "unit/a.test.ts": PASSES, "unit/b.test.ts": PASSES, "interop/c.test.ts": PASSES });
    expect({ code, last }).toEqual({ code: 0, last: "3 passed, 0 failed, 0 skipped" });
  });

  it("counts what fails and what is skipped", () => {
    const { code, last } = run({
      "unit/a.test.ts": `${PASSES} it("is wrong", () => expect(1).toBe(2)); it.skip("is off", () => {}); it.todo("is to come");`,
    });
    expect({ code, last }).toEqual({ code: 1, last: "1 passed, 1 failed, 2 skipped" });
  });

  it("counts a file that does not load as failed", () => {
    const { code, last } = run({ "unit/a.test.ts": PASSES, "unit/b.test.ts": `import "./nowhere.ts"; ${PASSES}` });
    expect({ code, last }).toEqual({ code: 1, last: "1 passed, 1 failed, 0 skipped" });
  });

  it("counts a hook that throws as failed, besides the tests it kept from running", () => {
    const { code, last } = run({ "unit/a.test.ts": `describe("x", () => { beforeAll(() => { throw new Error("no"); }); ${PASSES} });` });
    expect(code).toBe(1);
    expect(last).toMatch(/^0 passed, 1 failed, 1 skipped$/);
  });

  it("counts an error nobody awaited as failed", () => {
    const { code, last } = run({ "unit/a.test.ts": `it("lets go", () => { void Promise.reject(new Error("lost")); });` });
    expect({ code, last }).toEqual({ code: 1, last: "1 passed, 1 failed, 0 skipped" });
  });

  it("says that something failed when the run never began", () => {
    writeFileSync(join(folder, "setup.mjs"), 'export function setup() { throw new Error("no"); }');
    const { code, last } = run({ "unit/a.test.ts": PASSES }, 'globalSetup: ["./setup.mjs"]');
    expect({ code, last }).toEqual({ code: 1, last: "0 passed, 1 failed, 0 skipped" });
  });

  it("names before it what was not run, and why", () => {
    const { code, lines } = run({
      "interop/a.test.ts": `import { requireTools } from ${JSON.stringify(join(root, "test/support/requirements.ts"))};
        requireTools("no-such-router", "node")("a router", () => { it("connects", () => {}); it("announces", () => {}); });
        requireTools("node")("Node", () => { ${PASSES} });`,
    });
    expect(code).toBe(0);
    expect(lines.slice(-2)).toEqual([
      "not run: 2 in interop/a.test.ts: this machine lacks no-such-router",
      "1 passed, 0 failed, 2 skipped",
    ]);
  });
});
