import type { Finding } from "../objects/kinds.ts";
import type { PlanReport, Route } from "../plan/report.ts";
import type { SessionReset } from "./session-resets.ts";

/** The JSON of `herald plan PATH… --against OLD`: what going from OLD to PATH would do to the routers. */
export interface PlanDifference {
  readonly announced: readonly Route[];
  readonly withdrawn: readonly Route[];
  readonly changed: readonly {
    readonly node: string;
    readonly peer: string;
    readonly prefix: string;
    readonly fields: readonly WireField[];
    readonly before: Route;
    readonly after: Route;
  }[];
  readonly sessionsReset: readonly SessionReset[];
  readonly findings: readonly Finding[];
}

/** Fields of a route that a router sees. Owners are ours alone: a prefix that changes hands is sent again to nobody. */
const WIRE_FIELDS = [
  "nextHop",
  "communities",
  "largeCommunities",
  "extendedCommunities",
  "localPref",
  "med",
  "asPathPrepend",
  "linkBandwidth",
] as const satisfies readonly (keyof Route)[];

export type WireField = (typeof WIRE_FIELDS)[number];

/** Compares two plans route by route. Both are in the order of all lists, and so is the result. */
export function differenceOf(before: PlanReport, after: PlanReport): Pick<PlanDifference, "announced" | "withdrawn" | "changed"> {
  const old = new Map(before.routes.map((route) => [keyOf(route), route]));
  const current = new Set(after.routes.map(keyOf));
  return {
    announced: after.routes.filter((route) => !old.has(keyOf(route))),
    withdrawn: before.routes.filter((route) => !current.has(keyOf(route))),
    changed: after.routes.flatMap((route) => {
      const earlier = old.get(keyOf(route));
      const fields = earlier === undefined ? [] : WIRE_FIELDS.filter((field) => !equal(earlier[field], route[field]));
      if (earlier === undefined || fields.length === 0) return [];
      return [{ node: route.node, peer: route.peer, prefix: route.prefix, fields, before: earlier, after: route }];
    }),
  };
}

/** True when routers would notice nothing. */
export function isEmpty(difference: PlanDifference): boolean {
  const { announced, withdrawn, changed, sessionsReset } = difference;
  return announced.length + withdrawn.length + changed.length + sessionsReset.length === 0;
}

/** One line: how much of what would happen. */
export function summaryOf(difference: PlanDifference): string {
  if (isEmpty(difference)) return "Nothing would change.";
  const { announced, withdrawn, changed, sessionsReset } = difference;
  const sessions = `${sessionsReset.length} ${sessionsReset.length === 1 ? "session" : "sessions"} reset`;
  return `${announced.length} announced, ${withdrawn.length} withdrawn, ${changed.length} changed, ${sessions}`;
}

function keyOf({ node, peer, prefix }: Route): string {
  return JSON.stringify([node, peer, prefix]);
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
