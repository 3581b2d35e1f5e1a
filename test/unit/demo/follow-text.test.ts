import { describe, expect, it } from "vitest";
import { formatTables, paintWith } from "../../../src/demo/follow-text.ts";

const TABLE = [
  {
    prefix: "10.96.0.1/32",
    paths: [
      { nextHop: "10.0.0.1", weight: 3 },
      { nextHop: "10.0.0.2", weight: 1 },
    ],
  },
  { prefix: "fd00:96::1/128", paths: [{ nextHop: "fd00::2", weight: 1 }] },
];
const OWNERS = new Map([["10.96.0.1/32", "shop/web"]]);
const NEGATIVES = [
  { node: "node-3", service: "shop/web", address: "10.96.0.1", reason: "noLocalEndpoints", detail: "none here" },
  { node: "node-1", service: "shop/web", address: "fd00:96::1", reason: "noLocalEndpoints", detail: "none here" },
];

describe("what herald demo shows", () => {
  it("is prefixes × next hops × weights per family, and the nodes that do not announce with their reason", () => {
    expect(formatTables(TABLE, OWNERS, NEGATIVES, paintWith(false)).split("\n")).toEqual([
      "PREFIX         10.0.0.1   10.0.0.2   SERVICE",
      "10.96.0.1/32          3          1   shop/web",
      "",
      "PREFIX           fd00::2   SERVICE",
      "fd00:96::1/128         1",
      "",
      "NOT ANNOUNCED   BY               REASON             DETAIL",
      "shop/web        node-1, node-3   noLocalEndpoints   none here",
      "",
    ]);
  });

  it("has colours only where they are wanted", () => {
    expect(formatTables(TABLE, OWNERS, NEGATIVES, paintWith(false))).not.toContain("\u001b");
    expect(formatTables(TABLE, OWNERS, NEGATIVES, paintWith(true))).toContain("\u001b[32m");
  });
});
