import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PLAN_FINDING_CODES } from "../../../src/plan/findings.ts";
import { REASON_CHECK } from "../../../src/plan/reasons.ts";

/**
 * Rules of docs/semantics.md by heading, each as words that the name of its test holds. A rule without a test is a promise that nobody would
 * miss.
 */
const RULES: Readonly<Record<string, readonly string[]>> = {
  "Why is my address (not) announced": [
    "all seventeen checks in order",
    "the furthest pair speaks",
    "ties go by advertisement name",
    "ipMode Proxy",
    "ingress counts only while the type is LoadBalancer",
    "an external IP is never announced without an explicit CIDR",
  ],
  "Which endpoints count": [
    "several slices count together, and the best entry of an address wins",
    "families are judged apart",
    "without a node name: announced under Cluster, noLocalEndpoints under Local",
    "a ClusterIP is local-only under either traffic policy",
    "with endpointPolicy Ready",
    "only terminating ones that still serve: announced",
    "ready ones only on drained or excluded nodes",
    "withoutEndpoints Announce",
  ],
  "Data-plane gate": [
    "until the proxy answered 200 once",
    "after 60 s of refused connections",
    "after 5 s of silence",
    "Off asks nobody",
    "holds blocks back too",
    "not consulted where only terminating endpoints count",
    "another pod on a node that announces does not ask again",
    "says not probed",
    "gateNotProbed",
  ],
  "Next hops": ["on loopback is no next hop", "takes the Node's InternalIP, and without one: noNextHop"],
  Drain: [
    "a cordon: nodeDrained only where the configuration says so",
    'annotation of "false"',
    "a local drain counts like the annotation",
    "a NotReady node: announced still",
    "with GRACEFUL_SHUTDOWN, LOCAL_PREF 0 and more prepends, and withdraws after the grace period",
    "does not announce what is first wanted while it lasts",
    "that is there from the start announces nothing",
  ],
  "Exit, restart, loss": [
    "are told again only where something else is wanted, and withdrawn where nothing is",
    "start past the gates, those of their owners and that of the proxy",
  ],
  "One prefix, several owners": [
    "stays announced while any owner wants it",
    "only nodes that have endpoints of both",
    "any owner suffices and sharedAddressDisagrees",
    "united, highest, lowest and fewest",
    "all nodes send equal values",
    "advertisements name their peers",
    "names who asks for what and what is announced",
  ],
  "Aggregates and blocks": [
    "an aggregate stands while one Cluster member is eligible; Local members are host routes",
    "a block is announced whatever the Services",
    "gives the blackhole command",
    "overlappingAggregates",
  ],
  Weights: [
    "counted local endpoints times perEndpoint under Local, once under Cluster",
    "1 for a ClusterIP that is local-only through externalTrafficPolicy alone",
    "add up over the Services of a shared address",
  ],
  Damping: [
    "at most one change per prefix in weightHoldDown",
    "under weightTolerance waits until it has been quiet for 60 s",
    "at once to and from nothing",
    "other attributes do not wait",
    "third withdrawal within 60 s delays the next announcement by 5 s",
    "doubles up to 60 s, and is forgotten after five quiet minutes",
    "skipped while no other node's endpoints count",
  ],
  Limits: [
    "hashes that are published",
    "every speaker agrees on them",
    "under Local only nodes with an endpoint of their own are ranked",
    "keeps the oldest by creationTimestamp",
    "an aggregate is as old as its advertisement",
    "announceLimitExceeded",
  ],
  Balance: [
    "3:1:1 under plain ECMP gives each node a third",
    "rounds weights as a router does",
    "under Cluster every node gets the same",
    "65 paths are more than a router of width 64 uses",
  ],
  Findings: ["the same whatever the order of events", "are not judged over a kind of which there is no object yet"],
};

/** `describe name > test name` of every test in a file; table rows stand for themselves. */
function testNames(text: string): string[] {
  const names: string[] = [];
  let group = "";
  for (const [, keyword = "", each = "", quoted = ""] of text.matchAll(
    /^(?: {2})?(describe|it)(\.each\([\s\S]*?\)(?: as const\))?)?\(\s*(["'`].*["'`]),/gm,
  )) {
    const name = quoted.slice(1, -1);
    if (keyword === "describe") group = name;
    else names.push(`${group} > ${name} ${each}`);
  }
  return names;
}

describe("the rules of docs/semantics.md", () => {
  const here = new URL("./", import.meta.url);
  const files = readdirSync(here).filter((file) => file.endsWith(".test.ts") && !import.meta.url.endsWith(file));
  const names = files.flatMap((file) => testNames(readFileSync(new URL(file, here), "utf8")));
  const named = (words: string) => names.filter((name) => name.includes(words));

  it("reads the names of the planner's tests", () => {
    expect(files.length).toBeGreaterThanOrEqual(12);
    expect(names.length).toBeGreaterThan(150);
    expect(named("> undefined").concat(named("undefined >"))).toEqual([]);
  });

  it("every reason stands in the name of a test", () => {
    const reasons = Object.keys(REASON_CHECK);
    expect(reasons.filter((reason) => !names.some((name) => new RegExp(`\\b${reason}\\b`).test(name)))).toEqual([]);
    expect(reasons.length).toBe(19);
  });

  it("every section has its rules, and every rule a test of that name", () => {
    const page = readFileSync(new URL("../../../docs/semantics.md", import.meta.url), "utf8");
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);
    expect(headings).toEqual(Object.keys(RULES));
    const missing = Object.entries(RULES).flatMap(([heading, rules]) =>
      rules.filter((words) => named(words).length === 0).map((words) => `${heading}: ${words}`),
    );
    expect(missing).toEqual([]);
  });

  it("every finding of the planner stands in a test", () => {
    const texts = files.map((file) => readFileSync(new URL(file, here), "utf8")).join("\n");
    expect(PLAN_FINDING_CODES.filter((code) => !texts.includes(code))).toEqual([]);
  });
});
