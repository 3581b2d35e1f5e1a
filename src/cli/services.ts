import type { ServiceView } from "../view/services.ts";
import type { ExitCode } from "./failure.ts";
import { formatAge, formatRate, type LiveOptions, type Row, runLive } from "./live.ts";
import { type Column, orNone } from "./table.ts";

/** `herald services`: every address of every Service on the nodes asked, announced or not and why. */
export function runServices(options: LiveOptions): Promise<ExitCode> {
  return runLive<ServiceView>(options, "/api/v1/services", columns(Date.now()), "No Services.");
}

function columns(now: number): readonly Column<Row<ServiceView>>[] {
  return [
    { header: "NODE", value: (row) => row.node },
    { header: "SERVICE", shrinks: true, value: (row) => row.service },
    { header: "ADDRESS", value: (row) => orNone(row.address) },
    { header: "KIND", value: (row) => orNone(row.kind) },
    { header: "ANNOUNCED", value: (row) => (row.announced ? "yes" : "no") },
    { header: "REASON", value: (row) => orNone(row.reason) },
    { header: "ENDPOINTS", value: (row) => `${row.endpoints.counted}/${row.endpoints.local}` },
    { header: "AGE", value: (row) => formatAge(row.since, now) },
    { header: "TERMINATING", wide: true, value: (row) => String(row.endpoints.terminating) },
    { header: "WEIGHT", wide: true, value: (row) => orNone(row.weight === null ? null : formatRate(row.weight)) },
    { header: "PEERS", wide: true, value: (row) => orNone(peersOf(row)) },
    { header: "DETAIL", wide: true, value: (row) => orNone(row.detail) },
  ];
}

function peersOf(row: ServiceView): string {
  return Object.entries(row.peers)
    .map(([name, { announced, reason }]) => (announced ? name : `${name}(${reason})`))
    .join(",");
}
