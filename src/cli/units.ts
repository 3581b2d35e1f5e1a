/** Ages and rates as people write them. */

/** Time since an RFC 3339 instant as kubectl shows ages: `45s`, `12m`, `3h5m`, `2d4h`. */
export function formatAge(since: string, nowEpochMillis: number): string {
  const start = Date.parse(since);
  if (Number.isNaN(start)) return "<unknown>";
  const seconds = Math.max(0, Math.floor((nowEpochMillis - start) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 || hours >= 8 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 || days >= 8 ? `${days}d` : `${days}d${hours % 24}h`;
}

/** `125000000` octets per second as people write rates: `1Gbit/s`. */
export function formatRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  for (const [unit, size] of RATES) if (bits >= size) return `${trim(bits / size)}${unit}bit/s`;
  return `${trim(bits)}bit/s`;
}

const RATES: readonly (readonly [string, number])[] = [
  ["T", 1e12],
  ["G", 1e9],
  ["M", 1e6],
  ["k", 1e3],
];

function trim(value: number): string {
  return String(Number(value.toFixed(2)));
}
