/**
 * How files that outlive the process are sealed: `{"state":{…},"checksum":"…"}`. The checksum is SHA-256 over the octets of `state` as they stand in the file, so that a
 * single changed or missing octet is noticed.
 */

import { createHash } from "node:crypto";

const BEFORE = '{"state":';
const BETWEEN = ',"checksum":"';
const AFTER = '"}\n';
const TAIL_LENGTH = BETWEEN.length + 64 + AFTER.length;

/** The pieces of `state` in order, sealed; null = a moment at which the event loop may turn. */
export function* sealed(pieces: Iterable<string | null>): Generator<string | null> {
  const hash = createHash("sha256");
  yield BEFORE;
  for (const piece of pieces) {
    if (piece !== null) hash.update(piece);
    yield piece;
  }
  yield `${BETWEEN}${hash.digest("hex")}${AFTER}`;
}

/** The text of `state`; null = it was cut off or changed. */
export function unsealed(text: string): string | null {
  const tail = text.slice(-TAIL_LENGTH);
  if (!text.startsWith(BEFORE) || text.length < BEFORE.length + TAIL_LENGTH || !tail.startsWith(BETWEEN) || !tail.endsWith(AFTER))
    return null;
  const body = text.slice(BEFORE.length, -TAIL_LENGTH);
  return createHash("sha256").update(body).digest("hex") === tail.slice(BETWEEN.length, -AFTER.length) ? body : null;
}
