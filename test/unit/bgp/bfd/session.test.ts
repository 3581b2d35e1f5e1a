import { describe, expect, it } from "vitest";
import { BFD_STATES, type BfdPacket, type BfdState } from "../../../../src/bgp/bfd/packet.ts";
import {
  type BfdAction,
  type BfdEvent,
  type BfdSession,
  type BfdSettings,
  detectionTime,
  initialBfd,
  stepBfd,
  transmitInterval,
} from "../../../../src/bgp/bfd/session.ts";

const SETTINGS: BfdSettings = { desiredMinTxMillis: 50, requiredMinRxMillis: 50, multiplier: 3, passive: false };
const OURS = 7;
const THEIRS = 99;

function said(state: BfdState, fields: Partial<BfdPacket> = {}): BfdEvent {
  const packet: BfdPacket = {
    diagnostic: 0,
    state,
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    multiplier: 3,
    myDiscriminator: THEIRS,
    yourDiscriminator: OURS,
    desiredMinTxMicros: 50_000,
    requiredMinRxMicros: 50_000,
    requiredMinEchoRxMicros: 0,
    ...fields,
  };
  return { name: "packet", packet };
}

/** Steps one event after another, and keeps what the last one gave. */
function run(session: BfdSession, now: number, ...events: readonly BfdEvent[]): { session: BfdSession; actions: readonly BfdAction[] } {
  let actions: readonly BfdAction[] = [];
  let current = session;
  for (const event of events) ({ session: current, actions } = stepBfd(current, event, now));
  return { session: current, actions };
}

function inState(state: BfdState, now = 0, settings = SETTINGS): BfdSession {
  const fresh = initialBfd(settings, OURS, 1, now);
  switch (state) {
    case "Down":
      return fresh;
    case "Init":
      return run(fresh, now, said("Down")).session;
    case "Up":
      return run(fresh, now, said("Init")).session;
    case "AdminDown":
      return run(fresh, now, { name: "adminDown" }).session;
  }
}

/** Up, and the poll sequence that being up began has ended. */
function settled(now = 0, settings = SETTINGS): BfdSession {
  return run(inState("Up", now, settings), now, said("Up", { final: true })).session;
}

function packets(actions: readonly BfdAction[]): readonly BfdPacket[] {
  return actions.flatMap((action) => (action.name === "send" ? [action.packet] : []));
}

describe("the states of a BFD session (RFC 5880 §6.2, §6.8.6)", () => {
  const EVENTS: readonly (readonly [string, BfdEvent])[] = [
    ...BFD_STATES.map((state) => [`hears ${state}`, said(state)] as const),
    ["detection time is over", { name: "timer" }],
    ["adminDown", { name: "adminDown" }],
    ["adminUp", { name: "adminUp" }],
    ["configure", { name: "configure", settings: SETTINGS }],
  ];
  /** State → event → the state after it; every pair. */
  const TABLE: Readonly<Record<BfdState, readonly BfdState[]>> = {
    AdminDown: ["AdminDown", "AdminDown", "AdminDown", "AdminDown", "AdminDown", "AdminDown", "Down", "AdminDown"],
    Down: ["Down", "Init", "Up", "Down", "Down", "AdminDown", "Down", "Down"],
    Init: ["Down", "Init", "Up", "Up", "Down", "AdminDown", "Init", "Init"],
    Up: ["Down", "Down", "Up", "Up", "Down", "AdminDown", "Up", "Up"],
  };

  it("follow from every state and every event as the RFC says", () => {
    let pairs = 0;
    for (const from of BFD_STATES) {
      for (const [index, [what, event]] of EVENTS.entries()) {
        // Late enough for any timer.
        const { session, actions } = stepBfd(inState(from), event, 100_000);
        expect([from, what, session.state]).toEqual([from, what, TABLE[from][index]]);
        const told = actions.filter((action) => action.name === "state");
        expect([from, what, told.length]).toEqual([from, what, from === session.state ? 0 : 1]);
        pairs++;
      }
    }
    expect(pairs).toBe(32);
  });

  it("tell why: silence, the neighbour's Down, its AdminDown", () => {
    const causes = [said("Down"), said("AdminDown"), { name: "timer" } as const].map((event) => {
      const { session, actions } = stepBfd(settled(), event, 100_000);
      const told = actions.find((action) => action.name === "state");
      return [told?.name === "state" ? told.cause : "", session.diagnostic];
    });
    expect(causes).toEqual([
      ["neighborDown", 3],
      ["neighborAdminDown", 3],
      ["detectionTimeExpired", 1],
    ]);
  });

  it("tell the peer of a new state at once", () => {
    const { actions } = run(initialBfd(SETTINGS, OURS, 1, 0), 5, said("Down"));
    expect(packets(actions)).toMatchObject([{ state: "Init", yourDiscriminator: THEIRS, myDiscriminator: OURS }]);
    expect(packets(run(settled(), 5, { name: "adminDown" }).actions)).toMatchObject([{ state: "AdminDown", diagnostic: 7 }]);
  });

  it("are not moved by a packet that means another session", () => {
    expect(run(settled(), 5, said("Down", { yourDiscriminator: OURS + 1 })).session.state).toBe("Up");
  });
});

