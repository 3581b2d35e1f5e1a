/** The process that `bench/source.ts` measures: it reads everything once; the line of JSON that it prints is its result. */
import { createInterface } from "node:readline";
import { systemClock } from "../../src/clock.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { Secret } from "../../src/kube/secret.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../src/plan/change.ts";
import { Planner } from "../../src/plan/planner.ts";
import { KubernetesSource } from "../../src/source/kubernetes/kubernetes-source.ts";
import type { SourceBatch, SourceSink } from "../../src/source/source.ts";
import { Planning } from "../../src/speaker/planning.ts";
import { sliceState } from "./slice-state.ts";
import { cpuMillis, measured, rounded, Stalls, say } from "./stalls.ts";

export interface ServerAccess {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly token?: string;
}

/** How long a client waits for what is on its way: a loss shows as a state that never comes. */
const PATIENCE_MILLIS = 60_000;

/**
 * The source alone, or with the planner behind it. Goes on until its standard input ends, and then says how changes converged; a line `STATE` before makes it
 * wait for that state of the EndpointSlices first.
 */
export async function followSource(access: ServerAccess, plans: boolean): Promise<void> {
  const { client } = clientOf(access);
  const options = { client, heraldNamespace: "herald-system", serviceProxyName: "", clock: systemClock, random: Math.random };
  const source = new KubernetesSource(options);
  const stop = new AbortController();
  const lags: number[] = [];
  let waiting: number[] = [];
  let isSynced = false;
  let objects = 0;
  const versions = new Map<string, string>();
  let complete = (): void => {};
  const completed = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const converged = (): void => {
    const now = (performance.timeOrigin + performance.now()) * 1000;
    for (const said of waiting) lags.push((now - said) / 1000);
    waiting = [];
  };
  const planning = new Planning({
    clock: systemClock,
    planner: new Planner({ ...DEFAULT_PLANNER_OPTIONS, node: "node-1" }),
    meter: () => performance.now(),
    coalesceMillis: () => 5,
    changed: () => {},
    decided: () => {
      converged();
      complete();
    },
  });
  const sink: SourceSink = {
    batch: ({ changes, at }: SourceBatch) => {
      objects += changes.length;
      for (const change of changes) {
        if (change.type !== "set" || change.object.kind !== "EndpointSlice") continue;
        const { namespace, name, resourceVersion } = change.object.metadata;
        versions.set(`${namespace}/${name}`, resourceVersion);
      }
      if (isSynced) for (const change of changes) if (change.type === "set") waiting.push(Number(change.object.metadata.resourceVersion));
      if (plans)
        planning.add(
          changes.map((change) => ({ input: "object", change }) as const),
          at,
        );
      else converged();
    },
    synced: () => {
      isSynced = true;
      if (plans) planning.sync();
      else complete();
    },
    fault: (what, cause) => process.stderr.write(`${what}: ${String(cause)}\n`),
  };
  let ended: Promise<void> = Promise.resolve();
  await measured(
    async () => {
      ended = source.run(sink, stop.signal);
      await completed;
    },
    () => ({ objects }),
  );

  const stalls = new Stalls({ asksCpu: false });
  const from = { cpu: cpuMillis(), at: performance.now() };
  const rss: number[] = [];
  const sampler = setInterval(() => rss.push(process.memoryUsage().rss / 1_048_576), 1000);
  let expected: string | null = null;
  const input = createInterface({ input: process.stdin });
  input.once("line", (state) => {
    expected = state;
  });
  input.once("close", () => void finish());

  async function finish(): Promise<void> {
    clearInterval(sampler);
    stalls.stop();
    const until = performance.now() + PATIENCE_MILLIS;
    const isEqual = (): boolean => expected === null || sliceState(versions) === expected;
    while (!(isEqual() && waiting.length === 0) && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    lags.sort((a, b) => a - b);
    const quarter = Math.floor(rss.length / 4);
    say({
      changes: lags.length,
      ...(expected === null ? {} : { equalsServer: isEqual() }),
      p50Millis: rounded(lags[lags.length >> 1] ?? 0),
      p99Millis: rounded(lags[Math.floor(lags.length * 0.99)] ?? 0),
      worstTurnMillis: rounded(stalls.worstMillis),
      cpuPercent: rounded(((cpuMillis() - from.cpu) / (performance.now() - from.at)) * 100),
      rssMiBFirstQuarter: Math.round(mean(rss.slice(0, quarter))),
      rssMiBLastQuarter: Math.round(mean(rss.slice(-quarter))),
    });
    stop.abort();
    await ended;
    process.exit();
  }
}

export function clientOf({ url, ca, token }: ServerAccess): { readonly client: KubeClient } {
  const tls = { ca, cert: null, key: null, servername: null, verify: true };
  const authorization = token === undefined ? null : new Secret(`Bearer ${token}`);
  const access = { server: new URL(url), tls, authorization, headers: {} };
  return { client: new KubeClient({ credentials: { source: "bench", read: async () => access }, clock: systemClock, userAgent: "bench" }) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
