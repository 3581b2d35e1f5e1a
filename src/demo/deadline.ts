/**
 * A signal that aborts with `parent`, and after so many milliseconds in any case; `end` lets go of both. `AbortSignal.any([parent,
 * AbortSignal.timeout(…)])` would say nearly the same, but Node 20 may collect the timeout as garbage before it fires.
 */
export interface Deadline {
  readonly signal: AbortSignal;
  end(): void;
}

export function deadlineAfter(parent: AbortSignal, millis: number): Deadline {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (parent.aborted) abort();
  parent.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(abort, millis);
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer);
      parent.removeEventListener("abort", abort);
    },
  };
}
