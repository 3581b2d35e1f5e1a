/**
 * Events about objects (events.k8s.io/v1), for `kubectl describe`. They are words for people, so they may be late, joined or lost, and never hurt: one
 * that repeats becomes the series of its first, nothing is written about one object oftener than once a second, and all together share a bucket.
 */

import type { Clock, Timer } from "../clock.ts";
import type { Log } from "../log.ts";
import type { KubeClient } from "./client.ts";
import type { Condition, Outcome } from "./failure.ts";
import type { Resource } from "./resource.ts";
import { WriteFaults } from "./write-faults.ts";

/** What an Event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  /** "" for kinds that have none: their Events live in `default`. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface ObjectEvent {
  readonly regarding: EventSubject;
  readonly type: "Normal" | "Warning";
  /** Why, in one CamelCase word: `Announced`. */
  readonly reason: string;
  /** What was done, in one CamelCase word: `Announce`. */
  readonly action: string;
  /** For people; cut after 1,024 characters, as the API server asks. */
  readonly note: string;
}

export interface EventWriterOptions {
  readonly client: Pick<KubeClient, "create" | "patch">;
  readonly clock: Clock;
  readonly log: Log;
  /** Who reports: `herald.dev/speaker`. */
  readonly controller: string;
  /** Which one of them: the node, or the Pod. */
  readonly instance: string;
  /** 0 ≤ value < 1; makes names that no other instance gives. */
  readonly random: () => number;
}

/** Milliseconds. */
const PER_SUBJECT = 1000;
const BUCKET = { burst: 20, interval: 500 } as const;
/** An Event that repeats within this time is the same series; API servers keep one for an hour after its last change. */
const SERIES = 1_800_000;
const PAUSE = { least: 1000, most: 300_000 } as const;
/** Of each there may be so many; what is beyond is left out. */
const LIMITS = { subjects: 1000, perSubject: 10, series: 2000 } as const;
const NOTE_CHARACTERS = 1024;
const NAME_CHARACTERS = 253;
const INSTANCE_CHARACTERS = 128;

/** After these the same Event may well be taken later; after others it never is. */
const PASSING: ReadonlySet<Condition> = new Set([
  "Unauthorized",
  "TooManyRequests",
  "ServerError",
  "Unreachable",
  "Untrusted",
  "NoCredentials",
  "Silent",
]);

/** One Event that waits, how often it happened meanwhile, and when. */
interface Waiting {
  readonly event: ObjectEvent;
  count: number;
  readonly firstAt: Date;
  lastAt: Date;
}

interface Subject {
  readonly waiting: Map<string, Waiting>;
  /** Nothing is written about it before this moment. */
  readonly dueAt: number;
}

/** An Event that the API server has. */
interface Series {
  readonly name: string;
  count: number;
  /** Moment of its last write. */
  at: number;
}

