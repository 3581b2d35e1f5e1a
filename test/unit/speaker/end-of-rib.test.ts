import { describe, expect, it } from "vitest";
import { deferralOf, EndOfRib, type EndOfRibPeer } from "../../../src/speaker/end-of-rib.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("when a session may say End-of-RIB (RFC 4724 §4.1)", () => {
  it.each([
    [120, null, 110_000],
    [120, 20_000, 20_000],
    [120, 1000, 5000],
    [120, 3_600_000, 110_000],
    [12, null, 5000],
    [1, null, 5000],
  ])("is %i s of restart time with eorDeferral %s: at the latest after %i ms", (restartTimeSeconds, eorDeferral, millis) => {
    expect(deferralOf(peer("tor", restartTimeSeconds), eorDeferral)).toBe(millis);
  });

  it("is with the first decisions once every gate has had its answer, for every peer there is then and later", () => {
    const { clock, endOfRib, told } = rig();
    const [early, late] = [peer("early"), peer("late")];
    endOfRib.established(early);
    endOfRib.decided([early], true);
    expect(told(early)).toEqual([]);
    endOfRib.decided([early], false);
    expect(told(early)).toEqual(["allowed"]);
    endOfRib.decided([early, late], true);
    expect(told(late)).toEqual(["allowed"]);
    expect(clock.pending).toBe(0);
  });

  it("is after the deferral of the session, although nothing was decided", () => {
    const { clock, endOfRib, told } = rig();
    const tor = peer("tor");
    endOfRib.established(tor);
    clock.advance(60_000);
    // The session came up anew: its router's patience begins anew.
    endOfRib.established(tor);
    clock.advance(109_999);
    expect(told(tor)).toEqual([]);
    clock.advance(1);
    expect(told(tor)).toEqual(["allowed", "flushed"]);
  });

  it("leaves no timer behind", () => {
    const { clock, endOfRib } = rig();
    endOfRib.established(peer("tor"));
    endOfRib.stop();
    expect(clock.pending).toBe(0);
  });
});

const log = new WeakMap<object, string[]>();

function peer(name: string, restartTimeSeconds = 120): EndOfRibPeer {
  const gracefulRestart = { enabled: true, restartTimeSeconds, notification: false, longLivedStaleTimeSeconds: null };
  const calls: string[] = [];
  const made: EndOfRibPeer = {
    name,
    config: { peer: { gracefulRestart } },
    allowEndOfRib: () => void calls.push("allowed"),
    flush: () => void calls.push("flushed"),
  };
  log.set(made, calls);
  return made;
}

function rig() {
  const clock = new FakeClock();
  const endOfRib = new EndOfRib({ clock, deferralMillis: () => null });
  return { clock, endOfRib, told: (one: EndOfRibPeer) => log.get(one) ?? [] };
}
