import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunSet } from "../../../src/ipam/run-set.ts";

describe("a set of runs", () => {
  it("agrees with a plain set about what is in it, in which runs, and what is free next", () => {
    let operations = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 60 })), { minLength: 50, maxLength: 200 }), (steps) => {
        const runs = new RunSet();
        const plain = new Set<number>();
        for (const [adds, value] of steps) {
          operations++;
          if (adds) {
            runs.add(BigInt(value));
            plain.add(value);
          } else {
            runs.delete(BigInt(value));
            plain.delete(value);
          }
        }
        expect([...runs].flatMap(({ from, to }) => Array.from({ length: Number(to - from) + 1 }, (_, i) => Number(from) + i))).toEqual(
          [...plain].sort((a, b) => a - b),
        );
        for (let value = 0; value <= 61; value++) {
          let free = value;
          while (plain.has(free)) free++;
          expect(runs.has(BigInt(value))).toBe(plain.has(value));
          expect(Number(runs.nextFree(BigInt(value)))).toBe(free);
        }
        // Neighbours are one run.
        const ends = [...runs];
        for (const [index, run] of ends.entries()) expect((ends[index + 1]?.from ?? run.to + 2n) - run.to).toBeGreaterThan(1n);
      }),
      { numRuns: 40 },
    );
    expect(operations).toBeGreaterThanOrEqual(40 * 50);
  });

  it("holds numbers of 128 bits", () => {
    const runs = new RunSet();
    const top = (1n << 128n) - 1n;
    runs.add(top);
    runs.add(top - 1n);
    expect([...runs]).toMatchObject([{ from: top - 1n, to: top }]);
    expect(runs.nextFree(top - 1n)).toBe(top + 1n);
  });
});
