import { type Address, addressFromOctets, type Family } from "../ip/address.ts";

/** One for all: a view of its own costs more than the conversion. */
const scratch = new Uint8Array(16);
const view = new DataView(scratch.buffer);

/** An address as a number, so that there is a next one. Both families are bigint: one arithmetic, and a /64 needs no other. */
export function numberOf({ octets }: Address): bigint {
  scratch.set(octets);
  return octets.length === 4 ? BigInt(view.getUint32(0)) : (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

/** The address of that number. */
export function addressAt(family: Family, value: bigint): Address {
  if (family === "IPv4") view.setUint32(0, Number(value));
  else {
    view.setBigUint64(0, value >> 64n);
    view.setBigUint64(8, BigInt.asUintN(64, value));
  }
  return addressFromOctets(scratch.slice(0, family === "IPv4" ? 4 : 16));
}
