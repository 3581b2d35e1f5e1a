import { afterEach, describe, expect, it } from "vitest";
import { LeaseElector } from "../../../src/controller/lease-elector.ts";
import { silentLog } from "../../../src/log.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeLeases } from "../../support/fake-leases.ts";

const TIMINGS = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };

/** One process that competes, with a clock of its own: pausing it is not moving its clock. */
class Process {
  readonly clock: FakeClock;
  readonly elector: LeaseElector;
  readonly stop = new AbortController();
  readonly ended: Promise<void>;
  /** The signal it leads by; null = it does not. */
  leading: AbortSignal | null = null;
  terms = 0;
  /** What it does between hearing the signal and having nothing under way. */
  finish: () => Promise<void> = async () => {};

  constructor(leases: FakeLeases, identity: string, wall = new Date("2026-01-01T00:00:00Z")) {
    this.clock = new FakeClock({ wall });
    const options = { client: leases, clock: this.clock, random: () => 0, log: silentLog, namespace: "herald-system", name: "herald-controller" };
    this.elector = new LeaseElector({ ...options, identity, timings: TIMINGS });
    this.ended = this.elector.run((signal) => this.#lead(signal), this.stop.signal);
    processes.push(this);
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.leading = signal;
    this.terms++;
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    this.leading = null;
    await this.finish();
  }
}

const processes: Process[] = [];

/** Lets everything that is ready happen. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** So many seconds pass for these processes; what falls due is done second by second. */
async function pass(seconds: number, ...running: readonly Process[]): Promise<void> {
  await settle();
  for (let second = 0; second < seconds; second++) {
    for (const { clock } of running) clock.advance(1000);
    await settle();
  }
}

afterEach(async () => {
  for (const process of processes.splice(0)) {
    process.stop.abort();
    await pass(12, process);
    await process.ended;
  }
});

describe("leader election by a Lease (client-go's rules)", () => {
  it("makes the first that asks the leader, and writes who and how long", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    expect(a.leading).not.toBeNull();
    expect(a.elector.holds).toBe(true);
    expect(leases.lease).toMatchObject({
      kind: "Lease",
      metadata: { name: "herald-controller", namespace: "herald-system" },
      spec: { holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0, acquireTime: "2026-01-01T00:00:00.000000Z" },
    });
  });

  it("keeps one leader for as long as it renews, every two seconds", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    const b = new Process(leases, "b");
    await pass(60, a, b);
    expect([a.terms, b.terms]).toEqual([1, 0]);
    expect(leases.holder).toBe("a");
    expect(leases.writes).toBe(31);
  });

  it("takes over from a process that is paused, when it was silent for the lease's duration, and not before", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    const b = new Process(leases, "b");
    await pass(0, a, b);
    await pass(14, b);
    expect(b.leading).toBeNull();
    await pass(4, b);
    expect(b.leading).not.toBeNull();
    expect(leases.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
    // It wakes up: its clock has moved, and it has no right before any timer of its own has fired.
    const signal = a.leading;
    a.clock.advance(0);
    expect(signal?.aborted).toBe(false);
    await pass(18, a, b);
    expect(signal?.aborted).toBe(true);
    expect(a.leading).toBeNull();
    expect(b.leading).not.toBeNull();
    expect(leases.holder).toBe("b");
  });

  it("does not believe itself the leader any more after a pause, before it has asked anybody", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    let seen: boolean | null = null;
    // The first timer that fires after the pause.
    a.clock.setTimer(10_001, () => {
      seen = a.elector.holds;
    });
    leases.failure = { condition: "Unreachable", status: null, message: "away", retryAfterMillis: null };
    await pass(11, a);
    expect(seen).toBe(false);
  });

  it("goes by its own clock, however wrong the time of day is on either side", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a", new Date("2026-01-01T00:00:00Z"));
    await pass(0, a);
    const ahead = new Process(leases, "ahead", new Date("2036-01-01T00:00:00Z"));
    const behind = new Process(leases, "behind", new Date("2016-01-01T00:00:00Z"));
    await pass(60, a, ahead, behind);
    expect([a.terms, ahead.terms, behind.terms]).toEqual([1, 0, 0]);
  });

  it("stops leading when it cannot renew for ten seconds, and leads again when it can", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    leases.failure = { condition: "Unreachable", status: null, message: "away", retryAfterMillis: null };
    await pass(9, a);
    expect(a.leading?.aborted).toBe(false);
    await pass(2, a);
    expect(a.leading).toBeNull();
    leases.failure = null;
    await pass(10, a);
    expect(a.leading).not.toBeNull();
    expect(a.terms).toBe(2);
  });

  it("stops at once when somebody else holds the Lease", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    const { lease } = leases;
    await leases.update({ group: "", version: "", plural: "", namespace: null }, "", { ...lease, spec: { ...leases.spec, holderIdentity: "thief" } });
    await pass(3, a);
    expect(a.leading).toBeNull();
    expect(leases.holder).toBe("thief");
  });

  it("goes on leading when somebody only touched the Lease", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    await leases.update({ group: "", version: "", plural: "", namespace: null }, "", { ...leases.lease, extra: true });
    await pass(20, a);
    expect(a.terms).toBe(1);
    expect(a.elector.holds).toBe(true);
  });

  it("gives the Lease up when it is stopped, only after what it had under way has ended, and the next takes it without waiting", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    await pass(0, a);
    const b = new Process(leases, "b");
    await pass(0, a, b);
    let finish = (): void => {};
    a.finish = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    a.stop.abort();
    await pass(1, a, b);
    expect(leases.holder).toBe("a");
    finish();
    await settle();
    expect(leases.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
    await pass(2, b);
    expect(b.leading).not.toBeNull();
  });

  it("lets one of two have it that find it free at the same moment", async () => {
    const leases = new FakeLeases();
    const a = new Process(leases, "a");
    const b = new Process(leases, "b");
    await pass(5, a, b);
    expect([a, b].filter(({ leading }) => leading !== null)).toHaveLength(1);
  });
});
