import { describe, expect, it } from "vitest";
import { drawsFrom } from "../../../../src/bgp/fsm/jitter.ts";
import type { SessionSettings } from "../../../../src/bgp/fsm/session.ts";
import {
  FsmDriver,
  GRACEFUL,
  KEEPALIVE,
  notificationsIn,
  OUR_SETTINGS,
  only,
  ROUTER_SETTINGS,
  routerOpen,
} from "../../../support/fsm-driver.ts";
import { FsmLink } from "../../../support/fsm-link.ts";

const SEEDS = 200;
const HIGH = 0x0a00_00ff;
const LOW = 0x0a00_0001;

/** Both sides, with the identifiers that make `dominant` win. */
function pair(dominant: "a" | "b", change: Partial<SessionSettings> = {}): readonly [SessionSettings, SessionSettings] {
  return [
    { ...OUR_SETTINGS, ...change, routerId: dominant === "a" ? HIGH : LOW },
    { ...ROUTER_SETTINGS, ...change, routerId: dominant === "a" ? LOW : HIGH },
  ];
}

/** Both start their dials within `apart` milliseconds; runs two minutes. */
function collide(
  settings: readonly [SessionSettings, SessionSettings],
  seed: number,
  low: number,
  high: number,
  apart: number,
  first: "a" | "b",
): FsmLink {
  const draws = drawsFrom(seed);
  const link = new FsmLink(...settings, seed, () => Math.round(low + (high - low) * draws.next()));
  const second = Math.round(apart * draws.next());
  for (const node of [link.a, link.b]) {
    const at = node === link[first] ? 0 : second;
    node.driver.handle({ name: "start" });
    // The first dial is spread over a second by chance: fire it by hand, so that the dials cross.
    link.at(at, () => {
      const timer = node.driver.nextTimer();
      if (timer !== null && node.driver.stateOf("outgoing") === "Active") node.driver.fire(timer);
    });
  }
  link.runTo(120_000);
  return link;
}

function expectOneSession(link: FsmLink, seed: number): void {
  const label = `seed ${seed}`;
  expect(link.whole, label).toHaveLength(1);
  expect(link.a.ends.size + link.b.ends.size, label).toBe(2);
  const dialler = link.a.sessionDialler;
  expect(dialler, label).not.toBeNull();
  expect(link.b.sessionDialler, label).toBe(dialler);
  expect(link.a.ups - link.a.downs, label).toBe(1);
  expect(link.b.ups - link.b.downs, label).toBe(1);
}

