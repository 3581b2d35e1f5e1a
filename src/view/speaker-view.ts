/** The port through which the admin server reads and commands a running speaker. */

import type { DrainState } from "../plan/drain-phase.ts";
import type { BalanceItem } from "../plan/report.ts";
import type { DrainAnswer, UndrainAnswer } from "./drain.ts";
import type { EventsView } from "./events.ts";
import type { ExplainView } from "./explain.ts";
import type { PeersView } from "./peers.ts";
import type { RouteView } from "./routes.ts";
import type { ServiceView } from "./services.ts";

export interface EventQuery {
  /** `namespace/name`; null = all. */
  readonly service: string | null;
  /** Milliseconds since the epoch; null = all that is kept. */
  readonly sinceEpochMillis: number | null;
}

/** What the admin server reads. Long lists come one by one so that a reply of a million routes is never one value. */
export interface SpeakerView {
  readonly node: string;
  /** The first full state of every kind has been read and decided on. */
  ready(): boolean;
  /** What readiness waits for, in words; "" when ready. */
  waitingFor(): string;
  drain(): DrainState;
  peers(): PeersView;
  routes(): Iterable<RouteView>;
  services(): Iterable<ServiceView>;
  /** @throws {SpeakerError} SUBJECT_UNKNOWN */
  explain(subject: string): ExplainView;
  /**
   * Of one Service (`namespace/name`) or all. null = nothing yet: a moment at which the event loop may turn.
   * @throws {SpeakerError} SUBJECT_UNKNOWN
   */
  balance(service: string | null): Iterable<BalanceItem | null>;
  events(query: EventQuery): EventsView;
}

/** What the admin server may ask for. */
export interface SpeakerCommands {
  /** Drains this node from inside the process: in force at once; resolves when the next process would know it too, or with why it will not. */
  drain(reason: string): Promise<DrainAnswer>;
  undrain(): Promise<UndrainAnswer>;
  /** Ends the session with Cease/4 and starts it anew. @throws {SpeakerError} SUBJECT_UNKNOWN */
  resetPeer(name: string): void;
  /** Sends everything again. @throws {SpeakerError} SUBJECT_UNKNOWN */
  refreshPeer(name: string): void;
}
