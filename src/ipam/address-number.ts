import { type Address, addressFromOctets, type Family } from "../ip/address.ts";

/** One for all: octets and a view of their own cost more than the conversion. */
const octets16 = new Uint8Array(16);
const octets4 = octets16.subarray(0, 4);
const view = new DataView(octets16.buffer);

/** An address as a number, so that there is a next one. Both families are bigint: one arithmetic, and a /64 needs no other. */
export function numberOf({ key }: Address): bigint {
  // From the key: an address makes its octets when first asked for them, and most are never asked.
  for (let i = 0; i < key.length; i++) octets16[i] = key.charCodeAt(i);
  return key.length === 4 ? BigInt(view.getUint32(0)) : (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

/** The address of that number. */
export function addressAt(family: Family, value: bigint): Address {
  if (family === "IPv4") {
    view.setUint32(0, Number(value));
    return addressFromOctets(octets4);
  }
  view.setBigUint64(0, value >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, value));
  return addressFromOctets(octets16);
}
