import type { PeerView } from "../view/peers.ts";
import type { ExitCode } from "./failure.ts";
import { type LiveOptions, type Row, runLive } from "./live.ts";
import { type Column, formatTable, orNone, type TableStyle } from "./table.ts";
import { formatAge } from "./units.ts";

/** `herald peers`: the sessions of running speakers, and what went wrong last on each. */
export function runPeers(options: LiveOptions): Promise<ExitCode> {
  return runLive<PeerView>(options, {
    path: "/api/v1/peers",
    format: (rows, style) => formatPeers(rows, style, Date.now()),
    nothing: "No peers: no BGPPeer selects this node.",
  });
}

export function formatPeers(rows: readonly Row<PeerView>[], style: TableStyle, nowEpochMillis: number): string {
  const failed = style.wide ? [] : rows.filter(({ lastError }) => lastError !== null);
  const tables = [formatTable(sessionColumns(nowEpochMillis), rows, style), formatTable(errorColumns(nowEpochMillis), failed, style)];
  return tables.filter((table) => table !== "").join("\n");
}

function sessionColumns(now: number): readonly Column<Row<PeerView>>[] {
  return [
    { header: "NODE", fit: "cut", least: 8, value: (row) => row.node },
    { header: "PEER", fit: "cut", least: 8, value: (row) => row.name },
    { header: "ADDRESS", value: (row) => orNone(row.peerAddress) },
    { header: "ASN", value: (row) => String(row.peerASN) },
    { header: "STATE", value: (row) => row.state },
    { header: "UPTIME", value: (row) => orNone(row.state === "Established" ? formatAge(row.since, now) : null) },
    { header: "ANNOUNCED", only: "narrow", value: announced },
    { header: "PENDING", value: (row) => String(row.pending) },
    { header: "IPV4", only: "wide", value: (row) => String(row.announced.IPv4) },
    { header: "IPV6", only: "wide", value: (row) => String(row.announced.IPv6) },
    { header: "FAMILIES", only: "wide", value: (row) => orNone(row.families.join(",")) },
    { header: "SINCE", only: "wide", value: (row) => row.since },
    { header: "LOCAL-ASN", only: "wide", value: (row) => String(row.localASN) },
    { header: "ROUTER-ID", only: "wide", value: (row) => orNone(row.routerID) },
    { header: "HOLD", only: "wide", value: (row) => `${row.holdTimeSeconds}s` },
    { header: "FLAPS", only: "wide", value: (row) => String(row.flaps) },
    { header: "ERROR-AT", only: "wide", value: (row) => orNone(row.lastError?.at) },
    { header: "LAST-ERROR", only: "wide", value: lastError },
  ];
}

/** Under the sessions: a line of them has no room for what a router said. */
function errorColumns(now: number): readonly Column<Row<PeerView>>[] {
  return [
    { header: "NODE", fit: "cut", least: 8, value: (row) => row.node },
    { header: "PEER", fit: "cut", value: (row) => row.name },
    { header: "AGO", value: (row) => orNone(row.lastError === null ? null : formatAge(row.lastError.at, now)) },
    { header: "LAST-ERROR", fit: "wrap", least: 60, value: lastError },
  ];
}

/** Routes the peer has, for each family of the session. */
function announced({ families, announced: counts }: PeerView): string {
  return orNone(families.map((family) => `${family} ${counts[family]}`).join(", "));
}

function lastError({ lastError: error }: PeerView): string {
  if (error === null) return "<none>";
  const what = error.name === "" ? error.text : error.text === "" ? error.name : `${error.name}: ${error.text}`;
  return error.direction === "local" ? what : `${error.direction} ${what}`;
}
