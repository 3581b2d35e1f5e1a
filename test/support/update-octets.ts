import type { UpdateContext } from "../../src/bgp/wire/messages.ts";
import { hex, toHex } from "./vector.ts";

/** What two eBGP speakers with four-octet numbers and both families agree on. */
export const EBGP: UpdateContext = { asn4: true, ibgp: false, families: ["IPv4", "IPv6"], extendedNextHop: false };
export const IBGP: UpdateContext = { ...EBGP, ibgp: true };

/** Sound attributes as hex, for use with `updateBody`. */
export const ORIGIN = "40010100";
export const AS_PATH = "4002060201fa56ea01";
export const NEXT_HOP = "4003040a000005";
export const MANDATORY = ORIGIN + AS_PATH + NEXT_HOP;
/** 192.0.2.1/32. */
export const NLRI = "20c0000201";
/** 2001:db8::1/128 via fd00::5. */
export const MP_REACH = "800e26000201 10 fd000000000000000000000000000005 00 8020010db8000000000000000000000001";

/** Body of an UPDATE from the hex of its three fields. */
export function updateBody(fields: { withdrawn?: string; attributes?: string; nlri?: string }): Uint8Array {
  const withdrawn = hex(fields.withdrawn ?? "");
  const attributes = hex(fields.attributes ?? "");
  return hex(u16(withdrawn.length) + toHex(withdrawn) + u16(attributes.length) + toHex(attributes) + (fields.nlri ?? ""));
}

/** One attribute as hex; two length octets where the flags say so. */
export function attribute(flags: number, code: number, value: string): string {
  const length = hex(value).length;
  return u8(flags) + u8(code) + ((flags & 0x10) !== 0 ? u16(length) : u8(length)) + value;
}

function u8(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function u16(value: number): string {
  return value.toString(16).padStart(4, "0");
}
