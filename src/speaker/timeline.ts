/**
 * What happened before: the events behind `GET /api/v1/events` and the timeline of `explain`. Memory is bounded twice. Of every subject (an address of
 * a Service, towards one peer or all, or a session) the newest event is kept, so that "since when" is never lost to the noise of others. Those that a newer one
 * took over from live in a ring, the newest of them, for a day after they were taken over from: what was the case for a week and ended a minute ago is
 * told for a day more.
 */

import type { Clock } from "../clock.ts";
import type { TimelineEvent } from "../plan/report.ts";
import { type HandOver, joinEventText } from "../view/event-text.ts";
import type { EventQuery } from "../view/speaker-view.ts";

/** One round of planning: when its bytes went to the kernel is known only later, per peer, and is shown with each of its events. */
export interface Round {
  /** Monotonic milliseconds when the source saw the change. */
  readonly at: number;
  /** Milliseconds from there to the kernel, by peer; infinite while it waits for the kernel, none where there was no session to send it on. */
  readonly handedAfter: Map<string, number>;
}

export interface RecordedEvent extends Omit<TimelineEvent, "at"> {
  readonly atEpochMillis: number;
  /** null = not decided in one. */
  readonly round: Round | null;
  /** Milliseconds from the change to the decision; null = not measured. */
  readonly decidedAfter?: number | null;
  /** Peers that were sent something for it; by default all that the round sent something to. */
  readonly sentTo?: readonly string[];
}

export interface TimelineLimits {
  /** Events that newer ones took over from. */
  readonly older: number;
  /** How long those are kept from then on. */
  readonly olderMillis: number;
  /** Beyond it the hundredth silent longest goes. */
  readonly subjects: number;
}

export const TIMELINE_LIMITS: TimelineLimits = { older: 10_000, olderMillis: 24 * 3_600_000, subjects: 100_000 };

interface Entry {
  readonly sequence: number;
  readonly event: RecordedEvent;
  /** When a newer one took over. */
  supersededAt: number;
}

interface TimelineQuery extends EventQuery {
  /** Which addresses; all by default. */
  readonly wants?: (address: string) => boolean;
  /** Only the newest so many; 20,000 by default. */
  readonly limit?: number;
}

export class Timeline {
  /** By subject, the one silent longest first. */
  readonly #newest = new Map<string, Entry>();
  /** Newest events about what is gone, by subject: the first to go when there are too many subjects. */
  readonly #gone = new Set<string>();
  /** A ring: `#count` entries from `#first` on, in the order in which they were superseded. */
  readonly #older: (Entry | undefined)[];
  #first = 0;
  #count = 0;
  #sequence = 0;
  /** Of wall clocks the furthest: one that is set back ages nothing. */
  #latest = 0;
  readonly #limits: TimelineLimits;
  #clock: Pick<Clock, "now"> | null = null;

  constructor(limits: Partial<TimelineLimits> = {}) {
    this.#limits = { ...TIMELINE_LIMITS, ...limits };
    this.#older = new Array<Entry | undefined>(this.#limits.older);
  }

  /** From now on it is measured how long decisions took. */
  measureWith(clock: Pick<Clock, "now">): void {
    this.#clock = clock;
  }

  /** Milliseconds since a moment of the clock; null without one. */
  millisSince(at: number): number | null {
    return this.#clock === null ? null : Math.max(0, this.#clock.now() - at);
  }

  /** Events kept. */
  get size(): number {
    return this.#newest.size + this.#count;
  }

