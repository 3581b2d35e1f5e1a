/** Structures of the kernel's interface, in octets: native order for what the kernel counts with, network order for addresses and ports. */

import { endianness } from "node:os";
import type { Address, Family } from "../../ip/address.ts";

const LITTLE = endianness() === "LE";

/** Address families by the kernel's numbers. */
export const AF = { IPv4: 2, IPv6: 10 } as const satisfies Record<Family, number>;

const STORAGE_OCTETS = 128;
const MD5SIG_OCTETS = 216;

/** An `int` option. */
export function int(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, value, LITTLE);
  return new Uint8Array(view.buffer);
}

/** The name of a device with its final NUL; "" = none. */
export function deviceName(device: string): Uint8Array {
  return Buffer.from(`${device}\0`, "utf8");
}

/** sockaddr_in or sockaddr_in6; a null address is the unspecified one. */
export function socketAddress(family: Family, address: Address | null, port: number): Uint8Array {
  const octets = new Uint8Array(family === "IPv4" ? 16 : 28);
  const view = new DataView(octets.buffer);
  view.setUint16(0, AF[family], LITTLE);
  view.setUint16(2, port);
  if (address !== null) octets.set(address.octets, family === "IPv4" ? 4 : 8);
  return octets;
}

/**
 * struct tcp_md5sig (linux/tcp.h): the key for segments exchanged with `address`. A null key removes it. With `prefixLength` it is for a
 * whole prefix, and needs TCP_MD5SIG_EXT.
 */
export function md5Signature(address: Address, key: string | null, prefixLength: number | null = null): Uint8Array {
  const octets = new Uint8Array(MD5SIG_OCTETS);
  const view = new DataView(octets.buffer);
  octets.set(socketAddress(address.family, address, 0), 0);
  if (prefixLength !== null) {
    octets[STORAGE_OCTETS] = 1; // TCP_MD5SIG_FLAG_PREFIX
    octets[STORAGE_OCTETS + 1] = prefixLength;
  }
  const secret = Buffer.from(key ?? "", "utf8");
  view.setUint16(STORAGE_OCTETS + 2, secret.length, LITTLE);
  octets.set(secret, STORAGE_OCTETS + 8);
  return octets;
}
