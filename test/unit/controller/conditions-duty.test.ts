import { describe, expect, it } from "vitest";
import { ConditionsDuty } from "../../../src/controller/conditions-duty.ts";
import type { ListPart } from "../../../src/kube/client.ts";
import type { Outcome } from "../../../src/kube/failure.ts";
import type { Selection } from "../../../src/kube/resource.ts";
import type { WatchEvent } from "../../../src/kube/watch-events.ts";
import { refOf } from "../../../src/objects/check.ts";
import type { ClusterObject, Finding } from "../../../src/objects/kinds.ts";
import { DEFAULT_PLANNER_OPTIONS } from "../../../src/plan/change.ts";
import { advertisement, node, peer } from "../../support/cluster-objects.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RecordingKube, refusal, settled } from "../../support/recording-kube.ts";

/** An API server with objects to list, and watches that a test speaks in. */
class Kube extends RecordingKube {
  readonly items = new Map<string, readonly unknown[]>();
  generation = 7;
  watchFails = false;
  watches = 0;
  readonly #events: (readonly WatchEvent[])[] = [];
  #wake: () => void = () => {};
  #open = 0;

  async *list({ plural, fieldSelector }: Selection): AsyncGenerator<ListPart> {
    const items = fieldSelector === undefined ? (this.items.get(plural) ?? []) : [{ metadata: { generation: this.generation } }];
    yield { type: "items", items };
    yield { type: "end", resourceVersion: "1", continuation: "" };
  }

