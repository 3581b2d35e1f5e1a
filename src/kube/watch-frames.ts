import { failureWith } from "./failure.ts";
import { type ObjectReader, watchEventOf } from "./meta-messages.ts";
import { Unread } from "./unread.ts";
import { eventOf, type WatchEvent } from "./watch-events.ts";

/** A frame longer than this is no event of an API server, whose etcd takes 1.5 MiB an object unless it is told otherwise. */
const MAX_FRAME_OCTETS = 16 << 20;
const LENGTH_OCTETS = 4;

/** A watch's body in protobuf, taken apart while it arrives: each event is a message with its length, a big-endian number of 32 bits, before it. */
export class WatchFrames {
  readonly #read: ObjectReader;
  readonly #unread = new Unread();
  /** So many octets make the next frame whole, or at least its length. */
  #needed = LENGTH_OCTETS;

  constructor(read: ObjectReader) {
    this.#read = read;
  }

  push(...chunks: readonly Buffer[]): void {
    for (const chunk of chunks) this.#unread.add(chunk);
  }

  /** Up to `most` events that are whole; fewer = those were all. After a failed one there are no more. */
  take(most: number): readonly WatchEvent[] {
    const events: WatchEvent[] = [];
    if (this.#unread.length < this.#needed) return events;
    const octets = this.#unread.whole();
    let at = 0;
    while (events.length < most && events.at(-1)?.type !== "failed") {
      this.#needed = LENGTH_OCTETS;
      if (octets.length - at < LENGTH_OCTETS) break;
      const length = octets.readUInt32BE(at);
      this.#needed = LENGTH_OCTETS + length;
      if (length > MAX_FRAME_OCTETS)
        events.push({ type: "failed", failure: failureWith("Malformed", `a frame is longer than ${MAX_FRAME_OCTETS} octets`) });
      else if (octets.length - at < this.#needed) break;
      else {
        events.push(readEvent(octets.subarray(at + LENGTH_OCTETS, at + this.#needed), this.#read));
        at += this.#needed;
        this.#needed = LENGTH_OCTETS;
      }
    }
    this.#unread.drop(at);
    return events;
  }

  /** True when the body ended in the middle of a frame. */
  get unfinished(): boolean {
    return this.#unread.length > 0;
  }
}

function readEvent(octets: Buffer, read: ObjectReader): WatchEvent {
  try {
    const { type, object } = watchEventOf(octets, read);
    return eventOf(type, object);
  } catch (cause) {
    return { type: "failed", failure: failureWith("Malformed", "a frame of the watch is not an event", cause) };
  }
}
