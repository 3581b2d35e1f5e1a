import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerProcess } from "../../support/leftovers.ts";

const program = fileURLToPath(new URL("../../../dist/herald.mjs", import.meta.url));

let scratch = "";
const children: ChildProcess[] = [];
const servers: Server[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-speaker-`));
});

afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  for (const server of servers.splice(0)) server.close();
  rmSync(scratch, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  /** The next log line of that event. */
  event(name: string): Promise<Readonly<Record<string, unknown>>>;
  readonly ended: Promise<{ readonly status: number | null; readonly stderr: string }>;
}

function configure(text = ""): string {
  const file = join(scratch, "herald.yaml");
  writeFileSync(
    file,
    `nodeName: node-1\nadmin: { listen: "127.0.0.1:0" }\nstateFile: ${join(scratch, "state.json")}\nlog: { format: json }\n${text}`,
  );
  return file;
}

function start(config: string, ...flags: string[]): Running {
  const child = spawn(process.execPath, [program, "speaker", "--config", config, "--directory", scratch, ...flags], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  children.push(child);
  if (child.pid !== undefined) registerProcess(child.pid);
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const listener of [...listeners]) listener();
  });
  const ended = new Promise<{ status: number | null; stderr: string }>((resolve) =>
    child.once("close", (status) => resolve({ status, stderr })),
  );
  const event = (name: string): Promise<Readonly<Record<string, unknown>>> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = stderr.split("\n").find((candidate) => candidate.includes(`"event":"${name}"`) && candidate.endsWith("}"));
        if (line === undefined) return;
        listeners.delete(look);
        resolve(JSON.parse(line));
      };
      listeners.add(look);
      void ended.then(() => reject(new Error(`the speaker ended without ${name}: ${stderr}`)));
      look();
    });
  return { child, event, ended };
}

/** Somebody who accepts connections and never says a word; gives the port. */
async function silentRouter(): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function writePeer(port: number): void {
  writeFileSync(
    join(scratch, "peer.yaml"),
    `apiVersion: herald.dev/v1alpha1\nkind: BGPPeer\nmetadata: { name: tor }\nspec: { myASN: 65001, peerASN: 65000, peerAddress: 127.0.0.1, peerPort: ${port} }\n`,
  );
}

describe("herald speaker", () => {
  it("ends with 0 on SIGTERM and says so in its log", async () => {
    const speaker = start(configure());
    await speaker.event("speaker.synced");
    speaker.child.kill("SIGTERM");
    const { status, stderr } = await speaker.ended;
    expect(status).toBe(0);
    expect(stderr).toContain('"event":"speaker.stopped"');
  });

  it("ends at once on a second SIGTERM, whatever the first still waits for", async () => {
    writePeer(await silentRouter());
    const speaker = start(configure());
    await speaker.event("peer.transition");
    speaker.child.kill("SIGTERM");
    await speaker.event("speaker.stopping");
    speaker.child.kill("SIGTERM");
    const { status, stderr } = await speaker.ended;
    expect([status, stderr.includes("speaker.stopped")]).toEqual([143, false]);
  });

  it("ends when standard input does, where it was told to", async () => {
    const speaker = start(configure(), "--while-stdin");
    await speaker.event("speaker.synced");
    speaker.child.stdin?.end();
    expect((await speaker.ended).status).toBe(0);
  });

  it("reads its file again on SIGHUP, and keeps what is in force when the file is bad", async () => {
    const config = configure();
    const speaker = start(config);
    await speaker.event("admin.ready");
    configure("coalesce: 20ms\nloadBalancerClass: other\n");
    speaker.child.kill("SIGHUP");
    expect(await speaker.event("speaker.reloaded")).toMatchObject({ changed: ["coalesce"], needRestart: ["loadBalancerClass"] });
    configure("coalesce: soon\n");
    speaker.child.kill("SIGHUP");
    expect((await speaker.event("speaker.reloadFailed"))["why"]).toContain("coalesce");
    speaker.child.kill("SIGTERM");
    expect((await speaker.ended).status).toBe(0);
  });

  it("refuses a state file that a living speaker holds, naming it", async () => {
    const first = start(configure());
    await first.event("speaker.synced");
    const { status, stderr } = await start(configure()).ended;
    expect(status).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^herald: .*process ${first.child.pid}\\b`));
  });

  it("refuses an admin port in use, naming who has it", async () => {
    const port = await silentRouter();
    const { status, stderr } = await start(configure(), "--admin-listen", `127.0.0.1:${port}`).ended;
    expect(status).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^herald: .*${port}.*process ${process.pid}\\b`));
  });

  it("records its sessions so that replay reaches the same actions", async () => {
    writePeer(await silentRouter());
    const record = join(scratch, "session.jsonl");
    const speaker = start(configure(), "--record", record);
    await speaker.event("peer.transition");
    speaker.child.kill("SIGTERM");
    await speaker.ended;
    const replayed = spawnSync(process.execPath, [program, "replay", record, "-o", "json"], { encoding: "utf8" });
    expect(replayed.status).toBe(0);
    expect(JSON.parse(replayed.stdout)).toEqual({ file: record, steps: expect.any(Number), difference: null });
    expect(JSON.parse(replayed.stdout).steps).toBeGreaterThan(1);

    const text = readFileSync(record, "utf8");
    writeFileSync(record, text.replace('"name":"dial"', '"name":"doze"'));
    const differing = spawnSync(process.execPath, [program, "replay", record], { encoding: "utf8" });
    expect([differing.status, differing.stdout]).toEqual([1, expect.stringContaining('recorded {"name":"doze"}')]);
  });
});
