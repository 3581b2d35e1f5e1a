import type { ServiceView } from "../view/services.ts";
import type { ExitCode } from "./failure.ts";
import { type LiveOptions, type Row, runLive } from "./live.ts";
import { type Column, formatTable, orNone, type TableStyle } from "./table.ts";
import { cutText } from "./terminal-text.ts";
import { formatAge, formatRate } from "./units.ts";

/** `herald services`: every address of every Service on the nodes asked, announced to whom, or why not. */
export function runServices(options: LiveOptions): Promise<ExitCode> {
  return runLive<ServiceView>(options, {
    path: "/api/v1/services",
    format: (rows, style) => formatServices(rows, style, Date.now()),
    nothing: "No Services.",
  });
}

export function formatServices(rows: readonly Row<ServiceView>[], style: TableStyle, nowEpochMillis: number): string {
  const columns: readonly Column<Row<ServiceView>>[] = [
    { header: "NODE", fit: "cut", least: 8, value: (row) => row.node },
    { header: "SERVICE", fit: "cut", least: 10, value: (row) => row.service },
    { header: "ADDRESS", value: (row) => orNone(row.address) },
    { header: "KIND", only: "wide", value: (row) => orNone(row.kind) },
    // Counted in the cluster, and of those on this node.
    { header: "ENDPOINTS", value: (row) => `${row.endpoints.counted}, ${row.endpoints.local} here` },
    { header: "TERMINATING", only: "wide", value: (row) => String(row.endpoints.terminating) },
    { header: "WEIGHT", optional: true, value: (row) => orNone(row.weight === null ? null : formatRate(row.weight)) },
    { header: "AGE", value: (row) => formatAge(row.since, nowEpochMillis) },
    { header: "SINCE", only: "wide", value: (row) => row.since },
    { header: "ANNOUNCED", only: "narrow", fit: "wrap", least: 14, value: verdict },
    { header: "ANNOUNCED", only: "wide", value: (row) => (row.announced ? "yes" : "no") },
    { header: "REASON", only: "wide", value: (row) => orNone(row.reason) },
    { header: "PEERS", only: "wide", value: (row) => orNone(peersOf(row).join(", ")) },
    { header: "DETAIL", only: "wide", value: (row) => orNone(row.detail) },
  ];
  return formatTable(columns, rows, style);
}

/** `to tor-a, tor-b`; `no: noLocalEndpoints`; and where peers differ, whom not to and why. */
function verdict(row: ServiceView): readonly string[] {
  if (!row.announced) return [`no: ${row.reason}`];
  const to = Object.keys(row.peers).filter((name) => row.peers[name]?.announced === true);
  return [`to ${orNone(shortened(to))}`, ...refusals(row).map(([names, reason]) => `not to ${shortened(names)}: ${reason}`)];
}

/** Peers left out, by reason. */
function refusals({ peers }: ServiceView): readonly (readonly [readonly string[], string])[] {
  const names = new Map<string, string[]>();
  for (const [name, { announced, reason }] of Object.entries(peers))
    if (!announced) names.set(reason, [...(names.get(reason) ?? []), name]);
  return [...names].map(([reason, some]) => [some, reason]);
}

/** Long names of a few peers would make a row of many lines. */
function shortened(names: readonly string[]): string {
  return names.map((name) => cutText(name, 20, "…")).join(", ");
}

function peersOf({ peers }: ServiceView): string[] {
  return Object.entries(peers).map(([name, { announced, reason }]) => (announced ? name : `not ${name}: ${reason}`));
}
