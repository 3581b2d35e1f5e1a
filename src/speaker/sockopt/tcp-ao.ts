/**
 * TCP-AO (RFC 5925) of the kernel: Linux 6.7 and later, where it was built with CONFIG_TCP_AO. Structures by linux/tcp.h, native order, bit fields from the lowest bit on
 * little-endian machines and from the highest on others.
 */

import { endianness } from "node:os";
import { type Address, addressFromOctets } from "../../ip/address.ts";
import { AF, socketAddress } from "./layouts.ts";
import { SystemCallError, type SystemCalls } from "./system-calls.ts";

/** One Master Key Tuple (RFC 5925 §3.1) without its addresses. */
export interface AoKey {
  /** KeyID of segments that we sign with it. */
  readonly sendId: number;
  /** KeyID of segments that are checked with it. */
  readonly receiveId: number;
  /** As the kernel's crypto calls them (RFC 5926 §3.1: HMAC-SHA-1-96, AES-128-CMAC-96). */
  readonly algorithm: "hmac(sha1)" | "cmac(aes128)";
  /** 1..80 octets. */
  readonly secret: string;
}

const LITTLE = endianness() === "LE";
const IPPROTO_TCP = 6;
const TCP_AO = { addKey: 38, deleteKey: 39, info: 40 } as const;
const SOCK_STREAM = 1;

const STORAGE_OCTETS = 128;
const ADD_OCTETS = 288;
const DELETE_OCTETS = 144;
const INFO_OCTETS = 48;
/** TCP_AO_MAXKEYLEN. */
const MAX_KEY_OCTETS = 80;
/** Octets of the MAC in a segment: both algorithms of RFC 5926 are cut to 96 bits. */
const MAC_OCTETS = 12;
const HOST_LENGTH = { IPv4: 32, IPv6: 128 } as const;

/** Whether a key is the one that signs (current_key) and is asked for (rnext), on a socket that does not listen. */
type Choice = "chosen" | "accepted";

/** struct tcp_ao_add. @throws {RangeError} for a secret or a prefix that the kernel has no room for. */
export function aoAdd(network: Address, prefixLength: number, key: AoKey, choice: Choice): Uint8Array {
  const secret = Buffer.from(key.secret, "utf8");
  if (secret.length < 1 || secret.length > MAX_KEY_OCTETS) throw new RangeError(`a key of TCP-AO has 1..${MAX_KEY_OCTETS} octets`);
  if (prefixLength < 0 || prefixLength > HOST_LENGTH[network.family]) throw new RangeError(`there is no prefix length ${prefixLength}`);
  const octets = new Uint8Array(ADD_OCTETS);
  octets.set(socketAddress(network.family, network, 0), 0);
  octets.set(Buffer.from(key.algorithm, "latin1"), STORAGE_OCTETS);
  octets.set(flags(choice), 196);
  octets.set([prefixLength, key.sendId, key.receiveId, MAC_OCTETS], 202);
  octets[207] = secret.length;
  octets.set(secret, 208);
  return octets;
}

/** struct tcp_ao_del. */
export function aoDelete(network: Address, prefixLength: number, { sendId, receiveId }: AoKey): Uint8Array {
  const octets = new Uint8Array(DELETE_OCTETS);
  octets.set(socketAddress(network.family, network, 0), 0);
  octets.set([prefixLength, sendId, receiveId], 138);
  return octets;
}

/** struct tcp_ao_info_opt: `key` signs from here on, and is what the other side is asked to sign with (RNextKeyID). Unsigned segments are not taken. */
export function aoChoose({ sendId, receiveId }: AoKey): Uint8Array {
  const octets = new Uint8Array(INFO_OCTETS);
  octets.set(flags("chosen", true), 0);
  octets.set([sendId, receiveId], 6);
  return octets;
}

const LACKING = "needs a kernel with TCP-AO (CONFIG_TCP_AO, Linux 6.7 or later), and this one has none";
const answers = new WeakMap<SystemCalls, string>();

