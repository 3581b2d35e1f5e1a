import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Daemon, freePort, requireProgram } from "../../../src/demo/daemon.ts";
import { processIsAlive } from "../../../src/processes.ts";

const scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-daemon-`));

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

describe("a router that is not installed", () => {
  it("is an error that names the package and the way around", () => {
    expect(() => requireProgram("no-such-router", "norouter")).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED",
        message: "no-such-router is not installed",
        remedy: "install it (Debian: apt-get install norouter), or use --router builtin",
      }),
    );
  });
});

describe("a daemon of the demo", () => {
  it("ends when its standard input does, as it does when the demo is killed", async () => {
    const script = `echo $$ > "$0"; exec sleep 1000`;
    const file = join(scratch, "pid");
    const daemon = new Daemon("sleeper", "/bin/sh", ["-c", script, file], scratch);
    const pid = await appears(file);
    expect(processIsAlive(pid)).toBe(true);
    await daemon.stop();
    expect(processIsAlive(pid)).toBe(false);
  });

  it("that does not start says why, in its own words", async () => {
    const daemon = new Daemon("broken", "/bin/sh", ["-c", "echo no configuration >&2; exit 3"], scratch);
    // Not stopped: that could end it before it has said anything.
    expect(await ending(daemon)).toMatchObject({ message: "broken did not start: no configuration" });
    await daemon.stop();
  });

  it("gets a port that nobody listens on", async () => {
    const port = await freePort("127.0.0.1");
    expect(port).toBeGreaterThan(0);
    const probe = spawn(process.execPath, ["-e", `require("node:net").createServer().listen(${port}, "127.0.0.1", () => process.exit(7))`]);
    expect(await new Promise((resolve) => probe.once("exit", resolve))).toBe(7);
  });
});

/** What is said of a daemon once it has ended by itself. */
async function ending(daemon: Daemon): Promise<unknown> {
  for (;;) {
    try {
      daemon.requireRunning();
    } catch (error) {
      return error;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function appears(file: string): Promise<number> {
  for (;;) {
    try {
      const pid = Number(readFileSync(file, "utf8"));
      if (pid > 0) return pid;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