export class EventWriter {
  readonly #options: EventWriterOptions;
  readonly #faults: WriteFaults;
  /** By object, who waits longest first. */
  readonly #subjects = new Map<string, Subject>();
  readonly #series = new Map<string, Series>();
  readonly #ended = new AbortController();
  #timer: Timer | null = null;
  #writing = false;
  /** Moment at which the bucket is full again. */
  #fullAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #leftOut = 0;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#faults = new WriteFaults(options.clock, options.log);
  }

  /** Takes an Event; it is written when its turn comes. Never throws and never waits. */
  emit(event: ObjectEvent): void {
    if (this.#ended.signal.aborted) return;
    const at = this.#options.clock.wall();
    const subjectKey = keyOf(event.regarding);
    const subject = this.#subjects.get(subjectKey) ?? this.#newSubject(subjectKey);
    if (subject === null) {
      this.#leaveOut();
      return;
    }
    const key = sameness(event);
    const known = subject.waiting.get(key);
    if (known !== undefined) {
      known.count++;
      known.lastAt = at;
    } else if (subject.waiting.size >= LIMITS.perSubject) this.#leaveOut();
    else subject.waiting.set(key, { event, count: 1, firstAt: at, lastAt: at });
    this.#arm();
  }

  /** Events that wait to be written. */
  get waiting(): number {
    return [...this.#subjects.values()].reduce((sum, { waiting }) => sum + waiting.size, 0);
  }

  /** What waits is dropped. */
  stop(): void {
    this.#ended.abort();
    this.#timer?.cancel();
    this.#timer = null;
    this.#subjects.clear();
  }

  #newSubject(key: string): Subject | null {
    if (this.#subjects.size >= LIMITS.subjects) this.#forgetIdle();
    if (this.#subjects.size >= LIMITS.subjects) return null;
    const subject: Subject = { waiting: new Map(), dueAt: Number.NEGATIVE_INFINITY };
    this.#subjects.set(key, subject);
    return subject;
  }

  #forgetIdle(): void {
    const now = this.#options.clock.now();
    for (const [key, { waiting, dueAt }] of this.#subjects) if (waiting.size === 0 && dueAt <= now) this.#subjects.delete(key);
  }

  #leaveOut(): void {
    this.#leftOut++;
    this.#faults.failed("events (too many at once)", { condition: "Refused", message: `${this.#leftOut} left out so far` });
  }

  #arm(): void {
    if (this.#writing || this.#timer !== null || this.#ended.signal.aborted) return;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const subject of this.#subjects.values()) if (subject.waiting.size > 0) dueAt = Math.min(dueAt, subject.dueAt);
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    const at = Math.max(dueAt, this.#pausedUntil, this.#fullAt - (BUCKET.burst - 1) * BUCKET.interval);
    this.#timer = clock.setTimer(Math.max(0, Math.ceil(at - clock.now())), () => {
      this.#timer = null;
      void this.#writeNext();
    });
  }

  async #writeNext(): Promise<void> {
    const now = this.#options.clock.now();
    const next = [...this.#subjects].find(([, { waiting, dueAt }]) => waiting.size > 0 && dueAt <= now);
    const [key = "", subject] = next ?? [];
    const [[sameKey, waiting] = []] = subject?.waiting ?? [];
    if (subject === undefined || sameKey === undefined || waiting === undefined) {
      this.#arm();
      return;
    }
    subject.waiting.delete(sameKey);
    // To the end: others come first now.
    this.#subjects.delete(key);
    this.#subjects.set(key, { waiting: subject.waiting, dueAt: now + PER_SUBJECT });
    this.#fullAt = Math.max(this.#fullAt, now) + BUCKET.interval;
    this.#writing = true;
    try {
      this.#judge(await this.#write(sameKey, waiting), key, sameKey, waiting);
    } finally {
      this.#writing = false;
      this.#arm();
    }
  }

  async #write(key: string, waiting: Waiting): Promise<Outcome<unknown>> {
    const { client, clock } = this.#options;
    const { regarding } = waiting.event;
    const place = eventsIn(regarding.namespace === "" ? "default" : regarding.namespace);
    const series = this.#series.get(key);
    if (series !== undefined && clock.now() < series.at + SERIES) {
      const count = series.count + waiting.count;
      const patch = { series: { count, lastObservedTime: microTime(waiting.lastAt) } };
      const patched = await client.patch(place, series.name, patch, this.#ended.signal);
      if (patched.ok) this.#remember(key, { name: series.name, count, at: clock.now() });
      // Gone after its time, or deleted: a new one tells it.
      if (patched.ok || patched.failure.condition !== "NotFound") return patched;
    }
    const name = this.#nameFor(waiting);
    const created = await client.create(place, this.#bodyOf(name, waiting), this.#ended.signal);
    if (created.ok) this.#remember(key, { name, count: waiting.count, at: clock.now() });
    return created;
  }

  #judge(outcome: Outcome<unknown>, subjectKey: string, key: string, waiting: Waiting): void {
    if (outcome.ok) {
      this.#failures = 0;
      this.#faults.succeeded("events");
      return;
    }
    const { failure } = outcome;
    this.#faults.failed("events", failure);
    const pause = Math.min(PAUSE.most, PAUSE.least * 2 ** Math.min(this.#failures++, 20));
    this.#pausedUntil = this.#options.clock.now() + Math.max(pause, failure.retryAfterMillis ?? 0);
    if (!PASSING.has(failure.condition)) return;
    const subject = this.#subjects.get(subjectKey);
    if (subject === undefined) return;
    const newer = subject.waiting.get(key);
    subject.waiting.set(key, newer === undefined ? waiting : { ...newer, count: newer.count + waiting.count, firstAt: waiting.firstAt });
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key);
    this.#series.set(key, series);
    if (this.#series.size <= LIMITS.series) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined) this.#series.delete(oldest);
  }

  #nameFor({ event, firstAt }: Waiting): string {
    const unique = `${firstAt.getTime().toString(16)}${Math.floor(this.#options.random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0")}`;
    const name = event.regarding.name.slice(0, NAME_CHARACTERS - unique.length - 1).replace(/[-.]+$/, "");
    return `${name}.${unique}`;
  }

  #bodyOf(name: string, { event, count, firstAt, lastAt }: Waiting): unknown {
    const { regarding, type, reason, action, note } = event;
    const { apiVersion, kind, namespace, name: of, uid } = regarding;
    return {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name, namespace: namespace === "" ? "default" : namespace },
      eventTime: microTime(firstAt),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, INSTANCE_CHARACTERS),
      regarding: { apiVersion, kind, name: of, uid, ...(namespace === "" ? {} : { namespace }) },
      type,
      reason,
      action,
      note: note.length <= NOTE_CHARACTERS ? note : `${note.slice(0, NOTE_CHARACTERS - 3)}...`,
      ...(count > 1 ? { series: { count, lastObservedTime: microTime(lastAt) } } : {}),
    };
  }
}

function eventsIn(namespace: string): Resource {
  return { group: "events.k8s.io", version: "v1", plural: "events", namespace };
}

function keyOf({ kind, namespace, name, uid }: EventSubject): string {
  return `${kind}/${namespace}/${name}/${uid}`;
}

/** Equal for Events of one series. */
function sameness({ regarding, type, reason, action, note }: ObjectEvent): string {
  return [keyOf(regarding), type, reason, action, note].join("\n");
}

/** RFC 3339 with microseconds, which metav1.MicroTime asks for. */
function microTime(at: Date): string {
  return at.toISOString().replace("Z", "000Z");
}
