import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bird } from "../support/lab/bird.ts";
import { Capture } from "../support/lab/capture.ts";
import { type AttributeSet, type ServiceSpec, serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Gobgp } from "../support/lab/gobgp.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, num, record } from "../support/lab/json.ts";
import type { Router, RouterConstructor, Table } from "../support/lab/router.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

interface Product {
  readonly name: Router["product"];
  readonly Router: RouterConstructor;
  readonly tools: readonly string[];
  /** gobgpd has no command that sends a ROUTE-REFRESH: its soft reset works on what it stored. */
  readonly asksForRefresh: boolean;
}

/** Every case runs against each of these; the tables compared are the routers' own. */
const PRODUCTS: readonly Product[] = [
  { name: "gobgpd", Router: Gobgp, tools: ["gobgpd", "gobgp"], asksForRefresh: false },
  { name: "FRR", Router: Frr, tools: ["bgpd", "zebra", "vtysh"], asksForRefresh: true },
  { name: "BIRD", Router: Bird, tools: ["bird", "birdc"], asksForRefresh: true },
];

interface Case {
  readonly name: string;
  readonly heraldAsn: number;
  readonly routerAsn: number;
  readonly heraldDials: boolean;
  readonly over: "IPv4" | "IPv6";
}

const CASES: readonly Case[] = [
  { name: "eBGP, Herald dials", heraldAsn: 65001, routerAsn: 65000, heraldDials: true, over: "IPv4" },
  {
    name: "eBGP with four-octet AS numbers, the router dials",
    heraldAsn: 4_200_000_001,
    routerAsn: 4_200_000_000,
    heraldDials: false,
    over: "IPv4",
  },
  { name: "iBGP over IPv6, Herald dials", heraldAsn: 65000, routerAsn: 65000, heraldDials: true, over: "IPv6" },
];

const HERALD = { IPv4: "10.88.0.10", IPv6: "fd88::10" };
const ROUTER = { IPv4: "10.88.0.2", IPv6: "fd88::2" };

const PLAIN: AttributeSet = { name: "plain" };
const GOLD: AttributeSet = { name: "gold", communities: ["65000:1", "65000:2"], med: 50 };
const LARGE: AttributeSet = { name: "large", communities: ["large:65000:1:2", "no-export"], localPref: 200 };
const SETS = [PLAIN, GOLD, LARGE];

/** 2,000 prefixes of each family. */
const SERVICES = Array.from({ length: 2000 }, (_, index) => serviceAt(index, SETS[index % SETS.length]?.name ?? ""));

