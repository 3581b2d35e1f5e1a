import { afterAll, beforeAll, expect, it } from "vitest";
import { Bird } from "../support/lab/bird.ts";
import { serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { record, text } from "../support/lab/json.ts";
import type { Router, RouterConstructor, RouterPeer } from "../support/lab/router.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const NODE = "10.88.0.10";
const ROUTER = "10.89.0.2";
/** Forwards between the two networks: one hop. */
const HOP = { node: "10.88.0.1", router: "10.89.0.1" };
const SERVICE = serviceAt(1, "plain");
/** 500 ms × 3: found by the test's own doing alone, however busy the machine. */
const INTERVAL_MILLIS = 500;

interface Product {
  readonly name: Router["product"];
  readonly tools: readonly string[];
  readonly Router: RouterConstructor;
  /** What the router is told for GTSM over one hop: FRR counts the link to the hop in, and refuses `multihop` beside it. */
  readonly security: Partial<RouterPeer>;
  /** TTL of its BFD packets behind one hop: BIRD sends multihop ones with the system's 64, FRR with 255. */
  readonly heardTtl: number;
}

const PRODUCTS: readonly Product[] = [
  { name: "FRR", tools: ["bgpd", "zebra", "bfdd", "vtysh"], Router: Frr, security: { ttlSecurityHops: 2 }, heardTtl: 254 },
  { name: "BIRD", tools: ["bird", "birdc"], Router: Bird, security: { multihop: 2, ttlSecurityHops: 2 }, heardTtl: 63 },
];

for (const product of PRODUCTS) {
  const tools = requireTools("root", "ip", "sysctl", ...product.tools);

  tools(`${product.name} behind another router`, () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.start(product, { multihop: 3 });
    });
    afterAll(async () => lab?.fabric.close());

    it("is reached with multihopTTL, and watched by multihop BFD", async () => {
      lab.profile({ minimumTtl: product.heardTtl });
      lab.peer({ multihopTTL: 3, bfdProfile: "far" });
      await lab.herald.start();
      await lab.up();
      await until("BFD is up", async () => (await lab.bfd()) === "Up");
      const ports = lab.fabric.host("node").run("ss", ["-Hlun"]);
      expect([ports.includes(":4784"), ports.includes(":3784")]).toEqual([true, false]);
    });

    it("is not heard by BFD when its packets come from farther than minimumTtl says", async () => {
      lab.profile({ minimumTtl: product.heardTtl + 1 });
      await until("the session has ended", async () => lab.herald.output().includes("BFD: nothing was heard from the router"));
      lab.profile({ minimumTtl: product.heardTtl });
      await lab.up();
      await until("BFD is up", async () => (await lab.bfd()) === "Up");
    });

    it("is out of reach with a TTL that ends at the router between", async () => {
      lab.peer({ multihopTTL: 1, bfdProfile: "far" });
      await until("the dial fails", async () => {
        const { lastError } = await lab.herald.peer("tor");
        return lastError !== null && /no answer|no route to the host/.test(text(record(lastError)["text"]));
      });
      lab.peer({ multihopTTL: 2, bfdProfile: "far" });
      await lab.up();
    });
  });

  tools(`${product.name} behind another router, with TTL security`, () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.start(product, product.security);
    });
    afterAll(async () => lab?.fabric.close());

    it("is heard where two hops are allowed, and watched by multihop BFD", async () => {
      lab.profile({ minimumTtl: product.heardTtl });
      lab.peer({ ttlSecurityHops: 2, bfdProfile: "far" });
      await lab.herald.start();
      await lab.up();
      await until("BFD is up", async () => (await lab.bfd()) === "Up");
    });

    it("is taken for too far where one is", async () => {
      lab.peer({ ttlSecurityHops: 1, bfdProfile: "far" });
      await until("the router does not get through", async () => {
        const { lastError } = await lab.herald.peer("tor");
        return lastError !== null && /no answer|did not acknowledge our OPEN/.test(text(record(lastError)["text"]));
      });
    });
  });
}

it("is tried with both products that have BFD", () => {
  expect(PRODUCTS.length).toBe(2);
});

class Lab {
  readonly fabric: Fabric;
  readonly herald: Herald;
  readonly router: Router;

  private constructor(product: Product, more: Partial<RouterPeer>) {
    this.fabric = new Fabric("hops", [
      { name: "node", addresses: [`${NODE}/24`] },
      { name: "between", addresses: [`${HOP.node}/24`, `${HOP.router}/24`] },
      { name: "router", addresses: [`${ROUTER}/24`] },
    ]);
    // One wire serves both networks: nobody is to be told of a shorter way.
    for (const name of ["node", "between", "router"]) {
      for (const word of ["send_redirects", "accept_redirects"]) {
        for (const device of ["all", "eth0"]) this.fabric.host(name).run("sysctl", ["-qw", `net.ipv4.conf.${device}.${word}=0`]);
      }
    }
    this.fabric.host("between").run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
    this.fabric.host("node").run("ip", ["route", "add", "10.89.0.0/24", "via", HOP.node]);
    this.fabric.host("router").run("ip", ["route", "add", "10.88.0.0/24", "via", HOP.router]);
    const watched = { passive: true, families: ["IPv4"] as const, bfdIntervalMillis: INTERVAL_MILLIS };
    const peers = [{ address: NODE, asn: 65001, ...watched, ...more }];
    this.router = new product.Router(this.fabric.host("router"), { asn: 65000, routerId: ROUTER, address: ROUTER, peers });
    this.herald = new Herald(this.fabric.host("node"), { node: "node", configuration: { resetSpread: "0s" } });
    this.herald.cluster.node("node", [NODE]);
    this.herald.cluster.attributes([{ name: "plain" }]);
    this.herald.cluster.services([SERVICE]);
  }

  static async start(product: Product, more: Partial<RouterPeer>): Promise<Lab> {
    const lab = new Lab(product, more);
    try {
      await lab.router.start();
    } catch (error) {
      await lab.fabric.close();
      throw error;
    }
    return lab;
  }

  profile(spec: Readonly<Record<string, unknown>>): void {
    const metadata = { name: "far", namespace: "herald-system" };
    const intervals = { receiveInterval: INTERVAL_MILLIS, transmitInterval: INTERVAL_MILLIS };
    const object = { apiVersion: "herald.dev/v1alpha1", kind: "BFDProfile", metadata, spec: { ...intervals, ...spec } };
    this.herald.cluster.write("profiles.json", [object]);
  }

  peer(spec: { readonly multihopTTL?: number; readonly ttlSecurityHops?: number; readonly bfdProfile: string }): void {
    const session = { myASN: 65001, peerASN: 65000, peerAddress: ROUTER, families: ["IPv4"] as const, connectTime: "1s" };
    this.herald.cluster.peers([{ name: "tor", ...session, ...spec }]);
  }

  async bfd(): Promise<string> {
    return text(record((await this.herald.peer("tor"))["bfd"])["state"]);
  }

  async up(): Promise<void> {
    await until("the session is up", async () => (await this.herald.peer("tor"))["state"] === "Established", 60_000);
    await until("the router says so too", async () => this.router.established(NODE));
  }
}
