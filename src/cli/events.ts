import { SpeakerError } from "../errors.ts";
import type { TimelineEvent } from "../plan/report.ts";
import { parseSince, SINCE_ALLOWED } from "../view/since.ts";
import { formatEvents } from "./event-table.ts";
import type { ExitCode } from "./failure.ts";
import { type LiveOptions, runLive } from "./live.ts";

export interface EventsOptions extends LiveOptions {
  /** `namespace/name`; null = all. */
  readonly service: string | null;
  /** RFC 3339 or a duration; null = all that is kept. */
  readonly since: string | null;
}

/** `herald events`: what became announced or not, and why, newest last. @throws {SpeakerError} USAGE */
export function runEvents({ service, since, ...options }: EventsOptions): Promise<ExitCode> {
  if (since !== null && parseSince(since, Date.now()) === null)
    throw new SpeakerError("USAGE", `--since ${since}: not ${SINCE_ALLOWED}`, {
      remedy: "write --since 10m or --since 2026-01-31T12:00:00Z",
    });
  const query = new URLSearchParams();
  if (service !== null) query.set("service", service);
  if (since !== null) query.set("since", since);
  const inOrder = (a: TimelineEvent, b: TimelineEvent): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);
  return runLive<TimelineEvent>(options, {
    path: `/api/v1/events${query.size === 0 ? "" : `?${query.toString()}`}`,
    // Speakers answer each for itself; one table has one order.
    format: (rows, style) => formatEvents([...rows].sort(inOrder), style, Date.now()),
    nothing: service === null ? "No events." : `No events about ${service}.`,
  });
}
