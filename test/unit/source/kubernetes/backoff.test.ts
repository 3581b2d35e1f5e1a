import { describe, expect, it } from "vitest";
import { Backoff } from "../../../../src/source/kubernetes/backoff.ts";

describe("pauses between attempts", () => {
  it("are anything below a ceiling that doubles from 0.8 s to 30 s", () => {
    for (const luck of [0, 0.5, 0.75]) {
      const backoff = new Backoff(() => luck);
      const pauses = Array.from({ length: 8 }, () => backoff.next());
      expect(pauses).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000].map((ceiling) => ceiling * luck));
      backoff.reset();
      expect(backoff.next()).toBe(800 * luck);
    }
  });
});
