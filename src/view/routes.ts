import type { NodeRoute } from "../plan/report.ts";

/** `GET /api/v1/routes`, sorted by family and prefix. */
export interface RoutesView {
  readonly node: string;
  readonly items: readonly RouteView[];
}

/** A route of this node; `since` is when it took its present form. */
export interface RouteView extends NodeRoute {
  readonly since: string;
  /** As of when the state file says so, where no decision is in force since a graceful start; null = it was decided. */
  readonly restored: string | null;
}
