import type { Negative, PlanReport, Route } from "../plan/report.ts";
import type { PlanDifference, WireField } from "./plan-difference.ts";
import { attributesOf } from "./route-text.ts";
import { type Column, formatTable, orNone, type TableStyle } from "./table.ts";
import { formatRate } from "./units.ts";

/** The routes, and under them every address that stays unannounced with its reason. */
export function formatPlan(report: PlanReport, style: TableStyle): string {
  const tables = [formatTable(ROUTES, report.routes, style), formatTable(NEGATIVES, report.notAnnounced, style)];
  return tables.filter((table) => table !== "").join("\n");
}

/** One line per thing that would change. */
export function formatDifference(difference: PlanDifference, style: TableStyle): string {
  const rows: Change[] = [
    ...difference.withdrawn.map((route): Change => ({ change: "withdraw", route, what: "" })),
    ...difference.announced.map((route): Change => ({ change: "announce", route, what: "" })),
    ...difference.changed.map((one): Change => ({ change: "change", route: one.after, what: changesOf(one) })),
  ];
  const resets = formatTable(RESETS, difference.sessionsReset, style);
  return [formatTable(CHANGES, rows, style), resets].filter((table) => table !== "").join("\n");
}

interface Change {
  readonly change: "announce" | "withdraw" | "change";
  readonly route: Route;
  /** "" = all of it. */
  readonly what: string | readonly string[];
}

const ROUTES: readonly Column<Route>[] = [
  { header: "NODE", fit: "cut", value: (route) => route.node },
  { header: "PEER", fit: "cut", value: (route) => route.peer },
  { header: "PREFIX", value: (route) => route.prefix },
  { header: "NEXT-HOP", value: (route) => route.nextHop ?? "<session>" },
  { header: "ATTRIBUTES", fit: "cut", value: (route) => orNone(attributesOf(route)) },
  { header: "OWNERS", fit: "cut", value: (route) => orNone(route.owners.join(",")) },
];

const NEGATIVES: readonly Column<Negative>[] = [
  { header: "NODE", fit: "cut", value: (negative) => negative.node },
  { header: "PEER", optional: true, fit: "cut", value: (negative) => orNone(negative.peer) },
  { header: "SERVICE", fit: "cut", value: (negative) => negative.service },
  { header: "ADDRESS", value: (negative) => orNone(negative.address) },
  { header: "KIND", only: "wide", value: (negative) => orNone(negative.kind) },
  { header: "NOT-ANNOUNCED", value: (negative) => negative.reason },
  { header: "DETAIL", fit: "cut", value: (negative) => negative.detail },
];

const CHANGES: readonly Column<Change>[] = [
  { header: "CHANGE", value: ({ change }) => change },
  { header: "NODE", fit: "cut", value: ({ route }) => route.node },
  { header: "PEER", fit: "cut", value: ({ route }) => route.peer },
  { header: "PREFIX", value: ({ route }) => route.prefix },
  {
    header: "WHAT",
    optional: true,
    fit: "wrap",
    least: 20,
    value: ({ what, route }) => (what === "" ? orNone(attributesOf(route)) : what),
  },
  { header: "OWNERS", fit: "cut", value: ({ route }) => orNone(route.owners.join(",")) },
];

const RESETS: readonly Column<PlanDifference["sessionsReset"][number]>[] = [
  { header: "NODE", fit: "cut", value: ({ node }) => node },
  { header: "PEER", fit: "cut", value: ({ peer }) => peer },
  { header: "SESSION-RESET-BY", fit: "wrap", value: ({ fields }) => fields.join(", ") },
];

/** `communities 65000:1 -> 65000:2, med <none> -> 10`. */
function changesOf({ before, after, fields }: PlanDifference["changed"][number]): string[] {
  return fields.map((field) => `${field} ${fieldText(before, field)} -> ${fieldText(after, field)}`);
}

function fieldText(route: Route, field: WireField): string {
  if (field === "nextHop") return route.nextHop ?? "<session>";
  if (field === "linkBandwidth") return orNone(route.linkBandwidth === null ? null : formatRate(route.linkBandwidth));
  const value = route[field];
  return orNone(value === null ? null : typeof value === "number" ? String(value) : value.join(" "));
}
