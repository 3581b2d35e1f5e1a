import { describe, expect, it } from "vitest";
import { peerStateName } from "../../../../src/bgp/fsm/peer.ts";
import type { SessionSettings, StopCause } from "../../../../src/bgp/fsm/session.ts";
import { shutdownText } from "../../../../src/bgp/wire/notification.ts";
import {
  FsmDriver,
  GRACEFUL,
  KEEPALIVE,
  notification,
  notificationsIn,
  OUR_SETTINGS,
  only,
  routerOpen,
} from "../../../support/fsm-driver.ts";

const SHUTDOWN: StopCause = { reason: "adminShutdown", text: "" };
const N_BIT: SessionSettings["gracefulRestart"] = { ...GRACEFUL, notification: true };

describe("administrative stop (RFC 4271 §8.1.2, RFC 4486)", () => {
  it.each([
    ["stopped", () => new FsmDriver(), []],
    ["Active", () => started(), []],
    ["Connect", () => new FsmDriver().dialling(), []],
    ["OpenSent", () => new FsmDriver().openSent(), ["6/2"]],
    ["OpenConfirm", () => new FsmDriver().openConfirm(), ["6/2"]],
    ["Established", () => new FsmDriver().established(), ["6/2"]],
    ["Established on the router's connection", () => new FsmDriver().established("incoming"), ["6/2"]],
    ["damped", () => damped(), []],
  ] as const)("in %s sends Cease 2 only where an OPEN was sent, and leaves no timer", (_state, make, expected) => {
    const driver = make();
    expect(notificationsIn(driver.handle({ name: "stop", cause: SHUTDOWN }))).toEqual(expected);
    expect([driver.stateOf("outgoing"), driver.stateOf("incoming"), driver.timers]).toEqual(["Idle", "Idle", []]);
    driver.advance(3_600_000);
    expect(driver.stateOf("outgoing")).toBe("Idle");
    expect(driver.handle({ name: "tcpConnected", slot: "incoming" })).toEqual([{ name: "refuse" }]);
  });

  it("stops both connections of a collision", () => {
    const driver = new FsmDriver().openSent();
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    expect(notificationsIn(driver.handle({ name: "stop", cause: SHUTDOWN }))).toEqual(["6/2", "6/2"]);
    expect(driver.timers).toEqual([]);
  });

  it("starts with fresh counters", () => {
    const driver = damped();
    driver.handle({ name: "stop", cause: SHUTDOWN });
    driver.handle({ name: "start" });
    expect(driver.left("connectRetry")).toBeLessThanOrEqual(1000);
    expect(driver.state.policy.attempts).toBe(0);
  });

  it("carries the operator's words (RFC 9003)", () => {
    const [sent] = only(
      new FsmDriver().established().handle({ name: "stop", cause: { reason: "adminShutdown", text: "node drain" } }),
      "send",
    );
    expect(sent?.message.name === "notification" && shutdownText(sent.message)).toBe("node drain");
  });

  it.each([
    ["adminShutdown", "6/2", "6/9 0602", true],
    ["deconfigured", "6/3", "6/9 0603", true],
    ["adminReset", "6/4", "6/4", false],
    ["configChange", "6/6", "6/6", false],
    ["bfdDown", "6/10", "6/9 060a", false],
    ["prefixLimit", "6/1", "6/1", false],
  ] as const)("%s sends %s, and %s where both sides have the N bit (RFC 8538)", (reason, plain, withN, stays) => {
    const cause: StopCause = { reason, text: "" };
    const driver = new FsmDriver().established();
    expect(notificationsIn(driver.handle({ name: "stop", cause }))).toEqual([plain]);
    expect(driver.state.started).toBe(!stays);
    expect(driver.timers).toEqual(stays ? [] : ["idleHold"]);
    const both = new FsmDriver({ ...OUR_SETTINGS, gracefulRestart: N_BIT }).established("outgoing", routerOpen({ gracefulRestart: N_BIT }));
    expect(notificationsIn(both.handle({ name: "stop", cause }))).toEqual([withN]);
    const oneSided = new FsmDriver({ ...OUR_SETTINGS, gracefulRestart: GRACEFUL }).established(
      "outgoing",
      routerOpen({ gracefulRestart: N_BIT }),
    );
    expect(notificationsIn(oneSided.handle({ name: "stop", cause }))).toEqual([plain]);
  });

  it("silent closes without a NOTIFICATION (RFC 4724)", () => {
    const actions = new FsmDriver().established().handle({ name: "stop", cause: { reason: "silent", text: "" } });
    expect(only(actions, "send")).toEqual([]);
    expect(only(actions, "close")).toEqual([{ name: "close", slot: "outgoing", how: "flush" }]);
    expect(only(actions, "down")).toHaveLength(1);
  });

  it("dials at once again after a reset, and after 60 s where the prefix limit was hit", () => {
    const reset = new FsmDriver().established();
    reset.handle({ name: "stop", cause: { reason: "adminReset", text: "" } });
    expect(reset.left("idleHold")).toBeLessThanOrEqual(1000);
    reset.advance(1000);
    expect(reset.stateOf("outgoing")).toBe("Connect");
    const limited = new FsmDriver().established();
    limited.handle({ name: "stop", cause: { reason: "prefixLimit", text: "" } });
    expect(limited.left("idleHold")).toBe(60_000);
  });
});

