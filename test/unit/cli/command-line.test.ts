import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseYaml } from "../../../src/text/yaml.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const program = join(root, "dist/herald.mjs");
const demo = join(root, "config/demo");

let scratch = "";

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-cli-`));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function herald(args: readonly string[], input = ""): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: "utf8",
    input,
    cwd: root,
    // Whoever runs this may have a cluster.
    env: { ...process.env, HOME: scratch, KUBECONFIG: "", KUBERNETES_SERVICE_HOST: "" },
  });
  return { status, stdout, stderr };
}

function json(args: readonly string[], input = ""): unknown {
  return JSON.parse(herald([...args, "-o", "json"], input).stdout);
}

/** A file of one Service whose policy is misspelt, beside a good one. */
function brokenFile(): string {
  const file = join(scratch, "broken.yaml");
  const service = (name: string, policy: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  type: LoadBalancer\n  externalTrafficPolicy: ${policy}\n`;
  writeFileSync(file, `${service("bad", "Lokal")}---\n${service("good", "Local")}`);
  return file;
}

describe("herald version", () => {
  it("prints exactly the promised keys as JSON", () => {
    expect(json(["version"])).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      commit: expect.any(String),
      node: process.versions.node,
      koffi: expect.any(Boolean),
    });
  });

  it("prints one line for people, and nothing on stderr", () => {
    const { stdout, stderr } = herald(["version"]);
    expect(stdout).toMatch(/^herald \d+\.\d+\.\d+ .*\n$/);
    expect(stderr).toBe("");
  });
});

describe("--help", () => {
  const COMMANDS = [
    "speaker",
    "plan",
    "explain",
    "balance",
    "peers",
    "routes",
    "services",
    "events",
    "drain",
    "undrain",
    "validate",
    "crds",
    "demo",
    "replay",
    "version",
  ];

  it.each(COMMANDS)("of %s ends with an example of it", (command) => {
    const { status, stdout, stderr } = herald([command, "--help"]);
    const lines = stdout.trimEnd().split("\n");
    expect([status, stderr]).toEqual([0, ""]);
    expect(lines.at(-2)).toBe("Example:");
    expect(lines.at(-1)).toMatch(new RegExp(`^ {2}herald ${command}\\b`));
  });

  /** Those that need more than files, and who runs them. */
  const ELSEWHERE: Readonly<Record<string, string>> = {
    speaker: "runs until it is told to stop: speaker.test.ts",
    demo: "plays for seconds: test/interop/demo.test.ts",
    peers: "asks a speaker: live-commands.test.ts",
    routes: "asks a speaker: live-commands.test.ts",
    services: "asks a speaker: live-commands.test.ts",
    events: "asks a speaker: live-commands.test.ts",
    drain: "changes a cluster: live-cluster.test.ts",
    undrain: "changes a cluster: live-cluster.test.ts",
  };
  const OFFLINE = COMMANDS.filter((command) => !(command in ELSEWHERE));

  it("has examples that can be run offline", () => {
    expect(OFFLINE).toEqual(["plan", "explain", "balance", "validate", "crds", "replay", "version"]);
  });

  it.each(OFFLINE)("of %s shows an example that works as it stands", (command) => {
    const directory = join(scratch, `example-${command}`);
    mkdirSync(join(directory, "bin"), { recursive: true });
    symlinkSync(join(root, "config"), join(directory, "config"));
    copyFileSync(join(root, "test/conformance/fsm/hold-time-expires/out.jsonl"), join(directory, "session.jsonl"));
    const script = (name: string, text: string): void => writeFileSync(join(directory, "bin", name), text, { mode: 0o755 });
    script("herald", `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`);
    // No cluster is touched: whatever comes is read to its end.
    script("kubectl", "#!/bin/sh\ncat > kubectl.txt\n");
    const example = herald([command, "--help"]).stdout.trimEnd().split("\n").at(-1)?.trim() ?? "";
    const { status, stdout, stderr } = spawnSync("sh", ["-c", example], {
      cwd: directory,
      encoding: "utf8",
      env: { ...process.env, PATH: `${join(directory, "bin")}:${process.env["PATH"]}` },
    });
    expect([example, status, stderr.replace(/^.*0 errors.*\n/, "")]).toEqual([example, 0, ""]);
    // What validate finds is nothing, and what crds says is read by kubectl.
    expect(stdout === "").toBe(command === "validate" || command === "crds");
  });

  it.each(Object.keys(ELSEWHERE))("of %s shows an example whose flags exist", (command) => {
    const { stdout } = herald([command, "--help"]);
    const example = stdout.trimEnd().split("\n").at(-1) ?? "";
    for (const flag of example.match(/--?[a-z][\w-]*/g) ?? []) expect(stdout.split("Example:")[0]).toContain(flag);
  });

  it("names every command and no hidden one", () => {
    const { stdout } = herald(["--help"]);
    expect(COMMANDS.filter((command) => !new RegExp(`^ {2}${command}\\b`, "m").test(stdout))).toEqual([]);
    expect(stdout).not.toContain("generate");
  });

  it("speaks of kubectl herald when kubectl runs it as its plugin", () => {
    const plugin = join(scratch, "kubectl-herald");
    symlinkSync(program, plugin);
    const { stdout } = spawnSync(process.execPath, [plugin, "plan", "--help"], { encoding: "utf8" });
    expect(stdout).toContain("Usage: kubectl herald plan");
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("  kubectl herald plan config/demo");
  });
});

