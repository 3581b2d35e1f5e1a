import type { SourceBatch } from "../source/source.ts";

/** One kind of work that only the leader does. */
export interface Duty {
  /** Objects as they change, leader or not, in order. */
  observe(batch: SourceBatch): void;
  /** Leads from now until the signal aborts: after the first sync, with the lease held. Resolves when nothing is under way any more. */
  lead(signal: AbortSignal): Promise<void>;
}
