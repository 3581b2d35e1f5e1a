import type { NodeRoute } from "../plan/report.ts";

/** `GET /api/v1/routes`, sorted by family and prefix. */
export interface RoutesView {
  readonly node: string;
  readonly items: readonly RouteView[];
}

/** A route of this node; `since` is when it took its present form. */
export interface RouteView extends NodeRoute {
  readonly since: string;
}
