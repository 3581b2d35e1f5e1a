const ENCODER = new TextEncoder();

/**
 * Text a peer sent, safe for logs and terminals: invalid UTF-8 becomes U+FFFD, control characters, line separators and the marks that
 * turn the direction of text become spaces.
 */
export function receivedText(octets: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(octets).replace(UNSAFE, " ").trim();
}

const UNSAFE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** At most `limit` octets of UTF-8, cut between characters. */
export function textOctets(text: string, limit: number): Uint8Array {
  const octets = ENCODER.encode(text);
  if (octets.length <= limit) return octets;
  let end = limit;
  while (end > 0 && ((octets[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return octets.slice(0, end);
}
