import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  contextFiles,
  dockerIgnore,
  type Instruction,
  parseCopy,
  parseDockerfile,
  playCopy,
  type Stage,
} from "../../support/dockerfile.ts";
import { Daemon } from "../../support/lab/fabric.ts";
import { until } from "../../support/lab/wait.ts";
import { testDirectory } from "../../support/leftovers.ts";
import { HAS_NODE_24, node24 } from "../../support/node24.ts";
import { requireTools } from "../../support/requirements.ts";

/** The image, put together as deploy/Dockerfile says but without an engine: what a RUN does is done here by the same program or named. */

const ROOT = new URL("../../../", import.meta.url).pathname;
const COMMIT = "0123456789ab";
/** A build of the bundle on a busy machine, and a Node that may have to be fetched. */
const BUILD_MILLIS = 300_000;
/** Of distroless: the user of `:nonroot`. */
const USER = 65532;

const stages = parseDockerfile(readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8"));
const ignores = dockerIgnore(readFileSync(join(ROOT, ".dockerignore"), "utf8"));

describe("deploy/Dockerfile", () => {
  it("builds in one stage and ships the next, on Node 24 without a shell, as nobody", () => {
    expect(stages.map(({ base, name }) => [base, name])).toEqual([
      ["node:24-trixie-slim", "build"],
      ["gcr.io/distroless/nodejs24-debian13:nonroot", ""],
    ]);
    const shipped = stages[1]?.instructions.filter(({ name }) => name !== "COPY" && name !== "LABEL") ?? [];
    expect(shipped).toEqual([
      { name: "ENV", rest: "NODE_ENV=production" },
      { name: "USER", rest: `${USER}:${USER}` },
      { name: "ENTRYPOINT", rest: '["/usr/local/bin/herald"]' },
      { name: "CMD", rest: '["speaker"]' },
    ]);
  });

  it("runs nothing of a package while it builds", () => {
    expect(runsOf(stages[0])).toEqual([
      "npm ci --ignore-scripts",
      'HERALD_COMMIT="$HERALD_COMMIT" npm run build',
      "npm ci --omit=dev --ignore-scripts",
    ]);
  });

  it("has a context of sources alone: no objects, no tests, nothing installed or built", () => {
    const files = contextFiles(ROOT, ignores, [".git", "node_modules", "dist", "tools"]);
    const tops = new Set(files.map((file) => file.split("/")[0]));
    expect([...tops].sort()).toEqual([
      ".npmrc",
      "LICENSE",
      "deploy",
      "package-lock.json",
      "package.json",
      "scripts",
      "src",
      "tsconfig.json",
    ]);
    expect(files.filter((file) => file.startsWith("deploy/"))).toEqual(["deploy/image/herald"]);
    expect(files.length).toBeGreaterThan(200);
  });
});

const onNode24 = HAS_NODE_24 ? describe : describe.skip;

onNode24(`the image${HAS_NODE_24 ? "" : " [not run: this machine has no Node 24]"}`, () => {
  const directory = testDirectory("image");
  const build = join(directory, "build");
  const image = join(directory, "image");
  const node = join(image, "nodejs/bin/node");
  const herald = join(image, "usr/local/bin/herald");

  beforeAll(() => {
    const program = node24();
    play(stages[0], build, { build });
    play(stages[1], image, { build });
    // What the base image brings, in its place.
    mkdirSync(join(image, "nodejs/bin"), { recursive: true });
    cpSync(program, node, { dereference: true });
  }, BUILD_MILLIS);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("holds the bundle with its licences, and koffi for this machine beside it", () => {
    const folder = join(image, "usr/local/lib/herald");
    const packages = contextFiles(join(folder, "node_modules"), () => false, []).filter((file) => file.endsWith("/package.json"));
    expect(packages).toContain("koffi/package.json");
    expect(packages.filter((file) => !/^(koffi|@koromix\/koffi-[\w-]+)\//.test(file))).toEqual([]);
    for (const file of ["dist/herald.mjs", "dist/herald.mjs.map", "dist/THIRD-PARTY.txt", "LICENSE"])
      expect(statSync(join(folder, file)).size, file).toBeGreaterThan(1000);
  });

  it("says its version, the commit it was built from, and that koffi is there", () => {
    const { status, stdout, stderr } = spawnSync(node, [herald, "version", "-o", "json"], { encoding: "utf8", ...nobody() });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(JSON.parse(stdout)).toMatchObject({ version, commit: COMMIT, koffi: true, node: expect.stringMatching(/^v?24\./) });
  });

  it("is `herald` by name, run by the image's own Node", () => {
    const [shebang = ""] = readFileSync(herald, "utf8").split("\n");
    expect(shebang).toBe("#!/nodejs/bin/node --max-semi-space-size=4");
    expect(statSync(herald).mode & 0o777).toBe(0o755);
    // Node ends with 9 at a flag that it does not know.
    const [, ...flags] = shebang.split(" ");
    const { status, stdout } = spawnSync(node, [...flags, "-p", "process.execArgv[0]"], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${flags[0]}\n` });
  });

  it("speaks as uid 65532 until it is ready, and ends on SIGTERM", async () => {
    const state = join(directory, "state");
    mkdirSync(state);
    // As kubelet makes an emptyDir.
    chmodSync(state, 0o777);
    const configuration = join(directory, "herald.yaml");
    const socket = join(state, "admin.sock");
    writeFileSync(
      configuration,
      JSON.stringify({
        admin: { listen: `unix:${socket}` },
        bgp: { listen: ["127.0.0.1"], port: 0 },
        stateFile: join(state, "state.json"),
      }),
    );
    const cluster = join(directory, "cluster");
    cpSync(join(ROOT, "config/demo"), cluster, { recursive: true });
    const log = join(directory, "speaker.log");
    const output = openSync(log, "w");
    const args = [herald, "speaker", "--config", configuration, "--directory", cluster, "--node-name", "node-1"];
    const daemon = new Daemon(spawn(node, args, { cwd: "/", stdio: ["ignore", output, output], ...nobody() }), log);
    try {
      await until("it is ready", async () => {
        if (!daemon.running) throw new Error(`it ended: ${daemon.output()}`);
        return (await statusOf(socket, "/readyz")) === 200;
      });
      daemon.signal("SIGTERM");
      expect(await daemon.exited).toBe(0);
    } finally {
      await daemon.stop("SIGKILL");
    }
  }, 90_000);
});

requireTools(
  "root",
  "unshare",
  "setpriv",
)("the init container of state-on-node", () => {
  const directory = testDirectory("state-on-node");
  const component = parse(readFileSync(join(ROOT, "deploy/kustomize/components/state-on-node/daemonset.yaml"), "utf8"));
  const [container] = component.spec.template.spec.initContainers;

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("hands the node's directory to uid 65532 with CAP_CHOWN alone, and again where it is that user's already", () => {
    const [node, ...args] = container.command;
    expect([node, container.securityContext.capabilities]).toEqual(["/nodejs/bin/node", { drop: ["ALL"], add: ["CHOWN"] }]);
    const state = join(directory, "state");
    mkdirSync(state, { mode: 0o755 });
    expect(statSync(state).uid).toBe(0);
    // The container's view of /var/lib/herald, seen by nobody else.
    const mount = 'mount -t tmpfs none /var/lib && mkdir /var/lib/herald && mount --bind "$0" /var/lib/herald && exec "$@"';
    const limits = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+chown", "--no-new-privs"];
    for (let start = 0; start < 2; start++) {
      const { status, stderr } = spawnSync("unshare", ["--mount", "sh", "-ec", mount, state, ...limits, process.execPath, ...args], {
        encoding: "utf8",
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const { uid, gid, mode } = statSync(state);
      expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: USER, gid: USER, mode: 0o755 });
    }
  });
});

/** Plays one stage into `root`. */
function play(stage: Stage | undefined, root: string, built: Readonly<Record<string, string>>): void {
  let workdir = "/";
  for (const instruction of stage?.instructions ?? []) {
    if (instruction.name === "WORKDIR") workdir = instruction.rest;
    else if (instruction.name === "COPY") {
      const copy = parseCopy(instruction.rest);
      const from = copy.from === null ? { root: ROOT, ignores } : { root: built[copy.from] ?? "", ignores: () => false };
      playCopy(copy, from, root, workdir);
    } else if (instruction.name === "RUN") run(instruction, join(root, workdir));
  }
}

/** npm's part is taken from what is installed here from the same lock; the build is the build. */
function run({ rest }: Instruction, folder: string): void {
  const modules = join(folder, "node_modules");
  if (rest === "npm ci --ignore-scripts") symlinkSync(join(ROOT, "node_modules"), modules);
  else if (rest.endsWith("npm run build")) {
    const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const [program, ...args] = String(scripts.build).split(" ");
    expect(program).toBe("node");
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, HERALD_COMMIT: COMMIT },
    });
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringMatching(/^built /) });
  } else {
    rmSync(modules);
    const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
    for (const place of Object.keys(packages).filter((one) => one !== "" && packages[one].dev !== true)) {
      const installed = join(ROOT, place);
      // Optional ones are those of other platforms, which npm leaves out.
      if (packages[place].optional === true && !statSync(installed, { throwIfNoEntry: false })) continue;
      cpSync(installed, join(folder, place), { recursive: true });
    }
  }
}

function runsOf(stage: Stage | undefined): readonly string[] {
  return (stage?.instructions ?? []).filter(({ name }) => name === "RUN").map(({ rest }) => rest);
}

/** The image's user, where this test may become another. */
function nobody(): { readonly uid?: number; readonly gid?: number } {
  return process.getuid?.() === 0 ? { uid: USER, gid: USER } : {};
}

function statusOf(socketPath: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const question = request({ socketPath, path, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    question.on("error", reject);
    question.end();
  });
}
