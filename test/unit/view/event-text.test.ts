import { describe, expect, it } from "vitest";
import { type EventTiming, joinEventText, splitEventText } from "../../../src/view/event-text.ts";

const handed = (peer: string, after: number) => ({ peer, state: "handed", after }) as const;

const CASES: readonly (readonly [string, EventTiming | null, string])[] = [
  ["session ended", null, "session ended"],
  ["no endpoint", { decidedAfter: 0.44, handed: [] }, "no endpoint; decided after 0.4 ms; nothing to send"],
  ["no endpoint", { decidedAfter: null, handed: [] }, "no endpoint; nothing to send"],
  [
    "2 endpoints",
    { decidedAfter: 0.4, handed: [handed("tor-1", 0.84), handed("tor-2", 1.26)] },
    "2 endpoints; decided after 0.4 ms; handed to the kernel for tor-1 after 0.8 ms, tor-2 after 1.3 ms",
  ],
  [
    "x",
    { decidedAfter: 12, handed: [handed("tor-1", 13), { peer: "tor-2", state: "waiting" }, { peer: "tor-3", state: "noSession" }] },
    "x; decided after 12.0 ms; handed to the kernel for tor-1 after 13.0 ms; waiting for the kernel for tor-2; for tor-3 with its next session",
  ],
  [
    "x",
    {
      decidedAfter: 1,
      handed: [
        { peer: "a", state: "noSession" },
        { peer: "b", state: "noSession" },
      ],
    },
    "x; decided after 1.0 ms; for a, b with its next session",
  ],
];

describe("the times at the end of an event's text", () => {
  it.each(CASES)("of %j", (detail, timing, text) => {
    expect(joinEventText(detail, timing)).toBe(text);
    const back = splitEventText(text);
    expect(back.detail).toBe(detail);
    expect(back.timing === null).toBe(timing === null);
    // Written with a tenth of a millisecond.
    expect(joinEventText(back.detail, back.timing)).toBe(text);
    expect(back.timing?.handed.map(({ peer, state }) => [peer, state])).toEqual(timing?.handed.map(({ peer, state }) => [peer, state]));
  });

  it("are told from words that only look like them", () => {
    for (const detail of ["nothing to send", "a; b", "decided after 3 ms", "a; decided after lunch", "multi\nline; text"]) {
      expect(splitEventText(detail)).toEqual({ detail, timing: null });
      const timing = { decidedAfter: 1, handed: [handed("tor", 2)] };
      expect(splitEventText(joinEventText(detail, timing))).toEqual({ detail, timing });
    }
  });
});
