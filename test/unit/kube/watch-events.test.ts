import { describe, expect, it } from "vitest";
import { type WatchEvent, WatchLines } from "../../../src/kube/watch-events.ts";
import { eventsOf } from "../../support/watch-bodies.ts";

const added = '{"type":"ADDED","object":{"metadata":{"name":"ü","resourceVersion":"5"}}}\n';
const bookmark = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}\n';

function read(text: string, size = text.length * 4, most = 100): readonly WatchEvent[] {
  return eventsOf(new WatchLines(), Buffer.from(text), size, most);
}

describe("the lines of a watch", () => {
  it("are events, in pieces of any size", () => {
    const expected = [
      { type: "set", resourceVersion: "5", object: { metadata: { name: "ü" } } },
      { type: "delete", resourceVersion: "6" },
      { type: "bookmark", resourceVersion: "9", initialEventsEnd: true },
    ];
    const text = `${added}\n${added.replace("ADDED", "DELETED").replace('"5"', '"6"')}${bookmark}`;
    for (const size of [1, 3, 1000]) expect(read(text, size)).toMatchObject(expected);
    expect(read(text, 1000, 1)).toMatchObject(expected);
  });

  it("with an ERROR end there, under the name of the status inside", () => {
    const error = '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n';
    expect(read(`${added}${error}${added}`)).toMatchObject([
      { type: "set" },
      { type: "failed", failure: { condition: "Expired", status: 410, message: "too old" } },
    ]);
  });

  it("that are not events end it too: nothing after them can be believed to be complete", () => {
    const bad = [
      "garbage\n",
      '{"type":"ADDED"}\n',
      '{"type":"ADDED","object":{"metadata":{}}}\n',
      '{"type":"NEW","object":{"metadata":{"resourceVersion":"1"}}}\n',
      "[]\n",
    ];
    for (const line of bad) expect(read(`${line}${added}`), line).toMatchObject([{ type: "failed", failure: { condition: "Malformed" } }]);
    expect(bad.length).toBe(5);
  });

  it("that were cut are noticed at the end", () => {
    const lines = new WatchLines();
    lines.push(Buffer.from(added.slice(0, -1)));
    expect(lines.take(100)).toEqual([]);
    expect(lines.unfinished).toBe(true);
    lines.push(Buffer.from("\n"));
    expect(lines.take(100)).toHaveLength(1);
    expect(lines.unfinished).toBe(false);
  });
});
