import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, INITIAL_CONTEXT } from "../../../../src/bgp/wire/codec.ts";
import type { RouteRefreshMessage } from "../../../../src/bgp/wire/messages.ts";
import { decodeRouteRefresh, encodeRouteRefresh } from "../../../../src/bgp/wire/route-refresh.ts";
import { attempt, hex, message, toHex, vector } from "../../../support/vector.ts";

const codec = { decode: decodeRouteRefresh, encode: (value: RouteRefreshMessage) => encodeRouteRefresh(value).subarray(19) };

describe("ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2)", () => {
  vector("a request", "0001 00 01", { name: "routeRefresh", afi: 1, safi: 1, subtype: 0 }, codec);
  vector("a BoRR", "0002 01 01", { name: "routeRefresh", afi: 2, safi: 1, subtype: 1 }, codec);
  vector("an EoRR", "0002 02 01", { name: "routeRefresh", afi: 2, safi: 1, subtype: 2 }, codec);
  vector("a family we do not have", "4004 00 47", { name: "routeRefresh", afi: 16388, safi: 71, subtype: 0 }, codec);

  it("goes out as golden bytes", () => {
    expect(toHex(encodeMessage({ name: "routeRefresh", afi: 1, safi: 1, subtype: 0 }))).toBe(toHex(message("0017 05 0001 00 01")));
  });

  it("takes a request with an outbound route filter behind it (RFC 5291 §4)", () => {
    expect(decodeRouteRefresh(hex("0001 00 01 01 40 0003 c00002"))).toMatchObject({ afi: 1, safi: 1, subtype: 0 });
  });

  it("takes a subtype without a meaning, to be ignored", () => {
    expect(decodeRouteRefresh(hex("0001 ff 01"))).toMatchObject({ subtype: 255 });
  });

  it("answers a wrong length with 7/1 and the whole message (RFC 7313 §5)", () => {
    for (const body of ["", "0001", "000100", "0001 01 01 00", "0001 02 01 0000"]) {
      const error = attempt(() => decodeRouteRefresh(hex(body)));
      const length = toHex(Uint8Array.of(19 + hex(body).length));
      expect(error && `${error.code}/${error.subcode} ${toHex(error.data)}`).toBe(`7/1 ${toHex(message(`00${length}05${body}`))}`);
    }
  });

  it("quotes no more of a wrong message than a NOTIFICATION holds", () => {
    const error = attempt(() => decodeRouteRefresh(hex(`0001 01 01${"00".repeat(60000)}`)));
    expect(error?.data.length).toBe(4096 - 21);
  });
});

describe("KEEPALIVE (RFC 4271 §4.4)", () => {
  it("is a header and nothing else", () => {
    expect(toHex(encodeMessage({ name: "keepalive" }))).toBe(toHex(message("0013 04")));
    expect(decodeMessage({ type: 4, body: hex("") }, INITIAL_CONTEXT)).toEqual({ name: "keepalive" });
  });

  it("is distinct from a frame of an unknown type, which is refused with 1/3", () => {
    const error = attempt(() => decodeMessage({ type: 6, body: hex("") }, INITIAL_CONTEXT));
    expect(error && `${error.code}/${error.subcode} ${toHex(error.data)}`).toBe("1/3 06");
  });
});
