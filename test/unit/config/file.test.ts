import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadConfig, parseConfig, type SpeakerConfig } from "../../../src/config/file.ts";
import { formatListenAddress, parseListenAddress } from "../../../src/config/listen-address.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { SpeakerError } from "../../../src/errors.ts";
import { isRecord } from "../../../src/objects/schema.ts";
import { parseYaml } from "../../../src/text/yaml.ts";

const PLAIN = { env: {}, hostname: "host-1" };
const example = fileURLToPath(new URL("../../../config/herald.yaml", import.meta.url));

function parse(text: string, surroundings: Parameters<typeof parseConfig>[2] = PLAIN): SpeakerConfig {
  return parseConfig("herald.yaml", text, surroundings);
}

/** Code and lines of the error. */
function failure(run: () => unknown): { readonly code: string; readonly lines: readonly string[] } {
  try {
    run();
  } catch (error) {
    if (error instanceof SpeakerError) return { code: error.code, lines: error.message.split("\n") };
    throw error;
  }
  throw new Error("nothing was thrown");
}

const DEFAULTS: SpeakerConfig = {
  nodeName: "host-1",
  namespace: "herald-system",
  source: { type: "kubernetes", kubeconfig: "", context: "" },
  bgp: { listen: [], port: 179, routerID: null },
  admin: { listen: { type: "tcp", host: "127.0.0.1", port: 7179 }, metricsListen: null },
  loadBalancerClass: "",
  serviceProxyName: "",
  dataplane: { healthz: "auto" },
  ignoreExcludeLabel: false,
  stateFile: "/var/lib/herald/state.json",
  stateMaxAgeMillis: 3_600_000,
  eorDeferralMillis: null,
  resetSpreadMillis: 30_000,
  announceHoldDown: true,
  weightHoldDownMillis: 10_000,
  weightTolerance: 0.2,
  status: { node: true },
  coalesceMillis: 5,
  shutdown: "auto",
  drain: {
    gracePeriodMillis: 5000,
    prepend: 0,
    on: {
      annotation: true,
      nodeShutdown: true,
      cordon: false,
      taints: ["node.kubernetes.io/out-of-service", "ToBeDeletedByClusterAutoscaler"],
    },
  },
  leaderElection: { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 },
  balance: { ecmpWidth: 64 },
  log: { level: "info", format: "auto" },
  record: null,
};

describe("config/herald.yaml", () => {
  const text = readFileSync(example, "utf8");

  it("is every default, written out", () => {
    expect(loadConfig(example, PLAIN)).toEqual(DEFAULTS);
    expect(parse("")).toEqual(DEFAULTS);
    expect(loadConfig(null, PLAIN)).toEqual(DEFAULTS);
  });

  it("has every key there is", () => {
    const written = keysOf(parseYaml(text).documents[0]?.value);
    const described = describedKeys(configSchema.crd, "");
    expect(described.length).toBeGreaterThan(40);
    expect(described.filter((key) => !written.includes(key))).toEqual(["source.directory"]);
    expect(text).toContain("# directory: ");
  });

  it("says something about every key", () => {
    const lines = text.split("\n");
    const bare = lines.filter((line, i) => /^[a-zA-Z]+:/.test(line) && !line.includes("#") && !groupIsCommented(lines, i));
    expect(bare).toEqual([]);
  });
});

