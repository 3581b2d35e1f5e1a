import { afterAll, beforeAll, expect, it } from "vitest";
import { serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { record } from "../support/lab/json.ts";
import { rawOwn } from "../support/lab/objects.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const NODE = { IPv4: "10.88.0.10", IPv6: "fd88::10" };
const ROUTERS = {
  one: { IPv4: "10.88.0.2", IPv6: "fd88::2" },
  two: { IPv4: "10.88.0.3", IPv6: "fd88::3" },
} as const;
const FAMILIES = ["IPv4", "IPv6"] as const;
const SERVICE = serviceAt(1, "plain");

requireTools(
  "root",
  "ip",
  "bgpd",
  "zebra",
  "vtysh",
)("a session with the default gateway", () => {
  let fabric: Fabric;
  let herald: Herald;
  const routers: Partial<Record<keyof typeof ROUTERS, Frr>> = {};

  /** `default` of both families. */
  const route = (...words: readonly string[]): void => {
    for (const family of FAMILIES) {
      const [verb = "", router] = words;
      const via = router === "one" || router === "two" ? ["via", ROUTERS[router][family]] : [];
      fabric.host("node").run("ip", [family === "IPv4" ? "-4" : "-6", "route", verb, "default", ...via]);
    }
  };

  beforeAll(async () => {
    fabric = new Fabric("gateway", [
      { name: "node", addresses: [`${NODE.IPv4}/24`, `${NODE.IPv6}/64`] },
      ...(["one", "two"] as const).map((name) => ({ name, addresses: [`${ROUTERS[name].IPv4}/24`, `${ROUTERS[name].IPv6}/64`] })),
    ]);
    for (const name of ["one", "two"] as const) {
      const peers = FAMILIES.map((family) => ({
        address: NODE[family],
        localAddress: ROUTERS[name][family],
        asn: 65001,
        passive: true,
        families: [family],
      }));
      const router = new Frr(fabric.host(name), { asn: 65000, routerId: ROUTERS[name].IPv4, address: ROUTERS[name].IPv4, peers });
      routers[name] = router;
      await router.start();
    }
    herald = new Herald(fabric.host("node"), { node: "node", configuration: { resetSpread: "0s" } });
    herald.cluster.node("node", [NODE.IPv4, NODE.IPv6]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([SERVICE]);
    herald.cluster.write(
      "peers.json",
      FAMILIES.map((family) => rawOwn("BGPPeer", family.toLowerCase(), { myASN: 65001, peerASN: "external", defaultGateway: family })),
    );
    herald.launch();
  });
  afterAll(async () => fabric?.close());

  const heldWithout = async (): Promise<void> => {
    for (const family of FAMILIES) {
      const { lastError, state } = await until(`the ${family} peer is held down`, async () => {
        const peer = await herald.peer(family.toLowerCase());
        return peer["peerAddress"] === null ? peer : undefined;
      });
      expect([state, record(lastError)["text"]]).toEqual(["Idle", `held down: this host has no ${family} default route with a gateway`]);
    }
  };

  const carriedBy = async (name: keyof typeof ROUTERS): Promise<void> => {
    for (const family of FAMILIES) {
      const prefix = family === "IPv4" ? `${SERVICE.ipv4}/32` : `${SERVICE.ipv6}/128`;
      await until(`${name} holds ${prefix}`, async () => routers[name]?.table(family).has(prefix), 50_000);
      expect((await herald.peer(family.toLowerCase()))["peerAddress"]).toBe(ROUTERS[name][family]);
    }
  };

  it("waits while the host has no default route, and says so", heldWithout);

  it("comes up when the host gets one", async () => {
    route("add", "one");
    await carriedBy("one");
  });

  it("moves to the other router when the default route does, and tells the first one", async () => {
    route("replace", "two");
    await carriedBy("two");
    for (const family of FAMILIES) await until("the first router has no route left", async () => routers.one?.table(family).size === 0);
  });

  it("ends when the default route goes", async () => {
    route("del");
    await heldWithout();
    for (const family of FAMILIES) await until("no router has a route left", async () => routers.two?.table(family).size === 0);
  });
});
