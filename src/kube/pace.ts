/** Milliseconds of work between two turns of the event loop: below the lower it may be more, above the higher it is to be less. */
const SHORT_MILLIS = 2;
const LONG_MILLIS = 4;
/** Code that has just been loaded takes many times what it takes later. */
const FEWEST = 4;
const MOST = 64;

/** How many events are read and worked on between two turns of the event loop, by how long the last ones took. */
export class Pace {
  #events: number = FEWEST;

  get events(): number {
    return this.#events;
  }

  took(millis: number): void {
    if (millis > LONG_MILLIS) this.#events = Math.max(FEWEST, this.#events >> 1);
    else if (millis < SHORT_MILLIS) this.#events = Math.min(MOST, this.#events << 1);
  }
}
