import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type PeerSpec, serviceAt } from "../support/lab/cluster.ts";
import { Fabric, type Host } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { num, record, text } from "../support/lab/json.ts";
import { LinkCut } from "../support/lab/link-cut.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
const TOR = {
  name: "tor",
  myASN: 65001,
  peerASN: 65000,
  peerAddress: ROUTER,
  families: ["IPv4"],
  connectTime: "1s",
  holdTime: "3s",
} as const satisfies PeerSpec;

/** Makes the kernel forget its connections of BGP, as a power cut would; false until it has. */
function forgetConnections(host: Host): boolean {
  host.run("ss", ["-K", "sport = :179"]);
  return host.run("ss", ["-Htan", "sport = :179"]) === "";
}

// Each way in which a router falls silent, and that it is its own timer which notices (docs/sessions.md). What a router does to what we send while it is heard is in
// unacknowledged.test.ts; the kernel's own patience with a window that stays shut is in test/unit/speaker/sockopt/streams.test.ts. BFD's detection time is in bfd.test.ts.
requireTools(
  "root",
  "ip",
  "nft",
  "bgpd",
  "zebra",
  "vtysh",
  "ss",
)("A router that falls silent", () => {
  let fabric: Fabric;
  let herald: Herald;
  let cut: LinkCut;
  let router: Frr;

  beforeAll(async () => {
    fabric = new Fabric("silent", [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "router", addresses: [`${ROUTER}/24`] },
    ]);
    const peer = { address: NODE, asn: 65001, passive: true, families: ["IPv4"] as const };
    router = new Frr(fabric.host("router"), { asn: 65000, routerId: ROUTER, address: ROUTER, peers: [peer] });
    herald = new Herald(fabric.host("node"), { node: "node", configuration: { resetSpread: "0s" } });
    herald.cluster.node("node", [NODE]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([serviceAt(1, "plain")]);
    herald.cluster.peers([TOR]);
    cut = new LinkCut(fabric.host("router"));
    await router.start();
    await herald.start();
  });
  afterAll(async () => fabric?.close());
  beforeEach(async () => {
    cut.mend();
    router.resume();
    await until("the session is up", async () => (await herald.peer("tor"))["state"] === "Established");
  });

  const lastError = async (): Promise<{ readonly code: number; readonly text: string }> => {
    const error = (await herald.peer("tor"))["lastError"];
    if (error === null) return { code: -1, text: "" };
    return { code: num(record(error)["code"]), text: text(record(error)["text"]) };
  };

  it("in a session is noticed by the hold timer", async () => {
    cut.cut();
    await until("the session has ended", async () => (await herald.peer("tor"))["state"] !== "Established");
    await until("the hold timer is named", async () => (await lastError()).code === 4);
  });

  it("after a power cut, and knows nothing of the session when it is back, is noticed by the next KEEPALIVE", async () => {
    // FRR's own hold time, three times the time between KEEPALIVEs: the hold timer is to take no part.
    herald.cluster.peers([{ ...TOR, holdTime: "9s" }]);
    await until("the session has the longer hold time", async () => {
      const { state, holdTimeSeconds } = await herald.peer("tor");
      return state === "Established" && holdTimeSeconds === 9;
    });
    cut.cut();
    await router.stop("crash");
    await until("the router's kernel knows of no connection", async () => forgetConnections(fabric.host("router")));
    cut.mend();
    await until("the session has ended", async () => (await herald.peer("tor"))["state"] !== "Established");
    expect(herald.output()).toContain("connection reset by the peer");
    herald.cluster.peers([TOR]);
    await router.start();
  });

  it("before it answers a dial is noticed after connectTime", async () => {
    cut.cut();
    await herald.post("/api/v1/peers/tor/reset");
    await until("the dial is given up", async () => (await lastError()).text.startsWith("no answer within 1 s"));
  });

  it("after it took the connection, so that our OPEN is never acknowledged, is noticed by TCP_USER_TIMEOUT", async () => {
    cut.dropAfterSyn();
    await herald.post("/api/v1/peers/tor/reset");
    await until("the OPEN is given up", async () => (await lastError()).text.includes("did not acknowledge our OPEN"));
    expect((await herald.peer("tor"))["state"]).not.toBe("Established");
  });

  it("after its kernel took the connection, which its daemon never hears of, is given up long before four minutes, and dialled again", async () => {
    router.freeze();
    await until("the hold timer ends the session", async () => (await lastError()).code === 4);
    await until("the next connection is given up", async () => (await lastError()).text.includes("sent no OPEN"), 60_000);
    await until("yet another one was taken", async () => (await herald.peer("tor"))["state"] === "OpenSent");
    router.resume();
    await until("the session is up", async () => (await herald.peer("tor"))["state"] === "Established", 60_000);
  }, 180_000);
});
