import type { Explain } from "../plan/report.ts";

/** A route that the state file speaks for, as of `since`. */
export interface RestoredView {
  readonly prefix: string;
  readonly peers: readonly string[];
  readonly owners: readonly string[];
  readonly since: string;
}

/** `GET /api/v1/explain?subject=…`. */
export interface ExplainView extends Explain {
  readonly node: string;
  /** What a graceful start announces from the state file; empty once decisions are in force. */
  readonly restored: readonly RestoredView[];
}
