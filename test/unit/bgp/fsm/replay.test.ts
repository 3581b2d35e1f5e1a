import { describe, expect, it } from "vitest";
import { recordHeader, recordStep } from "../../../../src/bgp/fsm/record.ts";
import { replayLines } from "../../../../src/bgp/fsm/replay.ts";
import type { PeerEvent } from "../../../../src/bgp/fsm/session.ts";
import { END_OF_RIB, FsmDriver, KEEPALIVE, notification, OUR_SETTINGS, routerOpen } from "../../../support/fsm-driver.ts";

/** A driver whose events are written down. */
class Recorded extends FsmDriver {
  readonly lines: string[];
  readonly #peer: string;

  constructor(peer: string, seed: number) {
    super(OUR_SETTINGS, seed);
    this.#peer = peer;
    this.lines = [recordHeader(OUR_SETTINGS, seed, peer)];
  }

  override handle(event: PeerEvent): ReturnType<FsmDriver["handle"]> {
    const at = this.now;
    const actions = super.handle(event);
    this.lines.push(recordStep(at, event, actions, this.#peer));
    return actions;
  }
}

function session(peer: string, seed: number): readonly string[] {
  const driver = new Recorded(peer, seed);
  driver.established();
  driver.message("outgoing", END_OF_RIB);
  driver.advance(60_000.25);
  driver.message("outgoing", KEEPALIVE);
  driver.message("outgoing", notification(6, 5));
  driver.advance(70_000);
  driver.handle({ name: "tcpConnected", slot: "outgoing" });
  driver.handle({ name: "tcpConnected", slot: "incoming" });
  driver.message("incoming", routerOpen());
  driver.handle({ name: "stop", cause: { reason: "adminShutdown", text: "done" } });
  return driver.lines;
}

describe("replay of a recorded session", () => {
  const lines = session("tor-1", 7);

  it("reaches the same actions, chance included", () => {
    expect(replayLines(lines)).toEqual({ steps: lines.length - 1, difference: null });
    expect(lines.length).toBeGreaterThan(12);
  });

  it("keeps apart the peers whose lines are mixed in one file", () => {
    const other = session("tor-2", 8);
    const mixed = lines.flatMap((line, index) => [line, other[index] ?? ""]);
    expect(replayLines(mixed)).toEqual({ steps: lines.length + other.length - 2, difference: null });
  });

  it("names the first step and action that come out otherwise", () => {
    const index = lines.findIndex((line) => line.includes('"name":"established"'));
    const changed = lines.with(index, lines[index]?.replace('"name":"established"', '"name":"refuse"') ?? "");
    const { steps, difference } = replayLines(changed);
    expect(steps).toBe(index);
    expect(difference).toMatchObject({
      line: index + 1,
      peer: "tor-1",
      event: { name: "message" },
      recorded: { name: "refuse" },
      stepped: { name: "established" },
    });
  });

  it("sees an action too many, one too few and another seed", () => {
    const first = lines[1] ?? "";
    const more = lines.with(1, first.replace('"actions":[', '"actions":[{"name":"dial"},'));
    expect(replayLines(more).difference).toMatchObject({ line: 2, action: 0 });
    const none = lines.with(1, first.replace(/"actions":.*$/, '"actions":[]}'));
    expect(replayLines(none).difference).toMatchObject({ line: 2, action: 0, recorded: null });
    expect(replayLines(lines.with(0, recordHeader(OUR_SETTINGS, 8, "tor-1"))).difference).toMatchObject({ line: 2 });
  });

  it("does not mind a last line cut short, but any other", () => {
    const cut = lines.at(-1)?.slice(0, 20) ?? "";
    expect(replayLines([...lines.slice(0, -1), cut, ""]).steps).toBe(lines.length - 2);
    expect(() => replayLines(lines.with(3, cut))).toThrow(/line 4/);
  });

  it("refuses steps of a peer without a header", () => {
    expect(() => replayLines(lines.slice(1))).toThrow(expect.objectContaining({ code: "UNREADABLE" }));
    expect(replayLines([])).toEqual({ steps: 0, difference: null });
  });
});