describe("connection collision (RFC 4271 §6.8, RFC 6286 §2.3)", () => {
  for (const dominant of ["a", "b"] as const) {
    for (const first of ["a", "b"] as const) {
      it(`keeps the one connection that ${dominant} opened when dials cross and ${first} dialled first (${SEEDS} seeds)`, () => {
        let ran = 0;
        for (let seed = 0; seed < SEEDS; seed++, ran++) {
          // Delays close enough for both connections to be up before the first OPEN arrives.
          const link = collide(pair(dominant), seed, 40, 50, 10, first);
          expectOneSession(link, seed);
          expect(link.a.sessionDialler, `seed ${seed}`).toBe(dominant);
          expect([link.a.ups, link.a.downs, link.b.ups, link.b.downs], `seed ${seed}`).toEqual([1, 0, 1, 0]);
        }
        expect(ran).toBe(SEEDS);
      });
    }

    for (const [title, change] of [
      ["without Graceful Restart", {}],
      ["with Graceful Restart", { gracefulRestart: GRACEFUL }],
    ] as const) {
      it(`ends with one session on both sides whatever the delays, ${dominant} dominant, ${title} (${SEEDS} seeds)`, () => {
        let flaps = 0;
        for (let seed = 0; seed < SEEDS; seed++) {
          const link = collide(pair(dominant, change), seed, 1, 2000, 3000, seed % 2 === 0 ? "a" : "b");
          expectOneSession(link, seed);
          flaps += link.a.downs + link.b.downs;
        }
        expect(flaps).toBe(0);
      });
    }
  }

  it("decides by the higher AS number where both have the same identifier (RFC 6286 §2.3)", () => {
    let ran = 0;
    for (let seed = 0; seed < SEEDS; seed++, ran++) {
      const link = collide(
        [
          { ...OUR_SETTINGS, routerId: HIGH },
          { ...ROUTER_SETTINGS, routerId: HIGH },
        ],
        seed,
        40,
        50,
        10,
        "b",
      );
      expectOneSession(link, seed);
      expect(link.a.sessionDialler).toBe("a"); // AS 65001 against 65000
    }
    expect(ran).toBe(SEEDS);
  });

  it("refuses equal identifiers inside one AS with 2/3 before a collision is looked at", () => {
    const settings: SessionSettings = { ...OUR_SETTINGS, peerAsn: { kind: "internal" } };
    const driver = new FsmDriver(settings).openSent("outgoing");
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    const actions = driver.message("incoming", routerOpen({ localAsn: 65001, routerId: settings.routerId }));
    expect(notificationsIn(actions)).toEqual(["2/3"]);
    expect(driver.stateOf("outgoing")).toBe("OpenSent");
  });

  it("cancels our dial when the router's connection gets its OPEN", () => {
    const driver = new FsmDriver().dialling();
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    const actions = driver.message("incoming", routerOpen());
    expect(only(actions, "close")).toEqual([{ name: "close", slot: "outgoing", how: "abort" }]);
    expect([driver.stateOf("outgoing"), driver.stateOf("incoming")]).toEqual(["Idle", "OpenConfirm"]);
    expect(driver.timers).toEqual(["incoming hold", "incoming keepalive"]);
  });

  it("gives the connection it keeps 30 s for its OPEN", () => {
    const driver = new FsmDriver().openSent("outgoing");
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    expect(notificationsIn(driver.message("incoming", routerOpen()))).toEqual(["6/7"]);
    expect(driver.left("outgoing hold")).toBe(30_000);
  });

  it("gives it those 30 s once, however often the router calls again: its machine may have gone for good", () => {
    const driver = new FsmDriver().openSent("outgoing");
    let calls = 0;
    for (; calls < 3; calls++) {
      driver.handle({ name: "tcpConnected", slot: "incoming" });
      expect(notificationsIn(driver.message("incoming", routerOpen()))).toEqual(["6/7"]);
      expect(driver.left("outgoing hold")).toBe(30_000 - calls * 10_000);
      driver.advance(10_000);
    }
    expect([calls, driver.stateOf("outgoing")]).toEqual([3, "Idle"]);
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    expect(notificationsIn(driver.message("incoming", routerOpen()))).toEqual([]);
    expect(driver.stateOf("incoming")).toBe("OpenConfirm");
  });

  it("turns a second connection away with Cease 7 while a session is up", () => {
    for (const routerId of [LOW, HIGH]) {
      const driver = new FsmDriver().established("outgoing", routerOpen({ routerId }));
      driver.handle({ name: "tcpConnected", slot: "incoming" });
      expect(driver.stateOf("incoming")).toBe("OpenSent");
      expect(notificationsIn(driver.message("incoming", routerOpen({ routerId })))).toEqual(["6/7"]);
      expect([driver.stateOf("outgoing"), driver.stateOf("incoming")]).toEqual(["Established", "Idle"]);
    }
  });

  it("takes a restarted router's new connection and ends the old one without a NOTIFICATION (RFC 4724 §4.2)", () => {
    const open = routerOpen({ gracefulRestart: GRACEFUL });
    const driver = new FsmDriver({ ...OUR_SETTINGS, gracefulRestart: GRACEFUL }).established("outgoing", open);
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    driver.message("incoming", open);
    expect([driver.stateOf("outgoing"), driver.stateOf("incoming")]).toEqual(["Established", "OpenConfirm"]);
    const actions = driver.message("incoming", KEEPALIVE);
    expect(actions.map(({ name }) => name).filter((name) => name === "down" || name === "close" || name === "established")).toEqual([
      "down",
      "close",
      "established",
    ]);
    expect(notificationsIn(actions)).toEqual([]);
    expect([driver.stateOf("outgoing"), driver.stateOf("incoming")]).toEqual(["Idle", "Established"]);
  });

  it("keeps the session when the newcomer is closed before it is confirmed", () => {
    const open = routerOpen({ gracefulRestart: GRACEFUL });
    const driver = new FsmDriver({ ...OUR_SETTINGS, gracefulRestart: GRACEFUL }).established("outgoing", open);
    driver.handle({ name: "tcpConnected", slot: "incoming" });
    driver.message("incoming", open);
    driver.handle({ name: "tcpClosed", slot: "incoming", why: "closed" });
    expect(driver.stateOf("outgoing")).toBe("Established");
    expect(driver.timers).toEqual(["outgoing hold", "outgoing keepalive", "outgoing sendHold"]);
  });

  it("replaces a session on the router's own connection at once when it opens another and restarts gracefully", () => {
    const driver = new FsmDriver({ ...OUR_SETTINGS, gracefulRestart: GRACEFUL }).established(
      "incoming",
      routerOpen({ gracefulRestart: GRACEFUL }),
    );
    const names = driver.handle({ name: "tcpConnected", slot: "incoming" }).map(({ name }) => name);
    expect(names.indexOf("close")).toBeLessThan(names.indexOf("accept"));
    expect(driver.stateOf("incoming")).toBe("OpenSent");
  });

  it("refuses another connection from the router while its first one is up and it does not restart gracefully", () => {
    const driver = new FsmDriver().established("incoming");
    expect(driver.handle({ name: "tcpConnected", slot: "incoming" })).toEqual([{ name: "refuse" }]);
    expect(driver.stateOf("incoming")).toBe("Established");
  });

  it("goes with the newest of three connections from the router that sent no OPEN", () => {
    const driver = new FsmDriver().openSent("incoming");
    for (let n = 0; n < 2; n++) {
      const actions = driver.handle({ name: "tcpConnected", slot: "incoming" });
      expect(notificationsIn(actions)).toEqual(["6/7"]);
      expect(only(actions, "accept")).toHaveLength(1);
      expect(driver.stateOf("incoming")).toBe("OpenSent");
    }
    driver.message("incoming", routerOpen());
    expect(driver.handle({ name: "tcpConnected", slot: "incoming" })).toEqual([{ name: "refuse" }]);
    driver.message("incoming", KEEPALIVE);
    expect(driver.stateOf("incoming")).toBe("Established");
  });
});