/** What keeps the kernel from signing with TCP-AO, in words; "" = nothing. Asked with a socket that is closed again: once, unless the answer was neither yes nor no. */
export function tcpAoObstacle(calls: SystemCalls): string {
  const known = answers.get(calls);
  if (known !== undefined) return known;
  let answer = "";
  try {
    probe(calls);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.code !== "ENOPROTOOPT") return `cannot be asked of this kernel (${error.message})`;
    answer = LACKING;
  }
  answers.set(calls, answer);
  return answer;
}

/** @throws {SystemCallError} */
function probe(calls: SystemCalls): void {
  const fd = calls.socket(AF.IPv4, SOCK_STREAM);
  try {
    const key: AoKey = { sendId: 1, receiveId: 1, algorithm: "hmac(sha1)", secret: "probe" };
    calls.setsockopt(fd, IPPROTO_TCP, TCP_AO.addKey, aoAdd(addressFromOctets(Uint8Array.of(192, 0, 2, 1)), 32, key, "accepted"));
  } finally {
    calls.close(fd);
  }
}

/** Keys of a socket before it is connected: the first signs, all are accepted. */
export function addAoKeys(calls: SystemCalls, fd: number, peer: Address, keys: readonly AoKey[]): void {
  for (const [index, key] of keys.entries()) add(calls, fd, peer, key, index === 0 ? "chosen" : "accepted");
}

/** On an accepted connection, which has the keys of its listener. */
export function chooseAoKey(calls: SystemCalls, fd: number, key: AoKey): void {
  calls.setsockopt(fd, IPPROTO_TCP, TCP_AO.info, aoChoose(key));
}

/** On a connection that is up: new keys first, then the choice, then those that go. Keys with an ID in both are the same ({@link changesAoKey}). */
export function replaceAoKeys(calls: SystemCalls, fd: number, peer: Address, before: readonly AoKey[], after: readonly AoKey[]): void {
  replaceListenerAoKeys(calls, fd, peer, [], missingFrom(before, after));
  const [first] = after;
  if (first !== undefined) chooseAoKey(calls, fd, first);
  replaceListenerAoKeys(calls, fd, peer, missingFrom(after, before), []);
}

/** On a listener: keys of one caller. */
export function replaceListenerAoKeys(
  calls: SystemCalls,
  fd: number,
  caller: Address,
  before: readonly AoKey[],
  after: readonly AoKey[],
): void {
  for (const key of missingFrom(after, before)) {
    calls.setsockopt(fd, IPPROTO_TCP, TCP_AO.deleteKey, aoDelete(caller, HOST_LENGTH[caller.family], key));
  }
  for (const key of missingFrom(before, after)) add(calls, fd, caller, key, "accepted");
}

/** True when a key is another under an ID that it had before: no connection that is up can take that over. */
export function changesAoKey(before: readonly AoKey[], after: readonly AoKey[]): boolean {
  return after.some((key) => before.some((old) => (old.sendId === key.sendId || old.receiveId === key.receiveId) && !sameAoKey(old, key)));
}

export function sameAoKey(one: AoKey, other: AoKey): boolean {
  const { sendId, receiveId, algorithm, secret } = other;
  return one.sendId === sendId && one.receiveId === receiveId && one.algorithm === algorithm && one.secret === secret;
}

/** Those of `keys` that `known` lacks. */
function missingFrom(known: readonly AoKey[], keys: readonly AoKey[]): readonly AoKey[] {
  return keys.filter((key) => !known.some((other) => sameAoKey(other, key)));
}

function add(calls: SystemCalls, fd: number, peer: Address, key: AoKey, choice: Choice): void {
  calls.setsockopt(fd, IPPROTO_TCP, TCP_AO.addKey, aoAdd(peer, HOST_LENGTH[peer.family], key, choice));
}

/** set_current, set_rnext and, in tcp_ao_info_opt alone, ao_required: the first three bits. */
function flags(choice: Choice, required = false): Uint8Array {
  const bits = choice === "chosen" ? [0, 1, ...(required ? [2] : [])] : [];
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(
    0,
    bits.reduce((sum, bit) => sum + 2 ** (LITTLE ? bit : 31 - bit), 0),
    LITTLE,
  );
  return new Uint8Array(view.buffer);
}
