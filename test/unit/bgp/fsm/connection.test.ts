import { describe, expect, it } from "vitest";
import type { PeerEvent, SessionSettings, Slot, StateName } from "../../../../src/bgp/fsm/session.ts";
import { HEADER_ERROR } from "../../../../src/bgp/wire/iana.ts";
import type { Message } from "../../../../src/bgp/wire/messages.ts";
import { WireError } from "../../../../src/errors.ts";
import {
  END_OF_RIB,
  FsmDriver,
  KEEPALIVE,
  notification,
  notificationsIn,
  OUR_SETTINGS,
  only,
  refreshOf,
  routerOpen,
} from "../../../support/fsm-driver.ts";

const SLOTS = ["outgoing", "incoming"] as const satisfies readonly Slot[];

describe("opening a session (RFC 4271 §8.2.2)", () => {
  for (const slot of SLOTS) {
    it(`sends its OPEN at once when the ${slot} connection is up, and nothing before`, () => {
      const driver = new FsmDriver();
      driver.handle({ name: "start" });
      if (slot === "outgoing") driver.dialling();
      expect(driver.sent(slot)).toEqual([]);
      driver.handle({ name: "tcpConnected", slot });
      expect(driver.sent(slot).map(({ name }) => name)).toEqual(["open"]);
    });

    it(`sends nothing but the OPEN on the ${slot} connection until the router's OPEN arrives`, () => {
      const driver = new FsmDriver({ ...OUR_SETTINGS, passive: slot === "incoming" }).openSent(slot);
      driver.advance(89_999);
      expect(driver.sent(slot).map(({ name }) => name)).toEqual(["open"]);
    });

    it(`answers the OPEN on the ${slot} connection with a KEEPALIVE first`, () => {
      const driver = new FsmDriver().openConfirm(slot);
      expect(driver.sent(slot).map(({ name }) => name)).toEqual(["open", "keepalive"]);
      expect(driver.stateOf(slot)).toBe("OpenConfirm");
    });
  }

  it("asks for routes exactly once per session, and only when the router confirmed it", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, families: ["IPv4", "IPv6"] }).openConfirm(
      "outgoing",
      routerOpen({ families: ["IPv4", "IPv6"] }),
    );
    expect(driver.log.filter(({ action }) => action.name === "established")).toHaveLength(0);
    driver.message("outgoing", KEEPALIVE);
    driver.message("outgoing", KEEPALIVE);
    driver.message("outgoing", END_OF_RIB);
    const established = only(
      driver.log.map(({ action }) => action),
      "established",
    );
    expect(established).toHaveLength(1);
    expect(established[0]?.negotiated.families).toEqual(["IPv4", "IPv6"]);
  });
});

describe("hold timer (RFC 4271 §4.4, §6.5)", () => {
  it("gives up a router that accepts the connection and sends nothing at all after the configured hold time, with 4/0", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, holdTimeSeconds: 30 }).openSent();
    driver.advance(29_999);
    expect(driver.stateOf("outgoing")).toBe("OpenSent");
    driver.advance(1);
    expect(notificationsIn(driver.log.map(({ action }) => action))).toEqual(["4/0"]);
    expect(driver.stateOf("outgoing")).toBe("Idle");
  });

  for (const [holdTimeSeconds, waits] of [
    [3, [10, 20, 40, 80, 160, 240, 240]],
    [90, [90, 180, 240, 240]],
    [0, [240, 240]],
    [3600, [240, 240]],
  ] as const) {
    it(`gives a silent router with a hold time of ${holdTimeSeconds} s ${waits.join(", ")} s in a row, so that a slow one is not cut off in a loop`, () => {
      const driver = new FsmDriver({ ...OUR_SETTINGS, holdTimeSeconds });
      expect(waitsForOpen(driver, waits.length)).toEqual(waits.map((seconds) => seconds * 1000));
    });
  }

  it("starts from the shortest wait for an OPEN again once a session was up", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, holdTimeSeconds: 30 });
    expect(waitsForOpen(driver, 2)).toEqual([30_000, 60_000]);
    driver.openSentAgain();
    driver.message("outgoing", routerOpen());
    driver.message("outgoing", KEEPALIVE);
    expect(driver.stateOf("outgoing")).toBe("Established");
    driver.handle({ name: "tcpClosed", slot: "outgoing", why: "reset" });
    expect(waitsForOpen(driver, 1)).toEqual([30_000]);
  });

  it("gives up a router that does not confirm within the negotiated hold time, with 4/0", () => {
    const driver = new FsmDriver().openConfirm("outgoing", routerOpen({ holdTimeSeconds: 30 }));
    driver.advance(29_999);
    expect(driver.stateOf("outgoing")).toBe("OpenConfirm");
    driver.advance(1);
    expect(notificationsIn(driver.log.map(({ action }) => action))).toEqual(["4/0"]);
  });

  it("ends a silent session at the hold time and not before, with 4/0", () => {
    const driver = new FsmDriver().established();
    driver.advance(89_999);
    expect(driver.stateOf("outgoing")).toBe("Established");
    driver.advance(1);
    expect(notificationsIn(driver.log.map(({ action }) => action))).toEqual(["4/0"]);
    expect(
      only(
        driver.log.map(({ action }) => action),
        "down",
      ),
    ).toHaveLength(1);
  });

  it("lives on UPDATEs alone", () => {
    const driver = new FsmDriver().established();
    for (let n = 0; n < 20; n++) {
      driver.advance(80_000);
      driver.message("outgoing", END_OF_RIB);
      driver.handle({ name: "sendProgress", slot: "outgoing" });
    }
    expect(driver.stateOf("outgoing")).toBe("Established");
  });

  it("does not live on ROUTE-REFRESH", () => {
    const driver = new FsmDriver().established();
    driver.advance(60_000);
    driver.message("outgoing", refreshOf(1));
    driver.advance(30_000);
    expect(driver.stateOf("outgoing")).not.toBe("Established");
  });
});

