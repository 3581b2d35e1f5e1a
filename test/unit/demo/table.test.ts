import { describe, expect, it } from "vitest";
import { countPaths, formatTableLine, sameTable, tableChanges, tableOf } from "../../../src/demo/table.ts";

const GIGABIT = 125_000_000;

describe("the router's table", () => {
  it("groups paths by prefix, IPv4 first, in numeric order", () => {
    const table = tableOf([
      { prefix: "fd00:96::1/128", nextHop: "fd00::1", bytesPerSecond: null, leaving: false },
      { prefix: "203.0.113.10/32", nextHop: "10.0.0.10", bytesPerSecond: null, leaving: false },
      { prefix: "203.0.113.9/32", nextHop: "10.0.0.1", bytesPerSecond: null, leaving: false },
      { prefix: "203.0.113.10/32", nextHop: "10.0.0.2", bytesPerSecond: null, leaving: false },
    ]);
    expect(table).toEqual([
      { prefix: "203.0.113.9/32", paths: [{ nextHop: "10.0.0.1", weight: 1 }] },
      {
        prefix: "203.0.113.10/32",
        paths: [
          { nextHop: "10.0.0.2", weight: 1 },
          { nextHop: "10.0.0.10", weight: 1 },
        ],
      },
      { prefix: "fd00:96::1/128", paths: [{ nextHop: "fd00::1", weight: 1 }] },
    ]);
    expect(countPaths(table)).toBe(4);
  });

  it("weighs paths by their link bandwidth, in smallest whole numbers (RFC 10005)", () => {
    const table = tableOf(
      [3, 1, 2].map((pods, index) => ({
        prefix: "203.0.113.1/32",
        nextHop: `10.0.0.${index}`,
        bytesPerSecond: pods * 2 * GIGABIT,
        leaving: false,
      })),
    );
    expect(table[0]?.paths.map(({ weight }) => weight)).toEqual([3, 1, 2]);
  });

  it("shares evenly as soon as one path of the group has no bandwidth", () => {
    const table = tableOf([
      { prefix: "203.0.113.1/32", nextHop: "10.0.0.1", bytesPerSecond: 3 * GIGABIT, leaving: false },
      { prefix: "203.0.113.1/32", nextHop: "10.0.0.2", bytesPerSecond: null, leaving: false },
    ]);
    expect(table[0]?.paths.map(({ weight }) => weight)).toEqual([1, 1]);
  });

  it("names what changed, prefixes that went included", () => {
    const path = (prefix: string, nextHop: string) => ({ prefix, nextHop, bytesPerSecond: null, leaving: false });
    const before = tableOf([path("203.0.113.1/32", "10.0.0.1"), path("203.0.113.2/32", "10.0.0.1"), path("203.0.113.3/32", "10.0.0.1")]);
    const after = tableOf([path("203.0.113.1/32", "10.0.0.1"), path("203.0.113.2/32", "10.0.0.2"), path("203.0.113.4/32", "10.0.0.2")]);
    const changes = tableChanges(before, after);
    expect(formatTableLine(changes)).toBe("203.0.113.2/32, 203.0.113.4/32 via 10.0.0.2; 203.0.113.3/32 gone");
    expect(tableChanges(before, before)).toEqual([]);
    expect([sameTable(before, before), sameTable(before, after), sameTable(before, [])]).toEqual([true, false, false]);
  });

  it("tells a change of weight from none", () => {
    const weighted = (pods: number) =>
      tableOf(
        [1, pods].map((count, index) => ({
          prefix: "203.0.113.1/32",
          nextHop: `10.0.0.${index + 1}`,
          bytesPerSecond: count * GIGABIT,
          leaving: false,
        })),
      );
    expect(formatTableLine(tableChanges(weighted(1), weighted(3)))).toBe("203.0.113.1/32 via 10.0.0.1, 10.0.0.2 ×3");
    expect(tableChanges(weighted(3), weighted(3))).toEqual([]);
  });
});
