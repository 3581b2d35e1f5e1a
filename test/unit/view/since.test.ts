import { describe, expect, it } from "vitest";
import { parseSince } from "../../../src/view/since.ts";

const NOW = Date.parse("2026-03-01T12:00:00.000Z");

describe("since", () => {
  const CASES = [
    ["10m", NOW - 600_000],
    ["1h30m", NOW - 5_400_000],
    ["1.5s", NOW - 1500],
    ["250ms", NOW - 250],
    ["2d", NOW - 172_800_000],
    ["2026-03-01T11:00:00Z", NOW - 3_600_000],
    ["2026-03-01T12:00:00+01:00", NOW - 3_600_000],
    // An offset whose plus sign was not escaped in a URL.
    ["2026-03-01T12:00:00 01:00", NOW - 3_600_000],
    ["2026-03-01T11:59:59.500Z", NOW - 500],
    ["yesterday", null],
    ["", null],
    ["10", null],
    ["-5m", null],
    ["10 m", null],
    ["2026-03-01", null],
    ["2026-13-01T00:00:00Z", null],
    ["2026-03-01T11:00:00", null],
  ] as const;
  it.each(CASES)("%j is a time or a duration back from now", (text, at) => {
    expect(parseSince(text, NOW)).toBe(at);
  });
});
