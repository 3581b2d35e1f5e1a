/**
 * AS_PATH in both widths, and AS4_PATH that carries the four-octet numbers through speakers that know only two (RFC 4271 §4.3,
 * RFC 6793 §4.2).
 */
import { WireError } from "../../errors.ts";
import { AS_TRANS, UPDATE_ERROR } from "./iana.ts";
import { type AsPath, type AsPathSegment, SEGMENT_TYPES } from "./messages.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** A segment's count is one octet. */
const MOST_IN_SEGMENT = 255;

/**
 * Value of AS_PATH, or with `asn4` of AS4_PATH.
 * @throws {WireError} 3/11, severity withdraw: unknown segment type, overrun, count 0 (RFC 7606 §7.2), AS 0 (RFC 7607 §2).
 */
export function decodeAsPath(value: Uint8Array, asn4: boolean): AsPath {
  const reader = new Reader(value, () => malformed("a segment runs past the end"));
  const path: AsPathSegment[] = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const type = SEGMENT_TYPES[code - 1];
    if (type === undefined) throw malformed(`segment type ${code}`);
    const count = reader.u8();
    if (count === 0) throw malformed("an empty segment");
    const asns: number[] = [];
    for (let i = 0; i < count; i++) {
      const asn = asn4 ? reader.u32() : reader.u16();
      if (asn === 0) throw malformed("AS 0");
      asns.push(asn);
    }
    path.push({ type, asns });
  }
  return path;
}

/** Value of AS_PATH: with two octets, AS_TRANS stands for numbers that need four. Segments of more than 255 are split. */
export function encodeAsPath(path: AsPath, asn4: boolean): Uint8Array {
  const writer = new Writer();
  for (const { type, asns } of path) {
    for (let start = 0; start < asns.length; start += MOST_IN_SEGMENT) {
      const part = asns.slice(start, start + MOST_IN_SEGMENT);
      writer.u8(SEGMENT_TYPES.indexOf(type) + 1).u8(part.length);
      for (const asn of part) {
        if (asn4) writer.u32(asn);
        else writer.u16(asn > 0xffff ? AS_TRANS : asn);
      }
    }
  }
  return writer.finish();
}

/** The AS4_PATH a two-octet speaker needs beside the AS_PATH, or null where two octets say it all (RFC 6793 §4.2.2). */
export function as4PathFor(path: AsPath): AsPath | null {
  const plain = withoutConfederation(path);
  return plain.some(({ asns }) => asns.some((asn) => asn > 0xffff)) ? plain : null;
}

export function hasConfederation(path: AsPath): boolean {
  return path.some(isConfederation);
}

/** AS_PATH without confederation segments, which AS4_PATH must not have (RFC 6793 §3). */
export function withoutConfederation(path: AsPath): AsPath {
  return path.filter((segment) => !isConfederation(segment));
}

/** Length for comparison: a set counts once, confederation segments not at all (RFC 4271 §9.1.2.2, RFC 5065 §5.3). */
export function asPathLength(path: AsPath): number {
  let length = 0;
  for (const { type, asns } of path) length += type === "sequence" ? asns.length : type === "set" ? 1 : 0;
  return length;
}

/**
 * The path with its real numbers: AS4_PATH, with what two-octet speakers put in front since taken from AS_PATH. An AS4_PATH longer than the
 * AS_PATH is ignored (RFC 6793 §4.2.3).
 */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  let leading = asPathLength(path) - asPathLength(as4Path);
  if (leading < 0) return path;
  const merged: AsPathSegment[] = [];
  for (const segment of path) {
    // Confederation segments count nothing and stay where they are ahead of what AS4_PATH replaces.
    if (leading === 0 && !isConfederation(segment)) break;
    if (segment.type === "sequence" && segment.asns.length > leading) {
      merged.push({ type: "sequence", asns: segment.asns.slice(0, leading) });
      break;
    }
    merged.push(segment);
    leading -= asPathLength([segment]);
  }
  return joinSequences([...merged, ...as4Path]);
}

function isConfederation({ type }: AsPathSegment): boolean {
  return type === "confedSequence" || type === "confedSet";
}

function joinSequences(path: AsPath): AsPath {
  const joined: AsPathSegment[] = [];
  for (const segment of path) {
    const last = joined.at(-1);
    if (last?.type === "sequence" && segment.type === "sequence") {
      joined[joined.length - 1] = { type: "sequence", asns: [...last.asns, ...segment.asns] };
    } else {
      joined.push(segment);
    }
  }
  return joined;
}

function malformed(what: string): WireError {
  return new WireError(UPDATE_ERROR.malformedAsPath, `AS_PATH: ${what}`, { severity: "withdraw" });
}
