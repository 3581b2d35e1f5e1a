import type { BalanceItem } from "../plan/report.ts";

/** `GET /api/v1/balance`, sorted by family, address and Service. */
export interface BalanceView {
  readonly node: string;
  readonly items: readonly BalanceItem[];
}
