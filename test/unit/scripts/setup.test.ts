import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SetupProject } from "../../support/setup-project.ts";

let project: SetupProject;
beforeEach(() => {
  project = new SetupProject();
});
afterEach(() => {
  project.remove();
});

describe("set-up of a fresh clone", () => {
  it("installs, builds and runs the demo with the arguments given", async () => {
    const { code, stdout } = await project.run("demo", "--once", "-o", "json");
    expect(code).toBe(0);
    expect(stdout).toBe('["demo","--once","-o","json"]\n');
    expect(readFileSync(join(project.path, "npm.log"), "utf8")).toMatch(/^ci --ignore-scripts .*\n$/);
  });

  it("keeps stdout for the command: npm and the build speak on stderr", async () => {
    const { stdout, stderr } = await project.run("demo");
    expect(stdout).toBe('["demo"]\n');
    expect(stderr).toContain("npm talks on stdout");
    expect(stderr).toContain("built dist/herald.mjs");
  });

  it("runs the tests with the arguments given, and takes over their exit code", async () => {
    const { code, stdout } = await project.run("test", "--project", "unit");
    expect(stdout).toBe("vitest run --project unit\n");
    expect(code).toBe(3);
  });

  it("refuses a command it does not know", async () => {
    const { code, stdout, stderr } = await project.run("deploy");
    expect({ code, stdout, installations: project.installations() }).toEqual({ code: 2, stdout: "", installations: 0 });
    expect(stderr).toMatch(/^usage: /);
  });

  it("says in one line that Node is too old, before anything else", async () => {
    const old = join(project.path, "old-node.cjs");
    writeFileSync(old, `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.18.3" } });`);
    const { code, stdout, stderr } = await project.start(["demo"], "works", ["--require", old]).ended;
    expect({ code, stdout, installations: project.installations() }).toEqual({ code: 1, stdout: "", installations: 0 });
    expect(stderr).toBe("herald: needs Node 20.19 or newer, this is Node 20.18.3: see https://nodejs.org\n");
  });
});

describe("set-up when all is in place", () => {
  beforeEach(async () => {
    await project.run("demo");
  });

  it("does nothing and says nothing when nothing changed", async () => {
    const { code, stderr } = await project.run("demo");
    expect({ code, stderr, installations: project.installations() }).toEqual({ code: 0, stderr: "", installations: 1 });
  });

  it("builds, and does not install, after a change of a source", async () => {
    project.write("src/main.ts", "console.log('changed');");
    const { stdout, stderr } = await project.run("demo");
    expect(stdout).toBe("changed\n");
    expect(stderr).toMatch(/^built dist\/herald\.mjs, .*\n$/);
    expect(project.installations()).toBe(1);
  });

  it("builds again when the bundle was cut short", async () => {
    project.write("dist/herald.mjs", "console.log('half");
    expect((await project.run("demo")).stdout).toBe('["demo"]\n');
  });

  it("does not run an older bundle when the sources do not build", async () => {
    project.write("src/main.ts", "syntax error");
    const { code, stdout } = await project.run("demo");
    expect({ code, stdout, installations: project.installations() }).toEqual({ code: 1, stdout: "", installations: 1 });
  });

  it("installs again after a change of the lock", async () => {
    const lock = join(project.path, "package-lock.json");
    writeFileSync(lock, `${readFileSync(lock, "utf8")}\n`);
    await project.run("demo");
    expect(project.installations()).toBe(2);
  });

  const damages: readonly (readonly [string, (project: SetupProject) => void])[] = [
    ["a package is gone", (broken) => broken.delete("node_modules/koffi")],
    ["a file of a package is gone", (broken) => broken.delete("node_modules/esbuild/index.js")],
    ["a file of a package was cut short", (broken) => broken.write("node_modules/esbuild/index.js", "")],
    ["npm's record of the installation is gone", (broken) => broken.delete("node_modules/.package-lock.json")],
    ["the stamp of a whole installation is gone", (broken) => broken.delete("node_modules/.herald-setup.json")],
    ["the stamp was cut short", (broken) => broken.write("node_modules/.herald-setup.json", '{"wanted":')],
    ["all packages are gone", (broken) => broken.delete("node_modules")],
  ];
  it.each(damages)("repairs the installation when %s", async (_, damage) => {
    damage(project);
    const { code, stdout } = await project.run("demo");
    expect({ code, stdout, installations: project.installations() }).toEqual({ code: 0, stdout: '["demo"]\n', installations: 2 });
    await project.run("demo");
    expect(project.installations()).toBe(2);
  });
});

describe("set-up that was interrupted", () => {
  it("ends with npm's exit code when npm fails, and repairs it in the next run", async () => {
    const failed = await project.start(["demo"], "fails").ended;
    expect({ code: failed.code, stdout: failed.stdout }).toEqual({ code: 9, stdout: "" });
    expect(failed.stderr).toContain("npm error: no network");
    expect((await project.run("demo")).stdout).toBe('["demo"]\n');
  });

  it("stops npm and ends by the signal when it is stopped while npm works, and repairs it in the next run", async () => {
    const running = project.start(["demo"], "hangs");
    await running.said("npm is half done");
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: null, signal: "SIGTERM", stdout: "" });
    expect((await project.run("demo")).stdout).toBe('["demo"]\n');
  });

  it("breaks the lock of a set-up that was killed", async () => {
    project.write(".herald-setup.lock", "999999999 1");
    expect(await project.run("demo")).toMatchObject({ code: 0, stdout: '["demo"]\n' });
    expect(readdirSync(project.path).filter((name) => name.startsWith(".herald-setup.lock"))).toEqual([]);
  });

  it("installs again when the build tool itself came broken", async () => {
    const { code, stdout, stderr } = await project.start(["demo"], "broken-esbuild").ended;
    expect({ code, stdout, installations: project.installations() }).toEqual({ code: 0, stdout: '["demo"]\n', installations: 2 });
    expect(stderr).toContain("esbuild does not run: no binary");
  });

  it("lets one of several at once do the work, and the others wait for it", async () => {
    const all = await Promise.all(["1", "2", "3"].map((name) => project.run("demo", name)));
    expect(all.map(({ code, stdout }) => ({ code, stdout }))).toEqual(
      ["1", "2", "3"].map((name) => ({ code: 0, stdout: `["demo","${name}"]\n` })),
    );
    expect(project.installations()).toBe(1);
  });
});

describe("the command behind set-up", () => {
  beforeEach(async () => {
    await project.run("demo");
  });

  it("gives its exit code to the caller", async () => {
    expect(await project.run("demo", "--exit", "7")).toMatchObject({ code: 7, signal: null });
  });

  it("dies by the signal that killed the command", async () => {
    expect(await project.run("demo", "--die", "SIGKILL")).toMatchObject({ code: null, signal: "SIGKILL" });
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("hands %s on to the command, once", async (signal) => {
    const running = project.start(["demo", "--wait"]);
    await running.said("ready");
    running.child.kill(signal);
    running.child.kill(signal);
    const { code, stdout } = await running.ended;
    expect({ code, got: stdout.match(/got \w+/g) }).toEqual({ code: 42, got: [`got ${signal}`] });
  });
});