for (const product of PRODUCTS) {
  for (const example of CASES) {
    requireTools(
      "root",
      "ip",
      "dumpcap",
      "tshark",
      ...product.tools,
    )(`${product.name}: ${example.name}`, () => {
      let fabric: Fabric;
      let router: Router;
      let herald: Herald;
      let first: Capture;

      beforeAll(async () => {
        fabric = new Fabric("routers", [
          { name: "node", addresses: [`${HERALD.IPv4}/24`, `${HERALD.IPv6}/64`] },
          { name: "router", addresses: [`${ROUTER.IPv4}/24`, `${ROUTER.IPv6}/64`] },
        ]);
        router = new product.Router(fabric.host("router"), {
          asn: example.routerAsn,
          routerId: ROUTER.IPv4,
          address: ROUTER[example.over],
          peers: [{ address: HERALD[example.over], asn: example.heraldAsn, passive: example.heraldDials, families: ["IPv4", "IPv6"] }],
        });
        herald = new Herald(fabric.host("node"), { node: "node", listen: example.heraldDials ? [] : [HERALD[example.over]] });
        herald.cluster.node("node", [HERALD.IPv4, HERALD.IPv6]);
        herald.cluster.peers([
          {
            name: "tor",
            myASN: example.heraldAsn,
            peerASN: example.routerAsn,
            peerAddress: ROUTER[example.over],
            families: ["IPv4", "IPv6"],
            passive: !example.heraldDials,
          },
        ]);
        herald.cluster.attributes(SETS);
        herald.cluster.services(SERVICES);
        await router.start();
        first = await Capture.start(fabric.host("node"), "first");
        await herald.start();
      });
      afterAll(async () => fabric?.close());

      const holds = async (services: readonly ServiceSpec[], sets: readonly AttributeSet[]): Promise<void> => {
        for (const family of ["IPv4", "IPv6"] as const) {
          const wanted = expectedTable(services, sets, family, example, product.name);
          await until(`${product.name} holds ${wanted.size} ${family} prefixes`, async () => sameKeys(router.table(family), wanted));
          expect(Object.fromEntries(router.table(family))).toEqual(Object.fromEntries(wanted));
        }
      };

      it("establishes the session and the router holds exactly the wanted 2,000 prefixes of each family", async () => {
        await until("the session is established", async () => router.established(HERALD[example.over]));
        await holds(SERVICES, SETS);
        const view = await herald.peer("tor");
        expect(view["state"]).toBe("Established");
        expect(view["announced"]).toEqual({ IPv4: 2000, IPv6: 2000 });
      });

      it("sends nothing that a second decoder finds malformed, and packs the dump", async () => {
        const decoded = await first.decode(HERALD[example.over], 3 + 9 + 2);
        expect(decoded.malformed).toEqual([]);
        const updates = decoded.types.filter((type) => type === 2).length;
        // IPv4: one UPDATE per attribute set (667 /32 of 5 octets fit); IPv6: three per set; two End-of-RIB.
        expect(updates).toBeGreaterThanOrEqual(3 + 9 + 2);
        expect(updates).toBeLessThanOrEqual(3 + 9 + 2 + 6);
      });

      it("withdraws what goes and nothing else", async () => {
        herald.cluster.services(SERVICES.slice(500));
        await holds(SERVICES.slice(500), SETS);
      });

      it("changes attributes by replacing routes, without a withdrawal on the wire", async () => {
        const sets = [PLAIN, { ...GOLD, communities: ["65000:9"], med: 7 }, LARGE];
        const capture = await Capture.start(fabric.host("node"), "replace");
        herald.cluster.attributes(sets);
        await until("the router shows the new attributes", async () => {
          // Service 1999 is of the set that changes.
          return router.table("IPv6").get("2001:db8::7cf/128")?.[0]?.med === 7;
        });
        await holds(SERVICES.slice(500), sets);
        const decoded = await capture.decode(HERALD[example.over], 1);
        expect(decoded.malformed).toEqual([]);
        expect(decoded.types.filter((type) => type === 2).length).toBeGreaterThan(0);
        expect(decoded.withdrawnOctets.filter((octets) => octets > 0)).toEqual([]);
        expect(decoded.attributes.filter((code) => code === 15)).toEqual([]);
        herald.cluster.attributes(SETS);
        await until(
          "the router shows the old attributes again",
          async () => router.table("IPv6").get("2001:db8::7cf/128")?.[0]?.med === 50,
        );
      });

      if (product.asksForRefresh) {
        it("sends everything again when the router asks for a route refresh", async () => {
          const before = await updatesSent(herald);
          router.refresh(HERALD[example.over], "IPv4");
          await until("UPDATEs were sent again", async () => (await updatesSent(herald)) >= before + 3);
          await holds(SERVICES.slice(500), SETS);
        });
      }

      it("comes back after the router crashed", async () => {
        await router.stop("crash");
        await until("the speaker notices", async () => (await herald.peer("tor"))["state"] !== "Established");
        await router.start();
        await until("the session is established again", async () => router.established(HERALD[example.over]), 60_000);
        await holds(SERVICES.slice(500), SETS);
      });

      it("on SIGTERM withdraws everything, says Cease/2 and exits 0 within 2 s", async () => {
        const started = performance.now();
        expect(await herald.stop()).toBe(0);
        expect(performance.now() - started).toBeLessThan(2000);
        for (const family of ["IPv4", "IPv6"] as const) {
          await until(`the ${family} table is empty`, async () => router.table(family).size === 0);
        }
      });
    });
  }
}

async function updatesSent(herald: Herald): Promise<number> {
  return num(record((await herald.peer("tor"))["sent"])["updates"]);
}

function sameKeys(table: Table, wanted: Table): boolean {
  return table.size === wanted.size && [...wanted.keys()].every((prefix) => table.has(prefix));
}

/** Written from the specs alone: what a right router holds. */
function expectedTable(
  services: readonly ServiceSpec[],
  sets: readonly AttributeSet[],
  family: "IPv4" | "IPv6",
  example: Case,
  product: Router["product"],
): Table {
  const internal = example.heraldAsn === example.routerAsn;
  const bySet = new Map(sets.map((set) => [set.name, set]));
  return new Map(
    services.map((service) => {
      const set = bySet.get(service.set);
      const communities = set?.communities ?? [];
      const path = {
        nextHop: HERALD[family],
        asPath: internal ? [] : [example.heraldAsn],
        med: set?.med ?? null,
        // eBGP carries none; BIRD writes its own default into the table.
        localPref: internal ? (set?.localPref ?? 100) : product === "BIRD" ? 100 : null,
        communities: communities.filter((text) => !text.startsWith("large:")).map((text) => wellKnown(text, product)),
        largeCommunities: communities.filter((text) => text.startsWith("large:")).map((text) => text.slice("large:".length)),
        extendedCommunities: [],
      };
      return [family === "IPv4" ? `${service.ipv4}/32` : `${canonical(service.ipv6)}/128`, [path]];
    }),
  );
}

/** NO_EXPORT is 65535:65281; FRR prints its name. */
function wellKnown(text: string, product: Router["product"]): string {
  if (text !== "no-export") return text;
  return product === "FRR" ? "noExport" : "65535:65281";
}

/** 2001:db8::0 is written 2001:db8:: (RFC 5952). */
function canonical(address: string): string {
  return address.replace(/::0$/, "::");
}

describe("the interop cases", () => {
  it("are three routers in three kinds of session", () => {
    expect([PRODUCTS.length, CASES.length, list(SERVICES).length]).toEqual([3, 3, 2000]);
  });
});
