import type { Clock } from "../../clock.ts";
import type { KubeClient } from "../../kube/client.ts";
import { failureWith, type KubeFailure } from "../../kube/failure.ts";
import type { Selection } from "../../kube/resource.ts";
import { wait } from "../../kube/waiting.ts";
import type { WatchEvent } from "../../kube/watch-events.ts";
import type { ObjectChange } from "../../objects/kinds.ts";
import { Backoff } from "./backoff.ts";
import { concernsWay } from "./conditions.ts";

/** Who is told what the server says of every object, and turns it into differences. */
export interface Reflected {
  /** The object is so. Null = nothing that matters differs. */
  set(raw: unknown): ObjectChange | null;
  /** The object is gone, or no longer among those asked for. */
  delete(raw: unknown, resourceVersion: string): ObjectChange | null;
  /** From now on the server says everything; one that began before and did not end counts for nothing. */
  beginReplace(): void;
  /** Everything was said: what was not is gone. */
  endReplace(): readonly ObjectChange[];
}

export interface ReflectorPorts {
  readonly client: Pick<KubeClient, "list" | "watch">;
  readonly clock: Clock;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
  /** Something came, of whatever sort. */
  heard(): void;
  /** `at`: monotonic milliseconds at which it came. Also without changes: findings may have. */
  deliver(changes: readonly ObjectChange[], at: number): void;
  /** Everything of the kind has been said, and delivered. */
  listed(): void;
  failed(failure: KubeFailure): void;
  /** The server answers again. */
  recovered(): void;
}

const PAGE = 500;
const TIMES = {
  /** Life of a watch, seconds: bounded, because a broken one can look like a quiet one, and spread, because a fleet must not return as one. */
  watchSeconds: { least: 300, spread: 300 },
  /** Milliseconds without any octet. Bookmarks come about every minute. */
  silence: 200_000,
  initialSilence: 60_000,
  /** A watch that lived so long was healthy. */
  healthy: 60_000,
  /** One that the server ends before this has not done its work. */
  short: 5_000,
  /** What a person has to allow is not asked for all the time: half to one and a half times this. */
  forbidden: 30_000,
  /** Attempts before that, at the ordinary pace. */
  forbiddenHurry: 4,
  /** Until WatchList is tried again on a server that refused it. */
  watchListAgain: 600_000,
} as const;

/** How one attempt ended. */
type End =
  | { readonly type: "failed"; readonly failure: KubeFailure }
  /** The server ended the watch, as it does after its time. */
  | { readonly type: "closed" }
  | { readonly type: "listed" }
  /** The server does not do WatchList. */
  | { readonly type: "refused" };

/**
 * Follows one kind, or a selection of it, for ever: WatchList where the server has it, else pages and a watch; from a version that is known again after a break, and from the
 * start, as differences, where that version is no longer known. No failure ends it, its signal alone does.
 */
export class Reflector {
  readonly #selection: Selection;
  readonly #store: Reflected;
  readonly #ports: ReflectorPorts;
  readonly #backoff: Backoff;
  /** What the server said last; null = everything must be said anew. */
  #version: string | null = null;
  #watchListFrom = Number.NEGATIVE_INFINITY;
  /** Times in a row that the kind was forbidden. */
  #forbidden = 0;
  /** Ends the pause under way; null = there is none that another kind's success could end. */
  #resume: (() => void) | null = null;

