import type { TimelineEvent } from "../plan/report.ts";

/** `GET /api/v1/events`, newest last. */
export interface EventsView {
  readonly node: string;
  readonly items: readonly EventView[];
}

export type EventView = TimelineEvent;