describe("KEEPALIVE (RFC 4271 §4.4, §10)", () => {
  /** Times between KEEPALIVEs of a session that the router keeps alive. */
  function gaps(holdTimeSeconds: number, count: number): readonly number[] {
    const driver = new FsmDriver().established("outgoing", routerOpen({ holdTimeSeconds }));
    for (let third = 0; third < count; third++) {
      driver.advance((holdTimeSeconds * 1000) / 3);
      driver.message("outgoing", KEEPALIVE);
      driver.handle({ name: "sendProgress", slot: "outgoing" });
    }
    const times = driver.log.flatMap(({ at, action }) => (action.name === "send" && action.message.name === "keepalive" ? [at] : []));
    return times.slice(1).map((time, index) => time - (times[index] ?? 0));
  }

  it("leaves every 0.75 to 1.0 of a third of the hold time, spread over all of that", () => {
    const measured = gaps(90, 400);
    expect(measured.length).toBeGreaterThan(400);
    expect(Math.min(...measured)).toBeGreaterThanOrEqual(22_500);
    expect(Math.max(...measured)).toBeLessThanOrEqual(30_000);
    expect(Math.min(...measured)).toBeLessThan(23_000);
    expect(Math.max(...measured)).toBeGreaterThan(29_500);
  });

  it("never leaves more than once a second, with a hold time of 3 s", () => {
    const measured = gaps(3, 100);
    expect(Math.min(...measured)).toBe(1000);
    expect(Math.max(...measured)).toBe(1000);
  });

  it("waits anew after UPDATEs were sent", () => {
    const driver = new FsmDriver().established();
    for (let n = 0; n < 50; n++) {
      driver.advance(22_000);
      driver.message("outgoing", KEEPALIVE);
      driver.handle({ name: "updatesSent", slot: "outgoing" });
    }
    expect(driver.sent("outgoing").filter(({ name }) => name === "keepalive")).toHaveLength(1);
  });

  it("never leaves with hold time 0, and ten minutes of silence do no harm", () => {
    for (const [ours, theirs] of [
      [0, 90],
      [90, 0],
      [0, 0],
    ] as const) {
      const driver = new FsmDriver({ ...OUR_SETTINGS, holdTimeSeconds: ours }).established(
        "outgoing",
        routerOpen({ holdTimeSeconds: theirs }),
      );
      expect(driver.timers).toEqual([]);
      driver.handle({ name: "updatesSent", slot: "outgoing" });
      driver.handle({ name: "sendProgress", slot: "outgoing" });
      driver.message("outgoing", KEEPALIVE);
      driver.advance(600_000);
      expect(driver.stateOf("outgoing")).toBe("Established");
      expect(driver.sent("outgoing").map(({ name }) => name)).toEqual(["open", "keepalive"]);
    }
  });

  it("does not wait forever for the first one with hold time 0", () => {
    const driver = new FsmDriver().openConfirm("outgoing", routerOpen({ holdTimeSeconds: 0 }));
    driver.advance(240_000);
    expect(driver.stateOf("outgoing")).not.toBe("OpenConfirm");
  });

  it("follows a configured interval, scaled to a shorter hold time", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, keepaliveTimeSeconds: 10 }).established(
      "outgoing",
      routerOpen({ holdTimeSeconds: 45 }),
    );
    const [established] = only(
      driver.log.map(({ action }) => action),
      "established",
    );
    expect(established?.negotiated.keepaliveMillis).toBe(5000);
  });
});

