import { WireError } from "../../errors.ts";
import { MESSAGE_TYPE, REFRESH_SUBTYPE, ROUTE_REFRESH_ERROR } from "./iana.ts";
import type { RouteRefreshMessage } from "./messages.ts";
import { Reader } from "./reader.ts";
import { HEADER_OCTETS, writeHeader } from "./update-frames.ts";

/** A NOTIFICATION of at most 4096 octets carries the message it complains of. */
const MOST_DATA = 4096 - HEADER_OCTETS - 2;

/**
 * Body of a ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2). A request may be longer: what follows is an outbound route filter (RFC 5291 §4),
 * of which nothing was negotiated, and is not read.
 * @throws {WireError} 7/1 with the message as data where it is too short, or a BoRR or EoRR is not 23 octets (RFC 7313 §5).
 */
export function decodeRouteRefresh(body: Uint8Array): RouteRefreshMessage {
  const invalidLength = () => {
    const data = wholeMessage(body);
    return new WireError(ROUTE_REFRESH_ERROR.invalidLength, `ROUTE-REFRESH of ${HEADER_OCTETS + body.length} octets`, { data });
  };
  const reader = new Reader(body, invalidLength);
  const afi = reader.u16();
  const subtype = reader.u8();
  const safi = reader.u8();
  const bracket = subtype === REFRESH_SUBTYPE.beginning || subtype === REFRESH_SUBTYPE.end;
  if (bracket && reader.remaining > 0) throw invalidLength();
  return { name: "routeRefresh", afi, safi, subtype };
}

/** A whole ROUTE-REFRESH of 23 octets. */
export function encodeRouteRefresh({ afi, safi, subtype }: RouteRefreshMessage): Uint8Array {
  return wholeMessage(Uint8Array.of(afi >>> 8, afi, subtype, safi));
}

function wholeMessage(body: Uint8Array): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS + body.length);
  const at = writeHeader(octets, 0, octets.length, MESSAGE_TYPE.routeRefresh);
  octets.set(body, at);
  return octets.subarray(0, MOST_DATA);
}
