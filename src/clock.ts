/** The seam between the shell and time. Nothing pure imports it: there `now` is an argument. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; only differences mean something. */
  now(): number;
  /** The time of day, for people and state files. It may jump. */
  wall(): Date;
  /** Calls back once after `delayMillis` unless cancelled before. */
  setTimer(delayMillis: number, callback: () => void): Timer;
  /** Calls back once in a later turn of the event loop: timers that are due and input that waits may come before. */
  immediate(callback: () => void): void;
}

export interface Timer {
  /** Does nothing once the timer has fired. */
  cancel(): void;
}

/** The clock of this process. A pending timer keeps the process alive: whoever ends cancels its own. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  setTimer(delayMillis, callback) {
    // Node takes delays over 2^31 ms as 1 ms.
    const handle = setTimeout(callback, Math.min(Math.max(delayMillis, 0), 0x7fff_ffff));
    return { cancel: () => clearTimeout(handle) };
  },
  immediate: (callback) => void setImmediate(callback),
};