describe("the configuration file", () => {
  it("takes every key in other values", () => {
    const config = parse(`
nodeName: node-a
namespace: bgp
source: { directory: ./cluster }
bgp: { listen: [127.0.0.1, "::1"], port: 0, routerID: 10.0.0.1 }
admin: { listen: "unix:/run/herald.sock", metricsListen: "[::]:9100" }
loadBalancerClass: herald.dev/bgp
serviceProxyName: cilium
dataplane: { healthz: "http://127.0.0.1:10256/healthz" }
ignoreExcludeLabel: true
stateFile: ""
stateMaxAge: 1h30m
eorDeferral: 20s
resetSpread: 0s
announceHoldDown: false
weightHoldDown: 1m
weightTolerance: 0
status: { node: off }
coalesce: 0s
shutdown: withdraw
drain: { gracePeriod: 10s, prepend: 3, on: { annotation: false, nodeShutdown: false, cordon: true, taints: [a] } }
leaderElection: { leaseDuration: 30s, renewDeadline: 20s, retryPeriod: 4s }
balance: { ecmpWidth: 8 }
log: { level: debug, format: json }
record: /tmp/events.jsonl
`);
    expect(config).toMatchObject({
      nodeName: "node-a",
      namespace: "bgp",
      source: { type: "directory", directory: "./cluster" },
      bgp: { listen: [{ family: "IPv4" }, { family: "IPv6" }], port: 0, routerID: 0x0a000001 },
      admin: { listen: { type: "unix", path: "/run/herald.sock" }, metricsListen: { type: "tcp", host: "::", port: 9100 } },
      loadBalancerClass: "herald.dev/bgp",
      serviceProxyName: "cilium",
      dataplane: { healthz: new URL("http://127.0.0.1:10256/healthz") },
      ignoreExcludeLabel: true,
      stateFile: null,
      stateMaxAgeMillis: 5_400_000,
      eorDeferralMillis: 20_000,
      resetSpreadMillis: 0,
      announceHoldDown: false,
      weightHoldDownMillis: 60_000,
      weightTolerance: 0,
      status: { node: false },
      coalesceMillis: 0,
      shutdown: "withdraw",
      drain: { gracePeriodMillis: 10_000, prepend: 3, on: { annotation: false, nodeShutdown: false, cordon: true, taints: ["a"] } },
      leaderElection: { leaseDuration: 30_000, renewDeadline: 20_000, retryPeriod: 4_000 },
      balance: { ecmpWidth: 8 },
      log: { level: "debug", format: "json" },
      record: "/tmp/events.jsonl",
    });
  });

  it("says every problem with its line and column", () => {
    const text = "nodName: x\nbgp:\n  prot: 1\n  port: 70000\nadmin: { listen: localhost:1 }\ncoalesce: 5\nshutdown: never\n";
    const { code, lines } = failure(() => parse(text));
    expect(code).toBe("CONFIG_INVALID");
    expect(lines.map((line) => line.split("; allowed")[0])).toEqual([
      'herald.yaml:1:1: nodName: unknown field "nodName": did you mean nodeName?',
      'herald.yaml:3:3: bgp.prot: unknown field "prot": did you mean port?',
      "herald.yaml:4:9: bgp.port: 70000 is outside 0..65535",
      'herald.yaml:5:18: admin.listen: "localhost:1": write the address, 127.0.0.1 or ::1',
      "herald.yaml:6:11: coalesce: 5 where text (put it in quotes) is expected",
      'herald.yaml:7:11: shutdown: "never" is not known',
    ]);
  });

  const bad: readonly [string, RegExp][] = [
    ["source: { kubernetes: {}, directory: ./x }\n", /^herald\.yaml:1:27: source\.directory: kubernetes and directory exclude each other$/],
    ["source: {}\nsource: {}\n", /^herald\.yaml:2:1: key "source" stands here twice$/],
    ["log:\n\tlevel: info\n", /^herald\.yaml:2:1: .*[Tt]ab/],
    ["nodeName: [\n", /^herald\.yaml:2:1: /],
    ["nodeName: a\n---\nnodeName: b\n", /^herald\.yaml:3:1: a second document/],
    ["[1]\n", /^herald\.yaml:1:1: a list where a mapping is expected/],
    ["weightTolerance: 1.5\n", /1\.5 is not a number in 0\.\.1/],
    ["weightTolerance: 20%\n", /20% is not a number/],
    ["status: { node: maybe }\n", /"maybe" is not known/],
    ["dataplane: { healthz: yes please }\n", /neither auto, off nor an http URL/],
    ["dataplane: { healthz: 'ftp://x/' }\n", /neither auto, off nor an http URL/],
    ["bgp: { listen: [10.0.0.0/8] }\n", /prefix where an address/],
    ["bgp: { routerID: 0.0.0.0 }\n", /not allowed/],
    ["stateMaxAge: forever\n", /"forever" is not a duration/],
    ["drain: { on: { taint: [] } }\n", /unknown field "taint": did you mean taints\?/],
    ["log: { level: warning }\n", /"warning" is not known/],
    ["balance: { ecmpWidth: 0 }\n", /outside/],
    ["leaderElection: { renewDeadline: 15s }\n", /leaseDuration > renewDeadline/],
    ["leaderElection: { retryPeriod: 9s }\n", /retryPeriod/],
  ];

  it("refuses each of these with one line", () => {
    for (const [text, message] of bad) {
      const { code, lines } = failure(() => parse(text));
      expect(code, text).toBe("CONFIG_INVALID");
      expect(lines, text).toHaveLength(1);
      expect(lines[0], text).toMatch(message);
    }
    expect(bad.length).toBe(19);
  });

  it("that is not there or not a file is named", () => {
    const directory = mkdtempSync(join(tmpdir(), "herald-config-"));
    try {
      expect(failure(() => loadConfig(join(directory, "no.yaml"), PLAIN))).toMatchObject({
        code: "UNREADABLE",
        lines: [expect.stringContaining("there is no such file")],
      });
      expect(failure(() => loadConfig(directory, PLAIN))).toMatchObject({
        code: "UNREADABLE",
        lines: [expect.stringContaining("is a directory")],
      });
      const file = join(directory, "herald.yaml");
      writeFileSync(file, "colour: red\n");
      expect(failure(() => loadConfig(file, PLAIN)).lines[0]).toMatch(`${file}:1:1: colour: unknown field`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("flags and environment", () => {
  it("win over the file", () => {
    const flags = {
      nodeName: "flag",
      adminListen: "127.0.0.1:0",
      loadBalancerClass: "x/y",
      logLevel: "warn",
      record: "r.jsonl",
      directory: "d",
    };
    const config = parse("nodeName: file\nsource: { kubernetes: { kubeconfig: k } }\nlog: { level: debug, format: json }\n", {
      ...PLAIN,
      flags,
      env: { NODE_NAME: "env" },
    });
    expect(config).toMatchObject({
      nodeName: "flag",
      source: { type: "directory", directory: "d" },
      admin: { listen: { port: 0 } },
      loadBalancerClass: "x/y",
      log: { level: "warn", format: "json" },
      record: "r.jsonl",
    });
    expect(parse("source: { directory: d }\n", { ...PLAIN, flags: { kubeconfig: "k", context: "c" } }).source).toEqual({
      type: "kubernetes",
      kubeconfig: "k",
      context: "c",
    });
  });

  it("fill in what the file leaves empty", () => {
    const env = { NODE_NAME: "env-node", POD_NAMESPACE: "env-namespace" };
    expect(parse("", { env })).toMatchObject({ nodeName: "env-node", namespace: "env-namespace" });
    expect(parse("nodeName: n\nnamespace: s\n", { env })).toMatchObject({ nodeName: "n", namespace: "s" });
    expect(parse("nodeName: ''\nnamespace: ''\n", PLAIN)).toMatchObject({ nodeName: "host-1", namespace: "herald-system" });
  });

  it("are checked like the keys they replace", () => {
    expect(failure(() => parse("", { ...PLAIN, flags: { logLevel: "loud" } }))).toMatchObject({
      code: "USAGE",
      lines: ['--log-level: "loud" is not known'],
    });
    expect(failure(() => parse("", { ...PLAIN, flags: { adminListen: "7179" } }))).toMatchObject({ code: "USAGE" });
    expect(failure(() => parse("", { ...PLAIN, flags: { directory: "d", kubeconfig: "k" } }))).toMatchObject({ code: "USAGE" });
  });
});

describe("addresses to listen on", () => {
  it("are read and written in one form", () => {
    const good = ["127.0.0.1:7179", "[::1]:0", "0.0.0.0:65535", "unix:/run/h.sock"];
    for (const text of good) {
      const parsed = parseListenAddress(text);
      expect(parsed.ok && formatListenAddress(parsed.value)).toBe(text);
    }
    expect(good.length).toBe(4);
    const bad = [
      "",
      "7179",
      ":7179",
      "127.0.0.1",
      "::1:7179",
      "[127.0.0.1]:1",
      "127.0.0.1:65536",
      "unix:",
      `unix:/${"x".repeat(107)}`,
      "example.org:80",
      "[::1%lo]:1",
    ];
    expect(bad.filter((text) => parseListenAddress(text).ok)).toEqual([]);
  });
});

function keysOf(value: unknown, prefix = ""): readonly string[] {
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${prefix}${key}`, ...keysOf(inner, `${prefix}${key}.`)]);
}

function describedKeys(schema: unknown, prefix: string): readonly string[] {
  const properties = isRecord(schema) ? schema["properties"] : undefined;
  if (!isRecord(properties)) return [];
  return Object.entries(properties).flatMap(([key, inner]) => [`${prefix}${key}`, ...describedKeys(inner, `${prefix}${key}.`)]);
}

/** A comment stands above the key's paragraph, or beside what is in the group. */
function groupIsCommented(lines: readonly string[], index: number): boolean {
  for (let i = index - 1; (lines[i] ?? "") !== ""; i--) if (lines[i]?.startsWith("#") === true) return true;
  return lines[index + 1]?.includes("#") === true;
}
