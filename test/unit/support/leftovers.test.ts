import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { registerProcess, removeLeftovers, testDirectory, testNamespace } from "../../support/leftovers.ts";

const daemons: ChildProcess[] = [];
afterEach(() => {
  for (const daemon of daemons.splice(0)) daemon.kill("SIGKILL");
});

/** A process that stays, as a router would; registered by this test process. */
function startDaemon(): ChildProcess & { readonly pid: number } {
  const daemon = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const { pid } = daemon;
  if (pid === undefined) throw new Error("node does not start");
  daemons.push(daemon);
  registerProcess(pid);
  return Object.assign(daemon, { pid });
}

/** Makes something of this process look as if a process that has ended had left it. */
function disown(path: string): string {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const abandoned = join(tmpdir(), basename(path).replace(`-${process.pid}-`, `-${pid}-`));
  renameSync(path, abandoned);
  return abandoned;
}

const ownProcesses = () => join(tmpdir(), `herald-test-${process.pid}-processes`);

describe("leftovers of tests", () => {
  it("carry the pid of their test process in their name", () => {
    const folder = testDirectory("router");
    expect(basename(folder)).toMatch(new RegExp(`^herald-test-${process.pid}-router-`));
    expect(testNamespace("tor")).toBe(`herald-test-${process.pid}-tor`);
    rmSync(folder, { recursive: true });
  });

  it("are kept while the process that made them lives", () => {
    const folder = testDirectory("living");
    removeLeftovers();
    expect(existsSync(folder)).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it("are removed once it is dead: its directories and the daemons it started", async () => {
    const daemon = startDaemon();
    const gone = once(daemon, "exit");
    const folder = disown(testDirectory("abandoned"));
    const processes = disown(ownProcesses());
    const removed = removeLeftovers();
    expect(removed).toEqual(expect.arrayContaining([basename(folder), basename(processes), `process ${daemon.pid}`]));
    expect(await gone).toEqual([null, "SIGKILL"]);
    expect([existsSync(folder), existsSync(processes)]).toEqual([false, false]);
  });

  it("spare a stranger who got the pid of a daemon that ended", () => {
    const daemon = startDaemon();
    const note = join(ownProcesses(), String(daemon.pid));
    writeFileSync(note, `${readFileSync(note, "utf8")}0`); // Another time of start: another process.
    disown(ownProcesses());
    expect(removeLeftovers()).not.toContain(`process ${daemon.pid}`);
    expect(daemon.exitCode).toBe(null);
    expect(() => process.kill(daemon.pid, 0)).not.toThrow();
  });

  it("leave directories of other names alone", () => {
    const foreign = join(tmpdir(), `herald-tests-${process.pid}`);
    mkdirSync(foreign);
    removeLeftovers();
    expect(existsSync(foreign)).toBe(true);
    rmSync(foreign, { recursive: true });
  });
});
