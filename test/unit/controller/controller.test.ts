import { describe, expect, it } from "vitest";
import { routeControllerRequest } from "../../../src/admin/controller-routes.ts";
import { Controller, type Elector } from "../../../src/controller/controller.ts";
import type { Duty } from "../../../src/controller/duty.ts";
import { silentLog } from "../../../src/log.ts";
import { Metrics } from "../../../src/metrics.ts";
import type { Source, SourceSink } from "../../../src/source/source.ts";
import { FakeClock } from "../../support/fake-clock.ts";

class FakeSource implements Source {
  sink: SourceSink | null = null;

  async run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    this.sink = sink;
    await aborted(signal);
  }

  state(): ReturnType<Source["state"]> {
    return [{ kind: "Service", synced: false, lastEventAgeMillis: null }];
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function rig(duties: readonly Duty[]) {
  const source = new FakeSource();
  const stop = new AbortController();
  let asked = 0;
  const elector: Elector = {
    run: async (lead, signal) => {
      asked++;
      await lead(signal);
    },
  };
  const controller = new Controller({ source, elector, duties, clock: new FakeClock(), log: silentLog });
  return { source, stop, controller, ended: controller.run(stop.signal), asked: () => asked };
}

describe("the controller", () => {
  it("follows the objects before it leads, and competes only once all were read", async () => {
    const heard: string[] = [];
    const duty: Duty = {
      observe: () => heard.push("observe"),
      lead: async (signal) => {
        heard.push("lead");
        await aborted(signal);
        heard.push("end");
      },
    };
    const { source, stop, controller, ended, asked } = rig([duty]);
    source.sink?.batch({ changes: [], findings: [], at: 0 });
    await settle();
    expect([heard, asked(), controller.ready, controller.waitingFor()]).toEqual([["observe"], 0, false, "the first full state of Service"]);
    source.sink?.synced();
    await settle();
    expect([heard, controller.ready, controller.leading]).toEqual([["observe", "lead"], true, true]);
    stop.abort();
    await ended;
    expect([heard, controller.leading]).toEqual([["observe", "lead", "end"], false]);
  });

  it("ends the other duties when one fails, and then itself with what failed", async () => {
    const ends: string[] = [];
    const failing: Duty = { observe: () => {}, lead: () => Promise.reject(new Error("a bug")) };
    const other: Duty = { observe: () => {}, lead: async (signal) => aborted(signal).then(() => void ends.push("ended")) };
    const { source, ended } = rig([other, failing]);
    const outcome = ended.catch((error: unknown) => String(error));
    source.sink?.synced();
    expect(await outcome).toBe("Error: a bug");
    expect(ends).toEqual(["ended"]);
  });
});

describe("the controller's pages", () => {
  const ask = (target: string, more: { readonly method?: string; readonly metricsOnly?: boolean; readonly ready?: boolean } = {}) =>
    routeControllerRequest(
      { method: more.method ?? "GET", target, body: "", local: true, origin: null, metricsOnly: more.metricsOnly ?? false },
      { ready: () => more.ready ?? true, waitingFor: () => "Services", leading: () => true, summary: () => ["a pool"] },
    );

  it("say whether it lives, has read the objects, and leads", () => {
    expect(ask("/healthz")).toMatchObject({ status: 200, text: "ok\n" });
    expect(ask("/readyz")).toMatchObject({ status: 200 });
    expect(ask("/readyz", { ready: false })).toMatchObject({ status: 503, text: "not ready: Services\n" });
    expect(ask("/")).toMatchObject({ status: 200, text: expect.stringMatching(/leading\n\na pool/) });
    expect(ask("/metrics?x=1")).toEqual({ kind: "metrics" });
  });

  it("are nothing else, take no commands, and on the scrapes' listener no page for people", () => {
    expect(ask("/api/v1/peers")).toMatchObject({ status: 404 });
    expect(ask("/", { metricsOnly: true })).toMatchObject({ status: 404 });
    expect(ask("/healthz", { method: "POST" })).toMatchObject({ status: 405, headers: { Allow: "GET" } });
  });
});

describe("the controller's metrics", () => {
  it("count the addresses of pools by state, and say who leads", async () => {
    const metrics = new Metrics({ version: "1", commit: "c" });
    metrics.setControllerSource({
      kinds: () => [{ kind: "Service", synced: true, lastEventAgeSeconds: 1 }],
      invalidObjects: () => new Map([["IPAddressPool", 1]]),
      sourceRestarts: () => [],
      leading: () => true,
      pools: () => [{ pool: "p", family: "IPv4", assigned: 3, available: 4 }],
    });
    const text = await metrics.text();
    expect(text).toContain("\nherald_leader 1\n");
    expect(text).toContain('herald_pool_addresses{pool="p",family="IPv4",state="assigned"} 3');
    expect(text).toContain('herald_pool_addresses{pool="p",family="IPv4",state="available"} 4');
    expect(text).toContain('herald_source_synced{kind="Service"} 1');
    expect(text).toContain('herald_invalid_objects{kind="IPAddressPool"} 1');
  });
});
