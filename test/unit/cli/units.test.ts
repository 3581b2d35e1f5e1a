import { describe, expect, it } from "vitest";
import { formatAge, formatRate } from "../../../src/cli/units.ts";

const NOW = Date.parse("2026-03-01T12:00:00.000Z");

describe("ages as kubectl writes them", () => {
  const CASES = [
    ["2026-03-01T11:59:55.200Z", "4s"],
    ["2026-03-01T11:58:01.000Z", "119s"],
    ["2026-03-01T11:50:00.000Z", "10m"],
    ["2026-03-01T08:55:00.000Z", "3h5m"],
    ["2026-03-01T00:10:00.000Z", "11h"],
    ["2026-02-27T08:00:00.000Z", "2d4h"],
    ["2026-01-01T12:00:00.000Z", "59d"],
    // A clock that was set back.
    ["2026-03-01T12:00:10.000Z", "0s"],
    ["not a time", "<unknown>"],
  ] as const;
  it.each(CASES)("%s is %s", (since, age) => {
    expect(formatAge(since, NOW)).toBe(age);
  });
});

describe("rates as people write them", () => {
  const CASES = [
    [125_000_000, "1Gbit/s"],
    [375_000_000, "3Gbit/s"],
    [1_250_000, "10Mbit/s"],
    [187_500_000, "1.5Gbit/s"],
    [125_000_000_000, "1Tbit/s"],
    [10, "80bit/s"],
    [0, "0bit/s"],
  ] as const;
  it.each(CASES)("%d octets per second are %s", (bytesPerSecond, text) => {
    expect(formatRate(bytesPerSecond)).toBe(text);
  });
});
