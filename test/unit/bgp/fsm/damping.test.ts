import { describe, expect, it } from "vitest";
import { DAMPING, dampedWait, FRESH_POLICY, retryMillis, waitAfter } from "../../../../src/bgp/fsm/damping.ts";
import { drawsFrom } from "../../../../src/bgp/fsm/jitter.ts";
import type { Ending } from "../../../../src/bgp/fsm/state.ts";
import { FsmDriver, KEEPALIVE, notification, OUR_SETTINGS, routerOpen } from "../../../support/fsm-driver.ts";

/** Largest distance between the observed distribution and the even one over `low`..`high` (Kolmogorov–Smirnov). */
function distance(samples: readonly number[], low: number, high: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((sample, index) => {
      const expected = (sample - low) / (high - low);
      return Math.max(Math.abs(expected - index / sorted.length), Math.abs(expected - (index + 1) / sorted.length));
    }),
  );
}

/** The 99.9 % bound of that distance. */
const bound = (count: number) => 1.95 / Math.sqrt(count);

/** Times at which `driver` dials while `fail` answers each dial. */
function dials(driver: FsmDriver, count: number, fail: (driver: FsmDriver) => void): readonly number[] {
  driver.handle({ name: "start" });
  const times: number[] = [];
  while (times.length < count) {
    const timer = driver.nextTimer();
    if (timer === null) throw new Error("nothing will ever happen");
    driver.advance(timer.at - driver.now);
    if (driver.stateOf("outgoing") !== "Connect") continue;
    times.push(driver.now);
    fail(driver);
  }
  return times;
}

const refuse = (driver: FsmDriver) => driver.handle({ name: "tcpFailed", slot: "outgoing", why: "connection refused" });
const gapsOf = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0));

describe("dialling (RFC 4271 §8.2.2, ConnectRetryTimer)", () => {
  it("dials first within 200 ms of the start, evenly spread over nodes", () => {
    const samples = Array.from({ length: 1000 }, (_, seed) => dials(new FsmDriver(OUR_SETTINGS, seed), 1, () => {})[0] ?? -1);
    expect(distance(samples, 0, 200)).toBeLessThan(bound(1000));
  });

  it("waits 1, 2, 4, 8, 10, 10 s, each ±25 %, between refused dials", () => {
    const gaps = gapsOf(dials(new FsmDriver(), 8, refuse));
    const bases = [1000, 2000, 4000, 8000, 10_000, 10_000, 10_000];
    expect(gaps).toHaveLength(bases.length);
    for (const [index, base] of bases.entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(base * 0.75);
      expect(gaps[index]).toBeLessThanOrEqual(base * 1.25);
    }
  });

  it("spreads 1,000 retries evenly over 7.5 to 12.5 s (Kolmogorov–Smirnov)", () => {
    const gaps = gapsOf(dials(new FsmDriver(OUR_SETTINGS, 42), 1006, refuse)).slice(4);
    expect(gaps.length).toBeGreaterThanOrEqual(1000);
    expect(distance(gaps, 7500, 12_500)).toBeLessThan(bound(gaps.length));
  });

  it("gives up a dial without an answer after connectTime, naming password, TTL and firewall", () => {
    const driver = new FsmDriver().dialling();
    const before = driver.left("outgoing connectTimeout");
    expect(before).not.toBeNull();
    driver.advance(before ?? 0);
    expect(driver.stateOf("outgoing")).toBe("Active");
    const error = driver.log.map(({ action }) => action).find(({ name }) => name === "error");
    const text = error?.name === "error" ? error.error.text : "";
    expect(text).toContain("password");
    expect(text).toContain("TTL");
    expect(text).toContain("firewall");
  });

  const early: Readonly<Record<string, (driver: FsmDriver) => void>> = {
    "a reset after the handshake": (driver) => {
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      driver.handle({ name: "tcpClosed", slot: "outgoing", why: "connection reset" });
      expect(driver.stateOf("outgoing")).toBe("Active");
    },
    "a close right after the accept": (driver) => {
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      driver.handle({ name: "tcpClosed", slot: "outgoing", why: "closed" });
      expect(driver.stateOf("outgoing")).toBe("Active");
    },
    "a version error": (driver) => {
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      driver.message("outgoing", notification(2, 1));
      expect(driver.stateOf("outgoing")).toBe("Idle");
    },
  };
  it.each(Object.keys(early))("retries after %s without damping", (title) => {
    const gaps = gapsOf(dials(new FsmDriver(), 10, early[title] ?? (() => {})));
    expect(gaps).toHaveLength(9);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(12_500);
  });

  it("is back within 1.25 s after a session is lost, however often", () => {
    const driver = new FsmDriver();
    const gaps = gapsOf(
      dials(driver, 20, () => {
        driver.handle({ name: "tcpConnected", slot: "outgoing" });
        driver.message("outgoing", routerOpen());
        driver.message("outgoing", KEEPALIVE);
        driver.handle({ name: "tcpClosed", slot: "outgoing", why: "closed" });
      }),
    );
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(750);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1250);
  });

  it("never dials when passive", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, passive: true });
    driver.handle({ name: "start" });
    driver.advance(3_600_000);
    expect(driver.log.filter(({ action }) => action.name === "dial")).toEqual([]);
    expect(driver.timers).toEqual([]);
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    driver.handle({ name: "tcpClosed", slot: "incoming", why: "closed" });
    driver.advance(3_600_000);
    expect(driver.log.filter(({ action }) => action.name === "dial")).toEqual([]);
    expect(driver.stateOf("outgoing")).toBe("Active");
  });
});

