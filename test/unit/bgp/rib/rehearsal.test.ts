import { describe, expect, it } from "vitest";
import { rehearse } from "../../../../src/bgp/rib/rehearsal.ts";

describe("the rehearsal of a dump", () => {
  it("walks the whole way of 1,000 routes of either family, End-of-RIB included", () => {
    const ipv4 = 1000 * 5 + Math.ceil(1000 / 810) * 43 + 23;
    const full = Math.floor(1000 / 237);
    // Attribute header of 4 octets, AFI, SAFI, next hop and reserved 21, other attributes 13.
    const ipv6 = 1000 * 17 + (full + 1) * (23 + 4 + 21 + 13) + 29;
    expect(rehearse()).toBe(ipv4 + ipv6);
  });
});
