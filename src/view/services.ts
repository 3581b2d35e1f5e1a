import type { ServiceAddress } from "../plan/report.ts";

/** `GET /api/v1/services`, sorted by family, address and Service. */
export interface ServicesView {
  readonly node: string;
  readonly items: readonly ServiceView[];
}

/** An address of a Service on this node; `since` is when the decision took its present form. */
export interface ServiceView extends ServiceAddress {
  readonly since: string;
}
