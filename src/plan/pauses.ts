/**
 * Long work in short pieces. A generator yields null, a pause, where the event loop may turn; what it returns is the result. It knows no
 * clock: pauses come often, and whoever runs it decides at which of them to wait.
 */
export type Paused<T> = Generator<null, T>;

/** The result of work that nobody else waits for. */
export function runThrough<T>(work: Paused<T>): T {
  for (let step = work.next(); ; step = work.next()) if (step.done === true) return step.value;
}

const RUN = 512;

/** The items in order, as `sort` would have them (stable), a few hundred between two pauses. */
export function* sortInPieces<T>(items: readonly T[], compare: (a: T, b: T) => number): Paused<T[]> {
  let sorted: T[] = [];
  for (let start = 0; start < items.length; start += RUN) {
    for (const item of items.slice(start, start + RUN).sort(compare)) sorted.push(item);
    yield null;
  }
  for (let length = RUN; length < items.length; length *= 2) {
    const merged: T[] = [];
    for (let start = 0; start < sorted.length; start += 2 * length) {
      const middle = Math.min(start + length, sorted.length);
      const end = Math.min(start + 2 * length, sorted.length);
      for (let [left, right] = [start, middle]; left < middle || right < end; ) {
        const [a, b] = [sorted[left], sorted[right]];
        const takesLeft = right >= end || (left < middle && a !== undefined && b !== undefined && compare(a, b) <= 0);
        const next = takesLeft ? a : b;
        if (next !== undefined) merged.push(next);
        if (takesLeft) left++;
        else right++;
        if (merged.length % RUN === 0) yield null;
      }
    }
    sorted = merged;
  }
  return sorted;
}
