import { expect, it } from "vitest";
import { advertisementOf } from "../../../../src/speaker/sockopt/router-advertisement.ts";

it("a router advertisement of this host names its link-layer address and no lifetime as a default router (RFC 4861 §4.2)", () => {
  expect(Buffer.from(advertisementOf("02:42:0a:58:00:0a")).toString("hex")).toBe(`86${"00".repeat(15)}010102420a58000a`);
  expect(Buffer.from(advertisementOf("")).toString("hex")).toBe(`86${"00".repeat(15)}`);
});