describe("messages out of place (RFC 4271 §6.6, RFC 6608)", () => {
  const unknownType = new WireError(HEADER_ERROR.badType, "message type 9", { data: Uint8Array.of(9) });
  const inputs = {
    OPEN: { name: "message", slot: "outgoing", message: routerOpen() },
    UPDATE: { name: "message", slot: "outgoing", message: END_OF_RIB },
    NOTIFICATION: { name: "message", slot: "outgoing", message: notification(6, 4) },
    KEEPALIVE: { name: "message", slot: "outgoing", message: KEEPALIVE },
    "ROUTE-REFRESH": { name: "message", slot: "outgoing", message: refreshOf(1) },
    "type 9": { name: "wireError", slot: "outgoing", error: unknownType },
  } as const satisfies Record<string, PeerEvent>;
  /** The NOTIFICATION with its data, "" = none, and the next state. */
  const expected: Readonly<
    Record<"OpenSent" | "OpenConfirm" | "Established", Readonly<Record<keyof typeof inputs, readonly [string, StateName]>>>
  > = {
    OpenSent: {
      OPEN: ["", "OpenConfirm"],
      UPDATE: ["5/1 02", "Idle"],
      NOTIFICATION: ["", "Idle"],
      KEEPALIVE: ["5/1 04", "Idle"],
      "ROUTE-REFRESH": ["5/1 05", "Idle"],
      "type 9": ["1/3 09", "Idle"],
    },
    OpenConfirm: {
      OPEN: ["5/2 01", "Idle"],
      UPDATE: ["5/2 02", "Idle"],
      NOTIFICATION: ["", "Idle"],
      KEEPALIVE: ["", "Established"],
      "ROUTE-REFRESH": ["5/2 05", "Idle"],
      "type 9": ["1/3 09", "Idle"],
    },
    Established: {
      OPEN: ["5/3 01", "Idle"],
      UPDATE: ["", "Established"],
      NOTIFICATION: ["", "Idle"],
      KEEPALIVE: ["", "Established"],
      "ROUTE-REFRESH": ["", "Established"],
      "type 9": ["1/3 09", "Idle"],
    },
  };
  const rows = (["OpenSent", "OpenConfirm", "Established"] as const).flatMap((state) =>
    (["OPEN", "UPDATE", "NOTIFICATION", "KEEPALIVE", "ROUTE-REFRESH", "type 9"] as const).map((input) => ({ state, input })),
  );

  it.each(rows)("is answered as RFC 6608 has it: $input in $state", ({ state, input }) => {
    const driver = new FsmDriver();
    if (state === "OpenSent") driver.openSent();
    else if (state === "OpenConfirm") driver.openConfirm();
    else driver.established();
    const [answer, next] = expected[state][input];
    const actions = driver.handle(inputs[input]);
    expect(notificationsIn(actions)).toEqual(answer === "" ? [] : [answer]);
    expect(driver.stateOf("outgoing")).toBe(next);
    if (next === "Idle") expect(only(actions, "close")).toEqual([{ name: "close", slot: "outgoing", how: "flush" }]);
  });

  it("has a row for each of the 18 pairs", () => {
    expect(rows).toHaveLength(18);
  });
});

describe("the end of a connection", () => {
  it("closes only after the NOTIFICATION is out: every one is followed at once by a close with flush", () => {
    const ends: readonly PeerEvent[] = [
      { name: "timer", slot: "outgoing", timer: "hold" },
      { name: "timer", slot: "outgoing", timer: "sendHold" },
      { name: "message", slot: "outgoing", message: routerOpen() },
      { name: "wireError", slot: "outgoing", error: new WireError(HEADER_ERROR.notSynchronized, "marker") },
      { name: "stop", cause: { reason: "adminShutdown", text: "node drain" } },
    ];
    for (const event of ends) {
      const actions = new FsmDriver().established().handle(event);
      const sent = actions.findIndex((action) => action.name === "send" && action.message.name === "notification");
      expect(sent, event.name).toBeGreaterThanOrEqual(0);
      expect(actions[sent + 1], event.name).toEqual({ name: "close", slot: "outgoing", how: "flush" });
    }
  });

  it("handles an UPDATE, a NOTIFICATION and the close of TCP in one segment in that order", () => {
    const driver = new FsmDriver().established();
    const before = driver.log.length;
    driver.message("outgoing", END_OF_RIB);
    driver.message("outgoing", notification(6, 2));
    expect(driver.handle({ name: "tcpClosed", slot: "outgoing", why: "closed" })).toEqual([]);
    const names = driver.log.slice(before).map(({ action }) => action.name);
    expect(names.indexOf("update")).toBeGreaterThanOrEqual(0);
    expect(names.indexOf("update")).toBeLessThan(names.indexOf("down"));
    expect(names.filter((name) => name === "down")).toHaveLength(1);
  });

  it("never answers a NOTIFICATION, not even a malformed one", () => {
    for (const state of ["openSent", "openConfirm", "established"] as const) {
      for (const message of [notification(0, 0), notification(6, 9), notification(99, 99, [1, 2, 3]), notification(1, 2)]) {
        const driver = new FsmDriver()[state]();
        expect(notificationsIn(driver.message("outgoing", message))).toEqual([]);
        expect(driver.stateOf("outgoing")).toBe("Idle");
      }
    }
  });

  it("shows an error that only concerns routes and goes on (RFC 7606)", () => {
    const driver = new FsmDriver().established();
    const error = new WireError({ code: 3, subcode: 5 }, "ORIGIN has 2 octets", { severity: "withdraw" });
    const actions = driver.handle({ name: "wireError", slot: "outgoing", error });
    expect(actions).toEqual([
      { name: "error", error: { direction: "local", code: 0, subcode: 0, text: "ORIGIN has 2 octets", notification: null } },
    ]);
    expect(driver.stateOf("outgoing")).toBe("Established");
  });
});

