/** The kernel's IPv6 neighbours by rtnetlink (rtnetlink(7), linux/neighbour.h). Reading them needs no capability. */

import { endianness } from "node:os";
import { type Address, addressFromOctets } from "../../ip/address.ts";
import { AF } from "./layouts.ts";
import { SystemCallError, type SystemCalls } from "./system-calls.ts";

export interface Neighbour {
  readonly address: Address;
  /** NTF_ROUTER: it said so in a router or neighbour advertisement. */
  readonly isRouter: boolean;
  /** Its link-layer address is known and did not prove dead. */
  readonly isReachable: boolean;
}

const LITTLE = endianness() === "LE";
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const RTM_GETNEIGH = 30;
const RTM_NEWNEIGH = 28;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** NLM_F_REQUEST and NLM_F_DUMP. */
const REQUEST_DUMP = 0x301;
const HEADER_OCTETS = 16;
const NDMSG_OCTETS = 12;
const NDA_DST = 1;
const NDA_IFINDEX = 8;
const NTF_ROUTER = 0x80;
/** NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT. */
const REACHABLE_STATES = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
/** The kernel fills at most so much at once where it may (NLMSG_GOODSIZE grows up to 32 KiB). */
const BUFFER_OCTETS = 65_536;

/** Those on one interface. @throws {SystemCallError} */
export function readNeighbours(calls: SystemCalls, interfaceIndex: number): readonly Neighbour[] {
  const fd = calls.socket(AF_NETLINK, SOCK_RAW);
  try {
    calls.send(fd, dumpRequest(interfaceIndex));
    const neighbours: Neighbour[] = [];
    const buffer = new Uint8Array(BUFFER_OCTETS);
    // Each read makes the kernel write the next part: none is ever waited for.
    while (takeMessages(buffer.subarray(0, calls.receive(fd, buffer)), interfaceIndex, neighbours));
    return neighbours;
  } finally {
    calls.close(fd);
  }
}

/** Adds what one datagram tells of the interface; false = it was the last one. @throws {SystemCallError} what the kernel answers */
export function takeMessages(datagram: Uint8Array, interfaceIndex: number, into: Neighbour[]): boolean {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let at = 0; at + HEADER_OCTETS <= datagram.length; ) {
    const length = view.getUint32(at, LITTLE);
    const type = view.getUint16(at + 4, LITTLE);
    if (type === NLMSG_ERROR) throw new SystemCallError("netlink", `error ${view.getInt32(at + HEADER_OCTETS, LITTLE)}`);
    if (type === NLMSG_DONE || length < HEADER_OCTETS || at + length > datagram.length) return false;
    // Kernels before 5.0 do not filter.
    if (
      type === RTM_NEWNEIGH &&
      length >= HEADER_OCTETS + NDMSG_OCTETS &&
      view.getInt32(at + HEADER_OCTETS + 4, LITTLE) === interfaceIndex
    ) {
      const state = view.getUint16(at + HEADER_OCTETS + 8, LITTLE);
      const flags = view.getUint8(at + HEADER_OCTETS + 10);
      const address = attribute(datagram.subarray(at + HEADER_OCTETS + NDMSG_OCTETS, at + length), NDA_DST);
      if (address?.length === 16) {
        const isReachable = (state & REACHABLE_STATES) !== 0;
        into.push({ address: addressFromOctets(address.slice()), isRouter: (flags & NTF_ROUTER) !== 0, isReachable });
      }
    }
    at += aligned(length);
  }
  return datagram.length > 0;
}

function dumpRequest(interfaceIndex: number): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS + NDMSG_OCTETS + 8);
  const view = new DataView(octets.buffer);
  view.setUint32(0, octets.length, LITTLE);
  view.setUint16(4, RTM_GETNEIGH, LITTLE);
  view.setUint16(6, REQUEST_DUMP, LITTLE);
  octets[HEADER_OCTETS] = AF.IPv6;
  const attributeAt = HEADER_OCTETS + NDMSG_OCTETS;
  view.setUint16(attributeAt, 8, LITTLE);
  view.setUint16(attributeAt + 2, NDA_IFINDEX, LITTLE);
  view.setUint32(attributeAt + 4, interfaceIndex, LITTLE);
  return octets;
}

/** The value of a routing attribute: length, type, value, padding to four octets. */
function attribute(octets: Uint8Array, wanted: number): Uint8Array | null {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  for (let at = 0; at + 4 <= octets.length; ) {
    const length = view.getUint16(at, LITTLE);
    if (length < 4 || at + length > octets.length) return null;
    if (view.getUint16(at + 2, LITTLE) === wanted) return octets.subarray(at + 4, at + length);
    at += aligned(length);
  }
  return null;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
