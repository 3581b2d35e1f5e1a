import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { parseConfig } from "../../../src/config/file.ts";
import { list, record, text } from "../../support/lab/json.ts";
import { kustomize } from "../../support/lab/kubectl.ts";
import { testDirectory } from "../../support/leftovers.ts";
import { requireTools } from "../../support/requirements.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const FOLDER = join(ROOT, "deploy/kustomize");
/** Every folder that somebody may apply. */
const OVERLAYS = ["overlays/speaker", "overlays/controller", "overlays/monitoring", "examples/rack"];
const VERSION = text(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);

type Manifest = Record<string, unknown>;

/** A container, the Pod it is in, and whether it only prepares. */
interface Container {
  readonly overlay: string;
  readonly pod: Manifest;
  readonly container: Manifest;
  readonly isInitial: boolean;
}

requireTools("kubectl")("the manifests in deploy/kustomize", () => {
  const manifests = new Map<string, readonly Manifest[]>();
  const ofKind = (overlay: string, kind: string): readonly Manifest[] =>
    (manifests.get(overlay) ?? []).filter((one) => one["kind"] === kind);
  const containers = (): readonly Container[] =>
    OVERLAYS.flatMap((overlay) =>
      [...ofKind(overlay, "DaemonSet"), ...ofKind(overlay, "Deployment")].flatMap((workload) => containersOf(overlay, workload)),
    );

  beforeAll(async () => {
    for (const overlay of OVERLAYS) manifests.set(overlay, await kustomize(join(FOLDER, overlay)));
  });

  it("run as nobody, with no capability and a root that is read-only", () => {
    const lasting = containers().filter(({ isInitial }) => !isInitial);
    expect(lasting.length).toBe(7);
    for (const { overlay, pod, container } of lasting) {
      expect(pod["securityContext"], overlay).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(container["securityContext"], overlay).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  it("send router advertisements as root with NET_RAW alone, where that is asked for", async () => {
    const folder = testDirectory("advertising");
    const paths = ["overlays/speaker", "components/router-advertisements"].map((path) => relative(folder, join(FOLDER, path)));
    writeFileSync(join(folder, "kustomization.yaml"), stringify({ resources: [paths[0]], components: [paths[1]] }));
    const workloads = (await kustomize(folder)).filter((one) => one["kind"] === "DaemonSet");
    const advertising = workloads.flatMap((workload) => containersOf("advertising", workload));
    rmSync(folder, { recursive: true });
    expect(advertising.length).toBe(1);
    for (const { pod, container } of advertising) {
      expect(container["securityContext"]).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: false,
        runAsUser: 0,
        capabilities: { drop: ["ALL"], add: ["NET_RAW"] },
      });
      // Its state directory is writable by the group.
      expect(pod["securityContext"]).toMatchObject({ runAsGroup: 65532, fsGroup: 65532 });
    }
  });

  it("have one root, only where it is asked for: to change an owner", () => {
    const initial = containers().filter(({ isInitial }) => isInitial);
    expect(initial.map(({ overlay }) => overlay)).toEqual(["examples/rack"]);
    for (const { container } of initial) {
      expect(container["securityContext"]).toMatchObject({
        runAsUser: 0,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"], add: ["CHOWN"] },
      });
      expect(container["command"]).toEqual(["/nodejs/bin/node", "-e", "require('node:fs').lchownSync('/var/lib/herald', 65532, 65532)"]);
    }
  });

  it("put the speaker into the network of every Linux node, before the pod network and whatever a node is tainted with", () => {
    for (const overlay of OVERLAYS) {
      const [daemonSet, another] = ofKind(overlay, "DaemonSet");
      expect(another).toBeUndefined();
      const spec = record(daemonSet?.["spec"]);
      expect(spec["updateStrategy"]).toEqual({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } });
      expect(podOf(daemonSet ?? {})).toMatchObject({
        hostNetwork: true,
        dnsPolicy: "Default",
        priorityClassName: "system-node-critical",
        nodeSelector: { "kubernetes.io/os": "linux" },
        tolerations: [{ operator: "Exists" }],
      });
    }
  });

  it("ask the speaker on the node's loopback how it is, and the controller on its own port", () => {
    const asked = containers().filter(({ isInitial }) => !isInitial);
    for (const { overlay, pod, container } of asked) {
      const probe = (name: string): unknown => record(record(container[name])["httpGet"]);
      const where = pod["hostNetwork"] === true ? { host: "127.0.0.1", port: 7179 } : { port: "metrics" };
      expect(probe("startupProbe"), overlay).toEqual({ ...where, path: "/healthz" });
      expect(probe("livenessProbe"), overlay).toEqual({ ...where, path: "/healthz" });
      expect(probe("readinessProbe"), overlay).toEqual({ ...where, path: "/readyz" });
    }
  });

  it("configure each process with a file that it reads, and that names the port of its probes", () => {
    let read = 0;
    for (const overlay of OVERLAYS) {
      for (const configMap of ofKind(overlay, "ConfigMap")) {
        const data = record(configMap["data"]);
        if (data["herald.yaml"] === undefined) continue;
        read += 1;
        const config = parseConfig("herald.yaml", text(data["herald.yaml"]), {
          env: { NODE_NAME: "node-1", POD_NAMESPACE: "herald-system" },
        });
        expect(config).toMatchObject({ nodeName: "node-1", namespace: "herald-system", source: { type: "kubernetes" } });
        expect(config.admin.listen).toEqual({ type: "tcp", host: "127.0.0.1", port: 7179 });
        const isController = text(record(configMap["metadata"])["name"]).startsWith("herald-controller");
        const wantsMetrics = isController || overlay === "overlays/monitoring";
        expect(config.admin.metricsListen, overlay).toEqual(wantsMetrics ? { type: "tcp", host: "0.0.0.0", port: 7180 } : null);
      }
    }
    expect(read).toBe(7);
  });

  it("give a stop more time than a drain takes", () => {
    const { drain } = parseConfig("", "", {});
    for (const overlay of OVERLAYS) {
      const seconds = Number(podOf(ofKind(overlay, "DaemonSet")[0] ?? {})["terminationGracePeriodSeconds"]);
      expect(seconds).toBe(30);
      expect(seconds * 1000).toBeGreaterThan(drain.gracePeriodMillis * 2);
    }
  });

  it("keep the state where it outlives the container, and on the node where that is asked for", () => {
    const stateOf = (overlay: string): unknown =>
      list(podOf(ofKind(overlay, "DaemonSet")[0] ?? {})["volumes"])
        .map(record)
        .find(({ name }) => name === "state");
    expect(stateOf("overlays/speaker")).toEqual({ name: "state", emptyDir: { sizeLimit: "256Mi" } });
    expect(stateOf("examples/rack")).toEqual({ name: "state", hostPath: { path: "/var/lib/herald", type: "DirectoryOrCreate" } });
  });

  it("differ with metrics in the port of the metrics alone", () => {
    const file = (path: string): Manifest => record(parse(readFileSync(join(FOLDER, path), "utf8")));
    const { metricsListen, ...admin } = record(file("components/metrics/herald.yaml")["admin"]);
    expect(metricsListen).toBe("0.0.0.0:7180");
    expect(stringify({ ...file("components/metrics/herald.yaml"), admin })).toBe(stringify(file("base/speaker/herald.yaml")));
  });

  it("are labelled, live in a namespace that allows the node's network, and run this version", () => {
    for (const overlay of OVERLAYS) {
      expect(record(ofKind(overlay, "Namespace")[0]?.["metadata"])).toMatchObject({
        name: "herald-system",
        labels: { "pod-security.kubernetes.io/enforce": "privileged" },
      });
      const workloads = [...ofKind(overlay, "DaemonSet"), ...ofKind(overlay, "Deployment")];
      for (const workload of workloads) {
        const labels = record(record(workload["metadata"])["labels"]);
        expect(labels).toMatchObject({
          "app.kubernetes.io/name": "herald",
          "app.kubernetes.io/part-of": "herald",
          "app.kubernetes.io/version": VERSION,
        });
        expect(Object.keys(record(record(record(workload["spec"])["selector"])["matchLabels"])).sort()).toEqual([
          "app.kubernetes.io/component",
          "app.kubernetes.io/instance",
          "app.kubernetes.io/name",
        ]);
      }
    }
    const images = containers().map(({ container }) => text(container["image"]));
    expect(images.filter((image) => !/^registry\.example(\.com\/network)?\/herald:/.test(image) || !image.endsWith(`:${VERSION}`))).toEqual(
      [],
    );
  });

  it("keep one controller when nodes are drained, and let nothing in but questions for metrics and health", () => {
    const [budget] = ofKind("overlays/controller", "PodDisruptionBudget");
    expect(record(budget?.["spec"])["maxUnavailable"]).toBe(1);
    const [controller] = ofKind("overlays/controller", "Deployment");
    expect(record(controller?.["spec"])["replicas"]).toBe(2);
    expect(podOf(controller ?? {})["hostNetwork"]).toBeUndefined();
    const policies = ofKind("overlays/controller", "NetworkPolicy").map((policy) => record(policy["spec"]));
    expect(policies.find((policy) => JSON.stringify(policy["podSelector"]) === "{}")).toEqual({
      podSelector: {},
      policyTypes: ["Ingress"],
    });
    expect(policies.flatMap((policy) => list(policy["ingress"] ?? []))).toEqual([{ ports: [{ port: "metrics", protocol: "TCP" }] }]);
  });
});

describe("deploy/crds/Kustomization", () => {
  it("has no extension, so that kubectl apply -f deploy/crds does not take it for an object", () => {
    const { resources } = record(parse(readFileSync(join(ROOT, "deploy/crds/Kustomization"), "utf8")));
    expect(list(resources).length).toBeGreaterThan(3);
    for (const file of list(resources))
      expect(record(parse(readFileSync(join(ROOT, "deploy/crds", text(file)), "utf8")))["kind"]).toBe("CustomResourceDefinition");
  });
});

function podOf(workload: Manifest): Manifest {
  return record(record(record(workload["spec"])["template"])["spec"]);
}

function containersOf(overlay: string, workload: Manifest): readonly Container[] {
  const pod = podOf(workload);
  const all = (key: string, isInitial: boolean): readonly Container[] =>
    list(pod[key] ?? []).map((container) => ({ overlay, pod, container: record(container), isInitial }));
  return [...all("initContainers", true), ...all("containers", false)];
}
