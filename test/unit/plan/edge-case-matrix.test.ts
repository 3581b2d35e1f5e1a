import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { REASON_CHECK } from "../../../src/plan/reasons.ts";

/**
 * What a speaker must have an answer to, and nobody else documents all of: words that the name of its test holds, and the outcome it must
 * name, a reason code or `announced`.
 */
const CELLS: readonly (readonly [string, string])[] = [
  ["no endpoints", "noEndpoints"],
  ["only not-ready", "noEndpoints"],
  ["only terminating ones that still serve", "announced"],
  ["only terminating ones that still serve", "noEndpoints"],
  ["only terminating ones that no longer serve", "noEndpoints"],
  ["the local ones all terminate", "endpointsTerminating"],
  ["endpoint without a node name", "announced"],
  ["endpoint without a node name", "noLocalEndpoints"],
  ["several slices", "announced"],
  ["slices deleted before their Service", "noEndpoints"],
  ["ingress with a hostname or ipMode Proxy", "noAddress"],
  ["two Services on one IP with different policies", "noLocalEndpoints"],
  ["inside two pools", "announced"],
  ["inside two blocks", "announced"],
  ["aggregate with mixed attributes", "announced"],
  ["policy flips from Local to Cluster and back", "noLocalEndpoints"],
  ["class that stops matching", "loadBalancerClassMismatch"],
  ["service selector stops matching", "noMatchingAdvertisement"],
  ["namespace selector stops matching", "noMatchingAdvertisement"],
  ["node selector stops matching", "noMatchingAdvertisement"],
  ["label flips", "nodeLabeledExcludeBalancers"],
  ["NetworkUnavailable", "nodeNetworkUnavailable"],
  ["cordon", "nodeDrained"],
  ["taint", "nodeDrained"],
  ["shutdown", "nodeDrained"],
  ["NotReady", "announced"],
  ["API server gone at start", "announced"],
  ["API server gone at run time", "announced"],
  ["restart with Graceful Restart", "announced"],
  ["restart without it", "dataplaneNotReady"],
  ["peer added while running", "announced"],
];

const PLAIN = /^ {2}it\(\s*"([^"]+)"/gm;
const OF_WORDS = /^ {2}it\.each\(\[("[^\n]*)\](?: as const)?\)\("([^"]+)"/gm;
const OF_ROWS = /^ {2}it\.each\(\[\n([\s\S]*?)^ {2}\](?: as const)?\)\("([^"]+)"/gm;
const WORD = /"([^"]+)"/g;
const FIRST_OF_ROW = /^ {4}\["([^"]+)"/gm;

/** Names of the tests in a file; those of a table once for every row. */
function testNames(file: string): string[] {
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const expanded = (tables: RegExp, cells: RegExp) =>
    [...text.matchAll(tables)].flatMap(([, rows = "", name = ""]) =>
      [...rows.matchAll(cells)].map(([, cell = ""]) => name.replace("%s", cell)),
    );
  return [...[...text.matchAll(PLAIN)].map(([, name = ""]) => name), ...expanded(OF_WORDS, WORD), ...expanded(OF_ROWS, FIRST_OF_ROW)];
}

describe("the edge-case matrix", () => {
  const names = testNames("./edge-cases.test.ts");

  it.each(CELLS)("%s: %s has its test", (words, outcome) => {
    expect(names.filter((name) => name.includes(words) && name.includes(outcome))).not.toEqual([]);
  });

  it("reads the names of all tests there are, and outcomes that exist", () => {
    expect(names.length).toBeGreaterThan(60);
    expect(new Set(names).size).toBe(names.length);
    const known = ["announced", ...Object.keys(REASON_CHECK)];
    expect(CELLS.filter(([, outcome]) => !known.includes(outcome))).toEqual([]);
    expect(CELLS).toHaveLength(31);
  });
});
