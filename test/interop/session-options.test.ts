import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, num, record, text } from "../support/lab/json.ts";
import { type RawObject, rawOwn } from "../support/lab/objects.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
const ROUTER_ID = "192.0.2.1";
const SERVICES = [serviceAt(1, "plain"), serviceAt(2, "plain"), serviceAt(3, "plain")];

/** One router and one node; each case says what the BGPPeer asks for beyond that. */
class Pair {
  readonly fabric: Fabric;
  readonly router: Frr;
  readonly herald: Herald;

  constructor({ dials, asn = 65000 }: { readonly dials: boolean; readonly asn?: number }) {
    this.fabric = new Fabric("options", [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "router", addresses: [`${ROUTER}/24`] },
    ]);
    this.router = new Frr(this.fabric.host("router"), {
      asn,
      routerId: ROUTER_ID,
      address: ROUTER,
      peers: [{ address: NODE, asn: 65001, passive: dials, families: ["IPv4"] }],
    });
    this.herald = new Herald(this.fabric.host("node"), {
      node: "node",
      listen: dials ? [] : [NODE],
      configuration: { resetSpread: "0s" },
    });
    this.herald.cluster.node("node", [NODE]);
    this.herald.cluster.attributes([{ name: "plain" }]);
    this.herald.cluster.services(SERVICES);
  }

  ask(spec: RawObject): void {
    this.herald.cluster.write("peers.json", [
      rawOwn("BGPPeer", "tor", { myASN: 65001, peerASN: 65000, peerAddress: ROUTER, connectTime: "1s", ...spec }),
    ]);
  }

  async established(): Promise<Readonly<Record<string, unknown>>> {
    return until("the session is up", async () => {
      const peer = await this.herald.peer("tor");
      return peer["state"] === "Established" && this.router.established(NODE) ? peer : undefined;
    });
  }

  /** The words of the newest error, once they are these. */
  async explained(words: RegExp): Promise<string> {
    return until(`the error says ${words}`, async () => {
      const { lastError } = await this.herald.peer("tor");
      const said = lastError === null ? "" : text(record(lastError)["text"]);
      if (!words.test(said)) throw new Error(said);
      return said;
    });
  }
}

function codes(peer: Readonly<Record<string, unknown>>, side: "sent" | "received"): readonly number[] {
  return list(record(peer["capabilities"])[side]).map((capability) => num(record(capability)["code"]));
}

const withFrr = requireTools("root", "ip", "bgpd", "zebra", "vtysh");

withFrr("what a BGPPeer asks of a session with FRR that Herald dials", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = new Pair({ dials: true });
    pair.ask({ peerASN: "external" });
    await pair.router.start();
    pair.herald.launch();
  });
  afterAll(async () => pair?.fabric.close());

  it("takes any other AS for external, and refuses it for internal, in words", async () => {
    expect((await pair.established())["peerASN"]).toBe(65000);
    pair.ask({ peerASN: "internal" });
    await pair.explained(/the router says it is AS 65000, peerASN here is internal \(65001\): check peerASN/);
  });

  it("omits the capabilities it is told to omit, and routes flow without them", async () => {
    pair.ask({ omitCapabilities: ["graceful-restart", "route-refresh", 65] });
    const peer = await until("a session without them", async () => {
      const now = await pair.established();
      return codes(now, "sent").length === 1 ? now : undefined;
    });
    expect(codes(peer, "sent")).toEqual([1]);
    const seen = record(pair.router.neighbor(NODE)["neighborCapabilities"]);
    expect([seen["4byteAs"], seen["routeRefresh"]]).toEqual(["advertised", "advertised"]);
    expect(codes(peer, "received")).toEqual(expect.arrayContaining([2, 64, 65]));
    await until("the routes are there", async () => pair.router.table("IPv4").size === SERVICES.length);
  });

  it("offers extended messages where it is told to, and FRR takes them", async () => {
    pair.ask({ extendedMessages: true });
    const peer = await until("a session with them", async () => {
      const now = await pair.established();
      return codes(now, "sent").includes(6) ? now : undefined;
    });
    expect(codes(peer, "received")).toContain(6);
    expect(record(pair.router.neighbor(NODE)["neighborCapabilities"])["extendedMessage"]).toBe("advertisedAndReceived");
  });

  it("has a role that fits the router's, and its routes bear OTC where it is the provider", async () => {
    pair.router.configure(`neighbor ${NODE} local-role customer`);
    pair.ask({ role: "provider" });
    await until("the roles are exchanged", async () => codes(await pair.established(), "received").includes(9));
    expect(pair.router.neighbor(NODE)).toMatchObject({ localRole: "customer", remoteRole: "provider" });
    await until("the routes are there", async () => pair.router.table("IPv4").size === SERVICES.length);
    expect(pair.router.path("IPv4", `${SERVICES[0]?.ipv4}/32`)).toMatchObject({ otc: 65001 });
  });

  it("explains a role that does not fit, and a router that insists on one", async () => {
    pair.ask({ role: "peer" });
    await pair.explained(
      /BGP role customer, but to our role peer belongs peer: check role|BGP role does not fit ours \(peer\): check role/,
    );
    pair.router.configure(`neighbor ${NODE} local-role customer strict-mode`);
    pair.ask({});
    await pair.explained(/BGP role does not fit ours \(none\): check role on both sides/);
  });

  it("explains that the router takes no more prefixes, and does not hammer it", async () => {
    pair.router.configure(
      `no neighbor ${NODE} local-role customer strict-mode`,
      "address-family ipv4 unicast",
      `neighbor ${NODE} maximum-prefix 2`,
    );
    pair.ask({ holdTime: "60s" });
    await pair.explained(
      /Maximum Number of Prefixes Reached.*more prefixes than the router's limit: raise maximum-prefix there or announce less/i,
    );
    expect(await pair.herald.metrics()).toContain('herald_bgp_notifications_total{peer="tor",direction="received",code="6",subcode="1"} 1');
  });

  it("keeps below the router's limit with announceLimit", async () => {
    pair.router.clear(NODE);
    pair.ask({ holdTime: "60s", announceLimit: 2 });
    await pair.established();
    await until("two prefixes are there", async () => pair.router.table("IPv4").size === 2);
  });
});

withFrr("a router that dials", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = new Pair({ dials: false });
    pair.ask({ passive: true });
    pair.herald.launch();
    await pair.router.start();
  });
  afterAll(async () => pair?.fabric.close());

  it("finds a passive peer, which never dials itself", async () => {
    await pair.established();
    await until("the routes are there", async () => pair.router.table("IPv4").size === SERVICES.length);
    expect(pair.herald.output()).not.toContain('"slot":"outgoing","from":"Connect"');
  });
});

describe("one BGP identifier twice", () => {
  withFrr("inside an AS", () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = new Pair({ dials: true, asn: 65001 });
      pair.ask({ peerASN: "internal", routerID: ROUTER_ID });
      await pair.router.start();
      pair.herald.launch();
    });
    afterAll(async () => pair?.fabric.close());

    it("is refused, and explained by whoever noticed first", async () => {
      await pair.explained(
        /has this node's BGP identifier, in the same AS: set routerID|refuses our BGP identifier: another node may have the same routerID/,
      );
    });

    it("is mended by a routerID of its own", async () => {
      pair.ask({ peerASN: "internal" });
      await pair.established();
    });
  });
});
