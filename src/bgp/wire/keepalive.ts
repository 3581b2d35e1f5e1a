import { MESSAGE_TYPE } from "./iana.ts";
import { HEADER_OCTETS, writeHeader } from "./update-frames.ts";

/** The 19 octets of a KEEPALIVE (RFC 4271 §4.4), new at each call. */
export function encodeKeepalive(): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS);
  writeHeader(octets, 0, HEADER_OCTETS, MESSAGE_TYPE.keepalive);
  return octets;
}
