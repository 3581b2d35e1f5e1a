import { describe, expect, it } from "vitest";
import { departureOf } from "../../../src/speaker/departure.ts";

const SHUTDOWNS = ["auto", "gracefulRestart", "withdraw"] as const;

describe("how a process leaves its routers", () => {
  it("is silent with positive evidence alone: the Pod is being deleted, or the configuration says so", () => {
    const leaves = (podDeleted: boolean) => SHUTDOWNS.map((shutdown) => departureOf(shutdown, "none", podDeleted));
    expect(leaves(false)).toEqual(["withdraw", "silent", "withdraw"]);
    expect(leaves(true)).toEqual(["silent", "silent", "withdraw"]);
  });

  it("finishes a drain under way, and withdraws from a node that is drained, whatever the evidence", () => {
    let tried = 0;
    for (const shutdown of SHUTDOWNS) {
      for (const podDeleted of [false, true]) {
        expect(departureOf(shutdown, "leaving", podDeleted)).toBe("drain");
        expect(departureOf(shutdown, "drained", podDeleted)).toBe("withdraw");
        tried++;
      }
    }
    expect(tried).toBe(6);
  });
});
