import type { PeerView } from "../view/peers.ts";
import type { ExitCode } from "./failure.ts";
import { formatAge, type LiveOptions, type Row, runLive } from "./live.ts";
import { type Column, orNone } from "./table.ts";

/** `herald peers`: the sessions of running speakers. */
export function runPeers(options: LiveOptions): Promise<ExitCode> {
  return runLive<PeerView>(options, "/api/v1/peers", columns(Date.now()), "No peers: no BGPPeer selects this node.");
}

function columns(now: number): readonly Column<Row<PeerView>>[] {
  return [
    { header: "NODE", value: (row) => row.node },
    { header: "NAME", value: (row) => row.name },
    { header: "ADDRESS", value: (row) => orNone(row.peerAddress) },
    { header: "ASN", value: (row) => String(row.peerASN) },
    { header: "STATE", value: (row) => row.state },
    { header: "AGE", value: (row) => formatAge(row.since, now) },
    { header: "IPV4", value: (row) => String(row.announced.IPv4) },
    { header: "IPV6", value: (row) => String(row.announced.IPv6) },
    { header: "PENDING", value: (row) => String(row.pending) },
    { header: "FAMILIES", wide: true, value: (row) => row.families.join(",") },
    { header: "LOCAL-ASN", wide: true, value: (row) => String(row.localASN) },
    { header: "ROUTER-ID", wide: true, value: (row) => orNone(row.routerID) },
    { header: "HOLD", wide: true, value: (row) => `${row.holdTimeSeconds}s` },
    { header: "FLAPS", wide: true, value: (row) => String(row.flaps) },
    { header: "LAST-ERROR", shrinks: true, value: (row) => lastError(row) },
  ];
}

function lastError({ lastError: error }: PeerView): string {
  if (error === null) return "<none>";
  const what = error.name === "" ? error.text : error.text === "" ? error.name : `${error.name}: ${error.text}`;
  return error.direction === "local" ? what : `${error.direction} ${what}`;
}