describe("send hold timer (RFC 9687)", () => {
  /** The router stays alive and reads nothing. */
  function unread(holdTimeSeconds: number, progressAt: number | null, configured: Partial<SessionSettings> = {}): number {
    const driver = new FsmDriver({ ...OUR_SETTINGS, ...configured, holdTimeSeconds }).established(
      "outgoing",
      routerOpen({ holdTimeSeconds }),
    );
    for (let second = 1; second < 1_000_000; second++) {
      driver.advance(1000);
      driver.message("outgoing", KEEPALIVE);
      if (second === progressAt) driver.handle({ name: "sendProgress", slot: "outgoing" });
      if (driver.stateOf("outgoing") !== "Established") {
        expect(notificationsIn(driver.log.map(({ action }) => action))).toEqual(["8/0"]);
        return second;
      }
    }
    throw new Error("the session never ended");
  }

  it("ends a session whose router reads nothing for eight minutes", () => {
    expect(unread(90, null)).toBe(480);
  });

  it("waits twice the hold time where that is longer", () => {
    expect(unread(300, null)).toBe(600);
  });

  it("starts again when the kernel took octets", () => {
    expect(unread(90, 400)).toBe(880);
  });

  it("waits as long as an operator says, shorter or longer", () => {
    expect(unread(90, null, { sendHoldTimeSeconds: 100 })).toBe(100);
    expect(unread(90, 50, { sendHoldTimeSeconds: 900 })).toBe(950);
  });
});

describe("a session that the kernel gives up", () => {
  it("says that the router acknowledges nothing, unlike one that is closed", () => {
    const ended = (why: string) => {
      const driver = new FsmDriver(OUR_SETTINGS).established("outgoing", routerOpen());
      return driver
        .handle({ name: "tcpClosed", slot: "outgoing", why })
        .flatMap((action) => (action.name === "error" ? [action.error.text] : []));
    };
    expect(ended("connection timed out")).toEqual([
      "the router has acknowledged nothing from us for too long (connection timed out): check firewalls on the way to it, and its BGP daemon",
    ]);
    expect(ended("connection reset by the peer")).toEqual(["the connection was closed (connection reset by the peer)"]);
  });
});

describe("ROUTE-REFRESH (RFC 2918, RFC 7313)", () => {
  const driver = new FsmDriver({ ...OUR_SETTINGS, families: ["IPv4", "IPv6"], enhancedRouteRefresh: true }).established(
    "outgoing",
    routerOpen({ families: ["IPv4"], enhancedRouteRefresh: true }),
  );
  const received = (message: Message) => driver.message("outgoing", message);

  it("sends a family of the session again", () => {
    expect(received(refreshOf(1))).toEqual([{ name: "refresh", slot: "outgoing", family: "IPv4" }]);
  });

  it("ignores a family that was not negotiated, and says so", () => {
    const [action, ...rest] = received(refreshOf(2));
    expect(rest).toEqual([]);
    expect(action?.name === "error" && action.error.text).toContain("ipv6-unicast");
  });

  it("ignores BoRR, EoRR and unknown subtypes", () => {
    for (const subtype of [1, 2, 3, 255]) expect(received(refreshOf(1, subtype))).toEqual([]);
  });
});

/** How long each of so many connections in a row stays open, milliseconds, while the router says nothing on it. */
function waitsForOpen(driver: FsmDriver, connections: number): readonly number[] {
  if (!driver.state.started) driver.handle({ name: "start" });
  return Array.from({ length: connections }, () => {
    driver.openSentAgain();
    const began = driver.now;
    for (let next = driver.nextTimer(); driver.stateOf("outgoing") === "OpenSent" && next !== null; next = driver.nextTimer()) {
      driver.advance(next.at - driver.now);
    }
    return driver.now - began;
  });
}
