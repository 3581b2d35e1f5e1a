import { describe, expect, it } from "vitest";
import type { Address } from "../../../src/ip/address.ts";
import { parseAddress, parsePrefix } from "../../../src/ip/parse.ts";
import type { Prefix } from "../../../src/ip/prefix.ts";
import type { PlanChange, Transition } from "../../../src/plan/change.ts";
import { Timeline } from "../../../src/speaker/timeline.ts";
import { recordTransitions, TransitionLog } from "../../../src/speaker/transitions.ts";

function address(text: string): Address {
  const result = parseAddress(text);
  if (!result.ok) throw new Error(text);
  return result.value;
}

function prefix(text: string): Prefix {
  const result = parsePrefix(text, { hostBits: "refuse" });
  if (!result.ok) throw new Error(text);
  return result.value;
}

function transition(service: string, more: Partial<Transition> = {}): Transition {
  const cause = { kind: "EndpointSlice", name: `${service}-1`, resourceVersion: "4711" };
  const line = { service, address: address("192.0.2.1"), peer: null, announced: false, detail: "none", cause, turned: null };
  return { ...line, reason: "noEndpoints", ...more };
}

function changeOf(routes: PlanChange["routes"], transitions: readonly Transition[]): PlanChange {
  return {
    routes,
    peers: [],
    transitions,
    transitionsOmitted: 0,
    probes: [],
    wakeAtMillis: null,
    awaitsGates: false,
    drain: "none",
    pending: 0,
  };
}

/** Texts of what is recorded when the round reached every kernel at 5 ms, by service. */
function record(routes: readonly (readonly [string, string])[], transitions: readonly Transition[]): Record<string, string> {
  const timeline = new Timeline();
  timeline.measureWith({ now: () => 102 });
  const round = {
    at: 100,
    handedAfter: new Map([
      ["tor-1", 5],
      ["tor-2", 7],
    ]),
  };
  const change = changeOf(
    routes.map(([peer, text]) => ({ peer, prefix: prefix(text), attributes: null })),
    transitions,
  );
  recordTransitions(timeline, change, round, 1_000_000);
  const events = timeline.read({ service: null, sinceEpochMillis: null });
  expect(events).toHaveLength(transitions.length);
  return Object.fromEntries(events.map(({ service, text }) => [service, text]));
}

describe("what a round writes into the timeline", () => {
  it("names the object and its version that caused it", () => {
    const timeline = new Timeline();
    const round = { at: 0, handedAfter: new Map() };
    recordTransitions(timeline, changeOf([], [transition("default/a")]), round, 1_000_000);
    expect(timeline.read({ service: null, sinceEpochMillis: null })).toEqual([
      {
        at: "1970-01-01T00:16:40.000Z",
        service: "default/a",
        address: "192.0.2.1",
        peer: null,
        kind: "notAnnounced",
        reason: "noEndpoints",
        text: "none; nothing to send",
        cause: { kind: "EndpointSlice", name: "default/a-1", resourceVersion: "4711" },
      },
    ]);
  });

  it("gives each event the times of the peers that were sent something for it, not of the whole round", () => {
    const texts = record(
      [
        ["tor-1", "192.0.2.1/32"],
        ["tor-2", "192.0.2.1/32"],
        ["tor-1", "192.0.2.2/32"],
      ],
      [
        transition("default/both"),
        transition("default/one", { address: address("192.0.2.2") }),
        transition("default/never", { address: address("192.0.2.3") }),
        transition("default/none", { address: null }),
      ],
    );
    expect(texts).toEqual({
      "default/both": "none; decided after 2.0 ms; handed to the kernel for tor-1 after 5.0 ms, tor-2 after 7.0 ms",
      "default/one": "none; decided after 2.0 ms; handed to the kernel for tor-1 after 5.0 ms",
      "default/never": "none; decided after 2.0 ms; nothing to send",
      "default/none": "none; decided after 2.0 ms; nothing to send",
    });
  });

  it("gives an event about one peer that peer's time alone", () => {
    const texts = record(
      [
        ["tor-1", "192.0.2.1/32"],
        ["tor-2", "192.0.2.1/32"],
      ],
      [transition("default/a", { peer: "tor-2" }), transition("default/b", { peer: "tor-3" })],
    );
    expect(texts).toEqual({
      "default/a": "none; decided after 2.0 ms; handed to the kernel for tor-2 after 7.0 ms",
      "default/b": "none; decided after 2.0 ms; nothing to send",
    });
  });

  it("counts a prefix that covers the address as sent for it, of its own family only", () => {
    const texts = record(
      [
        ["tor-1", "192.0.2.0/24"],
        ["tor-2", "192.0.0.0/16"],
        ["tor-2", "2001:db8::/64"],
      ],
      [
        transition("default/a"),
        transition("default/b", { address: address("2001:db8::1") }),
        transition("default/c", { address: address("2001:db8:1::1") }),
      ],
    );
    expect(texts).toEqual({
      "default/a": "none; decided after 2.0 ms; handed to the kernel for tor-1 after 5.0 ms, tor-2 after 7.0 ms",
      "default/b": "none; decided after 2.0 ms; handed to the kernel for tor-2 after 7.0 ms",
      "default/c": "none; decided after 2.0 ms; nothing to send",
    });
  });
});

describe("the first decisions on a big cluster", () => {
  const round = { at: 0, handedAfter: new Map() };
  const many = (name: string) =>
    changeOf(
      [],
      Array.from({ length: 6000 }, (_, index) => transition(`${name}/${index}`)),
    );

  it("are in the timeline up to ten thousand lines; what comes later is there, however much it is", () => {
    const timeline = new Timeline();
    const log = new TransitionLog(timeline);
    log.record(many("one"), round, 1, true);
    log.record(many("two"), round, 2, true);
    log.record(many("three"), round, 3, false);
    const has = (service: string) => timeline.read({ service, sinceEpochMillis: null }).length;
    expect([has("one/5999"), has("two/0"), has("three/5999")]).toEqual([1, 0, 1]);
  });
});
