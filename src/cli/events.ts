import type { TimelineEvent } from "../plan/report.ts";
import type { ExitCode } from "./failure.ts";
import { formatAge, type LiveOptions, type Row, runLive } from "./live.ts";
import { type Column, orNone } from "./table.ts";

export interface EventsOptions extends LiveOptions {
  /** `namespace/name`; null = all. */
  readonly service: string | null;
  /** RFC 3339 or a duration; null = all that is kept. */
  readonly since: string | null;
}

/** `herald events`: what became announced or not, and why, newest last. */
export function runEvents(options: EventsOptions): Promise<ExitCode> {
  const query = new URLSearchParams();
  if (options.service !== null) query.set("service", options.service);
  if (options.since !== null) query.set("since", options.since);
  const suffix = query.size === 0 ? "" : `?${query.toString()}`;
  const inOrder = (a: TimelineEvent, b: TimelineEvent): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);
  return runLive<TimelineEvent>(options, `/api/v1/events${suffix}`, columns(Date.now()), "No events.", inOrder);
}

function columns(now: number): readonly Column<Row<TimelineEvent>>[] {
  return [
    { header: "AGE", value: (row) => formatAge(row.at, now) },
    { header: "AT", wide: true, value: (row) => row.at },
    { header: "NODE", value: (row) => row.node },
    { header: "SERVICE", shrinks: true, value: (row) => orNone(row.service) },
    { header: "ADDRESS", value: (row) => orNone(row.address) },
    { header: "PEER", wide: true, value: (row) => orNone(row.peer) },
    { header: "KIND", wide: true, value: (row) => row.kind },
    { header: "REASON", value: (row) => orNone(row.reason) },
    { header: "TEXT", shrinks: true, value: (row) => row.text },
    { header: "CAUSE", wide: true, value: (row) => orNone(row.cause === null ? null : `${row.cause.kind} ${row.cause.name}`) },
  ];
}
