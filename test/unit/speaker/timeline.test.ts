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

  it("keeps what a newer event took over from for a day after that, however old it is", () => {
    const timeline = new Timeline();
    const hour = 3600;
    timeline.add(event("default/a", 0, { text: "was so for a week" }));
    timeline.add(event("default/a", 168 * hour, { text: "changed" }));
    const texts = (hours: number) => timeline.read(ALL, hours * hour * 1000).map(({ text }) => text);
    expect(texts(191)).toEqual(["was so for a week", "changed"]);
    expect(texts(193)).toEqual(["changed"]);
    expect(texts(10_000)).toEqual(["changed"]);
    expect(timeline.since("default/a", "192.0.2.1", null)).toBe(168 * hour * 1000);
  });

  it("ages nothing while a clock that was set back catches up", () => {
    const timeline = new Timeline({ olderMillis: 10_000 });
    timeline.add(event("default/a", 100));
    timeline.add(event("default/a", 105));
    timeline.add(event("default/b", 50));
    expect(timeline.read(ALL, 60_000).map(({ text }) => text)).toEqual(["100", "105", "50"]);
    timeline.add(event("default/b", 116));
    expect(timeline.read(ALL).map(({ text }) => text)).toEqual(["105", "50", "116"]);
  });

  it("keeps no older events where it shall keep none", () => {
    const timeline = new Timeline({ older: 0 });
    for (let n = 0; n < 3; n++) timeline.add(event("default/a", n));
    expect(timeline.read(ALL).map(({ text }) => text)).toEqual(["2"]);
  });

  it("survives a flood of a million events: bounded, in order, and the newest of every subject kept", () => {
    const timeline = new Timeline({ older: 1000, subjects: 5000 });
    for (let n = 0; n < 500; n++) timeline.add(event(`default/quiet-${n}`, n));
    for (let n = 500; n < 1_000_000; n++) timeline.add(event(`default/noisy-${n % 4000}`, n / 1000, { text: `${n}` }));
    expect(timeline.size).toBe(5500);
    for (let n = 0; n < 500; n++) expect(timeline.since(`default/quiet-${n}`, "192.0.2.1", null)).toBe(n * 1000);
    for (let n = 996_000; n < 1_000_000; n++) expect(timeline.since(`default/noisy-${n % 4000}`, "192.0.2.1", null)).toBe(n);
    const noisy = timeline.read(ALL).filter(({ service }) => service.startsWith("default/noisy"));
    expect(noisy.map(({ text }) => Number(text))).toEqual(Array.from({ length: 5000 }, (_, i) => 995_000 + i));
  });

  it("forgets what is gone before what is only quiet", () => {
    const timeline = new Timeline({ subjects: 3 });
    timeline.add(event("default/quiet", 0));
    timeline.add(event("default/deleted", 1, { kind: "notAnnounced", reason: "serviceDeleted" }));
    timeline.add(event("default/moved", 2, { kind: "notAnnounced", reason: "noAddress" }));
    timeline.add(event("default/deleted", 3));
    timeline.add(event("default/new", 4));
    expect(timeline.since("default/moved", "192.0.2.1", null)).toBeNull();
    expect(timeline.since("default/quiet", "192.0.2.1", null)).toBe(0);
    timeline.add(event("default/newer", 5));
    expect(timeline.since("default/quiet", "192.0.2.1", null)).toBeNull();
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
    const sent = { round, decidedAfter: 0.44, sentTo: ["tor-1", "tor-2"] };
    timeline.add(event("default/a", 1, { text: "2 endpoints here", ...sent }));
    const text = () => timeline.read(ALL)[0]?.text;
    expect(text()).toBe("2 endpoints here; decided after 0.4 ms; for tor-1, tor-2 with its next session");
    round.handedAfter.set("tor-1", 0.84);
    round.handedAfter.set("tor-2", Number.POSITIVE_INFINITY);
    round.handedAfter.set("tor-3", 0.5);
    expect(text()).toBe(
      "2 endpoints here; decided after 0.4 ms; handed to the kernel for tor-1 after 0.8 ms; waiting for the kernel for tor-2",
    );
    round.handedAfter.set("tor-2", 1.26);
    expect(timeline.read(ALL)[0]).toEqual({
      at: "1970-01-01T00:00:01.000Z",
      service: "default/a",
      address: "192.0.2.1",
      peer: null,
      kind: "announced",
      reason: "",
      text: "2 endpoints here; decided after 0.4 ms; handed to the kernel for tor-1 after 0.8 ms, tor-2 after 1.3 ms",
      cause: null,
    });
  });

  it("says that a refusal of what never was announced sent nothing, and a withdrawal nothing to a peer without a session", () => {
    const timeline = new Timeline();
    const round = { at: 0, handedAfter: new Map([["tor-1", 0.8]]) };
    const refusal = { kind: "notAnnounced", reason: "noEndpoints", text: "no endpoint", round } as const;
    timeline.add(event("default/never", 1, { ...refusal, sentTo: [] }));
    timeline.add(event("default/gone", 2, { ...refusal, sentTo: ["tor-1", "tor-2"] }));
    timeline.add(event("default/down", 3, { ...refusal, sentTo: ["tor-2"] }));
    expect(timeline.read(ALL).map(({ text }) => text)).toEqual([
      "no endpoint; nothing to send",
      "no endpoint; handed to the kernel for tor-1 after 0.8 ms",
      "no endpoint; nothing to send",
    ]);
  });
});
