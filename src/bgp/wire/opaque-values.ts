/** Syntax of attributes we carry but never use: enough to tell a sound value from a broken one (RFC 7606 §7). */
import { WireError } from "../../errors.ts";
import { FLAG, UPDATE_ERROR } from "./iana.ts";
import { Reader } from "./reader.ts";

/**
 * AIGP (RFC 7311 §3), BGP-LS (RFC 9552 §5.3), Prefix-SID (RFC 8669 §3): one or more TLVs that fill the value, with two-octet lengths.
 * @throws {WireError} 3/9, severity discard.
 */
export function checkTlvs(value: Uint8Array, layout: { readonly typeOctets: 1 | 2; readonly lengthIncludesHeader: boolean }): void {
  const malformed = () => new WireError(UPDATE_ERROR.optionalAttribute, "TLVs do not fill the value", { severity: "discard" });
  const reader = new Reader(value, malformed);
  if (value.length === 0) throw malformed();
  while (reader.remaining > 0) {
    reader.take(layout.typeOctets);
    const length = reader.u16() - (layout.lengthIncludesHeader ? layout.typeOctets + 2 : 0);
    if (length < 0) throw malformed();
    reader.take(length);
  }
}

/** ATTR_SET: an AS number and path attributes that fill the value (RFC 6368 §5). @throws {WireError} 3/9, severity withdraw. */
export function checkAttrSet(value: Uint8Array): void {
  const reader = new Reader(value, () => new WireError(UPDATE_ERROR.optionalAttribute, "broken contents", { severity: "withdraw" }));
  reader.u32();
  while (reader.remaining > 0) {
    const flags = reader.u8();
    reader.u8();
    reader.take(flags & FLAG.extendedLength ? reader.u16() : reader.u8());
  }
}