describe("the intervals of a BFD session (RFC 5880 §6.8)", () => {
  it("are never faster than a second while it is not up", () => {
    for (const state of ["Down", "Init"] as const) expect(transmitInterval(inState(state))).toBe(1000);
    expect(transmitInterval(settled())).toBe(50);
  });

  it("follow the slower side", () => {
    const slower = run(settled(), 0, said("Up", { requiredMinRxMicros: 400_000, desiredMinTxMicros: 200_000, multiplier: 5 })).session;
    expect(transmitInterval(slower)).toBe(400);
    expect(detectionTime(slower)).toBe(1000);
    const faster = run(settled(), 0, said("Up", { requiredMinRxMicros: 10_000, desiredMinTxMicros: 10_000 })).session;
    expect([transmitInterval(faster), detectionTime(faster)]).toEqual([50, 150]);
  });

  it("end where the peer wants nothing, or demands silence while both are up", () => {
    expect(run(settled(), 0, said("Up", { requiredMinRxMicros: 0 })).session.transmitAt).toBeNull();
    expect(run(settled(), 0, said("Up", { demand: true })).session.transmitAt).toBeNull();
  });

  it("begin only after the peer's first packet in a passive session", () => {
    const passive = initialBfd({ ...SETTINGS, passive: true }, OURS, 1, 0);
    expect(passive.transmitAt).toBeNull();
    expect(packets(run(passive, 0, said("Down", { yourDiscriminator: 0 })).actions).length).toBe(1);
  });

  it("are jittered by 0 to 25 %, and by 10 to 25 % where one missed packet counts (§6.8.7)", () => {
    for (const [multiplier, longest] of [
      [3, 1],
      [1, 0.9],
    ] as const) {
      let session = settled(0, { ...SETTINGS, multiplier });
      const shares: number[] = [];
      let now = session.transmitAt ?? 0;
      for (let n = 0; n < 1000; n++) {
        session = run({ ...session, detectAt: null }, now, { name: "timer" }).session;
        shares.push(((session.transmitAt ?? 0) - now) / 50);
        now = session.transmitAt ?? 0;
      }
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.75);
      expect(Math.max(...shares)).toBeLessThanOrEqual(longest + 1e-9);
      expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.9 * (longest - 0.75));
    }
  });

  it("find a silent peer after its multiplier times the interval, and not before", () => {
    const session = run(settled(), 1000, said("Up")).session;
    expect(session.detectAt).toBe(1150);
    expect(run({ ...session, transmitAt: null }, 1149.9, { name: "timer" }).session.state).toBe("Up");
    const lost = run(session, 1150, { name: "timer" }).session;
    expect([lost.state, lost.remote.discriminator, transmitInterval(lost)]).toEqual(["Down", 0, 1000]);
  });

  it("forget a peer that falls silent while the session is down (§6.8.1)", () => {
    const down = run(settled(), 1000, said("Down")).session;
    expect(down.remote.discriminator).toBe(THEIRS);
    expect(run({ ...down, transmitAt: null }, 2000, { name: "timer" }).session.remote.discriminator).toBe(0);
  });
});

describe("poll sequences (RFC 5880 §6.5, §6.8.3)", () => {
  it("begin when an up session changes what it says, and end with the final bit", () => {
    const up = inState("Up");
    expect(up.polling).toBe(true);
    expect(settled().polling).toBe(false);
    const changed = run(settled(), 0, { name: "configure", settings: { ...SETTINGS, desiredMinTxMillis: 100 } }).session;
    expect(packets(run(changed, changed.transmitAt ?? 0, { name: "timer" }).actions)).toMatchObject([
      { poll: true, desiredMinTxMicros: 100_000 },
    ]);
    expect(run(changed, 1, said("Up", { final: true })).session.polling).toBe(false);
  });

  it("let a slower sender and a faster receiver wait for the final bit", () => {
    const slower = run(settled(), 0, { name: "configure", settings: { ...SETTINGS, desiredMinTxMillis: 100 } }).session;
    expect(transmitInterval(slower)).toBe(50);
    expect(transmitInterval(run(slower, 1, said("Up", { final: true })).session)).toBe(100);
    const slow = settled(0, { ...SETTINGS, requiredMinRxMillis: 200 });
    const faster = run(slow, 0, { name: "configure", settings: SETTINGS }).session;
    expect(detectionTime(faster)).toBe(600);
    expect(detectionTime(run(faster, 1, said("Up", { final: true })).session)).toBe(150);
  });

  it("let a faster sender and a slower receiver begin at once", () => {
    const fast: BfdSettings = { ...SETTINGS, desiredMinTxMillis: 20, requiredMinRxMillis: 300 };
    const session = run(settled(), 0, said("Up", { requiredMinRxMicros: 10_000 }), { name: "configure", settings: fast }).session;
    expect([transmitInterval(session), detectionTime(session)]).toEqual([20, 900]);
  });

  it("are answered at once, without the poll bit of our own", () => {
    const { actions } = run(inState("Up"), 1, said("Up", { poll: true }));
    expect(packets(actions)).toMatchObject([{ final: true, poll: false, state: "Up" }]);
  });

  it("do not begin while the session is not up", () => {
    const { session } = run(inState("Init"), 0, { name: "configure", settings: { ...SETTINGS, requiredMinRxMillis: 500 } });
    expect(session.polling).toBe(false);
    expect(session.inForce.rxMillis).toBe(500);
  });
});
