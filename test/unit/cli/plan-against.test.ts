import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareSides } from "../../../src/cli/plan-against.ts";
import type { PlanDifference } from "../../../src/cli/plan-difference.ts";
import { loadSide } from "../../../src/cli/planned.ts";
import type { Route } from "../../../src/plan/report.ts";
import { parseYaml } from "../../../src/text/yaml.ts";

const program = fileURLToPath(new URL("../../../dist/herald.mjs", import.meta.url));
let scratch = "";

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), `herald-test-${process.pid}-against-`));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

type Raw = Readonly<Record<string, unknown>>;

function ours(kind: string, name: string, spec: Raw): Raw {
  return { apiVersion: "herald.dev/v1alpha1", kind, metadata: { name, namespace: "herald-system" }, spec };
}

function peer(name: string, spec: Raw = {}): Raw {
  const host = 1 + (name.codePointAt(name.length - 1) ?? 0);
  return ours("BGPPeer", name, {
    myASN: 65001,
    peerASN: 65000,
    peerAddress: `192.0.2.${host}`,
    nextHop: { ipv4: "10.0.0.1", ipv6: "fd00::1" },
    ...spec,
  });
}

function advertisement(spec: Raw = {}): Raw {
  return ours("BGPAdvertisement", "all", { communities: ["65000:1"], ...spec });
}

function node(name: string, labels: Raw = {}): Raw {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status: { conditions: [{ type: "Ready", status: "True" }] } };
}

