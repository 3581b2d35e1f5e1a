import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { step } from "../../../../src/bgp/fsm/connection.ts";
import { drawsFrom, jittered, spread } from "../../../../src/bgp/fsm/jitter.ts";
import { recordHeader, recordStep } from "../../../../src/bgp/fsm/record.ts";
import { replayLines } from "../../../../src/bgp/fsm/replay.ts";
import { type PeerEvent, type SessionSettings, type Slot, STATE_NAMES } from "../../../../src/bgp/fsm/session.ts";
import { timersOf } from "../../../../src/bgp/fsm/state.ts";
import { WireError } from "../../../../src/errors.ts";
import {
  END_OF_RIB,
  FsmDriver,
  GRACEFUL,
  KEEPALIVE,
  notification,
  OUR_SETTINGS,
  refreshOf,
  routerOpen,
} from "../../../support/fsm-driver.ts";

const slots = ["outgoing", "incoming"] as const satisfies readonly Slot[];
const reasons = ["adminShutdown", "adminReset", "deconfigured", "configChange", "bfdDown", "prefixLimit", "silent"] as const;

const settings: fc.Arbitrary<SessionSettings> = fc
  .record({
    holdTimeSeconds: fc.constantFrom(0, 3, 90),
    passive: fc.boolean(),
    gracefulRestart: fc.constantFrom(null, GRACEFUL),
    peerAsn: fc.constantFrom(
      { kind: "number", asn: 65000 } as const,
      { kind: "external" } as const,
      { kind: "number", asn: 64999 } as const,
    ),
    families: fc.constantFrom<SessionSettings["families"]>(["IPv4"], ["IPv4", "IPv6"]),
  })
  .map((change) => ({ ...OUR_SETTINGS, ...change }));

const message = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({
        holdTimeSeconds: fc.constantFrom(0, 2, 3, 90),
        routerId: fc.constantFrom(0, 1, 0x0b00_0000),
        gracefulRestart: fc.constantFrom(null, GRACEFUL),
      })
      .map((change) => routerOpen(change)),
  },
  { weight: 4, arbitrary: fc.constant(KEEPALIVE) },
  { weight: 1, arbitrary: fc.constant(END_OF_RIB) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(9), fc.nat(12)).map(([code, subcode]) => notification(code, subcode)) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(3), fc.nat(3)).map(([afi, subtype]) => refreshOf(afi, subtype)) },
);
const slot = fc.constantFrom(...slots);

/** Any event at all, likely ones more often; timers also when they are not running. */
const event: fc.Arbitrary<PeerEvent> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<PeerEvent>({ name: "start" }) },
  { weight: 1, arbitrary: fc.constantFrom(...reasons).map((reason): PeerEvent => ({ name: "stop", cause: { reason, text: "" } })) },
  { weight: 1, arbitrary: settings.map((value): PeerEvent => ({ name: "configure", settings: value })) },
  { weight: 6, arbitrary: slot.map((value): PeerEvent => ({ name: "tcpConnected", slot: value })) },
  { weight: 1, arbitrary: slot.map((value): PeerEvent => ({ name: "tcpFailed", slot: value, why: "connection refused" })) },
  { weight: 2, arbitrary: slot.map((value): PeerEvent => ({ name: "tcpClosed", slot: value, why: "closed" })) },
  { weight: 12, arbitrary: fc.tuple(slot, message).map(([value, sent]): PeerEvent => ({ name: "message", slot: value, message: sent })) },
  {
    weight: 1,
    arbitrary: slot.map(
      (value): PeerEvent => ({ name: "wireError", slot: value, error: new WireError({ code: 1, subcode: 1 }, "marker") }),
    ),
  },
  { weight: 3, arbitrary: fc.constantFrom("connectRetry", "idleHold").map((timer): PeerEvent => ({ name: "timer", slot: null, timer })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(slot, fc.constantFrom("connectTimeout", "hold", "keepalive", "sendHold"))
      .map(([value, timer]): PeerEvent => ({ name: "timer", slot: value, timer })),
  },
  { weight: 1, arbitrary: slot.map((value): PeerEvent => ({ name: "updatesSent", slot: value })) },
  { weight: 1, arbitrary: slot.map((value): PeerEvent => ({ name: "sendProgress", slot: value })) },
);

