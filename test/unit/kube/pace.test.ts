import { describe, expect, it } from "vitest";
import { Pace } from "../../../src/kube/pace.ts";

function eventsAfter(...millis: readonly number[]): number {
  const pace = new Pace();
  for (const one of millis) pace.took(one);
  return pace.events;
}

describe("the events between two turns of the event loop", () => {
  it("are few at first, and more after each short turn, up to 64", () => {
    expect([[], [1], [1, 1], [1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 1, 1]].map((turns) => eventsAfter(...turns))).toEqual([
      4, 8, 16, 32, 64, 64,
    ]);
  });

  it("are fewer after each long one, down to 4", () => {
    expect(
      [
        [1, 1, 9],
        [1, 1, 9, 9],
        [1, 1, 9, 9, 9],
      ].map((turns) => eventsAfter(...turns)),
    ).toEqual([8, 4, 4]);
  });

  it("stay as they are between 2 and 4 ms", () => {
    expect([eventsAfter(1, 2), eventsAfter(1, 3), eventsAfter(1, 4)]).toEqual([8, 8, 8]);
  });
});