describe("exit codes", () => {
  const USAGE: readonly (readonly string[])[] = [
    [],
    ["nonsense"],
    ["plan", "--nonsense", demo],
    ["plan", demo, "-o", "xml"],
    ["explain"],
    ["validate"],
    ["peers", "--server", "https://x"],
    ["balance", demo, "--ecmp-width", "0"],
    ["balance", demo, "--ecmp-width", "many"],
    ["balance", "--ecmp-width", "64"],
    ["peers", "-o", "xml"],
    ["events", "--since", "yesterday"],
    ["events", "--since", ""],
    ["explain", "shop/web", demo, "-o", "text"],
    ["demo", "--router", "cisco"],
    ["demo", "-o", "json"],
    ["generate", "poetry"],
  ];
  it.each(USAGE.map((args) => [args.join(" "), args] as const))("2 for wrong use: herald %s", (_, args) => {
    const { status, stdout, stderr } = herald(args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^herald: .+/);
  });

  const FAILED: readonly (readonly string[])[] = [
    ["plan", "/nowhere"],
    ["plan"],
    ["explain", "shop/none", demo],
    ["explain", "192.0.2.99", demo],
    ["balance", "/nowhere"],
    ["balance", demo, "--service", "shop/none"],
    ["balance", "--server", "127.0.0.1:1"],
    ["explain", "shop/web", demo, "--peer", "none"],
    ["explain", "shop/web", join(demo, "services")],
    ["explain", "shop/web", "--server", "127.0.0.1:1"],
    ["plan", demo, "--peer", "none"],
    ["plan", demo, "--against", "live"],
    ["explain", "shop/web", "live"],
    ["balance", "live"],
    ["plan", "--kubeconfig", "/nowhere"],
    ["drain", "node-1"],
    ["undrain", "node-1"],
    ["drain", "node-1", "--wait", "--server", "127.0.0.1:1"],
    ["events", "--server", "unix:/nowhere"],
    ["validate", "/nowhere"],
    ["peers", "--server", "127.0.0.1:1"],
    ["replay", "/nowhere"],
    ["speaker"],
    ["speaker", "--config", "/nowhere"],
    ["speaker", "--directory", "/nowhere", "--admin-listen", "127.0.0.1:0"],
  ];
  it.each(FAILED.map((args) => [args.join(" "), args] as const))("1, one line and no stack, for what failed: herald %s", (_, args) => {
    const { status, stdout, stderr } = herald(args);
    expect([status, stdout]).toEqual([1, ""]);
    const lines = stderr
      .trimEnd()
      .split("\n")
      .filter((line) => !line.startsWith("{"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^herald: [^:]+.*: .+/);
  });

  it("shows the stack with --log-level debug", () => {
    expect(herald(["plan", "/nowhere", "--log-level", "debug"]).stderr).toContain("    at ");
  });

  it("3 when an object was refused, after planning the good ones", () => {
    const file = brokenFile();
    const plan = herald(["plan", file, demo, "-o", "json"]);
    expect(plan.status).toBe(3);
    expect(plan.stderr).toMatch(/broken\.yaml:6:26: error: Service default\/bad spec\.externalTrafficPolicy: .*; allowed: .*Local/);
    expect(JSON.parse(plan.stdout)).toMatchObject({ routes: { length: 43 }, findings: [{ severity: "error", line: 6, column: 26 }] });
    expect(herald(["explain", "shop/web", file, demo]).status).toBe(3);
  });

  it("0 for an address that is not announced: that is an answer", () => {
    const { status, stdout } = herald(["explain", "shop/idle", demo]);
    expect(status).toBe(0);
    expect(stdout).toContain("not announced: noEndpoints");
  });
});

describe("herald validate", () => {
  it("prints a line per finding on stdout and exits 3", () => {
    const { status, stdout } = herald(["validate", brokenFile()]);
    expect(status).toBe(3);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout).toMatch(/^.*broken\.yaml:6:26: error: Service default\/bad spec\.externalTrafficPolicy: /);
  });

  it("counts files, objects and what it ignored as JSON", () => {
    const input = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n";
    expect(json(["validate", "-"], input)).toEqual({ files: 1, objects: 0, ignored: 1, findings: [] });
  });

  it("finds nothing wrong with the demo's cluster", () => {
    expect(json(["validate", demo])).toEqual({ files: 8, objects: 21, ignored: 0, findings: [] });
  });
});

