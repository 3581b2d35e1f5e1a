import type { Explain } from "../plan/report.ts";

/** `GET /api/v1/explain?subject=…`. */
export interface ExplainView extends Explain {
  readonly node: string;
}