describe("a change of settings", () => {
  const shorter: SessionSettings = { ...OUR_SETTINGS, holdTimeSeconds: 30 };

  it.each(["openSent", "openConfirm", "established"] as const)(
    "resets a connection in %s with Cease 6 and dials again with the new OPEN",
    (state) => {
      const driver = new FsmDriver()[state]();
      expect(notificationsIn(driver.handle({ name: "configure", settings: shorter }))).toEqual(["6/6"]);
      driver.advance(1000);
      driver.handle({ name: "tcpConnected", slot: "outgoing" });
      const open = driver.sent("outgoing").at(-1);
      expect(open?.name === "open" && open.holdTimeSeconds).toBe(30);
    },
  );

  it("ends the session without a word where Graceful Restart keeps the routes (RFC 4724)", () => {
    const settings = { ...OUR_SETTINGS, gracefulRestart: GRACEFUL };
    const driver = new FsmDriver(settings).established("outgoing", routerOpen({ gracefulRestart: GRACEFUL }));
    const actions = driver.handle({ name: "configure", settings: { ...settings, holdTimeSeconds: 30 } });
    expect(notificationsIn(actions)).toEqual([]);
    expect(only(actions, "close")).toHaveLength(1);
    driver.advance(1000);
    driver.handle({ name: "tcpConnected", slot: "outgoing" });
    const open = driver.sent("outgoing").at(-1);
    const restart = open?.name === "open" ? open.capabilities.find((capability) => capability.name === "gracefulRestart") : undefined;
    expect(restart).toMatchObject({ restarting: false, families: [{ afi: 1, safi: 1, forwarding: true }] });
  });

  it.each([
    ["connectTime", { connectTimeSeconds: 9 }],
    ["passive", { passive: true }],
    ["forwardingPreserved", { gracefulRestart: { ...GRACEFUL, forwardingPreserved: false } }],
  ] as const)("leaves the session alone when only %s changes", (_title, change) => {
    const settings = { ...OUR_SETTINGS, gracefulRestart: GRACEFUL };
    const driver = new FsmDriver(settings).established();
    expect(driver.handle({ name: "configure", settings: { ...settings, ...change } })).toEqual([]);
    expect(driver.stateOf("outgoing")).toBe("Established");
  });

  it("takes a new keepalive time at once, without a reset", () => {
    const driver = new FsmDriver().established();
    driver.handle({ name: "configure", settings: { ...OUR_SETTINGS, keepaliveTimeSeconds: 5 } });
    expect(driver.stateOf("outgoing")).toBe("Established");
    expect(driver.left("outgoing keepalive")).toBeLessThanOrEqual(5000);
  });

  it("bears a router that takes nothing for as long as the newest words say, from then on, without a reset", () => {
    const driver = new FsmDriver().established();
    expect(driver.left("outgoing sendHold")).toBe(480_000);
    driver.handle({ name: "configure", settings: { ...OUR_SETTINGS, sendHoldTimeSeconds: 100 } });
    expect(driver.left("outgoing sendHold")).toBe(100_000);
    driver.handle({ name: "configure", settings: { ...OUR_SETTINGS, sendHoldTimeSeconds: 3600 } });
    expect(driver.left("outgoing sendHold")).toBe(3_600_000);
    expect(driver.stateOf("outgoing")).toBe("Established");
    expect(driver.handle({ name: "configure", settings: { ...OUR_SETTINGS, sendHoldTimeSeconds: 3600 } })).toEqual([]);
    const untimed = new FsmDriver({ ...OUR_SETTINGS, holdTimeSeconds: 0 }).established();
    expect(untimed.handle({ name: "configure", settings: { ...OUR_SETTINGS, holdTimeSeconds: 0, sendHoldTimeSeconds: 100 } })).toEqual([]);
  });

  it("resets a session whose peer no longer has the right AS number", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, peerAsn: { kind: "external" } }).established();
    const allowed = driver.handle({ name: "configure", settings: OUR_SETTINGS });
    expect(allowed).toEqual([]);
    const refused = driver.handle({ name: "configure", settings: { ...OUR_SETTINGS, peerAsn: { kind: "number", asn: 64512 } } });
    expect(notificationsIn(refused)).toEqual(["6/6"]);
  });

  it("stops and starts dialling with passive", () => {
    const driver = started();
    driver.handle({ name: "configure", settings: { ...OUR_SETTINGS, passive: true } });
    expect(driver.timers).toEqual([]);
    driver.handle({ name: "configure", settings: OUR_SETTINGS });
    expect(driver.timers).toEqual(["connectRetry"]);
  });
});

