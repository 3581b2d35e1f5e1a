/**
 * A third of what an API server says is `metadata.managedFields`: who wrote which field, in keys that differ from object to object. Nobody here reads it,
 * and building it costs more than all that is read. So it is taken out of the octets before they are parsed.
 *
 * As servers write it, without white space; written otherwise it stays, and is dropped with everything else that is not read. Inside a text the quote
 * after the key would be escaped, so only a key can look like this.
 */

const KEY = Buffer.from('"managedFields":[');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** The text of one object, or of something around one, with an empty `managedFields`. */
export function textToParse(octets: Buffer): string {
  const key = octets.indexOf(KEY);
  if (key < 0) return octets.toString("utf8");
  const start = key + KEY.length;
  const end = endOfList(octets, start);
  // The end of a key that ends alike, or no JSON at all: the parser has the say.
  if (octets[key - 1] === BACKSLASH || end < 0) return octets.toString("utf8");
  return octets.toString("utf8", 0, start) + octets.toString("utf8", end);
}

/** Where the bracket stands that closes the list whose inside begins at `start`; -1 = nowhere. */
function endOfList(octets: Buffer, start: number): number {
  let depth = 1;
  for (let at = start; at < octets.length; at++) {
    switch (octets[at]) {
      case QUOTE:
        at = endOfText(octets, at + 1);
        break;
      case OPEN_BRACKET:
        depth++;
        break;
      case CLOSE_BRACKET:
        if (--depth === 0) return at;
        break;
      default:
    }
  }
  return -1;
}

/** Where the quote stands that ends the text whose inside begins at `start`. */
function endOfText(octets: Buffer, start: number): number {
  let at = start;
  while (at < octets.length && octets[at] !== QUOTE) at += octets[at] === BACKSLASH ? 2 : 1;
  return at;
}
