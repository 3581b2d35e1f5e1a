import { describe, expect, it } from "vitest";
import { decodeLinkBandwidth, encodeLinkBandwidth, lowestLinkBandwidth } from "../../../src/ip/link-bandwidth.ts";

describe("link bandwidth (RFC 10005)", () => {
  it("is bytes per second as a 32-bit float behind a two-octet AS number", () => {
    expect(encodeLinkBandwidth({ asn: 65001, bytesPerSecond: 125_000_000, transitive: true })).toBe("0004fde94cee6b28");
    expect(encodeLinkBandwidth({ asn: 65001, bytesPerSecond: 125_000_000, transitive: false })).toBe("4004fde94cee6b28");
    expect(decodeLinkBandwidth("0004fde94cee6b28")).toEqual({ asn: 65001, bytesPerSecond: 125_000_000, transitive: true });
  });

  it("puts AS_TRANS where the number needs four octets", () => {
    const community = encodeLinkBandwidth({ asn: 4200000001, bytesPerSecond: 0, transitive: true });
    expect(community).toBe("00045ba000000000");
    expect(decodeLinkBandwidth(community)?.asn).toBe(23456);
  });

  it("is nothing else", () => {
    for (const other of ["0002fde90000000a", "0304fde94cee6b28", "800400004cee6b28"]) expect(decodeLinkBandwidth(other)).toBeNull();
  });

  it("counts by its lowest value, zero included, and not where it is no amount", () => {
    expect(lowestLinkBandwidth(["0004fde94cee6b28", "4004fde900000000"])).toBe(0);
    expect(lowestLinkBandwidth(["0004fde94cee6b28", "0002fde90000000a"])).toBe(125_000_000);
    expect(lowestLinkBandwidth(["0004fde97fc00000", "0004fde9bf800000"])).toBeNull();
    expect(lowestLinkBandwidth([])).toBeNull();
  });
});
