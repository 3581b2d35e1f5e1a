import { describe, expect, it } from "vitest";
import { addressAt } from "../../../src/ipam/address-number.ts";
import { type Holding, ShareGroup } from "../../../src/ipam/share-group.ts";
import { Dice } from "../../support/dice.ts";

const PORTS = [80, 443, 53] as const;

describe("addresses of one sharing key", () => {
  it("agree with a look at every one of them about the least where ports are free", () => {
    const dice = new Dice(7);
    const group = new ShareGroup();
    const holdings = Array.from({ length: 12 }, (_, index): Holding => {
      const value = BigInt(index + 1);
      return { address: addressAt("IPv4", value), value };
    });
    /** Who is on it, each with its ports. */
    const there = holdings.map((): (readonly number[])[] => []);
    let found = 0;
    let none = 0;
    for (let step = 0; step < 4000; step++) {
      const ports = PORTS.filter(() => dice.chance(2));
      const at = dice.below(holdings.length);
      const holding = holdings[at];
      const here = there[at];
      if (holding === undefined || here === undefined) throw new Error(`there is no holding ${at}`);
      const leaving = dice.below(9) < 4 ? here.pop() : undefined;
      if (leaving !== undefined) group.leave(holding, leaving);
      else {
        here.push(ports);
        group.join(holding, ports);
      }
      const isOdd = dice.chance(2);
      const willDo = ({ value }: Holding): boolean => !isOdd || value % 2n === 1n;
      const expected = holdings.find((one, index) => {
        const taken = there[index]?.flat() ?? [];
        return (there[index]?.length ?? 0) > 0 && willDo(one) && !ports.some((port) => taken.includes(port));
      });
      expect(group.least(ports, willDo)).toBe(expected ?? null);
      expect(group.isEmpty).toBe(there.every((one) => one.length === 0));
      if (expected === undefined) none++;
      else found++;
    }
    expect(Math.min(found, none)).toBeGreaterThan(500);
  });
});
