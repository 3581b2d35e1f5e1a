import type { Parsed } from "./scalars.ts";

const FACTOR: Readonly<Record<string, number>> = { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** What a rate may look like, for messages. */
export const RATE_ALLOWED = "bits per second like 1G, 400M or 2.5G, at most 1000T";

/** `1G` (bits per second, decimal prefixes) → 125,000,000 octets per second. */
export function parseRate(written: number | string): Parsed<number> {
  const [, amount, prefix] = /^(\d{1,15}(?:\.\d{1,9})?)([kKMGT]?)$/.exec(String(written)) ?? [];
  const bits = Number(amount) * (FACTOR[prefix ?? ""] ?? Number.NaN);
  if (!Number.isFinite(bits)) return { ok: false, why: `${JSON.stringify(written)} is not a rate` };
  if (bits < 8 || bits > 1e15) return { ok: false, why: `${written} is outside 8 bits per second..1000T` };
  return { ok: true, value: bits / 8 };
}
