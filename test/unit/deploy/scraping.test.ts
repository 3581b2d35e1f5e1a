import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../../src/config/file.ts";
import { list, record, text } from "../../support/lab/json.ts";
import { kustomize } from "../../support/lab/kubectl.ts";
import { testDirectory } from "../../support/leftovers.ts";
import { requireTools } from "../../support/requirements.ts";

const FOLDER = new URL("../../../deploy/kustomize/", import.meta.url).pathname;

type Manifest = Record<string, unknown>;

requireTools("kubectl")("who scrapes the metrics (deploy/kustomize/components)", () => {
  let monitored: readonly Manifest[] = [];
  let measured: readonly Manifest[] = [];

  beforeAll(async () => {
    monitored = await kustomize(join(FOLDER, "overlays/monitoring"));
    const folder = testDirectory("metrics");
    const [resource, component] = ["overlays/controller", "components/metrics"].map((path) => relative(folder, join(FOLDER, path)));
    writeFileSync(join(folder, "kustomization.yaml"), stringify({ resources: [resource], components: [component] }));
    measured = await kustomize(folder);
    rmSync(folder, { recursive: true });
  });

  it("finds every Pod of Herald by its labels, and in each the port by its name", () => {
    const monitors = ofKind(monitored, "PodMonitor");
    expect(monitors.length).toBe(1);
    const found: string[] = [];
    for (const monitor of monitors) {
      const { selector, podMetricsEndpoints, namespaceSelector } = record(monitor["spec"]);
      expect(namespaceSelector).toBeUndefined();
      const endpoints = list(podMetricsEndpoints).map(record);
      expect(endpoints.length).toBe(1);
      for (const workload of workloadsOf(monitored)) {
        if (namespaceOf(workload) !== namespaceOf(monitor) || !selects(selector, labelsOf(workload))) continue;
        for (const { port, path } of endpoints) {
          expect(path).toBeUndefined();
          expect(portsOf(workload).filter(({ name }) => name === port)).toMatchObject([
            { containerPort: metricsPortOf(monitored, workload) },
          ]);
          found.push(nameOf(workload));
        }
      }
    }
    expect(found.sort()).toEqual(["herald-controller", "herald-speaker"]);
  });

  it("is let in to Pods that a NetworkPolicy guards", () => {
    const guarded = workloadsOf(monitored).filter((workload) => podOf(workload)["hostNetwork"] !== true);
    expect(guarded.map(nameOf)).toEqual(["herald-controller"]);
    for (const workload of guarded) {
      const policies = ofKind(monitored, "NetworkPolicy").map((policy) => record(policy["spec"]));
      const here = policies.filter(({ podSelector }) => selects(podSelector, labelsOf(workload)));
      const open = here.flatMap(({ ingress }) => list(ingress ?? [])).flatMap((rule) => list(record(rule)["ports"]).map(record));
      expect(open).toEqual([{ port: "metrics", protocol: "TCP" }]);
    }
  });

  it("needs the kinds of the Prometheus Operator for the component monitoring alone", () => {
    const foreign = (manifests: readonly Manifest[]): readonly string[] =>
      manifests.filter(({ apiVersion }) => text(apiVersion).startsWith("monitoring.coreos.com/")).map(({ kind }) => text(kind));
    expect(foreign(monitored)).toEqual(["PodMonitor", "PrometheusRule"]);
    expect(foreign(measured)).toEqual([]);
    const ports = workloadsOf(measured).map((workload) => [nameOf(workload), portsOf(workload), metricsPortOf(measured, workload)]);
    expect(ports.length).toBe(2);
    for (const [name, named, port] of ports) expect(named, text(name)).toMatchObject([{ name: "metrics", containerPort: port }]);
  });
});

function ofKind(manifests: readonly Manifest[], ...kinds: readonly string[]): readonly Manifest[] {
  return manifests.filter(({ kind }) => kinds.includes(text(kind)));
}

function workloadsOf(manifests: readonly Manifest[]): readonly Manifest[] {
  return ofKind(manifests, "DaemonSet", "Deployment");
}

function nameOf(manifest: Manifest): string {
  return text(record(manifest["metadata"])["name"]);
}

function namespaceOf(manifest: Manifest): string {
  return text(record(manifest["metadata"])["namespace"]);
}

function podOf(workload: Manifest): Manifest {
  return record(record(record(workload["spec"])["template"])["spec"]);
}

/** Of its Pods. */
function labelsOf(workload: Manifest): Manifest {
  return record(record(record(record(workload["spec"])["template"])["metadata"])["labels"]);
}

function portsOf(workload: Manifest): readonly Manifest[] {
  return list(podOf(workload)["containers"]).flatMap((container) => list(record(container)["ports"] ?? []).map(record));
}

/** An empty selector selects all. @throws where it asks for more than labels */
function selects(selector: unknown, labels: Manifest): boolean {
  const { matchLabels = {}, ...more } = record(selector);
  if (Object.keys(more).length > 0) throw new Error(`the test cannot judge ${Object.keys(more).join(", ")}`);
  return Object.entries(record(matchLabels)).every(([label, value]) => labels[label] === value);
}

/** Where the process listens for scrapers, by the configuration that is mounted into its Pod. */
function metricsPortOf(manifests: readonly Manifest[], workload: Manifest): number | null {
  const volume = list(podOf(workload)["volumes"])
    .map(record)
    .find(({ name }) => name === "config");
  const name = text(record(volume?.["configMap"])["name"]);
  const configMap = ofKind(manifests, "ConfigMap").find((one) => nameOf(one) === name);
  const env = { NODE_NAME: "node-1", POD_NAMESPACE: "herald-system" };
  const { metricsListen } = parseConfig("herald.yaml", text(record(configMap?.["data"])["herald.yaml"]), { env }).admin;
  return metricsListen !== null && metricsListen.type === "tcp" ? metricsListen.port : null;
}