  add(event: RecordedEvent): void {
    this.#age(event.atEpochMillis);
    const subject = subjectOf(event.service, event.address, event.peer);
    const before = this.#newest.get(subject);
    if (before !== undefined) {
      this.#supersede(before);
      this.#newest.delete(subject);
      this.#gone.delete(subject);
    } else if (this.#newest.size >= this.#limits.subjects) this.#forgetSome();
    this.#newest.set(subject, { sequence: this.#sequence++, event, supersededAt: 0 });
    if (isGone(event)) this.#gone.add(subject);
  }

  /** When the newest event of the subject happened; null = not known any more. */
  since(service: string, address: string | null, peer: string | null): number | null {
    return this.#newest.get(subjectOf(service, address, peer))?.event.atEpochMillis ?? null;
  }

  /** Matching events, newest last. Those of sessions have no service and match no query for one. */
  read(query: TimelineQuery, nowEpochMillis = this.#latest): TimelineEvent[] {
    this.#age(nowEpochMillis);
    const matching: Entry[] = [];
    const consider = (entry: Entry | undefined): void => {
      if (entry !== undefined && matches(entry.event, query)) matching.push(entry);
    };
    for (let i = 0; i < this.#count; i++) consider(this.#older[(this.#first + i) % this.#older.length]);
    for (const entry of this.#newest.values()) consider(entry);
    matching.sort((a, b) => a.sequence - b.sequence);
    return matching.slice(-(query.limit ?? 20_000)).map(({ event }) => show(event));
  }

  #supersede(entry: Entry): void {
    const { older } = this.#limits;
    if (older === 0) return;
    entry.supersededAt = this.#latest;
    if (this.#count === older) this.#dropFirst();
    this.#older[(this.#first + this.#count) % older] = entry;
    this.#count++;
  }

  #age(nowEpochMillis: number): void {
    this.#latest = Math.max(this.#latest, nowEpochMillis);
    const limit = this.#latest - this.#limits.olderMillis;
    while (this.#count > 0 && (this.#older[this.#first]?.supersededAt ?? 0) < limit) this.#dropFirst();
  }

  #dropFirst(): void {
    this.#older[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#older.length;
    this.#count--;
  }

  /** A hundredth at once: to find the first key of a Map costs as many steps as were deleted before it. */
  #forgetSome(): void {
    const doomed: string[] = [];
    const wanted = Math.max(1, Math.floor(this.#limits.subjects / 100));
    for (const subject of this.#gone.size > 0 ? this.#gone : this.#newest.keys()) {
      doomed.push(subject);
      if (doomed.length >= wanted) break;
    }
    for (const subject of doomed) {
      this.#newest.delete(subject);
      this.#gone.delete(subject);
    }
  }
}

function subjectOf(service: string, address: string | null, peer: string | null): string {
  return `${service}\n${address ?? ""}\n${peer ?? ""}`;
}

/** Nobody asks any more since when it is so. */
function isGone({ reason, address }: RecordedEvent): boolean {
  return reason === "serviceDeleted" || (reason === "noAddress" && address !== null);
}

function matches(event: RecordedEvent, query: TimelineQuery): boolean {
  if (query.service !== null && event.service !== query.service) return false;
  if (query.wants !== undefined && (event.address === null || !query.wants(event.address))) return false;
  return query.sinceEpochMillis === null || event.atEpochMillis >= query.sinceEpochMillis;
}

function show(recorded: RecordedEvent): TimelineEvent {
  const { atEpochMillis, service, address, peer, kind, reason, cause } = recorded;
  return { at: new Date(atEpochMillis).toISOString(), service, address, peer, kind, reason, text: textOf(recorded), cause };
}

function textOf({ round, decidedAfter = null, sentTo, kind, text }: RecordedEvent): string {
  if (round === null) return text;
  const peers = [...(sentTo ?? round.handedAfter.keys())];
  // A withdrawal is nothing to a peer without a session.
  const handed = peers.map((peer) => handOver(round, peer)).filter(({ state }) => state !== "noSession" || kind === "announced");
  return joinEventText(text, { decidedAfter, handed });
}

function handOver(round: Round, peer: string): HandOver {
  const after = round.handedAfter.get(peer);
  if (after === undefined) return { peer, state: "noSession" };
  return Number.isFinite(after) ? { peer, state: "handed", after } : { peer, state: "waiting" };
}
