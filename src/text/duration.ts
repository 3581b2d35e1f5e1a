/** Durations as Go and Kubernetes write them: `90s`, `1h30m`, `1.5s`, `250ms`. */

const UNIT_MILLIS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 };
const SHAPE = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/;
const PART = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g;

/** What a duration may look like, for messages. */
export const DURATION_ALLOWED = "a duration like 90s, 1h30m or 250ms";

/** Milliseconds; undefined when `text` is not a duration. `0` needs no unit. Negative ones do not exist here. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text.length > 64 || !SHAPE.test(text)) return undefined;
  let millis = 0;
  for (const [, amount, unit] of text.matchAll(PART)) millis += Number(amount) * (UNIT_MILLIS[unit ?? ""] ?? Number.NaN);
  return Number.isFinite(millis) ? millis : undefined;
}

/** `1h30m`, `90s` as `1m30s`, `250ms`, `0s`: the shortest form with whole amounts, down to milliseconds. */
export function formatDuration(millis: number): string {
  let rest = Math.round(millis);
  if (rest === 0) return "0s";
  let text = "";
  for (const unit of ["h", "m", "s", "ms"]) {
    const size = UNIT_MILLIS[unit] ?? 1;
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text;
}
