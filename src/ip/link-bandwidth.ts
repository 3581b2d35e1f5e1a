import type { ExtendedCommunity } from "./communities.ts";

/** The Link Bandwidth extended community (RFC 10005): how much traffic a path should get, for weighted ECMP. */
export interface LinkBandwidth {
  /** The two-octet AS field; AS_TRANS (23456) stands for a number that needs four octets. */
  readonly asn: number;
  /** An IEEE 754 single: the value sent is the nearest one. */
  readonly bytesPerSecond: number;
  readonly transitive: boolean;
}

const AS_TRANS = 23456;
const TYPE_TRANSITIVE = 0x00;
const TYPE_NON_TRANSITIVE = 0x40;
const SUBTYPE = 0x04;

/** Eight octets as a key: type, subtype 4, AS, float32. `asn` may be a four-octet number. */
export function encodeLinkBandwidth({ asn, bytesPerSecond, transitive }: LinkBandwidth): ExtendedCommunity {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint8(0, transitive ? TYPE_TRANSITIVE : TYPE_NON_TRANSITIVE);
  view.setUint8(1, SUBTYPE);
  view.setUint16(2, asn > 0xffff ? AS_TRANS : asn);
  view.setFloat32(4, Math.max(0, bytesPerSecond));
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** The link bandwidth in an extended community, or null where it is another kind. */
export function decodeLinkBandwidth(community: ExtendedCommunity): LinkBandwidth | null {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${community}`));
  const type = view.getUint8(0);
  if ((type !== TYPE_TRANSITIVE && type !== TYPE_NON_TRANSITIVE) || view.getUint8(1) !== SUBTYPE) return null;
  return { asn: view.getUint16(2), bytesPerSecond: view.getFloat32(4), transitive: type === TYPE_TRANSITIVE };
}

/**
 * What a receiver makes of a path's communities: the lowest value, zero included, whatever its transitivity; null without one
 * (RFC 10005, several values on one path). Negative and not-a-number values count as absent.
 */
export function lowestLinkBandwidth(communities: readonly ExtendedCommunity[]): number | null {
  let lowest: number | null = null;
  for (const community of communities) {
    const value = decodeLinkBandwidth(community)?.bytesPerSecond;
    if (value !== undefined && value >= 0 && (lowest === null || value < lowest)) lowest = value;
  }
  return lowest;
}
