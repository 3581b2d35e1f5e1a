import type { Negative, PlanReport, Route } from "../plan/report.ts";
import { formatRate } from "./live.ts";
import type { PlanDifference } from "./plan-difference.ts";
import { type Column, formatTable, orNone } from "./table.ts";

/** The routes, and under them every address that stays unannounced with its reason. */
export function formatPlan(report: PlanReport, wide: boolean): string {
  const tables = [formatTable(ROUTES, report.routes, { wide }), formatTable(NEGATIVES, report.notAnnounced, { wide })];
  return tables.filter((table) => table !== "").join("\n");
}

/** One line per thing that would change. */
export function formatDifference(difference: PlanDifference, wide: boolean): string {
  const rows: Change[] = [
    ...difference.withdrawn.map((route): Change => ({ change: "withdraw", route, fields: "" })),
    ...difference.announced.map((route): Change => ({ change: "announce", route, fields: "" })),
    ...difference.changed.map(({ after, fields }): Change => ({ change: "change", route: after, fields: fields.join(",") })),
  ];
  const resets = formatTable(RESETS, difference.sessionsReset, { wide });
  return [formatTable(CHANGES, rows, { wide }), resets].filter((table) => table !== "").join("\n");
}

interface Change {
  readonly change: "announce" | "withdraw" | "change";
  readonly route: Route;
  readonly fields: string;
}

const ROUTES: readonly Column<Route>[] = [
  { header: "NODE", value: (route) => route.node },
  { header: "PEER", value: (route) => route.peer },
  { header: "PREFIX", value: (route) => route.prefix },
  { header: "NEXT-HOP", value: (route) => route.nextHop ?? "<session>" },
  { header: "ATTRIBUTES", shrinks: true, value: (route) => orNone(attributesOf(route)) },
  { header: "OWNERS", shrinks: true, value: (route) => orNone(route.owners.join(",")) },
];

const NEGATIVES: readonly Column<Negative>[] = [
  { header: "NODE", value: (negative) => negative.node },
  { header: "PEER", wide: true, value: (negative) => orNone(negative.peer) },
  { header: "SERVICE", shrinks: true, value: (negative) => negative.service },
  { header: "ADDRESS", value: (negative) => orNone(negative.address) },
  { header: "KIND", wide: true, value: (negative) => orNone(negative.kind) },
  { header: "NOT-ANNOUNCED", value: (negative) => negative.reason },
  { header: "DETAIL", shrinks: true, value: (negative) => negative.detail },
];

const CHANGES: readonly Column<Change>[] = [
  { header: "CHANGE", value: ({ change }) => change },
  { header: "NODE", value: ({ route }) => route.node },
  { header: "PEER", value: ({ route }) => route.peer },
  { header: "PREFIX", value: ({ route }) => route.prefix },
  { header: "FIELDS", value: ({ fields }) => orNone(fields) },
  { header: "OWNERS", shrinks: true, value: ({ route }) => orNone(route.owners.join(",")) },
];

const RESETS: readonly Column<PlanDifference["sessionsReset"][number]>[] = [
  { header: "SESSION-RESET", value: ({ node }) => node },
  { header: "PEER", value: ({ peer }) => peer },
  { header: "FIELDS", value: ({ fields }) => fields.join(",") },
];

function attributesOf(route: Route): string {
  const parts = [...route.communities, ...route.largeCommunities, ...route.extendedCommunities];
  if (route.linkBandwidth !== null) parts.push(formatRate(route.linkBandwidth));
  if (route.localPref !== null && route.localPref !== 100) parts.push(`local-pref=${route.localPref}`);
  if (route.med !== null) parts.push(`med=${route.med}`);
  if (route.asPathPrepend > 0) parts.push(`prepend=${route.asPathPrepend}`);
  return parts.join(" ");
}
