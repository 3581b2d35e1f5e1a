import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Bird } from "../support/lab/bird.ts";
import { serviceAt } from "../support/lab/cluster.ts";
import { Fabric, type Host } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { num, record, text } from "../support/lab/json.ts";
import { LinkCut } from "../support/lab/link-cut.ts";
import type { Router, RouterPeer, RouterSettings } from "../support/lab/router.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const NODE = "10.88.0.10";
const ROUTER = "10.88.0.2";
/** 500 ms × 3: no failure but those that the test makes, however busy the machine. */
const INTERVAL_MILLIS = 500;
const SERVICE = serviceAt(1, "plain");
const PREFIX = `${SERVICE.ipv4}/32`;
const CUTS = 2;

interface WatchedRouter extends Router {
  bfdChanges(peer: string): { readonly ups: number; readonly downs: number };
}

interface Product {
  readonly name: string;
  readonly tools: readonly string[];
  /** What the router is told so that it keeps the routes of a speaker that restarts. */
  readonly keeping: Partial<RouterPeer>;
  make(host: Host, settings: RouterSettings): WatchedRouter;
}

const PRODUCTS: readonly Product[] = [
  { name: "FRR", tools: ["bgpd", "zebra", "bfdd", "vtysh"], keeping: {}, make: (host, settings) => new Frr(host, settings) },
  { name: "BIRD", tools: ["bird", "birdc"], keeping: { bfdGraceful: true }, make: (host, settings) => new Bird(host, settings) },
];

/** One speaker and one router, with BFD between them. */
class Pair {
  readonly fabric = new Fabric("flaps", [
    { name: "node", addresses: [`${NODE}/24`] },
    { name: "router", addresses: [`${ROUTER}/24`] },
  ]);
  readonly cut = new LinkCut(this.fabric.host("router"));
  readonly router: WatchedRouter;
  readonly herald: Herald;

  constructor(product: Product, more: Partial<RouterPeer>) {
    const watch = { passive: true, families: ["IPv4"] as const, bfdIntervalMillis: INTERVAL_MILLIS };
    const peers = [{ address: NODE, asn: 65001, ...watch, ...more }];
    this.router = product.make(this.fabric.host("router"), { asn: 65000, routerId: ROUTER, address: ROUTER, peers });
    const stateFile = join(this.fabric.host("node").directory, "state.json");
    this.herald = new Herald(this.fabric.host("node"), { node: "node", configuration: { shutdown: "gracefulRestart", stateFile } });
    const { cluster } = this.herald;
    cluster.node("node", [NODE]);
    cluster.attributes([{ name: "plain" }]);
    cluster.services([SERVICE]);
    const spec = { receiveInterval: INTERVAL_MILLIS, transmitInterval: INTERVAL_MILLIS };
    const metadata = { name: "calm", namespace: "herald-system" };
    cluster.write("profiles.json", [{ apiVersion: "herald.dev/v1alpha1", kind: "BFDProfile", metadata, spec }]);
    this.peer("90s");
  }

  peer(holdTime: string): void {
    const session = { myASN: 65001, peerASN: 65000, peerAddress: ROUTER, families: ["IPv4"] as const, connectTime: "1s", holdTime };
    this.herald.cluster.peers([{ name: "tor", ...session, bfdProfile: "calm" }]);
  }

  async view(): Promise<{ readonly state: string; readonly bfd: string; readonly flaps: number }> {
    const peer = await this.herald.peer("tor");
    return { state: text(peer["state"]), bfd: text(record(peer["bfd"])["state"]), flaps: num(peer["flaps"]) };
  }

  /** How often BFD came up and went down in the router. */
  get changes(): { readonly ups: number; readonly downs: number } {
    return this.router.bfdChanges(NODE);
  }

  get routes(): readonly string[] {
    return [...this.router.table("IPv4").keys()].filter((prefix) => prefix === PREFIX);
  }

  /** The session ended so many times, and it and BFD are up on both sides. */
  async up(flaps: number): Promise<void> {
    await until("the session and BFD are up on both sides", async () => {
      const now = await this.view();
      const { ups, downs } = this.changes;
      return now.state === "Established" && now.bfd === "Up" && this.router.established(NODE) && ups > downs && now.flaps === flaps;
    });
    await until("the router has the route", async () => this.routes.length === 1);
  }
}

for (const product of PRODUCTS) {
  const tools = requireTools("root", "ip", "nft", ...product.tools);

  tools(`BFD with ${product.name} goes up and down with the session, and never else`, () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = new Pair(product, {});
      await pair.router.start();
    });
    afterAll(async () => pair?.fabric.close());

    it("comes up once, with a router that takes no call of BGP at first", async () => {
      const { herald, cut } = pair;
      cut.dropBgp();
      await herald.start();
      await until("a call was not answered", async () => {
        const { lastError } = await herald.peer("tor");
        return lastError !== null && text(record(lastError)["text"]).startsWith("no answer");
      });
      expect((await pair.view()).bfd).toBe("Down");
      cut.mend();
      await pair.up(0);
      expect(pair.changes).toEqual({ ups: 1, downs: 0 });
    });

    it(`goes down once with each of ${CUTS} cuts, and comes up once after it`, async () => {
      for (let n = 1; n <= CUTS; n++) {
        pair.cut.cut();
        await until("both sides have seen it", async () => (await pair.view()).state !== "Established" && pair.changes.downs === n);
        pair.cut.mend();
        await pair.up(n);
        expect(pair.changes).toEqual({ ups: n + 1, downs: n });
      }
    });

    it("costs a session that is reset nothing but that reset", async () => {
      const { downs } = pair.changes;
      await pair.herald.post("/api/v1/peers/tor/reset");
      await pair.up(CUTS + 1);
      expect(pair.changes.downs).toBeLessThanOrEqual(downs + 1);
    });
  });

  tools(`${product.name} with BFD and Graceful Restart keeps the routes`, () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = new Pair(product, product.keeping);
      await pair.router.start();
      await pair.herald.start();
      await pair.up(0);
    });
    afterAll(async () => pair?.fabric.close());

    /** The router has the route whenever it is looked at, until the session and BFD are up again. */
    const isKept = async (flaps: number): Promise<void> => {
      let lost = 0;
      await until("the session and BFD are up again", async () => {
        if (pair.routes.length !== 1) lost++;
        const { state, bfd, flaps: seen } = await pair.view();
        return state === "Established" && bfd === "Up" && seen === flaps;
      });
      await pair.up(flaps);
      expect(lost).toBe(0);
    };

    it("of a peer whose changed hold time needs a new session", async () => {
      pair.peer("60s");
      await isKept(1);
    });

    it("over a planned restart, for which AdminDown is said", async () => {
      const { downs } = pair.changes;
      expect(await pair.herald.stop()).toBe(0);
      await until("the router's BFD is down", async () => pair.changes.downs > downs);
      expect(pair.routes).toEqual([PREFIX]);
      await pair.herald.start();
      await isKept(0);
      expect(pair.changes.downs).toBe(downs + 1);
    });
  });
}

it("is tried with both products that have BFD", () => {
  expect(PRODUCTS.length).toBe(2);
});
