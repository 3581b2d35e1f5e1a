import type { RouteView } from "../view/routes.ts";
import type { ExitCode } from "./failure.ts";
import { type LiveOptions, type Row, runLive } from "./live.ts";
import { attributesOf } from "./route-text.ts";
import { type Column, formatTable, orNone, type TableStyle } from "./table.ts";
import { formatAge } from "./units.ts";

/** `herald routes`: what running speakers announce. */
export function runRoutes(options: LiveOptions): Promise<ExitCode> {
  return runLive<RouteView>(options, {
    path: "/api/v1/routes",
    format: (rows, style) => formatRoutes(rows, style, Date.now()),
    nothing: "No routes are announced.",
  });
}

export function formatRoutes(rows: readonly Row<RouteView>[], style: TableStyle, nowEpochMillis: number): string {
  const columns: readonly Column<Row<RouteView>>[] = [
    { header: "NODE", fit: "cut", value: (row) => row.node },
    { header: "PREFIX", value: (row) => row.prefix },
    { header: "NEXT-HOP", fit: "wrap", least: 15, value: (row) => nextHops(row, style.wide) },
    { header: "PEERS", fit: "cut", least: 8, value: (row) => orNone(row.peers.join(",")) },
    { header: "ATTRIBUTES", optional: true, fit: "cut", value: (row) => orNone(attributesOf(row)) },
    { header: "OWNERS", fit: "cut", value: (row) => orNone(row.owners.join(",")) },
    { header: "AGE", value: (row) => formatAge(row.since, nowEpochMillis) },
    { header: "SINCE", only: "wide", value: (row) => row.since },
    { header: "RESTORED", only: "wide", value: (row) => orNone(row.restored) },
    { header: "LOCAL-PREF", only: "wide", value: (row) => orNone(row.localPref?.toString()) },
    { header: "MED", only: "wide", value: (row) => orNone(row.med?.toString()) },
    { header: "PREPEND", only: "wide", value: (row) => String(row.asPathPrepend) },
    { header: "BYTES-PER-SECOND", only: "wide", value: (row) => orNone(row.linkBandwidth?.toString()) },
  ];
  return formatTable(columns, rows, style);
}

/** The next hop, or each peer's own where they differ. */
function nextHops({ nextHop }: RouteView, wide: boolean): readonly string[] {
  const hops = Object.entries(nextHop).map(([peer, hop]) => [peer, hop ?? "<session>"] as const);
  const distinct = [...new Set(hops.map(([, hop]) => hop))];
  if (distinct.length <= 1) return [orNone(distinct[0])];
  return wide ? hops.map(([peer, hop]) => `${peer}=${hop}`) : distinct;
}
