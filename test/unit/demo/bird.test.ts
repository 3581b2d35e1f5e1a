import { describe, expect, it } from "vitest";
import { pathsOf } from "../../../src/demo/bird.ts";

describe("BIRD's table", () => {
  it("is read with several paths per prefix, and with next hops that no kernel route resolves", () => {
    const output = [
      "BIRD 2.0.12 ready.",
      "Table master4:",
      "203.0.113.40/32      unreachable [node1 04:41:44.748 from 127.0.0.11] * (100) [AS65001i]",
      "\tType: BGP univ",
      "\tBGP.next_hop: 10.0.0.1",
      "\tBGP.community: (65000,1) (65535,0)",
      "\tBGP.ext_community: (unknown 0x4, 65001, 1290693416)",
      "                     unreachable [node2 04:41:44.749 from 127.0.0.12] (100) [AS65001i]",
      "\tBGP.next_hop: 10.0.0.2",
      "",
      "Table master6:",
      "fd00:96::40/128      unicast [node1 04:41:44.748 from 127.0.0.11] * (100) [AS65001i]",
      "\tBGP.next_hop: fd00::1 fe80::1",
      "\tBGP.ext_community: (rt, 65001, 1) (unknown 0x4004, 65001, 1288490189)",
    ].join("\n");
    expect(pathsOf(output)).toEqual([
      { prefix: "203.0.113.40/32", nextHop: "10.0.0.1", bytesPerSecond: 125_000_000, leaving: true },
      { prefix: "203.0.113.40/32", nextHop: "10.0.0.2", bytesPerSecond: null, leaving: false },
      { prefix: "fd00:96::40/128", nextHop: "fd00::1", bytesPerSecond: expect.any(Number), leaving: false },
    ]);
  });
});
