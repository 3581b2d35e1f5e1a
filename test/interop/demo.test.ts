import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../support/lab/wait.ts";
import { registerProcess } from "../support/leftovers.ts";
import { requireTools } from "../support/requirements.ts";

const program = fileURLToPath(new URL("../../dist/herald.mjs", import.meta.url));
const BUILT = ["start", "endpoint-gone", "weights", "terminating", "drain", "restart", "broken-file"];

interface Demo {
  readonly child: ChildProcess;
  /** What it wrote so far. */
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number | null>;
}

const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
});

function demo(...args: string[]): Demo {
  const child = spawn(process.execPath, [program, "demo", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  running.push(child);
  if (child.pid !== undefined) registerProcess(child.pid);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output, ended };
}

/** Processes whose command line names the demo's scratch directory: speakers and daemons. */
function childrenOf(pid: number | undefined): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(`herald-demo-${pid}-`);
      } catch {
        return false; // It has ended meanwhile.
      }
    })
    .map(Number);
}

function scratchOf(pid: number | undefined): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`herald-demo-${pid}-`));
}

/** Plays the scenario and checks everything it prints. */
async function playsTheScenario(router: string): Promise<void> {
  const { child, output, ended } = demo("--once", "--router", router);
  const status = await ended;
  const lines = output.stdout.trimEnd().split("\n");
  expect(output.stderr).toBe("");
  expect(lines.slice(0, -1).filter((line) => /^step \d\/7 \S+: .+ -> .+ in \d+ ms: right$/.test(line))).toHaveLength(BUILT.length);
  expect(lines.at(-1)).toBe(`demo: ${BUILT.length} right, 0 wrong, ${7 - BUILT.length} not run`);
  expect(status).toBe(0);
  expect([childrenOf(child.pid), scratchOf(child.pid)]).toEqual([[], []]);
}

describe("herald demo --once", () => {
  it("gives the built-in router the right table after every step, and leaves nothing behind", async () => {
    await playsTheScenario("builtin");
  });

  it("prints a line of JSON per step, in which the table is what was expected", async () => {
    const { output, ended } = demo("--once", "-o", "json");
    expect(await ended).toBe(0);
    const steps = output.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const played = steps.filter(({ result }) => result !== "notRun");
    expect(played.map(({ name }) => name)).toEqual(BUILT);
    for (const { table, expected, milliseconds, result } of played) {
      expect(table).toEqual(expected);
      expect(table.length).toBeGreaterThan(10);
      expect([Number.isInteger(milliseconds), result]).toEqual([true, "right"]);
    }
  });

  it("exits 130 on Ctrl-C and leaves nothing behind", async () => {
    const { child, output, ended } = demo("--once");
    await until("the first step", async () => output.stdout.includes("step 1/7"));
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect([childrenOf(child.pid), scratchOf(child.pid)]).toEqual([[], []]);
  });
});

describe("herald demo", () => {
  it("shows the table, the reasons and the status pages, then follows changes, and ends clean on Ctrl-C", async () => {
    const { child, output, ended } = demo();
    const cluster = await until("the directory to edit", async () => /in (\S+cluster): changes show here/.exec(output.stdout)?.[1]);
    expect(output.stdout).toMatch(/^PREFIX +10\.0\.0\.1 +10\.0\.0\.2 +10\.0\.0\.3 +SERVICE$/m);
    expect(output.stdout).toMatch(/^shop\/idle +node-1, node-2, node-3 +noEndpoints/m);
    const url = /^ {2}node-1 +(http:\S+)$/m.exec(output.stdout)?.[1] ?? "";
    expect((await fetch(url)).status).toBe(200);

    rmSync(`${cluster}/services/chat.yaml`);
    await until("the withdrawal", async () => /^\d\d:\d\d:\d\d\.\d{3} {2}203\.0\.113\.30\/32 gone/m.test(output.stdout));
    writeFileSync(`${cluster}/services/new.yaml`, "apiVersion: v1\nkind: Service\nmetadata: { name: new }\nspec: { type: Nonsense }\n");
    await until("the error", async () => output.stdout.includes("error services/new.yaml:4:15 spec.type"));

    child.kill("SIGINT");
    expect(await ended).toBe(0);
    expect(output.stderr).toBe("");
    expect([childrenOf(child.pid), scratchOf(child.pid)]).toEqual([[], []]);
  });
});

// /proc tells which processes are left.
requireTools("gobgpd")("a demo that is killed", () => {
  it.each(["builtin", "gobgp"])("leaves no speaker and no %s router running", async (router) => {
    const { child, output, ended } = demo("--router", router);
    await until("the table", async () => output.stdout.includes("changes show here"));
    expect(childrenOf(child.pid).length).toBeGreaterThanOrEqual(3);
    child.kill("SIGKILL");
    await ended;
    await until("every child ends", async () => childrenOf(child.pid).length === 0, 5_000);
  });

  it("is cleaned up after by the next one", async () => {
    const { child, output, ended } = demo();
    await until("the table", async () => output.stdout.includes("changes show here"));
    child.kill("SIGKILL");
    await ended;
    expect(scratchOf(child.pid)).toHaveLength(1);
    const next = demo("--once");
    await next.ended;
    expect(scratchOf(child.pid)).toEqual([]);
  });
});

requireTools("bgpd", "vtysh")("herald demo --once --router frr", () => {
  it("gives FRR the right table after every step", () => playsTheScenario("frr"));
});

requireTools("gobgpd", "gobgp")("herald demo --once --router gobgp", () => {
  it("gives GoBGP the right table after every step", () => playsTheScenario("gobgp"));
});

requireTools("bird", "birdc")("herald demo --once --router bird", () => {
  it("gives BIRD the right table after every step", () => playsTheScenario("bird"));
});