  watch(_selection: Selection, _query: unknown, signal: AbortSignal): Promise<Outcome<AsyncGenerator<readonly WatchEvent[]>>> {
    this.watches++;
    if (this.watchFails) return Promise.resolve({ ok: false, failure: refusal("Forbidden") });
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    return Promise.resolve({ ok: true, value: this.#stream(signal, ++this.#open) });
  }

  say(...events: readonly WatchEvent[]): void {
    this.#events.push(events);
    this.#wake();
  }

  /** As a server does after a watch's time. */
  endWatch(): void {
    this.#open++;
    this.#wake();
  }

  async *#stream(signal: AbortSignal, turn: number): AsyncGenerator<readonly WatchEvent[]> {
    while (!signal.aborted && this.#open === turn) {
      const next = this.#events.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

function nodeStatus(name: string, peers: Readonly<Record<string, string>>): WatchEvent {
  const status = { peers: Object.entries(peers).map(([peer, state]) => ({ name: peer, state, later: true })), invented: 1 };
  return { type: "set", resourceVersion: "1", object: { metadata: { name }, status } };
}

/** A round takes time here, and goes on when a test says so. */
class SlowClock extends FakeClock {
  readonly turns: (() => void)[] = [];
  #reads = 0;

  override now(): number {
    return super.now() + this.#reads++;
  }

  override immediate(callback: () => void): void {
    this.turns.push(callback);
  }

  /** Turns of the event loop until nobody asks for one more; how many there were. */
  async turn(): Promise<number> {
    for (let count = 0; ; count++) {
      const next = this.turns.shift();
      if (next === undefined) return count;
      next();
      await settled();
    }
  }
}

function rig<C extends FakeClock = FakeClock>(given?: C) {
  const clock = given ?? new FakeClock();
  const kube = new Kube(clock);
  const logged: string[] = [];
  const duty = new ConditionsDuty({
    client: kube,
    clock,
    log: ({ event }) => logged.push(event),
    random: () => 0.5,
    planning: DEFAULT_PLANNER_OPTIONS,
  });
  const observe = (objects: readonly ClusterObject[], findings: readonly Finding[] = []): void =>
    duty.observe({ changes: objects.map((object) => ({ type: "set", object })), findings, at: 0 });
  const pass = async (millis: number): Promise<void> => {
    for (let left = millis; left > 0; left -= 500) {
      clock.advance(Math.min(left, 500));
      await settled();
    }
  };
  const ending = new AbortController();
  const lead = async (): Promise<Promise<void>> => {
    const leading = duty.lead(ending.signal);
    await settled();
    return leading;
  };
  const ready = (name: string): unknown[] =>
    kube.writes
      .filter((write) => write.name === name)
      .map(({ object }) => {
        const { conditions } = JSON.parse(JSON.stringify(object)).status;
        const found = conditions.find(({ type }: { readonly type: string }) => type === "Ready");
        return `${found.status} ${found.reason}`;
      });
  return { clock, kube, logged, duty, observe, pass, lead, ending, ready };
}

const WORLD = [node("n1"), peer("tor", { metadata: { generation: 3 } }), advertisement("all", { metadata: { generation: 2 } })];

describe("the duty of conditions", () => {
  it("writes nothing before it leads; then by server-side apply on the status subresource, with the generation that it saw", async () => {
    const { kube, observe, pass, lead, ending } = rig();
    observe(WORLD);
    await pass(10_000);
    expect(kube.writes).toEqual([]);
    kube.say(nodeStatus("n1", { tor: "Established" }));
    const leading = lead();
    await pass(10_000);
    expect(kube.writes.map(({ verb, plural, name, subresource, manager }) => [verb, plural, name, subresource, manager])).toEqual([
      ["apply", "bgpadvertisements", "all", "status", "herald-controller"],
      ["apply", "bgppeers", "tor", "status", "herald-controller"],
    ]);
    const status = JSON.parse(JSON.stringify(kube.writes[1]?.object)).status;
    expect(status).toMatchObject({ observedGeneration: 3, sessions: "1/1" });
    expect(status.conditions[0]).toEqual({
      type: "Accepted",
      status: "True",
      observedGeneration: 3,
      lastTransitionTime: expect.stringMatching(/^2026-01-01T00:00:\d\dZ$/),
      reason: "Accepted",
      message: "valid, and in force",
    });
    ending.abort();
    await leading;
    observe([peer("tor-2")]);
    await pass(10_000);
    expect(kube.writes.length).toBe(2);
  });

  it("follows what speakers report, ignores what it does not know, and writes an object once in five seconds", async () => {
    const { kube, observe, pass, lead, ending, ready } = rig();
    observe(WORLD);
    const leading = lead();
    for (let i = 0; i < 30; i++) {
      kube.say(nodeStatus("n1", { tor: i % 2 === 0 ? "Established" : "Active" }));
      await pass(1000);
    }
    kube.say(nodeStatus("n1", { tor: "Established" }));
    await pass(10_000);
    const times = kube.writes.filter(({ name }) => name === "tor").map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(gaps.length).toBeGreaterThan(1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000);
    expect(ready("tor").at(-1)).toBe("True Established");
    kube.say({ type: "set", resourceVersion: "2", object: { metadata: { name: "n1" }, status: "nonsense" } });
    await pass(10_000);
    expect(ready("tor").at(-1)).toBe("Unknown NoNodeStatus");
    kube.say(nodeStatus("n1", { tor: "Established" }));
    kube.say({ type: "delete", resourceVersion: "3", object: { metadata: { name: "n1" } } });
    await pass(10_000);
    expect(ready("tor").at(-1)).toBe("Unknown NoNodeStatus");
    ending.abort();
    await leading;
  });

  it("drops what a watch that begins anew no longer says", async () => {
    const { kube, observe, pass, lead, ending, ready } = rig();
    observe(WORLD);
    kube.say(nodeStatus("n1", { tor: "Established" }));
    const leading = lead();
    await pass(10_000);
    kube.endWatch();
    await pass(5000);
    expect([kube.watches, ready("tor")]).toEqual([2, ["True Established"]]);
    await pass(20_000);
    expect(ready("tor").at(-1)).toBe("Unknown NoNodeStatus");
    ending.abort();
    await leading;
  });

  it("takes over from the last leader: nothing is written again, and times go on", async () => {
    const first = rig();
    first.observe(WORLD);
    first.kube.say(nodeStatus("n1", { tor: "Established" }));
    const leading = first.lead();
    await first.pass(10_000);
    first.ending.abort();
    await leading;
    const second = rig();
    for (const { plural, object } of first.kube.writes) second.kube.items.set(plural, [object]);
    second.clock.advance(3_600_000);
    second.observe(WORLD);
    second.kube.say(nodeStatus("n1", { tor: "Established" }));
    const next = second.lead();
    await second.pass(20_000);
    expect(second.kube.writes).toEqual([]);
    second.kube.say(nodeStatus("n1", { tor: "Idle" }));
    await second.pass(10_000);
    const { conditions } = JSON.parse(JSON.stringify(second.kube.writes.find(({ name }) => name === "tor")?.object)).status;
    expect(conditions.map(({ type, lastTransitionTime }: Record<string, string>) => [type, lastTransitionTime?.slice(11, 13)])).toEqual([
      ["Accepted", "00"],
      ["Ready", "01"],
      ["HasWarnings", "00"],
    ]);
    second.ending.abort();
    await next;
  });

  it("asks the server for the generation of a version that was refused", async () => {
    const { kube, observe, pass, lead, ending } = rig();
    const object = { kind: "BGPPeer", namespace: "herald-system", name: "tor" };
    const place = { file: "", line: 0, column: 0, field: "spec.peerAddress" };
    observe(WORLD, [{ severity: "error", code: "invalidValue", object, ...place, message: "is no host's", allowed: "" }]);
    const leading = lead();
    await pass(10_000);
    const { observedGeneration, conditions } = JSON.parse(JSON.stringify(kube.writes.find(({ name }) => name === "tor")?.object)).status;
    expect([observedGeneration, conditions[0].status, conditions[0].reason]).toEqual([7, "False", "InvalidValue"]);
    ending.abort();
    await leading;
  });

  it("says Unknown where the reports may not be read, and one line of it", async () => {
    const { kube, logged, observe, pass, lead, ending, ready } = rig();
    kube.watchFails = true;
    observe(WORLD);
    const leading = lead();
    await pass(300_000);
    expect([ready("tor"), logged]).toEqual([["Unknown NoNodeStatus"], ["kube.writeFailed"]]);
    ending.abort();
    await leading;
  });

  it("forgets an object that is deleted", async () => {
    const { kube, duty, observe, pass, lead, ending } = rig();
    observe(WORLD);
    const leading = lead();
    await pass(10_000);
    duty.observe({ changes: [{ type: "delete", ref: refOf(peer("tor")), resourceVersion: "" }], findings: [], at: 0 });
    const before = kube.writes.length;
    await pass(20_000);
    expect(kube.writes.slice(before).map(({ name }) => name)).toEqual(["all"]);
    ending.abort();
    await leading;
  });

  it("lets others go on during a round, and says of what changed meanwhile only what the next round finds", async () => {
    const slow = new SlowClock();
    const { kube, observe, pass, lead, ending, ready } = rig(slow);
    const towards = (name: string, generation: number) => advertisement("all", { peers: [name], metadata: { generation } });
    const others = Array.from({ length: 50 }, (_, i) => node(`other-${i}`));
    observe([...WORLD, ...others, towards("tor", 2), advertisement("still", { metadata: { generation: 1 } })]);
    const leading = lead();
    for (let i = 0; i < 40 && slow.turns.length === 0; i++) await pass(500);
    expect(slow.turns).toHaveLength(1);
    observe([towards("elsewhere", 3)]);
    expect(await slow.turn()).toBeGreaterThan(10);
    await pass(500);
    expect(ready("still")).toHaveLength(1);
    expect(ready("all")).toEqual([]);
    for (let round = 0; round < 40 && ready("all").length === 0; round++) {
      await pass(1000);
      await slow.turn();
    }
    expect(kube.writes.filter(({ name }) => name === "all").map(({ object }) => JSON.parse(JSON.stringify(object)).status)).toMatchObject([
      { observedGeneration: 3, conditions: expect.arrayContaining([expect.objectContaining({ type: "ResolvedRefs", status: "False" })]) },
    ]);
    ending.abort();
    await slow.turn();
    await leading;
  });

  it("leaves a round that is under way when it stops leading", async () => {
    const slow = new SlowClock();
    const { kube, observe, pass, lead, ending } = rig(slow);
    observe([...WORLD, ...Array.from({ length: 50 }, (_, i) => node(`other-${i}`))]);
    const leading = lead();
    for (let i = 0; i < 40 && slow.turns.length === 0; i++) await pass(500);
    expect(slow.turns).toHaveLength(1);
    ending.abort();
    expect(await slow.turn()).toBeLessThan(3);
    await leading;
    expect(kube.writes).toEqual([]);
  });
});
