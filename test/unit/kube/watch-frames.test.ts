import { describe, expect, it } from "vitest";
import { type WatchEvent, WatchLines } from "../../../src/kube/watch-events.ts";
import { WatchFrames } from "../../../src/kube/watch-frames.ts";
import { serviceMessage } from "../../../src/source/kubernetes/messages.ts";
import { frameOf } from "../../support/kube-messages.ts";
import { eventsOf } from "../../support/watch-bodies.ts";

function service(type: string, name: string, resourceVersion: string): Buffer {
  return frameOf(type, "Service", "v1", { metadata: { name, resourceVersion }, spec: { type: "ClusterIP" } });
}

const bookmark = frameOf("BOOKMARK", "Service", "v1", {
  metadata: { resourceVersion: "9", annotations: { "k8s.io/initial-events-end": "true" } },
});

function read(octets: Buffer, size = octets.length, most = 100): readonly WatchEvent[] {
  return eventsOf(new WatchFrames(serviceMessage), octets, size, most);
}

describe("the frames of a watch", () => {
  it("are events, in pieces of any size and as many at a time as are wanted", () => {
    const octets = Buffer.concat([service("ADDED", "ü", "5"), service("DELETED", "b", "6"), bookmark]);
    const expected = [
      { type: "set", resourceVersion: "5", object: { kind: "Service", metadata: { name: "ü" } } },
      { type: "delete", resourceVersion: "6", object: { metadata: { name: "b" } } },
      { type: "bookmark", resourceVersion: "9", initialEventsEnd: true },
    ];
    for (let size = 1; size <= octets.length; size++) expect(read(octets, size), `pieces of ${size}`).toMatchObject(expected);
    for (const most of [1, 2]) expect(read(octets, octets.length, most)).toMatchObject(expected);
    expect(octets.length).toBeGreaterThan(100);
  });

  it("with an ERROR end there, under the name of the status inside", () => {
    const error = frameOf("ERROR", "Status", "v1", { status: "Failure", code: 410, reason: "Expired", message: "too old" });
    expect(read(Buffer.concat([service("ADDED", "a", "5"), error, service("ADDED", "b", "6")]))).toMatchObject([
      { type: "set" },
      { type: "failed", failure: { condition: "Expired", status: 410, message: "too old" } },
    ]);
  });

  it("with an ERROR of no code are what JSON says, which leaves a zero out", () => {
    const fields = { status: "Failure", reason: "Unknown", message: "odd" };
    const lines = new WatchLines();
    lines.push(Buffer.from(`${JSON.stringify({ type: "ERROR", object: { kind: "Status", apiVersion: "v1", ...fields } })}\n`));
    expect(read(frameOf("ERROR", "Status", "v1", { ...fields, code: 0 }))).toEqual(lines.take(1));
  });

  it("that are not events end it too: nothing after them can be believed to be complete", () => {
    const noMagic = service("ADDED", "a", "5");
    noMagic.write("xxxx", noMagic.indexOf("k8s\0"), "latin1");
    const bad = [
      Buffer.from([0, 0, 0, 2, 0xff, 0xff]),
      Buffer.from([0, 0, 0, 0]),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      noMagic,
      service("NEW", "a", "5"),
      service("ADDED", "a", ""),
    ];
    for (const frame of bad)
      expect(read(Buffer.concat([frame, service("ADDED", "b", "6")]))).toMatchObject([
        { type: "failed", failure: { condition: "Malformed" } },
      ]);
    expect(bad.length).toBe(6);
  });

  it("that were cut are noticed at the end", () => {
    const frames = new WatchFrames(serviceMessage);
    frames.push(bookmark.subarray(0, -1));
    expect(frames.take(100)).toEqual([]);
    expect(frames.unfinished).toBe(true);
    frames.push(bookmark.subarray(-1));
    expect(frames.take(100)).toHaveLength(1);
    expect(frames.unfinished).toBe(false);
  });
});