  constructor(selection: Selection, store: Reflected, ports: ReflectorPorts) {
    this.#selection = selection;
    this.#store = store;
    this.#ports = ports;
    this.#backoff = new Backoff(ports.random);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    while (!signal.aborted) {
      const startedAt = clock.now();
      const end = await this.#attempt(signal);
      if (signal.aborted) return;
      await this.#rest(this.#pause(end, clock.now() - startedAt), end, signal);
    }
  }

  /** Another kind found the way to the server open again: whoever waits for that waits no longer. */
  resume(): void {
    this.#resume?.();
  }

  async #rest(millis: number, end: End, signal: AbortSignal): Promise<void> {
    const pause = new AbortController();
    const stop = (): void => pause.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (end.type === "failed" && concernsWay(end.failure)) this.#resume = stop;
    await wait(this.#ports.clock, millis, pause.signal);
    this.#resume = null;
    signal.removeEventListener("abort", stop);
  }

  async #attempt(signal: AbortSignal): Promise<End> {
    try {
      if (this.#version !== null) return await this.#watch(signal, false);
      if (this.#ports.clock.now() >= this.#watchListFrom) {
        const end = await this.#watch(signal, true);
        if (end.type !== "refused") return end;
        this.#watchListFrom = this.#ports.clock.now() + TIMES.watchListAgain;
      }
      return await this.#list(signal);
    } catch (cause) {
      // Nothing that a server says may end the watching, not even what nobody thought of.
      return { type: "failed", failure: failureWith("Malformed", cause instanceof Error ? cause.message : String(cause), cause) };
    }
  }

  /** Milliseconds until the next attempt. */
  #pause(end: End, lastedMillis: number): number {
    if (lastedMillis >= TIMES.healthy) this.#backoff.reset();
    this.#forbidden = end.type === "failed" && end.failure.condition === "Forbidden" ? this.#forbidden + 1 : 0;
    if (end.type !== "failed") return end.type === "closed" && lastedMillis < TIMES.short ? this.#backoff.next() : 0;
    const { failure } = end;
    this.#ports.failed(failure);
    switch (failure.condition) {
      // What comes next cannot follow what is known.
      case "Expired":
      case "NotFound":
      case "Invalid":
      case "Malformed":
        this.#version = null;
        return this.#backoff.next();
      case "Forbidden":
        // A server that has just started forbids what it has not read the roles for yet.
        if (this.#forbidden <= TIMES.forbiddenHurry) return this.#backoff.next();
        return (0.5 + this.#ports.random()) * TIMES.forbidden;
      case "Unauthorized":
      case "Conflict":
      case "TooManyRequests":
      case "ServerError":
      case "Refused":
      case "Unreachable":
      case "Untrusted":
      case "NoCredentials":
      case "Silent":
      case "Aborted":
        return this.#backoff.next();
    }
  }

  async #watch(signal: AbortSignal, initialEvents: boolean): Promise<End> {
    const { client, random } = this.#ports;
    if (initialEvents) this.#store.beginReplace();
    const { least, spread } = TIMES.watchSeconds;
    const opened = await client.watch(
      this.#selection,
      {
        resourceVersion: this.#version,
        timeoutSeconds: least + Math.floor(random() * spread),
        initialEvents,
        silenceMillis: initialEvents ? TIMES.initialSilence : TIMES.silence,
      },
      signal,
    );
    if (!opened.ok) {
      const refused = initialEvents && opened.failure.condition === "Invalid";
      return refused ? { type: "refused" } : { type: "failed", failure: opened.failure };
    }
    this.#ports.heard();
    if (!initialEvents) this.#ports.recovered();
    return await this.#follow(opened.value, initialEvents);
  }

  async #follow(stream: AsyncIterable<readonly WatchEvent[]>, initialEvents: boolean): Promise<End> {
    const { clock } = this.#ports;
    let initial = initialEvents;
    for await (const events of stream) {
      const at = clock.now();
      const changes: ObjectChange[] = [];
      let failure: KubeFailure | null = null;
      const wasInitial = initial;
      for (const event of events) {
        if (event.type === "failed") failure = event.failure;
        else if (event.type === "bookmark") {
          if (initial && event.initialEventsEnd) {
            for (const change of this.#store.endReplace()) changes.push(change);
            initial = false;
          }
          if (!initial) this.#version = event.resourceVersion;
        } else {
          const { object, resourceVersion } = event;
          const change = event.type === "set" ? this.#store.set(object) : this.#store.delete(object, resourceVersion);
          if (change !== null) changes.push(change);
          // What is there is said in no order of versions.
          if (!initial) this.#version = resourceVersion;
        }
      }
      this.#ports.heard();
      this.#ports.deliver(changes, at);
      if (wasInitial && !initial) this.#ports.listed();
      if (failure !== null) return initial && meansRefused(failure) ? { type: "refused" } : { type: "failed", failure };
    }
    // Whoever ends it without having said that all is said does not know how to.
    return initial ? { type: "refused" } : { type: "closed" };
  }

  async #list(signal: AbortSignal): Promise<End> {
    const { client, clock } = this.#ports;
    this.#store.beginReplace();
    let continuation = "";
    let version = "";
    do {
      for await (const part of client.list(this.#selection, { limit: PAGE, continuation }, signal)) {
        if (part.type === "failed") return { type: "failed", failure: part.failure };
        this.#ports.heard();
        if (part.type === "end") {
          continuation = part.continuation;
          version = part.resourceVersion;
        } else {
          const changes = part.items.flatMap((item) => this.#store.set(item) ?? []);
          this.#ports.deliver(changes, clock.now());
        }
      }
    } while (continuation !== "");
    this.#version = version;
    this.#ports.deliver(this.#store.endReplace(), clock.now());
    this.#ports.listed();
    return { type: "listed" };
  }
}

/** An ERROR event before everything was said, other than one about who we are or what there is: the server's store cannot do it. */
function meansRefused({ condition }: KubeFailure): boolean {
  return condition === "Invalid" || condition === "ServerError" || condition === "Refused" || condition === "Silent";
}