describe("herald plan", () => {
  it("gives the promised JSON, and the same value as YAML", () => {
    const report = json(["plan", demo, "--node", "node-1"]);
    expect(report).toMatchObject({
      routes: { length: 13 },
      assumed: ["families", "nextHop", "dataplane"],
      findings: [],
    });
    expect(Object.keys(Object(report))).toEqual(["routes", "notAnnounced", "assumed", "findings"]);
    expect(herald(["plan", demo, "--node", "node-1", "-o", "yaml"]).stdout).toContain("prefix: 203.0.113.40/32");
  });

  it("fits a terminal of 100 columns", () => {
    const lines = herald(["plan", demo]).stdout.split("\n");
    expect(lines.length).toBeGreaterThan(60);
    expect(lines.filter((line) => [...line].length > 100)).toEqual([]);
    expect(lines[0]).toMatch(/^NODE +PEER +PREFIX +NEXT-HOP +ATTRIBUTES +OWNERS$/);
  });

  it("compares two directories and exits 3 only when asked to", () => {
    const other = join(scratch, "other");
    mkdirSync(join(other, "services"), { recursive: true });
    for (const file of ["nodes.yaml", "advertisements.yaml", "services/web.yaml"]) copyFileSync(join(demo, file), join(other, file));
    const peers = join(other, "peers.yaml");
    copyFileSync(join(demo, "peers.yaml"), peers);
    const args = ["plan", demo, "--against", other];
    const difference = json(args);
    expect(difference).toMatchObject({ announced: { length: 28 }, withdrawn: [], changed: [], sessionsReset: [] });
    // The copy lacks the Service that an advertisement selects: that is no finding of the change.
    expect(difference).toMatchObject({ findings: [] });
    const findings = json(["plan", other, "--against", demo]);
    expect(findings).toMatchObject({ findings: [{ code: "selectsNothing", field: "spec.serviceSelectors" }] });
    expect(herald(args).status).toBe(0);
    expect(herald([...args, "--exit-code"]).status).toBe(3);
    expect(herald(["plan", demo, "--against", demo, "--exit-code"]).status).toBe(0);

    const slow = spawnSync("sed", ["s/holdTime: 9s/holdTime: 30s/", join(demo, "peers.yaml")], { encoding: "utf8" }).stdout;
    writeFileSync(peers, slow);
    const fields = ["holdTime"];
    expect(json(args)).toMatchObject({
      sessionsReset: ["node-1", "node-2", "node-3"].map((node) => ({ node, peer: "tor", fields })),
    });
  });
});

