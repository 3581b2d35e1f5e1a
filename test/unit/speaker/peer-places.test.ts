import { describe, expect, it } from "vitest";
import type { Address } from "../../../src/ip/address.ts";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import type { Gateways } from "../../../src/speaker/default-gateway.ts";
import type { LinkRouters } from "../../../src/speaker/link-routers.ts";
import { formatRemote, gatewayOf, PeerPlaces, type Place, routerOn } from "../../../src/speaker/peer-places.ts";
import { ip } from "../../support/cluster-objects.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { bgpPeer } from "../../support/speaker-rig.ts";

const [A, B] = [ip("fe80::a"), ip("fe80::b")];

function words(place: Place): string {
  return place.known ? formatRemote(place.remote) : place.why;
}

function seen(...routers: readonly Address[]): LinkRouters {
  return { ok: true, routers };
}

describe("the router on a link (BGPPeer interface)", () => {
  it("is the only one that the kernel knows there, with the link in its address", () => {
    expect(words(routerOn("eth0", seen(A), null, false))).toBe("fe80::a%eth0");
  });

  it("is nobody as long as none has announced itself, or several have", () => {
    expect(words(routerOn("eth0", seen(), null, false))).toContain(
      "no router has been seen on eth0: it has to send IPv6 router advertisements",
    );
    expect(words(routerOn("eth0", seen(A, B), null, false))).toContain("several routers are on eth0 (fe80::a, fe80::b)");
  });

  it("stays while it is among those that answer, and while the kernel has forgotten everybody", () => {
    expect(words(routerOn("eth0", seen(A, B), B, false))).toBe("fe80::b%eth0");
    expect(words(routerOn("eth0", seen(), A, false))).toBe("fe80::a%eth0");
  });

  it("is the other one when it answers no more", () => {
    expect(words(routerOn("eth0", seen(B), A, false))).toBe("fe80::b%eth0");
  });

  it("is the only other one when it does not answer a dial, and stays where there is none or several are", () => {
    expect(words(routerOn("eth0", seen(A, B), A, true))).toBe("fe80::b%eth0");
    expect(words(routerOn("eth0", seen(A), A, true))).toBe("fe80::a%eth0");
    expect(words(routerOn("eth0", seen(), A, true))).toBe("fe80::a%eth0");
    expect(words(routerOn("eth0", seen(A, B, ip("fe80::c")), A, true))).toBe("fe80::a%eth0");
  });

  it("is nobody when the link is gone", () => {
    expect(words(routerOn("eth0", { ok: false, why: "eth0 is down" }, A, true))).toBe("eth0 is down");
  });
});

describe("the default gateway (BGPPeer defaultGateway)", () => {
  const via = (...addresses: readonly string[]): Gateways => ({
    ok: true,
    gateways: addresses.map((address) => ({ address: ip(address), device: "eth0" })),
  });

  it("is that of the host's default route, with its link where the address needs one", () => {
    expect(words(gatewayOf("IPv4", via("192.0.2.1"), null))).toBe("192.0.2.1");
    expect(words(gatewayOf("IPv6", via("2001:db8::1"), null))).toBe("2001:db8::1");
    expect(words(gatewayOf("IPv6", via("fe80::1"), null))).toBe("fe80::1%eth0");
  });

  it("is nobody without a default route, with several, or when routes cannot be read", () => {
    expect(words(gatewayOf("IPv4", via(), ip("192.0.2.1")))).toBe("this host has no IPv4 default route with a gateway");
    expect(words(gatewayOf("IPv4", via("192.0.2.1", "192.0.2.2"), null))).toContain("several IPv4 default gateways (192.0.2.1, 192.0.2.2)");
    expect(words(gatewayOf("IPv4", { ok: false, why: "no /proc" }, null))).toBe("no /proc");
  });

  it("follows the route, and keeps one of several that it had", () => {
    expect(words(gatewayOf("IPv4", via("192.0.2.2"), ip("192.0.2.1")))).toBe("192.0.2.2");
    expect(words(gatewayOf("IPv4", via("192.0.2.1", "192.0.2.2"), ip("192.0.2.2")))).toBe("192.0.2.2");
  });
});

