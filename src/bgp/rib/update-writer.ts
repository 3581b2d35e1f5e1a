/**
 * Whole messages written in place into a buffer that is used again and again. NLRI go straight from the prefix table beside an attribute block that was encoded
 * once per session; nothing is allocated per message. What is written is thereby sent, as far as the Adj-RIB-Out is concerned.
 */

import type { Family } from "../../ip/address.ts";
import { FAMILY_CODES, MESSAGE_TYPE } from "../wire/iana.ts";
import {
  announceCapacity,
  announceLength,
  frameAnnounce,
  frameMpAnnounce,
  frameMpWithdraw,
  frameWithdraw,
  HEADER_OCTETS,
  mpAnnounceCapacity,
  mpAnnounceLength,
  mpWithdrawCapacity,
  mpWithdrawLength,
  withdrawCapacity,
  withdrawLength,
  writeHeader,
} from "../wire/update-frames.ts";
import type { FamilyOut } from "./family-out.ts";
import type { SessionBlock } from "./session-attributes.ts";

/** Octets of the longest UPDATE that `count` prefixes of the bucket could need. */
export function announcementBound(out: FamilyOut, bucket: number, block: SessionBlock): number {
  const nlri = out.lists.count(bucket) * out.rows.stride;
  if (block.nextHop === null) return announceLength(block.octets.length, nlri);
  return mpAnnounceLength(block.nextHop.length, block.octets.length, nlri);
}

/** One UPDATE with as many of the bucket's prefixes as `limit` octets hold; returns its length, 0 when no prefix fits. */
export function writeAnnouncement(
  out: FamilyOut,
  bucket: number,
  block: SessionBlock,
  buffer: Uint8Array,
  at: number,
  limit: number,
): number {
  const { octets: attributes, nextHop } = block;
  if (nextHop === null) {
    const nlri = out.measure(bucket, announceCapacity(limit, attributes.length));
    if (nlri === 0) return 0;
    out.takeAnnouncements(bucket, buffer, frameAnnounce(buffer, at, attributes, nlri), nlri);
    return announceLength(attributes.length, nlri);
  }
  const nlri = out.measure(bucket, mpAnnounceCapacity(limit, nextHop.length, attributes.length));
  if (nlri === 0) return 0;
  out.takeAnnouncements(bucket, buffer, frameMpAnnounce(buffer, at, out.rows.family, nextHop, attributes, nlri), nlri);
  return mpAnnounceLength(nextHop.length, attributes.length, nlri);
}

/** Octets of the longest UPDATE that the withdrawals of the list could need. */
export function withdrawalBound(out: FamilyOut, list: number): number {
  return mpWithdrawLength(out.lists.count(list) * out.rows.stride);
}

/** One UPDATE with as many withdrawals of the list as `limit` octets hold. IPv4 goes in the classic field unless `multiprotocol` (RFC 8950 was negotiated). */
export function writeWithdrawal(
  out: FamilyOut,
  list: number,
  multiprotocol: boolean,
  buffer: Uint8Array,
  at: number,
  limit: number,
): number {
  const { family } = out.rows;
  if (family === "IPv4" && !multiprotocol) {
    const nlri = out.measure(list, withdrawCapacity(limit));
    out.takeWithdrawals(list, buffer, frameWithdraw(buffer, at, nlri), nlri);
    return withdrawLength(nlri);
  }
  const nlri = out.measure(list, mpWithdrawCapacity(limit));
  out.takeWithdrawals(list, buffer, frameMpWithdraw(buffer, at, family, nlri), nlri);
  return mpWithdrawLength(nlri);
}

/** BoRR and EoRR, around what a route refresh sends again (RFC 7313 §3.2, §4). Returns the octets. */
export function writeRefreshMarker(family: Family, marker: "begin" | "end", buffer: Uint8Array, at: number): number {
  const body = writeHeader(buffer, at, REFRESH_OCTETS, MESSAGE_TYPE.routeRefresh);
  const { afi, safi } = FAMILY_CODES[family];
  buffer[body] = afi >>> 8;
  buffer[body + 1] = afi & 0xff;
  buffer[body + 2] = marker === "begin" ? 1 : 2;
  buffer[body + 3] = safi;
  return REFRESH_OCTETS;
}

const REFRESH_OCTETS = HEADER_OCTETS + 4;