describe("herald explain", () => {
  it("takes a prefix, an address or a name", () => {
    expect(json(["explain", "203.0.113.20/32", demo])).toMatchObject({ subject: { type: "prefix", value: "203.0.113.20/32" } });
    expect(json(["explain", "2001:db8:113:0::20", demo])).toMatchObject({ subject: { type: "address", value: "2001:db8:113::20" } });
    expect(json(["explain", "api", "-n", "shop", demo])).toMatchObject({ subject: { type: "service", value: "shop/api" }, timeline: null });
  });

  it("shows one node and one peer of it where it is asked to", () => {
    const { stdout, status } = herald(["explain", "shop/api", demo, "--node", "node-3", "--peer", "tor"]);
    expect(status).toBe(0);
    expect(stdout.match(/^ +node +node-3$/gm)).toHaveLength(4);
    expect(stdout).not.toMatch(/node-1$/m);
    expect(json(["explain", "203.0.113.20", demo, "--node", "node-1", "--peer", "tor"])).toMatchObject({
      items: [{ node: "node-1", peer: "tor", announced: true }],
    });
    // A node without an object of its own is one without labels or addresses, and said to be so.
    expect(json(["explain", "203.0.113.20", demo, "--node", "node-9"])).toMatchObject({ findings: [{ code: "nodeUnknown" }] });
  });

  it("puts nodes with one answer together, a table each", () => {
    const lines = herald(["explain", "203.0.113.20", demo]).stdout.split("\n");
    expect(lines.filter((line) => [...line].length > 100)).toEqual([]);
    expect(lines).toContain("  nodes           node-1, node-2");
    expect(lines.filter((line) => / 11 +endpoints +[✓✗] /.test(line))).toHaveLength(2);
    expect(herald(["explain", "203.0.113.20", demo, "-o", "wide"]).stdout.match(/^ +11 +endpoints/gm)).toHaveLength(3);
  });

  it("says of a prefix without a Service in it that it is a block", () => {
    const file = join(scratch, "block.yaml");
    const node = "apiVersion: v1\nkind: Node\nmetadata: { name: n }\n";
    writeFileSync(
      file,
      `${node}---\napiVersion: herald.dev/v1alpha1\nkind: BGPAdvertisement\nmetadata: { name: b }\nspec: { blocks: [10.0.0.0/8] }\n`,
    );
    const { status, stdout, stderr } = herald(["explain", "10.0.0.0/8", file]);
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("No Service has an address in 10.0.0.0/8: it is a block of an advertisement.");
  });

  it("gives names of any characters no hold over the terminal, and keeps them whole as data", () => {
    const file = join(scratch, "odd.yaml");
    const name = "n\u001b[31m\u202e日本👍";
    const status = { addresses: [{ type: "InternalIP", address: "10.0.0.9" }], conditions: [{ type: "Ready", status: "True" }] };
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name }, status }));
    for (const args of [
      ["plan", file, demo],
      ["explain", "shop/web", file, demo],
      ["explain", "shop/web", file, demo, "-o", "wide"],
      ["validate", file, file.replace("odd", "broken")],
    ]) {
      const { stdout, stderr } = herald(args);
      expect(`${stdout}${stderr}`.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
    }
    // A name with control characters is refused; one that is merely odd is kept whole.
    const odd = "n日本👍";
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name: odd }, status }));
    const { routes } = Object(json(["plan", file, demo, "--node", odd]));
    expect(routes.length).toBeGreaterThan(0);
    for (const route of routes) expect(route.node).toBe(odd);
    const printed = herald(["plan", file, demo, "--node", odd, "-o", "yaml"]).stdout;
    expect(parseYaml(printed).documents[0]?.value).toEqual(json(["plan", file, demo, "--node", odd]));
  });

  it("gives all seventeen checks for every item", () => {
    const report = json(["explain", "shop/api", demo]);
    const items: unknown = Object(report)["items"];
    if (!Array.isArray(items)) throw new Error("items is no list");
    expect(items).toHaveLength(12);
    for (const item of items) expect(item.checks).toHaveLength(17);
  });
});

describe("herald crds", () => {
  it("prints one CustomResourceDefinition per kind", () => {
    const { status, stdout } = herald(["crds"]);
    expect(status).toBe(0);
    const kinds = [...stdout.matchAll(/^ {4}kind: (\w+)$/gm)].map(([, kind]) => kind);
    expect(kinds).toEqual(expect.arrayContaining(["BGPPeer", "BGPAdvertisement", "Community"]));
    expect(stdout.match(/^kind: CustomResourceDefinition$/gm)?.length).toBe(kinds.length);
  });
});

describe("a reader that goes away", () => {
  it("is no failure: EPIPE on stdout exits 0 without a word", async () => {
    const child = spawn(process.execPath, [program, "crds"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const status = await new Promise((resolve) => child.once("close", resolve));
    expect([status, stderr]).toEqual([0, ""]);
  });
});
