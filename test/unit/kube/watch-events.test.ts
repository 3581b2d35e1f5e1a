import { describe, expect, it } from "vitest";
import { WatchLines } from "../../../src/kube/watch-events.ts";

const added = '{"type":"ADDED","object":{"metadata":{"name":"ü","resourceVersion":"5"}}}\n';
const bookmark = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}\n';

function read(text: string, size = text.length * 4): ReturnType<WatchLines["push"]> {
  const lines = new WatchLines();
  const octets = Buffer.from(text);
  const events = [];
  for (let start = 0; start < octets.length; start += size) events.push(...lines.push(octets.subarray(start, start + size)));
  return events;
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
    expect(lines.push(Buffer.from(added.slice(0, -1)))).toEqual([]);
    expect(lines.unfinished).toBe(true);
    lines.push(Buffer.from("\n"));
    expect(lines.unfinished).toBe(false);
  });
});
