/**
 * What happened before: the events behind `GET /api/v1/events` and the timeline of `explain`. Memory is bounded twice. Of every subject (an address of a Service towards
 * a peer, or a session) the newest event is kept, so that "since when" is never lost to the noise of others; older ones live in a ring.
 */

import type { TimelineEvent } from "../plan/report.ts";
import type { EventQuery } from "../view/speaker-view.ts";

/** One round of planning: when its bytes went to the kernel is known only later, per peer, and is shown with each of its events. */
export interface Round {
  /** Monotonic milliseconds when the source saw the change. */
  readonly at: number;
  /** Milliseconds from there to the kernel, by peer. */
  readonly handedAfter: Map<string, number>;
}

export interface RecordedEvent extends Omit<TimelineEvent, "at"> {
  readonly atEpochMillis: number;
  readonly round: Round | null;
}

interface Entry {
  readonly sequence: number;
  readonly subject: string;
  readonly event: RecordedEvent;
}

export class Timeline {
  readonly #newest = new Map<string, Entry>();
  readonly #older: (Entry | undefined)[];
  readonly #subjectLimit: number;
  #next = 0;
  #sequence = 0;

  constructor(limits: { readonly older: number; readonly subjects: number } = { older: 10_000, subjects: 100_000 }) {
    this.#older = new Array<Entry | undefined>(limits.older);
    this.#subjectLimit = limits.subjects;
  }

  add(event: RecordedEvent): void {
    const subject = `${event.service}\n${event.address ?? ""}\n${event.peer ?? ""}`;
    const before = this.#newest.get(subject);
    if (before !== undefined) {
      this.#older[this.#next] = before;
      this.#next = (this.#next + 1) % this.#older.length;
      this.#newest.delete(subject);
    } else if (this.#newest.size >= this.#subjectLimit) {
      const [oldest] = this.#newest.keys();
      if (oldest !== undefined) this.#newest.delete(oldest);
    }
    this.#newest.set(subject, { sequence: this.#sequence++, subject, event });
  }

  /** When the newest event of the subject happened; null = not known any more. */
  since(service: string, address: string | null, peer: string | null): number | null {
    return this.#newest.get(`${service}\n${address ?? ""}\n${peer ?? ""}`)?.event.atEpochMillis ?? null;
  }

  /** Matching events, newest last. Those of sessions have no service and match no query for one. */
  read(query: EventQuery & { readonly address?: string | null; readonly limit?: number }): TimelineEvent[] {
    const matching: Entry[] = [];
    const consider = (entry: Entry | undefined): void => {
      if (entry !== undefined && matches(entry.event, query)) matching.push(entry);
    };
    for (const entry of this.#older) consider(entry);
    for (const entry of this.#newest.values()) consider(entry);
    matching.sort((a, b) => a.sequence - b.sequence);
    return matching.slice(-(query.limit ?? 20_000)).map(({ event }) => show(event));
  }
}

function matches(event: RecordedEvent, query: EventQuery & { readonly address?: string | null }): boolean {
  if (query.service !== null && event.service !== query.service) return false;
  if (query.address !== undefined && query.address !== null && event.address !== query.address) return false;
  return query.sinceEpochMillis === null || event.atEpochMillis >= query.sinceEpochMillis;
}

function show({ atEpochMillis, round, ...event }: RecordedEvent): TimelineEvent {
  return { at: new Date(atEpochMillis).toISOString(), ...event, text: event.text + handed(round) };
}

function handed(round: Round | null): string {
  if (round === null || round.handedAfter.size === 0) return "";
  const parts = [...round.handedAfter].map(([peer, millis]) => `${peer} after ${millis.toFixed(1)} ms`);
  return `; handed to the kernel for ${parts.join(", ")}`;
}
