import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GOOD_PREFIX, goodObjects, MISTAKES } from "../../support/bad-objects.ts";
import { registerProcess } from "../../support/leftovers.ts";
import { type RawPeer, RawRouter, TYPE } from "../../support/raw-peer.ts";

const program = fileURLToPath(new URL("../../../dist/herald.mjs", import.meta.url));

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-bad-`));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

function herald(args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8", cwd: scratch });
}

/** A directory with the good objects and these files. */
function directory(name: string, files: Readonly<Record<string, string>>, peerPort = 179): string {
  mkdirSync(join(scratch, name), { recursive: true });
  for (const [file, text] of Object.entries({ ...files, "good.yaml": goodObjects(peerPort) }))
    writeFileSync(join(scratch, name, file), text);
  return name;
}

const ALL_FILES = Object.fromEntries(MISTAKES.map(({ name, yaml }) => [`${name}.yaml`, yaml]));

describe("one bad object never disturbs others", () => {
  it.each(MISTAKES.map(({ name, yaml }) => [name, yaml] as const))("%s: a good Service beside it is announced", (name, yaml) => {
    const { stdout } = herald(["plan", directory(name, { [`${name}.yaml`]: yaml }), "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      routes: expect.arrayContaining([
        expect.objectContaining({ node: "n1", peer: "tor", prefix: GOOD_PREFIX, communities: ["65000:1"], owners: ["default/good"] }),
      ]),
    });
  });

  it("validate names each mistake with file, line and column, in the order of files and lines", () => {
    const { status, stdout } = herald(["validate", directory("all", ALL_FILES)]);
    expect(status).toBe(3);
    const lines = stdout.trimEnd().split("\n");
    let expected = 0;
    for (const { name, findings } of MISTAKES) {
      const own = lines.filter((line) => line.startsWith(`all/${name}.yaml:`)).map((line) => line.slice(`all/${name}.yaml:`.length));
      expect(
        own.map((line, i) => line.slice(0, findings[i]?.length ?? line.length)),
        name,
      ).toEqual(findings);
      expected += findings.length;
    }
    expect(lines).toHaveLength(expected);
    expect(expected).toBeGreaterThan(20);
    expect(lines.map((line) => line.split(":")[0])).toEqual(lines.map((line) => line.split(":")[0]).sort());
  });

  it("plan says the same on stderr, and goes on", () => {
    const { status, stderr } = herald(["plan", directory("all", ALL_FILES)]);
    expect(status).toBe(3);
    expect(stderr).toContain("all/contradiction.yaml:12:14: warning: BGPAdvertisement herald-system/soft spec.localPref");
  });

  it("explain of the good Service says nothing about the others", () => {
    const { stdout } = herald(["explain", "good", directory("calm", { "x.yaml": ALL_FILES["selects-nothing.yaml"] ?? "" }), "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ findings: [] });
  });
});

describe("a speaker among bad objects", () => {
  const children: ChildProcess[] = [];
  const routers: RawRouter[] = [];
  afterAll(() => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    for (const router of routers) {
      for (const peer of router.peers) peer.destroy();
      router.close();
    }
  });

  async function start(name: string, files: Readonly<Record<string, string>>): Promise<RawPeer> {
    const router = await RawRouter.listen();
    routers.push(router);
    const path = join(scratch, directory(name, files, router.port));
    const config = join(scratch, `${name}.config`);
    writeFileSync(config, `nodeName: n1\nadmin: { listen: "127.0.0.1:0" }\nstateFile: ""\n`);
    const child = spawn(process.execPath, [program, "speaker", "--config", config, "--directory", path], { stdio: "ignore" });
    children.push(child);
    if (child.pid !== undefined) registerProcess(child.pid);
    const peer = await router.peer(0, 30_000);
    await peer.establish();
    return peer;
  }

  /** Octets of an UPDATE that announces the good prefix: NLRI comes last. */
  const GOOD_NLRI = "20cb007101";

  it("announces the good Service with all mistakes in one directory, and withdraws nothing when they are made while it runs", async () => {
    const peer = await start("speaker", {});
    await peer.until("the good prefix", () => announcing(peer).length > 0, 30_000);
    const before = peer.count(TYPE.update);
    for (const [file, text] of Object.entries(ALL_FILES)) writeFileSync(join(scratch, "speaker", file), text);
    // The contradiction adds LOCAL_PREF to nothing here (eBGP), so what tells that the files were read is the block.
    await peer.until("the block of another file", () => peer.messages.some(({ body }) => body.toString("hex").includes("0fc612")), 30_000);
    expect(withdrawing(peer)).toEqual([]);
    expect(peer.count(TYPE.update)).toBeGreaterThan(before);

    const other = await start("from-the-start", ALL_FILES);
    await other.until("the good prefix", () => announcing(other).length > 0, 30_000);
  });

  function announcing(peer: RawPeer): string[] {
    return peer.messages
      .filter(({ type, body }) => type === TYPE.update && body.toString("hex").includes(GOOD_NLRI))
      .map(({ body }) => body.toString("hex"));
  }

  function withdrawing(peer: RawPeer): string[] {
    return peer.messages
      .filter(({ type, body }) => type === TYPE.update && body.readUInt16BE(0) > 0)
      .map(({ body }) => body.toString("hex"));
  }
});
