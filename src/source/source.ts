import type { Finding, Kind, ObjectChange } from "../objects/kinds.ts";

/** One delivery of a source: changes that belong together, in order. */
export interface SourceBatch {
  readonly changes: readonly ObjectChange[];
  /** Findings that are true now, of everything the source holds: replaces the earlier list. */
  readonly findings: readonly Finding[];
  /** Monotonic milliseconds at which the source saw the change (start of the convergence histogram). */
  readonly at: number;
}

/** What the speaker gives a source. `synced` comes once, after the batch that completed the first full state of every kind. */
export interface SourceSink {
  batch(batch: SourceBatch): void;
  synced(): void;
  /** A fault that the source goes on from (unreadable directory, lost watch). */
  fault(what: string, cause: unknown): void;
}

/** The password of a Secret, or why there is none. `why` never holds any of it. */
export type SecretAnswer =
  | { readonly result: "found"; readonly password: string | null }
  | { readonly result: "failed"; readonly why: string };

/** Where objects come from. The speaker cannot tell the difference. Ends with the signal; never by itself. */
export interface Source {
  run(sink: SourceSink, signal: AbortSignal): Promise<void>;
  /** Kinds that it delivers and the age in milliseconds of the last word about each; null = not synced. */
  state(): readonly { readonly kind: Kind; readonly synced: boolean; readonly lastEventAgeMillis: number | null }[];
  /** Reads one Secret of Herald's namespace by name. A source without it delivers Secrets as objects. Never rejects. */
  readSecret?(name: string, signal: AbortSignal): Promise<SecretAnswer>;
  /** Faults after which a kind was begun anew, by kind and cause; a source that does not have it counts by {@link SourceSink.fault}. */
  restarts?(): Iterable<{ readonly kind: string; readonly cause: string; readonly count: number }>;
}
