const DURATION_MILLIS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What `since` may be, for messages. */
export const SINCE_ALLOWED = "an RFC 3339 time or a duration like 10m";

/** `since` of the events: RFC 3339, or a duration back from now. Milliseconds since the epoch; null = neither. */
export function parseSince(text: string, nowEpochMillis: number): number | null {
  if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    let millis = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
      millis += Number(amount) * (DURATION_MILLIS[unit ?? ""] ?? 0);
    return nowEpochMillis - millis;
  }
  // `+` of an offset arrives as a space where the client did not escape it.
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+ -]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text.replace(" ", "+"))
    : Number.NaN;
  return Number.isNaN(time) ? null : time;
}