/** A Service announced by every node, and its endpoint. */
function service(name: string, ip: string, spec: Raw = {}): Raw[] {
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop" },
      spec: { type: "LoadBalancer", clusterIPs: [`10.96.0.${name.length}`], ...spec },
      status: { loadBalancer: { ingress: [{ ip }] } },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `${name}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.244.1.1"], nodeName: "node-1", conditions: { ready: true } }],
    },
  ];
}

const BASE: readonly Raw[] = [node("node-1"), node("node-2"), peer("tor-a"), advertisement(), ...service("web", "203.0.113.1")];

let sides = 0;

/** A directory of one file; gives its path. */
function side(objects: readonly Raw[]): string {
  const directory = join(scratch, `side-${++sides}`);
  mkdirSync(directory);
  writeFileSync(join(directory, "objects.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  return directory;
}

/** The object of that kind and name in place of what there was. */
function replace(objects: readonly Raw[], by: Raw): Raw[] {
  const nameOf = (object: Raw) => JSON.stringify([object["kind"], Object(object["metadata"]).name]);
  const others = objects.filter((object) => nameOf(object) !== nameOf(by));
  expect(others).toHaveLength(objects.length - 1);
  return [...others, by];
}

function run(before: readonly Raw[], after: readonly Raw[], ...flags: string[]) {
  const args = ["plan", side(after), "--against", side(before), ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

async function compare(
  before: readonly Raw[],
  after: readonly Raw[],
  filter: { readonly node?: string; readonly peer?: string } = {},
): Promise<PlanDifference> {
  const whole = { heraldNamespace: "herald-system", node: filter.node ?? null, peer: filter.peer ?? null };
  const load = (objects: readonly Raw[]) => loadSide([side(objects)], whole, () => Promise.reject(new Error("no file is the cluster")));
  return compareSides(await load(before), await load(after), whole);
}

/** Where each route goes to: `node peer prefix`. */
function places(routes: readonly Route[]): string[] {
  return routes.map(({ node: at, peer: to, prefix }) => `${at} ${to} ${prefix}`);
}

describe("herald plan PATH… --against OLD", () => {
  it("finds no difference between equal sides, however they are written", () => {
    const same = run(BASE, [...BASE].reverse(), "--exit-code");
    expect(same).toEqual({ status: 0, stdout: "", stderr: "Nothing would change.\n" });
  });

  it("gives the promised JSON, and the same value as YAML", () => {
    const after = [...replace(BASE, advertisement({ communities: ["65000:2"], med: 10 })), ...service("more", "203.0.113.2")];
    const [old, path] = [side(BASE), side(after)];
    const printed = (format: string) =>
      spawnSync(process.execPath, [program, "plan", path, "--against", old, "-o", format], { encoding: "utf8" }).stdout;
    const difference: PlanDifference = JSON.parse(printed("json"));
    expect(Object.keys(difference)).toEqual(["announced", "withdrawn", "changed", "sessionsReset", "findings"]);
    expect(places(difference.announced)).toEqual(["node-1 tor-a 203.0.113.2/32", "node-2 tor-a 203.0.113.2/32"]);
    expect(Object.keys(difference.changed[0] ?? {})).toEqual(["node", "peer", "prefix", "fields", "before", "after"]);
    expect(difference.changed).toMatchObject(
      ["node-1", "node-2"].map((name) => ({
        node: name,
        peer: "tor-a",
        prefix: "203.0.113.1/32",
        fields: ["communities", "med"],
        before: { communities: ["65000:1"], med: null },
        after: { communities: ["65000:2"], med: 10 },
      })),
    );
    expect(parseYaml(printed("yaml")).documents[0]?.value).toEqual(difference);
  });

  it("shows what would change in 100 columns, and how much of it on stderr", () => {
    const after = [...replace(BASE, peer("tor-a", { holdTime: "9s" })), ...service("more", "203.0.113.2")];
    const { stdout, stderr, status } = run(BASE, replace(after, advertisement({ communities: ["65000:2"] })));
    expect(status).toBe(0);
    expect(stderr).toBe("2 announced, 0 withdrawn, 2 changed, 2 sessions reset\n");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines).toContainEqual(expect.stringMatching(/^announce +node-1 +tor-a +203\.0\.113\.2\/32 +65000:2 +shop\/more$/));
    expect(lines).toContainEqual(
      expect.stringMatching(/^change +node-2 +tor-a +203\.0\.113\.1\/32 +communities 65000:1 -> 65000:2 +shop\/web$/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^node-1 +tor-a +holdTime$/));
  });

  it("announces to a peer that is added and withdraws from one that is removed, without a reset", async () => {
    const more = [...BASE, peer("tor-b")];
    const added = await compare(BASE, more);
    expect(places(added.announced)).toEqual(["node-1 tor-b 203.0.113.1/32", "node-2 tor-b 203.0.113.1/32"]);
    expect([added.withdrawn, added.changed, added.sessionsReset]).toEqual([[], [], []]);
    const removed = await compare(more, BASE);
    expect(places(removed.withdrawn)).toEqual(places(added.announced));
    expect([removed.announced, removed.changed, removed.sessionsReset]).toEqual([[], [], []]);
    expect(places((await compare(BASE, more, { peer: "tor-b" })).announced)).toHaveLength(2);
    expect(places((await compare(more, BASE, { peer: "tor-b" })).withdrawn)).toHaveLength(2);
    expect((await compare(BASE, more, { peer: "tor-a" })).announced).toEqual([]);
  });

  it("announces from a node that is added and withdraws from one that is removed", async () => {
    const more = [...BASE, node("node-3")];
    expect(places((await compare(BASE, more)).announced)).toEqual(["node-3 tor-a 203.0.113.1/32"]);
    expect(places((await compare(more, BASE)).withdrawn)).toEqual(["node-3 tor-a 203.0.113.1/32"]);
    // Asked for by name it is no node without labels on the other side: it is not there.
    expect(places((await compare(BASE, more, { node: "node-3" })).announced)).toEqual(["node-3 tor-a 203.0.113.1/32"]);
    expect(places((await compare(more, BASE, { node: "node-3" })).withdrawn)).toEqual(["node-3 tor-a 203.0.113.1/32"]);
    expect(await compare(BASE, more, { node: "node-1" })).toMatchObject({ announced: [], withdrawn: [], changed: [] });
  });

  it("does not count a prefix that changes hands: routers see none of it", () => {
    const other = BASE.map((object): Raw => JSON.parse(JSON.stringify(object).replaceAll('"web', '"new')));
    expect(run(BASE, other, "--exit-code")).toMatchObject({ status: 0, stderr: "Nothing would change.\n" });
  });

  it("names the sessions that would end with the fields that end them, and no others", async () => {
    const reset = async (before: Raw, after: Raw, filter = {}) =>
      (await compare(replace(BASE, peer("tor-a", before)), replace(BASE, peer("tor-a", after)), filter)).sessionsReset;
    const both = (...fields: string[]) => ["node-1", "node-2"].map((name) => ({ node: name, peer: "tor-a", fields }));
    expect(await reset({}, { holdTime: "9s", families: ["IPv4", "IPv6"] })).toEqual(both("holdTime", "families"));
    expect(await reset({}, { peerPort: 1179, peerASN: 65009 })).toEqual(both("peerASN", "peerPort"));
    expect(await reset({}, { connectTime: "9s", announceLimit: 5 })).toEqual([]);
    expect(await reset({}, { adminDown: { reason: "maintenance" } })).toEqual(both("adminDown"));
    // Held down before: there is no session to lose.
    expect(await reset({ adminDown: {} }, { holdTime: "9s" })).toEqual([]);
    expect(await reset({}, { holdTime: "9s" }, { node: "node-2" })).toEqual(both("holdTime").slice(1));
    expect(await reset({}, { holdTime: "9s", nodeSelectors: [{ matchLabels: { rack: "r1" } }] })).toEqual([]);
    const two = await compare([...BASE, peer("tor-b")], [...replace(BASE, peer("tor-a", { holdTime: "9s" })), peer("tor-b")], {
      peer: "tor-b",
    });
    expect(two.sessionsReset).toEqual([]);
  });

  it("exits 3 when an object of PATH was refused; what was wrong in OLD alone is no finding of the change", async () => {
    const broken = replace(BASE, peer("tor-a", { holdTime: "soon" }));
    const mended = run(broken, BASE);
    expect(mended.status).toBe(0);
    expect(mended.stderr).toMatch(/^\S+side-\d+: compared without what has an error there: herald validate \S+ lists them\n/);
    expect((await compare(broken, BASE)).findings).toEqual([]);
    const worse = run(BASE, broken);
    expect(worse.status).toBe(3);
    expect(worse.stderr).toContain("error: BGPPeer herald-system/tor-a spec.holdTime");
    expect((await compare(BASE, broken)).findings).toMatchObject([{ severity: "error", object: { name: "tor-a" } }]);
    // What is wrong on both sides is still wrong in PATH.
    expect(run(broken, broken).status).toBe(3);
  });

  it("withdraws nothing for an object that is refused: its last valid version stays in force", async () => {
    const broken = await compare(BASE, replace(BASE, peer("tor-a", { holdTime: "soon" })));
    expect(broken).toMatchObject({ announced: [], withdrawn: [], changed: [], sessionsReset: [] });
    const [web = {}, slice = {}] = service("web", "203.0.113.1", { externalTrafficPolicy: "Lokal" });
    expect(await compare(BASE, replace(replace(BASE, web), slice))).toMatchObject({ announced: [], withdrawn: [], changed: [] });
    // An object that is not there any more is gone.
    expect(places((await compare(BASE, BASE.slice(0, 4))).withdrawn)).toHaveLength(2);
  });

  it("exits 3 for a difference only with --exit-code", () => {
    const more = [...BASE, ...service("more", "203.0.113.2")];
    expect([run(BASE, more).status, run(BASE, more, "--exit-code").status]).toEqual([0, 3]);
    expect(run(BASE, replace(BASE, peer("tor-a", { holdTime: "9s" })), "--exit-code").status).toBe(3);
  });

  const REFUSED: readonly (readonly [readonly string[], number, string])[] = [
    [
      ["--against", "live"],
      1,
      "herald: live cluster: there is no kubeconfig (KUBECONFIG, ~/.kube/config), and this is not a Pod: name a kubeconfig",
    ],
    [["--against", "/nowhere"], 1, "herald: /nowhere: "],
    [["-", "--against", "-"], 2, "herald: - on both sides: stdin can be read once: name a file or directory"],
    [["--against", "PATH", "--peer", "tor-x"], 1, "herald: --peer tor-x: no BGPPeer of that name: "],
  ];
  it.each(REFUSED)("says in one line why it cannot: %j", (flags, status, words) => {
    const path = side(BASE);
    const outcome = spawnSync(process.execPath, [program, "plan", path, ...flags.map((flag) => (flag === "PATH" ? path : flag))], {
      encoding: "utf8",
      input: "",
      env: { ...process.env, HOME: scratch, KUBECONFIG: "", KUBERNETES_SERVICE_HOST: "" },
    });
    expect([outcome.status, outcome.stdout]).toEqual([status, ""]);
    expect(outcome.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(outcome.stderr).toContain(words);
  });
});