describe("damping (RFC 4271 §8.1.1)", () => {
  const notified = (code: number, subcode: number) => (driver: FsmDriver) => {
    driver.handle({ name: "tcpConnected", slot: "outgoing" });
    driver.message("outgoing", notification(code, subcode));
  };

  it.each([
    [2, 2],
    [2, 3],
    [2, 6],
    [2, 7],
    [2, 11],
    [6, 1],
    [6, 5],
  ] as const)("waits 60, 120, 240, 300, 300 s after NOTIFICATION %d/%d", (code, subcode) => {
    expect(gapsOf(dials(new FsmDriver(), 6, notified(code, subcode)))).toEqual([60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it("waits as long after an OPEN that we refuse", () => {
    const badAs = (driver: FsmDriver) => {
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      driver.message("outgoing", routerOpen({ localAsn: 64999 }));
    };
    expect(gapsOf(dials(new FsmDriver(), 3, badAs))).toEqual([60_000, 120_000]);
  });

  it.each([
    [6, 2],
    [6, 3],
    [6, 4],
    [6, 6],
    [6, 7],
    [4, 0],
    [3, 1],
    [5, 1],
    [1, 1],
    [0, 0],
  ] as const)("does not wait so long after NOTIFICATION %d/%d", (code, subcode) => {
    expect(Math.max(...gapsOf(dials(new FsmDriver(), 6, notified(code, subcode))))).toBeLessThanOrEqual(12_500);
  });

  it("looks at the reason inside a Hard Reset (RFC 8538)", () => {
    const hard = (driver: FsmDriver) => {
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      driver.message("outgoing", notification(6, 9, [6, 1]));
    };
    expect(gapsOf(dials(new FsmDriver(), 2, hard))).toEqual([60_000]);
  });

  it("is not cut short by a session that comes up only to be refused again", () => {
    const limited = (driver: FsmDriver) => {
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      driver.message("outgoing", routerOpen());
      driver.message("outgoing", KEEPALIVE);
      driver.message("outgoing", notification(6, 1));
    };
    expect(gapsOf(dials(new FsmDriver(), 4, limited))).toEqual([60_000, 120_000, 240_000]);
  });

  it("is forgotten after 300 quiet seconds", () => {
    const refused: Ending = { kind: "notification", direction: "received", code: 6, subcode: 5 };
    const first = waitAfter(FRESH_POLICY, refused, false, 0, drawsFrom(1));
    expect(waitAfter(first.policy, refused, false, 60_000 + DAMPING.forgetMillis, drawsFrom(1)).millis).toBe(120_000);
    expect(waitAfter(first.policy, refused, false, 60_001 + DAMPING.forgetMillis, drawsFrom(1)).millis).toBe(60_000);
  });

  it("does not grow while it lasts: both connections of one attempt count once", () => {
    const first = dampedWait(FRESH_POLICY, 0);
    expect(dampedWait(first.policy, 10).millis).toBe(60_000);
  });

  it("ends when the router connects to us, and the session comes up at once", () => {
    const driver = new FsmDriver().openSent();
    driver.message("outgoing", notification(6, 5));
    expect([driver.stateOf("outgoing"), driver.timers]).toEqual(["Idle", ["idleHold"]]);
    driver.advance(5000);
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    expect(driver.stateOf("incoming")).toBe("OpenSent");
    expect(driver.timers).toEqual(["connectRetry", "incoming hold"]);
    driver.message("incoming", routerOpen());
    driver.message("incoming", KEEPALIVE);
    expect(driver.stateOf("incoming")).toBe("Established");
    expect(driver.timers).toEqual(["incoming hold", "incoming keepalive", "incoming sendHold"]);
  });

  it("ends with a start by hand", () => {
    const driver = new FsmDriver().openSent();
    driver.message("outgoing", notification(6, 5));
    driver.handle({ name: "start" });
    expect(driver.timers).toEqual(["connectRetry"]);
    expect(driver.left("connectRetry")).toBeLessThanOrEqual(1000);
  });

  it("has no retry longer than 12.5 s", () => {
    const draws = drawsFrom(9);
    for (let attempts = 0; attempts < 2000; attempts++)
      expect(retryMillis({ ...FRESH_POLICY, attempts }, draws)).toBeLessThanOrEqual(12_500);
  });
});

describe("words for a router that turns us away", () => {
  it.each([
    [notification(2, 2), "expects another AS number for this node"],
    [notification(2, 6), "holdTime"],
    [notification(6, 1), "maximum-prefix"],
    [notification(6, 3), "no longer has this node"],
    [notification(6, 5), "neighbor's address"],
  ] as const)("say what to check", (message, words) => {
    const driver = new FsmDriver().openSent();
    const actions = driver.message("outgoing", message);
    const error = actions.find(({ name }) => name === "error");
    expect(error?.name === "error" ? error.error.text : "").toContain(words);
  });

  it.each([7, 5])(
    "ask at once for another speaker on this address after a Cease %d, and are sure of it after the third in a row",
    (subcode) => {
      const driver = new FsmDriver();
      const texts: string[] = [];
      dials(driver, 3, () => {
        driver.handle({ name: "tcpConnected", slot: "outgoing" });
        for (const action of driver.message("outgoing", notification(6, subcode)))
          if (action.name === "error") texts.push(action.error.text);
      });
      expect(texts.map((text) => text.includes("is another speaker on this address?"))).toEqual([true, true, true]);
      expect(texts.map((text) => text.includes("another speaker on this address may hold the session"))).toEqual([false, false, true]);
    },
  );
});
