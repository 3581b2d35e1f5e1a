import { describe, expect, it } from "vitest";
import { AdjRibInCounters } from "../../../../src/bgp/rib/adj-rib-in-counters.ts";
import type { UpdateMessage } from "../../../../src/bgp/wire/messages.ts";

const UPDATE: UpdateMessage = {
  name: "update",
  announced: [],
  withdrawn: [],
  attributes: {},
  endOfRib: null,
  faults: [],
  action: "accept",
  ignoredFamilies: 0,
};

describe("counters of what a peer sent", () => {
  it("count UPDATEs, prefixes of each family, faults by what they did, and End-of-RIB", () => {
    const counters = new AdjRibInCounters();
    const octets = new Uint8Array();
    const nextHop = { address: { family: "IPv4", octets: new Uint8Array(4), key: "" }, linkLocal: null } as const;
    counters.count({
      ...UPDATE,
      announced: [
        { family: "IPv4", octets, count: 3, nextHop, multiprotocol: false },
        { family: "IPv6", octets, count: 2, nextHop, multiprotocol: true },
      ],
    });
    counters.count({ ...UPDATE, withdrawn: [{ family: "IPv4", octets, count: 4, multiprotocol: false }], action: "withdraw" });
    counters.count({ ...UPDATE, action: "discard-attributes", ignoredFamilies: 1 });
    counters.count({ ...UPDATE, endOfRib: "IPv4" });
    expect(counters.counts).toEqual({
      updates: 4,
      endOfRib: 1,
      announced: { IPv4: 3, IPv6: 2 },
      withdrawn: { IPv4: 4, IPv6: 0 },
      treatAsWithdraw: 1,
      attributeDiscard: 1,
      ignoredFamilies: 1,
    });
  });
});