/** An event, or the one that brings a connection further: chance alone hardly ever reaches Established. */
interface Step {
  readonly after: number;
  readonly event: PeerEvent | null;
  readonly slot: Slot;
  readonly open: ReturnType<typeof routerOpen>;
}

const goodOpen = fc
  .record({
    holdTimeSeconds: fc.constantFrom(0, 3, 90),
    routerId: fc.constantFrom(1, 0x0b00_0000),
    gracefulRestart: fc.constantFrom(null, GRACEFUL),
  })
  .map((change) => routerOpen(change));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ after: fc.nat(20_000), event: fc.option(event, { freq: 1 }), slot, open: goodOpen }),
  { maxLength: 60 },
);

function eventOf({ state }: FsmDriver, { event: given, slot: which, open }: Step): PeerEvent {
  if (given !== null) return given;
  if (!state.started) return { name: "start" };
  switch (state[which].name) {
    case "Idle":
    case "Active":
      if (which === "outgoing" && state.waiting !== null) return { name: "timer", slot: null, timer: state.waiting };
      return { name: "tcpConnected", slot: which };
    case "Connect":
      return { name: "tcpConnected", slot: which };
    case "OpenSent":
      return { name: "message", slot: which, message: open };
    case "OpenConfirm":
    case "Established":
      return { name: "message", slot: which, message: KEEPALIVE };
  }
}

/** The shell's view of the connections, kept from the actions alone. */
class Shell {
  readonly up = new Set<Slot>();
  readonly opened = new Set<Slot>();
  session: Slot | null = null;
}

function run(driver: FsmDriver, history: readonly Step[], check: (driver: FsmDriver, shell: Shell) => void): void {
  const shell = new Shell();
  for (const item of history) {
    driver.now += item.after;
    const next = eventOf(driver, item);
    const before = driver.state;
    const actions = driver.handle(next);
    if (next.name === "tcpConnected" && next.slot === "outgoing" && before.outgoing.name === "Connect") shell.up.add("outgoing");
    if ((next.name === "tcpClosed" || next.name === "tcpFailed") && before[next.slot].name !== "Connect") {
      shell.up.delete(next.slot);
      shell.opened.delete(next.slot);
    }
    let answered = 0;
    for (const action of actions) {
      switch (action.name) {
        case "accept":
          expect(shell.up.has("incoming"), "accepts into a free slot").toBe(false);
          shell.up.add("incoming");
          answered++;
          break;
        case "refuse":
          answered++;
          break;
        case "send":
          expect(shell.up.has(action.slot), "sends on an open connection").toBe(true);
          if (action.message.name === "open") shell.opened.add(action.slot);
          else expect(shell.opened.has(action.slot), "sends the OPEN first").toBe(true);
          expect(action.message.name, "leaves UPDATEs to the Adj-RIB-Out").not.toBe("update");
          break;
        case "close":
          shell.up.delete(action.slot);
          shell.opened.delete(action.slot);
          break;
        case "established":
          expect(shell.session, "one session at a time").toBeNull();
          shell.session = action.slot;
          break;
        case "down":
          expect(shell.session, "ends the session that is up").toBe(action.slot);
          shell.session = null;
          break;
        case "update":
        case "refresh":
          expect(shell.session, "hears routes in a session only").toBe(action.slot);
          break;
        default:
          break;
      }
    }
    if (next.name === "tcpConnected" && next.slot === "incoming") expect(answered, "accepts or refuses, once").toBe(1);
    check(driver, shell);
  }
}

