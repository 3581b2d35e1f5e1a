import { describe, expect, it } from "vitest";
import { formatEvents, type NodeEvent } from "../../../src/cli/event-table.ts";
import { textWidth } from "../../../src/cli/terminal-text.ts";

const NOW = Date.parse("2026-03-01T12:00:00.000Z");

function event(more: Partial<NodeEvent>): NodeEvent {
  return {
    node: "node-1",
    at: "2026-03-01T11:59:58.123Z",
    service: "shop/api",
    address: "203.0.113.20",
    peer: null,
    kind: "notAnnounced",
    reason: "noLocalEndpoints",
    text: "no IPv4 endpoint on node-1",
    cause: { kind: "EndpointSlice", name: "shop/api-1", resourceVersion: "4711" },
    ...more,
  };
}

function print(events: readonly NodeEvent[], wide = false): string[] {
  return formatEvents(events, { wide }, NOW).trimEnd().split("\n");
}

describe("events for people", () => {
  it("say when, about what, what and why, which object in which version, and how long to the kernel for each peer", () => {
    const text = "no IPv4 endpoint on node-1; decided after 0.4 ms; handed to the kernel for tor-a after 0.8 ms, tor-b after 15.0 ms";
    expect(print([event({ text })])).toEqual([
      "AT              NODE     SUBJECT        EVENT",
      "11:59:58.123Z   node-1   shop/api       noLocalEndpoints: no IPv4 endpoint on node-1",
      "                         203.0.113.20   by EndpointSlice shop/api-1, version 4711",
      "                                        decided after 0.4 ms",
      "                                        to the kernel: tor-a after 0.8 ms, tor-b after 15.0 ms",
    ]);
  });

  it("say where nothing was sent, where it waits and where there was no session", () => {
    const said = (text: string) =>
      print([event({ text: `x; decided after 1.0 ms${text}`, cause: null })])
        .map((line) => line.slice(38).trim())
        .join(" ");
    expect(said("; nothing to send")).toMatch(/ nothing to send$/);
    expect(said("; waiting for the kernel for tor-a; for tor-b with its next session")).toMatch(
      / to the kernel: tor-a waits for it, tor-b with its next session$/,
    );
  });

  it("join what differs in the peer alone, in the order of the first, and nothing else", () => {
    const announced = (peer: string, millis: string, more = {}) =>
      event({
        peer,
        kind: "announced",
        reason: "",
        cause: null,
        text: `announced by it; decided after 0.4 ms; handed to the kernel for ${peer} after ${millis} ms`,
        ...more,
      });
    const lines = print([announced("tor-a", "0.8"), announced("tor-b", "0.9"), announced("tor-b", "0.9", { address: "203.0.113.21" })]);
    expect(lines.slice(1).map((line) => line.slice(25).trimEnd())).toEqual([
      "shop/api          announced by it",
      "203.0.113.20      decided after 0.4 ms",
      "to tor-a, tor-b   to the kernel: tor-a after 0.8 ms, tor-b after 0.9 ms",
      "shop/api          announced by it",
      "203.0.113.21      decided after 0.4 ms",
      "to tor-b          to the kernel: tor-b after 0.9 ms",
    ]);
  });

  it("name the session or the node where it is about no Service", () => {
    const own = { service: "", address: null, reason: "", cause: null };
    const lines = print([
      event({ ...own, peer: "tor-a", kind: "sessionDown", text: "session ended: hold timer expired" }),
      event({ ...own, kind: "drained", text: "kernel update" }),
    ]);
    expect(lines.slice(1)).toEqual([
      "11:59:58.123Z   node-1   peer tor-a   sessionDown: session ended: hold timer expired",
      "11:59:58.123Z   node-1   this node    drained: kernel update",
    ]);
  });

  it("say the day, too, where not all of it is today's", () => {
    const lines = print([event({ at: "2026-02-27T23:00:00.000Z" }), event({})]);
    expect(lines[1]).toMatch(/^2026-02-27T23:00:00\.000Z {3}node-1/);
    expect(lines.some((line) => line.startsWith("2026-03-01T11:59:58.123Z"))).toBe(true);
  });

  it("fit 100 columns whatever the names", () => {
    const long = "n".repeat(150);
    const lines = print([
      event({ node: "ip-10-0-12-34.eu-west-1.compute.internal", address: "2001:db8:1234:5678:9abc:def0:1234:5678", peer: "tor-a" }),
      event({ at: "2026-02-27T23:00:00.000Z", service: `${long}/${long}`, peer: long, text: `${long}; nothing to send` }),
    ]);
    expect(lines.filter((line) => textWidth(line) > 100)).toEqual([]);
  });

  it("are a line each with -o wide, every value in a column of its own", () => {
    const text = "no endpoint; decided after 0.4 ms; handed to the kernel for tor-a after 0.8 ms, tor-b after 15.0 ms";
    const [header, line, ...rest] = print([event({ text })], true);
    expect(rest).toEqual([]);
    expect(header?.split(/ +/)).toEqual([
      "AT",
      "NODE",
      "SERVICE",
      "ADDRESS",
      "PEER",
      "KIND",
      "REASON",
      "CAUSE",
      "VERSION",
      "DECIDED",
      "HANDED",
      "TEXT",
    ]);
    expect(line?.split(/ {2,}/)).toEqual([
      ...["2026-03-01T11:59:58.123Z", "node-1", "shop/api", "203.0.113.20", "<none>", "notAnnounced", "noLocalEndpoints"],
      ...["EndpointSlice shop/api-1", "4711", "0.4 ms", "tor-a=0.8 ms,tor-b=15.0 ms", "no endpoint"],
    ]);
  });

  it("are nothing for nothing", () => {
    expect(formatEvents([], { wide: false }, NOW)).toBe("");
  });
});
