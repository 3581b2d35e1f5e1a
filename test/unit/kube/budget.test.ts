import { describe, expect, it } from "vitest";
import { RequestBudget } from "../../../src/kube/budget.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const { signal } = new AbortController();

/** Lets every promise that can settle do so: nothing here waits for the outside. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("the cap on requests", () => {
  it("lets a burst through at once and the rest at its rate, in order", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, { perSecond: 10, burst: 3 });
    const left: string[] = [];
    for (let index = 0; index < 6; index++) void budget.take(signal).then(() => left.push(`${index}@${clock.now()}`));
    await turn();
    expect(left).toEqual(["0@0", "1@0", "2@0"]);
    for (let step = 0; step < 3; step++) {
      clock.advance(100);
      await turn();
    }
    expect(left.slice(3)).toEqual(["3@100", "4@200", "5@300"]);
  });

  it("is held for as long as a server asks, also for who waits already", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, { perSecond: 10, burst: 1 });
    await budget.take(signal);
    let gone = 0;
    const waiting = budget.take(signal).then(() => {
      gone = clock.now();
    });
    await turn();
    budget.hold(5000);
    clock.advance(100);
    await turn();
    expect(gone).toBe(0);
    clock.advance(4900);
    await waiting;
    expect(gone).toBe(5000);
  });

  it("does not hold back who no longer wants to go", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock);
    budget.hold(60_000);
    const controller = new AbortController();
    const waiting = budget.take(controller.signal);
    await turn();
    controller.abort();
    await waiting;
    expect(clock.pending).toBe(0);
  });
});
