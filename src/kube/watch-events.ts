import { failureOfObject, failureWith, type KubeFailure } from "./failure.ts";
import { fieldsOf } from "./fields.ts";
import { textToParse } from "./managed-fields.ts";

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

/** A watch's body, taken apart line by line while it arrives. */
export class WatchLines {
  #parts: Buffer[] = [];
  #octets = 0;

  /** Events that the chunks complete. After a failed one there are no more. */
  push(...chunks: readonly Buffer[]): readonly WatchEvent[] {
    const events: WatchEvent[] = [];
    for (const chunk of chunks) {
      this.#read(chunk, events);
      if (events.at(-1)?.type === "failed") break;
    }
    return events;
  }

  /** True when the body ended in the middle of a line. */
  get unfinished(): boolean {
    return this.#parts.length > 0;
  }

  #read(chunk: Buffer, events: WatchEvent[]): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#take(chunk.subarray(start, end));
      start = end + 1;
      if (line.length < 2 && line.trim() === "") continue;
      const event = readEvent(line);
      events.push(event);
      if (event.type === "failed") return;
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0) this.#parts.push(rest);
    this.#octets += rest.length;
    if (this.#octets > MAX_LINE_OCTETS)
      events.push({ type: "failed", failure: failureWith("Malformed", `a line is longer than ${MAX_LINE_OCTETS} octets`) });
  }

  #take(end: Buffer): string {
    if (this.#parts.length === 0) return textToParse(end);
    const line = textToParse(Buffer.concat([...this.#parts, end]));
    this.#parts = [];
    this.#octets = 0;
    return line;
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
