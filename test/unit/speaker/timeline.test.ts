import { describe, expect, it } from "vitest";
import { type RecordedEvent, Timeline } from "../../../src/speaker/timeline.ts";

const ALL = { service: null, sinceEpochMillis: null };

function event(service: string, n: number, more: Partial<RecordedEvent> = {}): RecordedEvent {
  return {
    atEpochMillis: n * 1000,
    service,
    address: "192.0.2.1",
    peer: null,
    kind: "announced",
    reason: "",
    text: `${n}`,
    cause: null,
    round: null,
    ...more,
  };
}

describe("the timeline (docs/admin-api.md, events)", () => {
  it("keeps the newest event of a quiet subject under the noise of others", () => {
    const timeline = new Timeline({ older: 10, subjects: 100 });
    timeline.add(event("default/quiet", 0));
    for (let n = 1; n <= 1000; n++) timeline.add(event("default/noisy", n));
    expect(timeline.read({ ...ALL, service: "default/quiet" })).toHaveLength(1);
    const noisy = timeline.read({ ...ALL, service: "default/noisy" });
    expect(noisy.map(({ text }) => text)).toEqual(["990", "991", "992", "993", "994", "995", "996", "997", "998", "999", "1000"]);
    expect(timeline.since("default/quiet", "192.0.2.1", null)).toBe(0);
    expect(timeline.since("default/noisy", "192.0.2.1", null)).toBe(1_000_000);
    expect(timeline.since("default/never", "192.0.2.1", null)).toBeNull();
  });

  it("is bounded in subjects too: the one silent longest goes", () => {
    const timeline = new Timeline({ older: 2, subjects: 3 });
    for (let n = 0; n < 5; n++) timeline.add(event(`default/s${n}`, n));
    expect(timeline.read(ALL).map(({ service }) => service)).toEqual(["default/s2", "default/s3", "default/s4"]);
  });

  it("lists newest last, also where older and newest events alternate, and from a moment on", () => {
    const timeline = new Timeline({ older: 10, subjects: 10 });
    for (let n = 0; n < 6; n++) timeline.add(event(n % 2 === 0 ? "default/a" : "default/b", n));
    expect(timeline.read(ALL).map(({ text }) => text)).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(timeline.read({ ...ALL, sinceEpochMillis: 3000 }).map(({ text }) => text)).toEqual(["3", "4", "5"]);
    expect(timeline.read({ ...ALL, limit: 2 }).map(({ text }) => text)).toEqual(["4", "5"]);
  });

  it("says when the bytes went to the kernel, which is known only after the event was written", () => {
    const timeline = new Timeline();
    const round = { at: 0, handedAfter: new Map<string, number>() };
    timeline.add(event("default/a", 1, { text: "2 endpoints here", round }));
    expect(timeline.read(ALL)[0]?.text).toBe("2 endpoints here");
    round.handedAfter.set("tor-1", 0.84);
    round.handedAfter.set("tor-2", 1.26);
    expect(timeline.read(ALL)[0]).toEqual({
      at: "1970-01-01T00:00:01.000Z",
      service: "default/a",
      address: "192.0.2.1",
      peer: null,
      kind: "announced",
      reason: "",
      text: "2 endpoints here; handed to the kernel for tor-1 after 0.8 ms, tor-2 after 1.3 ms",
      cause: null,
    });
  });
});
