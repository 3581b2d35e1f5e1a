import { failureOfObject, failureWith, type KubeFailure } from "./failure.ts";
import { fieldsOf } from "./fields.ts";
import { textToParse } from "./managed-fields.ts";
import { Unread } from "./unread.ts";

export type WatchEvent =
  | { readonly type: "set"; readonly object: unknown; readonly resourceVersion: string }
  | { readonly type: "delete"; readonly object: unknown; readonly resourceVersion: string }
  /** `initialEventsEnd`: everything that was there when a WatchList began has been said. */
  | { readonly type: "bookmark"; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  /** The last of its stream. */
  | { readonly type: "failed"; readonly failure: KubeFailure };

/** A line longer than this is no event of an API server. */
const MAX_LINE_OCTETS = 64 << 20;
const NEWLINE = 0x0a;
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** A watch's body in JSON, taken apart line by line while it arrives. */
export class WatchLines {
  readonly #unread = new Unread();
  /** Octets at its beginning in which no line ends. */
  #searched = 0;

  push(...chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      // A long line is joined once, not with every chunk.
      if (this.#searched === this.#unread.length && !chunk.includes(NEWLINE)) this.#searched += chunk.length;
      this.#unread.add(chunk);
    }
  }

  /** Up to `most` events that are whole; fewer = those were all. After a failed one there are no more. */
  take(most: number): readonly WatchEvent[] {
    const events: WatchEvent[] = [];
    if (this.#searched < this.#unread.length) this.#read(most, events);
    if (this.#unread.length > MAX_LINE_OCTETS && this.#searched > MAX_LINE_OCTETS)
      events.push({ type: "failed", failure: failureWith("Malformed", `a line is longer than ${MAX_LINE_OCTETS} octets`) });
    return events;
  }

  /** True when the body ended in the middle of a line. */
  get unfinished(): boolean {
    return this.#unread.length > 0;
  }

  #read(most: number, events: WatchEvent[]): void {
    const octets = this.#unread.whole();
    let start = 0;
    let end = octets.indexOf(NEWLINE, this.#searched);
    for (; end >= 0 && events.length < most && events.at(-1)?.type !== "failed"; end = octets.indexOf(NEWLINE, start)) {
      const line = textToParse(octets.subarray(start, end));
      start = end + 1;
      if (line.length >= 2 || line.trim() !== "") events.push(readEvent(line));
    }
    this.#searched = end < 0 ? octets.length - start : 0;
    this.#unread.drop(start);
  }
}

function readEvent(line: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    return { type: "failed", failure: failureWith("Malformed", "a line of the watch is not JSON", cause) };
  }
  const { type, object } = fieldsOf(event);
  return eventOf(type, object);
}

/** What an event of the type stands for. */
export function eventOf(type: unknown, object: unknown): WatchEvent {
  const { resourceVersion, annotations } = fieldsOf(fieldsOf(object)["metadata"]);
  if (type === "ERROR") return { type: "failed", failure: failureOfObject(object) };
  if (typeof resourceVersion !== "string" || resourceVersion === "")
    return { type: "failed", failure: failureWith("Malformed", `an event of type ${JSON.stringify(type)} has no resourceVersion`) };
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { type: "set", object, resourceVersion };
    case "DELETED":
      return { type: "delete", object, resourceVersion };
    case "BOOKMARK":
      return { type: "bookmark", resourceVersion, initialEventsEnd: fieldsOf(annotations)[INITIAL_EVENTS_END] === "true" };
    default:
      return { type: "failed", failure: failureWith("Malformed", `an event of type ${JSON.stringify(type)}`) };
  }
}
