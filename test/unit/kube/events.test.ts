import { describe, expect, it } from "vitest";
import { type EventSubject, EventWriter, type ObjectEvent } from "../../../src/kube/events.ts";
import type { LogEvent } from "../../../src/log.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RecordingKube, refusal, settled } from "../../support/recording-kube.ts";

const WEB: EventSubject = { apiVersion: "v1", kind: "Service", namespace: "shop", name: "web", uid: "u-1" };
const NODE: EventSubject = { apiVersion: "v1", kind: "Node", namespace: "", name: "node-1", uid: "u-2" };

function announced(regarding: EventSubject, note = "203.0.113.1 is announced"): ObjectEvent {
  return { regarding, type: "Normal", reason: "Announced", action: "Announce", note };
}

function rig(): { clock: FakeClock; kube: RecordingKube; log: LogEvent[]; writer: EventWriter; pass(millis: number): Promise<void> } {
  const clock = new FakeClock();
  const kube = new RecordingKube(clock);
  const log: LogEvent[] = [];
  const writer = new EventWriter({
    client: kube,
    clock,
    log: (event) => log.push(event),
    controller: "herald.dev/speaker",
    instance: "node-1",
    random: () => 0.5,
  });
  /** In small steps: what is written at one moment is answered before the next. */
  const pass = async (millis: number): Promise<void> => {
    for (let left = millis; left > 0; left -= 100) {
      clock.advance(Math.min(left, 100));
      await settled();
    }
  };
  return { clock, kube, log, writer, pass };
}

describe("Events (events.k8s.io/v1)", () => {
  it("are written beside the object they are about, in words that an API server takes", async () => {
    const { kube, writer, pass } = rig();
    writer.emit(announced(WEB, "x".repeat(2000)));
    await pass(100);
    expect(kube.writes).toMatchObject([{ verb: "create", plural: "events", namespace: "shop" }]);
    const body = JSON.parse(JSON.stringify(kube.writes[0]?.object));
    expect(body).toMatchObject({
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { namespace: "shop", name: expect.stringMatching(/^web\.[0-9a-f]+$/) },
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "herald.dev/speaker",
      reportingInstance: "node-1",
      regarding: { apiVersion: "v1", kind: "Service", namespace: "shop", name: "web", uid: "u-1" },
      type: "Normal",
      reason: "Announced",
      action: "Announce",
    });
    expect(body.note.length).toBe(1024);
    expect(body.series).toBeUndefined();
  });

  it("about what has no namespace live in default", async () => {
    const { kube, writer, pass } = rig();
    writer.emit(announced(NODE));
    await pass(100);
    expect(kube.writes).toMatchObject([{ namespace: "default" }]);
    expect(JSON.parse(JSON.stringify(kube.writes[0]?.object)).regarding).not.toHaveProperty("namespace");
  });

  it("that repeat become the series of the first, one write a second at most about one object", async () => {
    const { kube, writer, pass } = rig();
    for (let i = 0; i < 60; i++) {
      writer.emit(announced(WEB));
      writer.emit({ ...announced(WEB), reason: "Withdrawn", action: "Withdraw" });
      await pass(100);
    }
    await pass(3000);
    expect(kube.writes.filter(({ verb }) => verb === "create").length).toBe(2);
    const times = kube.writes.map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(gaps.length).toBeGreaterThan(4);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
    const counts = kube.writes.filter(({ verb }) => verb === "patch").map(({ object }) => JSON.parse(JSON.stringify(object)).series.count);
    expect(Math.max(...counts)).toBe(60);
    expect(writer.waiting).toBe(0);
  });

  it("of a series that the server has forgotten are told anew", async () => {
    const { kube, writer, pass } = rig();
    writer.emit(announced(WEB));
    await pass(1500);
    kube.fails = ({ verb }) => (verb === "patch" ? refusal("NotFound") : null);
    writer.emit(announced(WEB));
    await pass(1500);
    expect(kube.writes.map(({ verb }) => verb)).toEqual(["create", "patch", "create"]);
  });

  it("of many objects at once leave as a burst and then two a second, and no object waits behind another's crowd", async () => {
    const { kube, writer, pass } = rig();
    for (let i = 0; i < 100; i++) writer.emit(announced({ ...WEB, name: `s-${i}`, uid: `u-${i}` }));
    await pass(1000);
    expect(kube.writes.length).toBeGreaterThanOrEqual(10);
    await pass(9000);
    expect(kube.writes.length).toBeLessThanOrEqual(40);
    await pass(40_000);
    expect(new Set(kube.writes.map(({ name }) => name.split(".")[0])).size).toBe(100);
  });

  it("beyond what the queue holds are left out, and one line says so", async () => {
    const { log, writer } = rig();
    for (let i = 0; i < 3000; i++) writer.emit(announced({ ...WEB, name: `s-${i}`, uid: `u-${i}` }));
    for (let i = 0; i < 50; i++) writer.emit(announced({ ...WEB, name: "s-0", uid: "u-0" }, `note ${i}`));
    expect(writer.waiting).toBe(1009);
    expect(log).toMatchObject([{ event: "kube.writeFailed", what: "events (too many at once)" }]);
  });

  it("that the server does not take cost a line in ten minutes, and pauses that grow; those that it may take later come later", async () => {
    const { kube, log, writer, pass } = rig();
    kube.fails = () => refusal("Unreachable");
    writer.emit(announced(WEB));
    await pass(120_000);
    expect(kube.writes.length).toBeLessThan(10);
    expect(log).toMatchObject([{ event: "kube.writeFailed", what: "events", condition: "Unreachable", untold: 0 }]);
    kube.fails = () => null;
    await pass(300_000);
    expect(writer.waiting).toBe(0);
    expect(log.map(({ event }) => event)).toEqual(["kube.writeFailed", "kube.writeMended"]);
  });

  it("that RBAC forbids are dropped", async () => {
    const { kube, log, writer, pass } = rig();
    kube.fails = () => refusal("Forbidden");
    for (let i = 0; i < 5; i++) writer.emit(announced({ ...WEB, name: `s-${i}`, uid: `u-${i}` }));
    await pass(60_000);
    expect([kube.writes.length, writer.waiting, log.length]).toEqual([5, 0, 1]);
  });

  it("are not written once it was stopped", async () => {
    const { clock, kube, writer, pass } = rig();
    writer.emit(announced(WEB));
    writer.stop();
    writer.emit(announced(WEB));
    await pass(1000);
    expect([kube.writes.length, clock.pending]).toEqual([0, 0]);
  });
});
