import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { Metrics, type MetricsSource } from "../../../src/metrics.ts";
import { list, record, text } from "../../support/lab/json.ts";
import { testDirectory } from "../../support/leftovers.ts";
import { findProgram, requireTools } from "../../support/requirements.ts";

const FOLDER = new URL("../../../deploy/kustomize/components/monitoring/", import.meta.url).pathname;
/** Of the process and of the target, which Prometheus adds. */
const FOREIGN_METRICS = ["up", "process_resident_memory_bytes", "process_cpu_seconds_total"];
const TARGET_LABELS = ["job", "pod", "node", "component", "instance"];
/** A speaker with something to say in every metric. */
const SOURCE: MetricsSource = {
  measuredPeers: () => [
    {
      ...{ name: "tor", state: "Established", flaps: 0, holdTimeSeconds: 9, announced: { IPv4: 1 }, pending: 0 },
      messages: [{ direction: "sent", type: "update", count: 1 }],
      notifications: [{ direction: "received", code: 6, subcode: 2, count: 1 }],
      updateErrors: { treatAsWithdraw: 0 },
      bfd: { up: true, detections: 0 },
    },
  ],
  decisions: () => [{ announced: true, reason: "", count: 1 }],
  kinds: () => [{ kind: "Service", synced: true, lastEventAgeSeconds: 1 }],
  invalidObjects: () => new Map([["BGPPeer", 1]]),
  sourceRestarts: () => [{ kind: "Service", cause: "Unreachable", count: 1 }],
  drainCauses: () => [{ cause: "taint", drains: false }],
};

const groups = list(record(read("prometheusrule.yaml")["spec"])["groups"]).map(record);
const alerts = groups.flatMap((group) => list(group["rules"]).map(record));
const dashboard = record(JSON.parse(readFileSync(join(FOLDER, "dashboard.json"), "utf8")));
const panels = list(dashboard["panels"]).map(record);
const expressions = [
  ...alerts.map((alert) => text(alert["expr"])),
  ...panels.flatMap((panel) => list(panel["targets"]).map((target) => text(record(target)["expr"]))),
  ...list(record(dashboard["templating"])["list"]).map((variable) => text(record(variable)["query"])),
].filter((expression) => expression !== "prometheus");

describe("alerts and dashboard (deploy/kustomize/components/monitoring)", () => {
  let labels: ReadonlyMap<string, ReadonlySet<string>>;

  beforeAll(async () => {
    labels = await measuredLabels();
  });

  it("ask for metrics that Herald has, by labels that these have", () => {
    expect(alerts.length).toBeGreaterThan(10);
    expect(panels.length).toBeGreaterThan(15);
    let seen = 0;
    for (const expression of expressions) {
      for (const { metric, matchers } of selectorsOf(expression)) {
        seen += 1;
        if (!FOREIGN_METRICS.includes(metric)) expect([...labels.keys()], expression).toContain(metric);
        const known = [...(labels.get(metric) ?? []), ...TARGET_LABELS];
        expect(known, expression).toEqual(expect.arrayContaining([...matchers]));
      }
    }
    expect(seen).toBeGreaterThan(35);
  });

  it("group by labels that some metric of the expression has", () => {
    let seen = 0;
    for (const expression of expressions) {
      const known = new Set([...TARGET_LABELS, ...selectorsOf(expression).flatMap(({ metric }) => [...(labels.get(metric) ?? [])])]);
      for (const [, names = ""] of expression.matchAll(/\b(?:by|without|on) \(([^)]*)\)/g)) {
        seen += 1;
        expect([...known], expression).toEqual(expect.arrayContaining(names.split(", ")));
      }
    }
    expect(seen).toBeGreaterThan(10);
  });

  it("say in words of labels that the alert has", () => {
    for (const alert of alerts) {
      const words = JSON.stringify(alert["annotations"]);
      const named = [...words.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
      const expression = text(alert["expr"]);
      const known = new Set([...TARGET_LABELS, ...selectorsOf(expression).flatMap(({ metric }) => [...(labels.get(metric) ?? [])])]);
      expect([...known], text(alert["alert"])).toEqual(expect.arrayContaining(named));
      expect(words.length, text(alert["alert"])).toBeGreaterThan(60);
    }
  });

  it("have a name and a place of their own each", () => {
    const names = alerts.map((alert) => alert["alert"]);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(panels.map((panel) => panel["id"])).size).toBe(panels.length);
    const cells = panels.flatMap((panel) => {
      const { x, y, w, h } = record(panel["gridPos"]);
      return Array.from(
        { length: Number(w) * Number(h) },
        (_, cell) => `${Number(x) + (cell % Number(w))},${Number(y) + Math.floor(cell / Number(w))}`,
      );
    });
    expect(new Set(cells).size).toBe(cells.length);
  });
});

requireTools("promtool")("the alerts, by promtool", () => {
  const directory = testDirectory("alerts");
  const promtool = findProgram("promtool") ?? "";
  const tests = record(parse(readFileSync(new URL("alerts.promtool.yaml", import.meta.url), "utf8")));

  beforeAll(() => {
    writeFileSync(join(directory, "rules.yaml"), stringify({ groups }));
    writeFileSync(join(directory, "tests.yaml"), stringify({ rule_files: ["rules.yaml"], ...tests }));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("are rules that Prometheus reads", () => {
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "rules", "rules.yaml"], { cwd: directory, encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(stdout).toContain(`${alerts.length} rules found`);
  });

  it("fire when they should, and not before", () => {
    const { status, stdout, stderr } = spawnSync(promtool, ["test", "rules", "tests.yaml"], { cwd: directory, encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
  });

  it("have each a case in which they fire", () => {
    const cases = list(tests["tests"]).flatMap((one) => list(record(one)["alert_rule_test"]).map(record));
    const fired = cases.filter((one) => list(one["exp_alerts"]).length > 0).map((one) => text(one["alertname"]));
    expect([...new Set(fired)].sort()).toEqual(alerts.map((alert) => text(alert["alert"])).sort());
  });
});

/** Every metric that a speaker or a controller writes, with the labels of its series. */
async function measuredLabels(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, Set<string>>();
  const build = { version: "1.2.3", commit: "abc" };
  const speaker = new Metrics(build);
  speaker.setSource(SOURCE);
  speaker.observeConvergence("tor", 1);
  speaker.observePlan(1);
  const controller = new Metrics(build);
  controller.setControllerSource({
    ...SOURCE,
    leading: () => true,
    pools: () => [{ pool: "public", family: "IPv4", assigned: 1, available: 1 }],
  });
  for (const line of `${await speaker.text()}${await controller.text()}`.split("\n")) {
    const [, metric, written = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (metric === undefined) continue;
    const known = found.get(metric) ?? new Set();
    for (const [, label = ""] of written.matchAll(/(\w+)="/g)) known.add(label);
    found.set(metric, known);
  }
  return found;
}

/** The metrics of an expression, each with the labels its braces name. @throws where it asks for none */
function selectorsOf(expression: string): readonly { readonly metric: string; readonly matchers: readonly string[] }[] {
  const found = [...expression.matchAll(/\b(herald_\w+|process_\w+|up\b)(?:\{([^}]*)\})?/g)];
  if (found.length === 0) throw new Error(`no metric in ${expression}`);
  return found.map(([, metric = "", braces = ""]) => ({
    metric,
    matchers: [...braces.matchAll(/(\w+)(?:=~|!=|=)"/g)].map(([, label = ""]) => label),
  }));
}

function read(name: string): Record<string, unknown> {
  return record(parse(readFileSync(join(FOLDER, name), "utf8")));
}
