import type { RouteView } from "../view/routes.ts";
import type { ExitCode } from "./failure.ts";
import { formatAge, formatRate, type LiveOptions, type Row, runLive } from "./live.ts";
import { type Column, orNone } from "./table.ts";

/** `herald routes`: what running speakers announce. */
export function runRoutes(options: LiveOptions): Promise<ExitCode> {
  return runLive<RouteView>(options, "/api/v1/routes", columns(Date.now()), "No routes are announced.");
}

function columns(now: number): readonly Column<Row<RouteView>>[] {
  return [
    { header: "NODE", value: (row) => row.node },
    { header: "PREFIX", value: (row) => row.prefix },
    { header: "NEXT-HOP", value: (row) => orNone([...new Set(Object.values(row.nextHop).map((hop) => hop ?? "<session>"))].join(",")) },
    { header: "PEERS", shrinks: true, value: (row) => orNone(row.peers.join(",")) },
    { header: "OWNERS", shrinks: true, value: (row) => orNone(row.owners.join(",")) },
    { header: "AGE", value: (row) => formatAge(row.since, now) },
    { header: "BANDWIDTH", value: (row) => orNone(row.linkBandwidth === null ? null : formatRate(row.linkBandwidth)) },
    {
      header: "COMMUNITIES",
      wide: true,
      value: (row) => orNone([...row.communities, ...row.largeCommunities, ...row.extendedCommunities].join(",")),
    },
    { header: "LOCAL-PREF", wide: true, value: (row) => orNone(row.localPref?.toString()) },
    { header: "MED", wide: true, value: (row) => orNone(row.med?.toString()) },
    { header: "PREPEND", wide: true, value: (row) => String(row.asPathPrepend) },
  ];
}
