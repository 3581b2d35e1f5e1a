import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { processStartTicks } from "../../../src/processes.ts";
import { lockStateFile } from "../../../src/speaker/state-lock.ts";

function stateFile(): string {
  return join(mkdtempSync(join(tmpdir(), "herald-lock-")), "run", "state.json");
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

async function holder(): Promise<{ readonly pid: number; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ["-e", "process.stdout.write('up'); setInterval(() => {}, 1000)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

describe("the lock of the state file", () => {
  it("refuses a second process while the first lives, and names it", async () => {
    const file = stateFile();
    lockStateFile(file).release();
    const other = await holder();
    try {
      const content = JSON.stringify({ pid: other.pid, startTicks: processStartTicks(other.pid), bootId: bootId() });
      writeFileSync(`${file}.lock`, content);
      expect(() => lockStateFile(file)).toThrow(
        expect.objectContaining({
          code: "LOCKED",
          message: expect.stringMatching(new RegExp(`is in use by process ${other.pid} \\(.*node.*\\)$`)),
        }),
      );
      await other.kill();
      const lock = lockStateFile(file);
      expect(JSON.parse(readFileSync(`${file}.lock`, "utf8"))).toMatchObject({ pid: process.pid });
      lock.release();
      expect(existsSync(`${file}.lock`)).toBe(false);
      lock.release();
    } finally {
      await other.kill();
    }
  });

  it("takes over a lock from before a reboot, of a process number that was given away again, and one that is damaged", async () => {
    const other = await holder();
    try {
      const stale = [
        JSON.stringify({ pid: other.pid, startTicks: processStartTicks(other.pid), bootId: "another boot" }),
        JSON.stringify({ pid: other.pid, startTicks: "1", bootId: bootId() }),
        JSON.stringify({ pid: process.pid, startTicks: "1", bootId: bootId() }),
        "{ half",
        "[]",
        "",
      ];
      expect(stale).toHaveLength(6);
      for (const content of stale) {
        const file = stateFile();
        lockStateFile(file).release();
        writeFileSync(`${file}.lock`, content);
        const lock = lockStateFile(file);
        expect(JSON.parse(readFileSync(`${file}.lock`, "utf8"))).toMatchObject({ pid: process.pid });
        lock.release();
        expect(readdirSync(join(file, ".."))).toEqual([]);
      }
    } finally {
      await other.kill();
    }
  });

  it("leaves a lock alone that is another's by now", () => {
    const file = stateFile();
    const lock = lockStateFile(file);
    writeFileSync(`${file}.lock`, "another's");
    lock.release();
    expect(readFileSync(`${file}.lock`, "utf8")).toBe("another's");
  });

  it("says which directory it cannot write to", () => {
    expect(() => lockStateFile("/proc/herald/state.json")).toThrow(
      expect.objectContaining({ code: "UNREADABLE", remedy: expect.stringContaining("stateFile") }),
    );
  });
});