describe("connections from the router", () => {
  it("are taken in every state without a session, and refused before the start", () => {
    const stopped = new FsmDriver();
    expect(stopped.handle({ name: "tcpConnected", slot: "incoming" })).toEqual([{ name: "refuse" }]);
    for (const driver of [started(), new FsmDriver().dialling(), new FsmDriver().openSent(), new FsmDriver().openConfirm(), damped()]) {
      const actions = driver.handle({ name: "tcpConnected", slot: "incoming" });
      expect(only(actions, "accept")).toHaveLength(1);
      expect(driver.stateOf("incoming")).toBe("OpenSent");
    }
  });

  it("show as the state of the peer when they are further than our own", () => {
    const driver = new FsmDriver().established("incoming");
    expect(peerStateName(driver.state)).toBe("Established");
    expect(driver.stateOf("outgoing")).toBe("Idle");
  });

  it("leave our dialling going while they send nothing", () => {
    const driver = started();
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    driver.advance(1000);
    expect(driver.stateOf("outgoing")).toBe("Connect");
  });
});

describe("R bit (RFC 4724 §3)", () => {
  it("is set in every OPEN until the first session, then never", () => {
    const settings = { ...OUR_SETTINGS, gracefulRestart: { ...GRACEFUL, forwardingPreserved: false } };
    const driver = new FsmDriver(settings).openSent();
    driver.handle({ name: "tcpClosed", slot: "outgoing", why: "closed" });
    driver.openSentAgain();
    driver.message("outgoing", routerOpen());
    driver.message("outgoing", KEEPALIVE);
    driver.handle({ name: "tcpClosed", slot: "outgoing", why: "closed" });
    driver.openSentAgain();
    const bits = driver.sent("outgoing").flatMap((message) => {
      if (message.name !== "open") return [];
      const restart = message.capabilities.find((capability) => capability.name === "gracefulRestart");
      return [[restart?.restarting, restart?.families[0]?.forwarding]];
    });
    expect(bits).toEqual([
      [true, false],
      [true, false],
      [false, true],
    ]);
  });
});

describe("many sessions", () => {
  it("leaves no timer behind after 1,000 flaps of every kind", () => {
    const driver = new FsmDriver();
    driver.handle({ name: "start" });
    for (let flap = 0; flap < 1000; flap++) {
      const slot = flap % 3 === 0 ? "incoming" : "outgoing";
      if (slot === "incoming") driver.handle({ name: "tcpConnected", slot });
      else driver.openSentAgain();
      driver.message(slot, routerOpen());
      driver.message(slot, KEEPALIVE);
      expect(driver.stateOf(slot)).toBe("Established");
      expect(driver.timers).toHaveLength(3);
      if (flap % 4 === 0) driver.handle({ name: "tcpClosed", slot, why: "closed" });
      else if (flap % 4 === 1) driver.message(slot, notification(6, 4));
      else if (flap % 4 === 2) driver.message(slot, routerOpen());
      else driver.handle({ name: "stop", cause: { reason: "adminReset", text: "" } });
      expect(driver.timers).toEqual(["idleHold"]);
    }
    expect(
      only(
        driver.log.map(({ action }) => action),
        "established",
      ),
    ).toHaveLength(1000);
    expect(
      only(
        driver.log.map(({ action }) => action),
        "down",
      ),
    ).toHaveLength(1000);
    driver.handle({ name: "stop", cause: SHUTDOWN });
    expect(driver.timers).toEqual([]);
  });

  it("keeps two peers of one address apart: they share nothing", () => {
    const one = new FsmDriver(OUR_SETTINGS, 1).established();
    const other = new FsmDriver(OUR_SETTINGS, 1);
    other.handle({ name: "start" });
    expect(other.stateOf("outgoing")).toBe("Active");
    other.handle({ name: "stop", cause: SHUTDOWN });
    expect(one.stateOf("outgoing")).toBe("Established");
  });
});

function started(): FsmDriver {
  const driver = new FsmDriver();
  driver.handle({ name: "start" });
  return driver;
}

function damped(): FsmDriver {
  const driver = new FsmDriver().openSent();
  driver.message("outgoing", notification(6, 5));
  return driver;
}
