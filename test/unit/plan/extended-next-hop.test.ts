import { describe, expect, it } from "vitest";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import { judgePeer } from "../../../src/plan/peers.ts";
import { ip, peer } from "../../support/cluster-objects.ts";

const UNNUMBERED: BGPPeer = { ...peer("up"), peerAddress: null, interface: "eth0", families: ["IPv4", "IPv6"] };
const OVER_IPV6: BGPPeer = { ...peer("tor"), peerAddress: ip("2001:db8::1"), families: ["IPv4", "IPv6"], extendedNextHop: true };
const session = (extendedNextHop: boolean) => ({ families: ["IPv4", "IPv6"], localAddress: ip("fe80::2"), extendedNextHop }) as const;

describe("the next hop of IPv4 routes over an IPv6 session (check 15, RFC 8950)", () => {
  it("is the session's own address on an unnumbered session, and where extendedNextHop is asked for", () => {
    for (const asked of [UNNUMBERED, OVER_IPV6]) {
      expect(judgePeer(asked, undefined, undefined).nextHop.IPv4.hop).toBe("session");
      const { hop, address } = judgePeer(asked, undefined, session(true)).nextHop.IPv4;
      expect([hop, address?.key]).toEqual(["session", ip("fe80::2").key]);
    }
  });

  it("is the Node's InternalIP where the router takes no IPv6 next hop, and none without that", () => {
    const { hop, text } = judgePeer(UNNUMBERED, undefined, session(false)).nextHop.IPv4;
    expect([hop, text]).toEqual([null, "no IPv4 next hop: the session is not IPv4 and there is no Node object"]);
    expect(judgePeer(UNNUMBERED, undefined, session(false)).nextHop.IPv6.hop).toBe("session");
  });

  it("is none of the session's where nobody asked for it", () => {
    expect(judgePeer({ ...OVER_IPV6, extendedNextHop: false }, undefined, session(true)).nextHop.IPv4.hop).toBeNull();
  });
});