describe("looking for peers without an address", () => {
  const unnumbered: BGPPeer = { ...bgpPeer("up", { peerAddress: "192.0.2.9" }), peerAddress: null, interface: "eth0" };

  function rig(peers: BGPPeer[]) {
    const clock = new FakeClock();
    const told = { changes: 0, looks: 0, advertised: 0, up: false, silentAt: null as Date | null, why: "", logged: 0, routers: seen() };
    const places = new PeerPlaces({
      clock,
      log: ({ event }) => {
        if (event === "link.notAdvertised") told.logged++;
      },
      routersOn: () => {
        told.looks++;
        return told.routers;
      },
      advertise: () => {
        told.advertised++;
        return told.why;
      },
      gateways: () => ({ ok: true, gateways: [] }),
      wanted: () => peers.map((peer) => ({ peer, up: told.up, silentAt: told.silentAt })),
      changed: () => void told.changes++,
    });
    return { clock, places, told };
  }

  it("tells once when a router shows itself, and once when another takes its place", () => {
    const { clock, places, told } = rig([unnumbered]);
    expect(words(places.of(unnumbered))).toContain("no router has been seen");
    clock.advance(3000);
    expect(told.changes).toBe(0);
    told.routers = seen(A);
    clock.advance(3000);
    expect([told.changes, words(places.of(unnumbered))]).toEqual([1, "fe80::a%eth0"]);
    told.routers = seen(B);
    clock.advance(1000);
    expect([told.changes, words(places.of(unnumbered))]).toEqual([2, "fe80::b%eth0"]);
  });

  it("looks at the other router when a dial to this one is not answered, and not because of a dial to the one before", () => {
    const { clock, places, told } = rig([unnumbered]);
    told.routers = seen(A);
    expect(words(places.of(unnumbered))).toBe("fe80::a%eth0");
    told.routers = seen(A, B);
    clock.advance(5000);
    expect(words(places.of(unnumbered))).toBe("fe80::a%eth0");
    told.silentAt = clock.wall();
    clock.advance(1000);
    expect(words(places.of(unnumbered))).toBe("fe80::b%eth0");
    clock.advance(5000);
    expect([told.changes, words(places.of(unnumbered))]).toEqual([1, "fe80::b%eth0"]);
  });

  it("asks the kernel nothing for peers that have an address, and no more when the last one is gone or the speaker stops", () => {
    const peers = [unnumbered];
    const { clock, places, told } = rig(peers);
    expect(words(places.of(bgpPeer("tor", { peerAddress: "192.0.2.1" })))).toBe("192.0.2.1");
    clock.advance(5000);
    expect(told.looks).toBe(0);
    places.of(unnumbered);
    clock.advance(2000);
    expect(told.looks).toBe(3);
    peers.pop();
    clock.advance(5000);
    expect(told.looks).toBe(3);
    peers.push(unnumbered);
    places.of(unnumbered);
    places.stop();
    clock.advance(5000);
    expect(told.looks).toBe(4);
  });

  it("shows this host to the routers every three seconds until the session is up, then every ten", () => {
    const { clock, places, told } = rig([unnumbered]);
    places.of(unnumbered);
    clock.advance(10_000);
    expect(told.advertised).toBe(4);
    told.up = true;
    clock.advance(20_000);
    expect(told.advertised).toBe(6);
  });

  it("says once why it cannot show itself", () => {
    const { clock, places, told } = rig([unnumbered]);
    told.why = "no router advertisement can be sent (socket: EPERM)";
    places.of(unnumbered);
    clock.advance(30_000);
    expect([told.logged, told.advertised]).toEqual([1, 10]);
  });
});
