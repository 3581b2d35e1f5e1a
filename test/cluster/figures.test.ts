import { execFile, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { populatedApiServer } from "../../bench/support/populated-api-server.ts";
import { slice } from "../../bench/support/recorded-objects.ts";
import { clientOf, type ServerAccess } from "../../bench/support/source-clients.ts";
import { systemClock } from "../../src/clock.ts";
import { fieldsOf } from "../../src/kube/fields.ts";
import { KubernetesSource } from "../../src/source/kubernetes/kubernetes-source.ts";
import { slicesIn } from "../support/lab/cluster-kinds.ts";
import { CONTROL_PLANE_NEEDS } from "../support/lab/control-plane-programs.ts";
import { forgetProcess, registerProcess, testDirectory } from "../support/leftovers.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { requireTools } from "../support/requirements.ts";

/** How fast the source is on this machine, for people to read: what is expected is that nothing is lost, never that it was quick. */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LISTS = ["/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"] as const;
/** A machine that has other work too may need many times what it takes alone. */
const PATIENCE_MILLIS = 900_000;

/** Of the recorded server. */
const RECORDED = { services: 10_000, changesPerSecond: 1000, seconds: 5 } as const;
/** Of the real one: as many as it takes in some seconds, and no EndpointSlice changes twice. */
const REAL = { services: 500, changesPerSecond: 100, seconds: 5 } as const;

interface Row {
  readonly how: string;
  readonly [figure: string]: unknown;
}

describe("figures of the source at a recorded API server, over TLS", () => {
  it(
    "reads 10,000 Services and 10,000 EndpointSlices and follows a thousand changes a second without a loss",
    async () => {
      const rows = await bench("source", "figures", ...Object.values(RECORDED).map(String));
      const of = (how: string): Row => {
        const row = rows.find((one) => one.how === how);
        if (row === undefined) throw new Error(`there is no row of ${how}`);
        return row;
      };
      expect(of("source")["objects"]).toBe(of("server")["objects"]);
      expect(Number(of("server")["objects"])).toBeGreaterThan(2 * RECORDED.services);
      for (const how of ["changes, source", "changes, source and planner"]) {
        expect(of(how)).toMatchObject({ equalsServer: true, said: RECORDED.changesPerSecond * RECORDED.seconds });
        expect(of(how)["changes"], how).toBe(of(how)["said"]);
      }
      printed("source, recorded API server", rows, [
        ["curl", "millis"],
        ["source", "millis", "cpuMillis", "worstTurnMillis", "rssMiBPeak"],
        ["informer of client-node", "millis", "cpuMillis", "worstTurnMillis", "rssMiBPeak"],
        ["changes, source", "said", "changes", "p50Millis", "p99Millis", "worstTurnMillis", "cpuPercent"],
        ["changes, source and planner", "said", "changes", "p50Millis", "p99Millis", "worstTurnMillis", "cpuPercent"],
      ]);
    },
    PATIENCE_MILLIS,
  );
});

requireTools(...CONTROL_PLANE_NEEDS, "curl")("figures of the source at a real API server", () => {
  it(
    "ends with what the server has, after the first read and after changes",
    async () => {
      const server = await populatedApiServer(REAL.services);
      const stop = new AbortController();
      const { client } = clientOf(server.access);
      const sink = new ArrivalSink();
      const options = { client, heraldNamespace: "herald-system", serviceProxyName: "", clock: systemClock, random: Math.random };
      const directory = testDirectory("figures");
      let following: Promise<void> = Promise.resolve();
      try {
        const curl = await curled(server.access, directory);
        const began = performance.now();
        following = new KubernetesSource(options).run(sink, stop.signal);
        await sink.until(() => sink.syncedCount === 1);
        const source = performance.now() - began;
        expect(sink.versions("Service")).toEqual(curl.versions("Service"));
        expect(sink.versions("EndpointSlice")).toEqual(curl.versions("EndpointSlice"));
        expect(sink.versions("Service").size).toBeGreaterThanOrEqual(REAL.services);

        const startedAt = await changes(server.admin);
        await sink.until(() => [...startedAt.keys()].every((version) => sink.arrivedAt.has(version)));
        const now = await curled(server.access, directory);
        await sink.until(() => sink.hasAll(now.versions("EndpointSlice")));
        expect(sink.versions("EndpointSlice")).toEqual(now.versions("EndpointSlice"));
        expect(sink.faults).toEqual([]);
        const lags = [...startedAt].map(([version, at]) => (sink.arrivedAt.get(version) ?? Number.NaN) - at).sort((a, b) => a - b);
        expect(lags).toHaveLength(REAL.changesPerSecond * REAL.seconds);

        const objects = 2 * REAL.services;
        const lag = { p50Millis: lags[lags.length >> 1], p99Millis: lags[Math.floor(lags.length * 0.99)] };
        printed(
          "source, real API server",
          [
            { how: "curl", objects, millis: curl.millis },
            { how: "source", objects, millis: source },
            { how: "changes", said: startedAt.size, perSecond: REAL.changesPerSecond, ...lag },
          ],
          [
            ["curl", "objects", "millis"],
            ["source", "objects", "millis"],
            ["changes", "said", "perSecond", "p50Millis", "p99Millis"],
          ],
        );
      } finally {
        stop.abort();
        await following;
        client.close();
        await server.stop();
      }
    },
    PATIENCE_MILLIS,
  );
});

/** Writes the figures to the output of the tests; each of them is there and is a number. */
function printed(title: string, rows: readonly Row[], wanted: readonly (readonly [string, ...string[]])[]): void {
  const lines = wanted.flatMap(([how, ...figures]) =>
    figures.map((figure) => {
      const value = rows.find((row) => row.how === how)?.[figure];
      expect(Number.isFinite(value), `${how}: ${figure} is ${String(value)}`).toBe(true);
      return `  ${how.padEnd(28)} ${figure.padEnd(20)} ${String(Math.round(Number(value) * 10) / 10).padStart(10)}`;
    }),
  );
  expect(lines.length).toBeGreaterThan(5);
  process.stdout.write(`${title}\n${lines.join("\n")}\n`);
}

/** A benchmark as `npm run bench` runs it. */
async function bench(...args: readonly string[]): Promise<readonly Row[]> {
  const child = spawn(process.execPath, ["scripts/bench.mjs", ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  const { pid } = child;
  if (pid !== undefined) registerProcess(pid);
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const status = await new Promise((resolve) => child.once("close", resolve));
  if (pid !== undefined) forgetProcess(pid);
  expect(status, stdout).toBe(0);
  const line = stdout.split("\n").find((text) => text.startsWith("{")) ?? "{}";
  const { result } = fieldsOf(JSON.parse(line));
  if (!Array.isArray(result)) throw new Error(`${args.join(" ")} printed no rows: ${stdout}`);
  return result.map((row) => ({ ...fieldsOf(row), how: String(fieldsOf(row)["how"]) }));
}

type Versions = ReadonlyMap<string, string>;

/** Both lists by curl, which understands nothing of them. */
async function curled({ url, ca, token }: ServerAccess, directory: string) {
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, ca);
  const files = LISTS.map((_, i) => join(directory, `list-${i}.json`));
  const targets = LISTS.flatMap((path, i) => ["-o", files[i] ?? "", `${url}${path}`]);
  const began = performance.now();
  await promisify(execFile)("curl", ["-sSf", "--http2", "-Z", "--cacert", caFile, "-H", `Authorization: Bearer ${token}`, ...targets]);
  const millis = performance.now() - began;
  const lists = files.map((file): unknown => JSON.parse(readFileSync(file, "utf8")));
  const versions = (kind: "Service" | "EndpointSlice"): Versions => {
    const { items } = fieldsOf(lists[kind === "Service" ? 0 : 1]);
    if (!Array.isArray(items)) throw new Error(`the list of ${kind} has no items`);
    return new Map(
      items.map((item): [string, string] => {
        const { namespace, name, resourceVersion } = fieldsOf(fieldsOf(item)["metadata"]);
        return [`${namespace}/${name}`, String(resourceVersion)];
      }),
    );
  };
  return { millis, versions };
}

/** When each version came, beside what a {@link RecordingSink} keeps. */
class ArrivalSink extends RecordingSink {
  /** Monotonic milliseconds by resourceVersion, of EndpointSlices. */
  readonly arrivedAt = new Map<string, number>();
  readonly #versions = { Service: new Map<string, string>(), EndpointSlice: new Map<string, string>() };

  override batch(batch: Parameters<RecordingSink["batch"]>[0]): void {
    const now = performance.now();
    for (const change of batch.changes) {
      const { kind, namespace, name } = change.type === "set" ? { ...change.object.metadata, kind: change.object.kind } : change.ref;
      if (kind !== "Service" && kind !== "EndpointSlice") continue;
      if (change.type === "delete") this.#versions[kind].delete(`${namespace}/${name}`);
      else {
        const { resourceVersion } = change.object.metadata;
        this.#versions[kind].set(`${namespace}/${name}`, resourceVersion);
        if (kind === "EndpointSlice") this.arrivedAt.set(resourceVersion, now);
      }
    }
    super.batch(batch);
  }

  /** `namespace/name` → resourceVersion, as of now. */
  versions(kind: "Service" | "EndpointSlice"): Versions {
    return this.#versions[kind];
  }

  hasAll(slices: Versions): boolean {
    return [...slices].every(([key, version]) => this.#versions.EndpointSlice.get(key) === version);
  }
}

/** Changes one EndpointSlice after the other at the pace of {@link REAL}; resourceVersion → when its request began. */
async function changes(admin: Awaited<ReturnType<typeof populatedApiServer>>["admin"]): Promise<ReadonlyMap<string, number>> {
  const startedAt = new Map<string, number>();
  const { signal } = new AbortController();
  const change = async (index: number): Promise<void> => {
    const { metadata, endpoints } = slice(index, "", false);
    const { namespace, name } = fieldsOf(metadata);
    const at = performance.now();
    const answer = await admin.patch(slicesIn(String(namespace)), String(name), { endpoints }, signal);
    if (!answer.ok) throw new Error(`${String(name)}: ${answer.failure.message}`);
    startedAt.set(String(fieldsOf(fieldsOf(answer.value)["metadata"])["resourceVersion"]), at);
  };
  const pending: Promise<void>[] = [];
  const began = performance.now();
  while (pending.length < REAL.changesPerSecond * REAL.seconds) {
    const due = Math.min(((performance.now() - began) / 1000) * REAL.changesPerSecond, REAL.changesPerSecond * REAL.seconds);
    while (pending.length < due) pending.push(change(pending.length));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await Promise.all(pending);
  return startedAt;
}
