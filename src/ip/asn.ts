import { SpeakerError } from "../errors.ts";
import type { Parsed } from "./parse.ts";

declare const asnBrand: unique symbol;
/** A four-octet AS number, 1..4294967295 (RFC 6793; 0 is barred by RFC 7607). */
export type Asn = number & { readonly [asnBrand]: never };

/** True for what fits the brand. */
export function isAsn(value: number): value is Asn {
  return Number.isInteger(value) && value >= 1 && value <= 0xffff_ffff;
}

/** @throws {SpeakerError} CONFIG_INVALID unless `value` is an integer in 1..4294967295. */
export function asn(value: number): Asn {
  if (!isAsn(value)) throw new SpeakerError("CONFIG_INVALID", `AS number ${value}: not a whole number in 1..4294967295`);
  return value;
}

/** Decimal text as in RFC 5396 "asplain". Dotted numbers (asdot) are refused, with the number to write instead. */
export function parseAsn(text: string): Parsed<Asn> {
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  if (dotted !== null) {
    const value = Number(dotted[1]) * 65536 + Number(dotted[2]);
    const instead = isAsn(value) ? `: write ${value}` : "";
    return { ok: false, why: `AS number "${text}" is in dotted notation${instead}` };
  }
  if (!/^\d{1,10}$/.test(text)) return { ok: false, why: `AS number "${text}" is not a decimal number` };
  if (/^0\d/.test(text)) return { ok: false, why: `AS number "${text}" has a leading zero` };
  const value = Number(text);
  if (!isAsn(value)) return { ok: false, why: `AS number ${text} is outside 1..4294967295` };
  return { ok: true, value };
}
