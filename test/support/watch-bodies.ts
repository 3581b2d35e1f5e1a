import type { WatchEvent, WatchLines } from "../../src/kube/watch-events.ts";
import type { WatchFrames } from "../../src/kube/watch-frames.ts";

/** Events of a body that arrives in pieces of `size` octets, `most` at a time, as far as the first failed one. */
export function eventsOf(body: WatchLines | WatchFrames, octets: Buffer, size: number, most: number): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  for (let start = 0; start < octets.length; start += size) {
    body.push(octets.subarray(start, start + size));
    for (let taken = body.take(most); taken.length > 0; taken = body.take(most)) {
      events.push(...taken);
      if (taken.at(-1)?.type === "failed") return events;
    }
  }
  return events;
}