describe("any history of events (RFC 4271 §8)", () => {
  it("stays within the six states, with one session at most and no timer that its states do not have", () => {
    let established = 0;
    fc.assert(
      fc.property(settings, fc.nat(), steps, (initial, seed, history) => {
        run(new FsmDriver(initial, seed), history, (driver, shell) => {
          const { outgoing, incoming, waiting, started } = driver.state;
          expect(STATE_NAMES).toContain(outgoing.name);
          expect(STATE_NAMES).toContain(incoming.name);
          expect(outgoing.name === "Established" && incoming.name === "Established").toBe(false);
          expect(shell.session).toBe(outgoing.name === "Established" ? "outgoing" : incoming.name === "Established" ? "incoming" : null);
          if (shell.session !== null) established++;
          for (const name of slots) {
            const connection = driver.state[name];
            expect(shell.up.has(name)).toBe(["OpenSent", "OpenConfirm", "Established"].includes(connection.name));
            const armed = driver.timers.filter((timer) => timer.startsWith(`${name} `)).map((timer) => timer.slice(name.length + 1));
            const has: readonly string[] = timersOf(connection);
            expect(armed.filter((timer) => !has.includes(timer))).toEqual([]);
          }
          const own = driver.timers.filter((timer) => !timer.includes(" "));
          expect(own.length <= (waiting === null ? 0 : 1)).toBe(true);
          if (!started) expect([outgoing.name, incoming.name, waiting, driver.timers]).toEqual(["Idle", "Idle", null, []]);
          else {
            const busy = [outgoing, incoming].some(({ name }) => name !== "Idle" && name !== "Active");
            expect(busy || waiting !== null || (driver.state.settings.passive && outgoing.name === "Active"), "never gives up").toBe(true);
          }
        });
      }),
      { numRuns: 2000, seed: 20_260_101 },
    );
    expect(established).toBeGreaterThan(1000);
  });

  it("can be recorded and replayed", () => {
    fc.assert(
      fc.property(settings, fc.nat(), steps, (initial, seed, history) => {
        const driver = new FsmDriver(initial, seed);
        const lines = [recordHeader(initial, seed, "p")];
        for (const item of history) {
          driver.now += item.after;
          const next = eventOf(driver, item);
          lines.push(recordStep(driver.now, next, driver.handle(next)));
        }
        expect(replayLines(lines)).toEqual({ steps: history.length, difference: null });
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("does not change the state it is given", () => {
    fc.assert(
      fc.property(settings, steps, (initial, history) => {
        const driver = new FsmDriver(initial, 3);
        for (const item of history) {
          const before = driver.state;
          const copy = structuredClone(before);
          driver.handle(eventOf(driver, item));
          expect(before).toEqual(copy);
        }
      }),
      { numRuns: 100, seed: 2 },
    );
  });
});

describe("jitter (RFC 4271 §10)", () => {
  it("never lengthens a timer and never shortens it below three quarters", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 1_000_000 }), (seed, millis) => {
        const value = jittered(drawsFrom(seed), millis);
        expect(value).toBeGreaterThanOrEqual(Math.floor(millis * 0.75));
        expect(value).toBeLessThanOrEqual(millis);
      }),
    );
  });

  it("goes on where its state was left", () => {
    const draws = drawsFrom(5);
    const first = [draws.next(), draws.next()];
    const resumed = drawsFrom(draws.seed());
    const again = drawsFrom(5);
    expect([again.next(), again.next(), again.next()]).toEqual([...first, resumed.next()]);
    expect(spread(drawsFrom(5), 1000, 1, 1)).toBe(1000);
  });
});

describe("one connection", () => {
  it("steps through every state with every event without an error", () => {
    const states = [
      new FsmDriver(),
      new FsmDriver().dialling(),
      new FsmDriver().openSent(),
      new FsmDriver().openConfirm(),
      new FsmDriver().established(),
    ].map((driver) => driver.state.outgoing);
    const all = [...states, { name: "Active" } as const];
    expect(new Set(all.map(({ name }) => name)).size).toBe(6);
    let ran = 0;
    fc.assert(
      fc.property(fc.constantFrom(...all), event, slot, (state, next, which) => {
        if (next.name === "start" || next.name === "configure" || (next.name === "timer" && next.slot === null)) return;
        const context = { slot: which, settings: OUR_SETTINGS, now: 0, draws: drawsFrom(0), restarting: true, refusals: 0, silences: 0 };
        expect(STATE_NAMES).toContain(step(state, next, context).state.name);
        ran++;
      }),
      { numRuns: 3000, seed: 4 },
    );
    expect(ran).toBeGreaterThan(1000);
  });
});
