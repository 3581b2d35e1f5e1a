import { describe, expect, it } from "vitest";
import { type StatusTarget, StatusWriter } from "../../../src/kube/status-writer.ts";
import type { LogEvent } from "../../../src/log.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { RecordingKube, refusal, settled } from "../../support/recording-kube.ts";

const resource = { group: "herald.dev", version: "v1alpha1", plural: "bgppeers", namespace: "herald-system" };
const TOR: StatusTarget = { resource, apiVersion: "herald.dev/v1alpha1", kind: "BGPPeer", name: "tor", own: null };
const OWN: StatusTarget = {
  ...TOR,
  resource: { ...resource, plural: "bgpnodestatuses" },
  kind: "BGPNodeStatus",
  name: "node-1",
  own: { metadata: { labels: { a: "b" } } },
};

function rig(): { kube: RecordingKube; log: LogEvent[]; writer: StatusWriter; clock: FakeClock; pass(millis: number): Promise<void> } {
  const clock = new FakeClock();
  const kube = new RecordingKube(clock);
  const log: LogEvent[] = [];
  const writer = new StatusWriter({ client: kube, clock, log: (event) => log.push(event), manager: "herald-test" });
  const pass = async (millis: number): Promise<void> => {
    for (let left = millis; left > 0; left -= 500) {
      clock.advance(Math.min(left, 500));
      await settled();
    }
  };
  return { kube, log, writer, clock, pass };
}

const statuses = (kube: RecordingKube): unknown[] => kube.writes.map(({ object }) => JSON.parse(JSON.stringify(object)).status);

describe("status of objects (server-side apply)", () => {
  it("is applied to the status subresource, with the writer's own manager and nothing of the object", async () => {
    const { kube, writer, pass } = rig();
    writer.want(TOR, { n: 1 });
    await pass(500);
    expect(kube.writes).toEqual([
      {
        verb: "apply",
        plural: "bgppeers",
        namespace: "herald-system",
        name: "tor",
        subresource: "status",
        manager: "herald-test",
        object: {
          apiVersion: "herald.dev/v1alpha1",
          kind: "BGPPeer",
          metadata: { name: "tor", namespace: "herald-system" },
          status: { n: 1 },
        },
        at: 0,
      },
    ]);
  });

  it("is written once in five seconds, and of what changed meanwhile the newest", async () => {
    const { kube, writer, pass } = rig();
    for (let n = 0; n < 100; n++) {
      writer.want(TOR, { n });
      await pass(500);
    }
    await pass(10_000);
    const gaps = kube.writes.slice(1).map(({ at }, i) => at - (kube.writes[i]?.at ?? 0));
    expect(gaps.length).toBeGreaterThan(8);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000);
    expect(statuses(kube).at(-1)).toEqual({ n: 99 });
  });

  it("is not written where nothing changed, or where it changed back in time", async () => {
    const { kube, writer, pass } = rig();
    writer.want(TOR, { n: 1 });
    await pass(500);
    writer.want(TOR, { n: 2 });
    writer.want(TOR, { n: 1 });
    await pass(60_000);
    writer.want(TOR, { n: 1 });
    await pass(60_000);
    expect(kube.writes.length).toBe(1);
  });

  it("that changes back while it is being written is written once more", async () => {
    const { kube, writer, clock, pass } = rig();
    writer.want(TOR, { n: 1 });
    await pass(6000);
    writer.want(TOR, { n: 2 });
    clock.advance(1);
    // The answer comes in a later turn.
    writer.want(TOR, { n: 1 });
    await pass(20_000);
    expect(statuses(kube)).toEqual([{ n: 1 }, { n: 2 }, { n: 1 }]);
  });

  it("waits where it may, unless something urgent comes", async () => {
    const { kube, writer, pass } = rig();
    writer.want(TOR, { n: 1 });
    await pass(6000);
    writer.want(TOR, { n: 2 }, 30_000);
    await pass(20_000);
    expect(kube.writes.length).toBe(1);
    writer.want(TOR, { n: 3 });
    await pass(500);
    expect(statuses(kube)).toEqual([{ n: 1 }, { n: 3 }]);
    writer.want(TOR, { n: 4 }, 30_000);
    await pass(31_000);
    expect(kube.writes.length).toBe(3);
  });

  it("of an own object comes after the object, which is made anew where it was deleted or its fields change", async () => {
    const { kube, writer, pass } = rig();
    writer.want(OWN, { n: 1 });
    await pass(6000);
    writer.want(OWN, { n: 2 });
    await pass(6000);
    const subresources = () => kube.writes.map(({ subresource }) => subresource);
    expect(subresources()).toEqual(["", "status", "status"]);
    expect(kube.writes[0]?.object).toMatchObject({ metadata: { name: "node-1", labels: { a: "b" } } });
    kube.fails = ({ subresource }) => (subresource === "status" ? refusal("NotFound") : null);
    writer.want(OWN, { n: 3 });
    await pass(500);
    kube.fails = () => null;
    await pass(6000);
    expect(subresources()).toEqual(["", "status", "status", "status", "", "status"]);
    writer.want({ ...OWN, own: {} }, { n: 3 });
    await pass(6000);
    expect(subresources().slice(-2)).toEqual(["", "status"]);
  });

  it("of somebody's object that is gone is dropped without a word", async () => {
    const { kube, log, writer, pass } = rig();
    kube.fails = () => refusal("NotFound");
    writer.want(TOR, { n: 1 });
    await pass(600_000);
    expect([kube.writes.length, log.length]).toEqual([1, 0]);
  });

  for (const condition of ["Forbidden", "NotFound", "TooManyRequests", "Unreachable", "Invalid"] as const) {
    it(`that the server does not take (${condition}) costs one line in ten minutes, pauses that grow, and comes when it may`, async () => {
      const { kube, log, writer, pass } = rig();
      kube.fails = () => refusal(condition);
      for (let n = 0; n < 118; n++) {
        writer.want(OWN, { n });
        await pass(5000);
      }
      expect(kube.writes.length).toBeLessThan(12);
      expect(log).toMatchObject([{ event: "kube.writeFailed", what: "bgpnodestatuses", condition }]);
      kube.fails = () => null;
      await pass(600_000);
      expect(statuses(kube).at(-1)).toEqual({ n: 117 });
      expect(log.at(-1)).toMatchObject({ event: "kube.writeMended" });
      expect(log.length).toBeLessThanOrEqual(3);
    });
  }

  it("is written no more once stopped", async () => {
    const { kube, writer, clock, pass } = rig();
    writer.want(TOR, { n: 1 });
    await writer.stop();
    writer.want(TOR, { n: 2 });
    await pass(10_000);
    expect([kube.writes.length, clock.pending]).toEqual([0, 0]);
  });
});
