import { afterAll, beforeAll, expect, it } from "vitest";
import { Bird } from "../support/lab/bird.ts";
import { serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { record, text } from "../support/lab/json.ts";
import { LinkCut } from "../support/lab/link-cut.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

type Family = "IPv4" | "IPv6";

const HERALD = { IPv4: "10.88.0.10", IPv6: "fd88::10" };
const ROUTER = { IPv4: "10.88.0.2", IPv6: "fd88::2" };
const HOSTS = [
  { name: "node", addresses: [`${HERALD.IPv4}/24`, `${HERALD.IPv6}/64`] },
  { name: "router", addresses: [`${ROUTER.IPv4}/24`, `${ROUTER.IPv6}/64`] },
];
/** 50 ms × 3: nothing heard for 150 ms is a failure. What is fast is left to the cuts: on a busy machine it finds failures that are none. */
const INTERVAL_MILLIS = 50;
const CALM_MILLIS = 400;
const CUTS = 5;

function profile(milliseconds: number, spec: Readonly<Record<string, unknown>> = {}): readonly unknown[] {
  return [
    {
      apiVersion: "herald.dev/v1alpha1",
      kind: "BFDProfile",
      metadata: { name: "fast", namespace: "herald-system" },
      spec: { receiveInterval: milliseconds, transmitInterval: milliseconds, ...spec },
    },
  ];
}

function heraldOn(fabric: Fabric, over: Family): Herald {
  const herald = new Herald(fabric.host("node"), { node: "node", configuration: { resetSpread: "0s" } });
  herald.cluster.node("node", [HERALD.IPv4, HERALD.IPv6]);
  herald.cluster.attributes([{ name: "plain" }]);
  herald.cluster.services([serviceAt(1, "plain")]);
  herald.cluster.write("profiles.json", profile(CALM_MILLIS));
  herald.cluster.peers([
    {
      name: "tor",
      myASN: 65001,
      peerASN: 65000,
      peerAddress: ROUTER[over],
      families: [over],
      holdTime: "90s",
      connectTime: "1s",
      bfdProfile: "fast",
    },
  ]);
  return herald;
}

async function state(herald: Herald): Promise<string> {
  return text((await herald.peer("tor"))["state"]);
}

async function bfdState(herald: Herald): Promise<string> {
  return text(record((await herald.peer("tor"))["bfd"])["state"]);
}

/** Times of the log lines of one event, in milliseconds since 1970. */
function timesOf(herald: Herald, event: string, matches: (line: Readonly<Record<string, unknown>>) => boolean): readonly number[] {
  return herald
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => record(JSON.parse(line)))
    .filter((line) => line["event"] === event && matches(line))
    .map((line) => Date.parse(text(line["time"])));
}

const isDetection = (line: Readonly<Record<string, unknown>>): boolean => line["to"] === "Down" && line["from"] === "Up";

for (const over of ["IPv4", "IPv6"] as const) {
  requireTools(
    "root",
    "ip",
    "nft",
    "bgpd",
    "zebra",
    "bfdd",
    "vtysh",
  )(`BFD with FRR's bfdd over ${over}`, () => {
    let fabric: Fabric;
    let herald: Herald;
    let router: Frr;
    let cut: LinkCut;

    beforeAll(async () => {
      fabric = new Fabric("bfd", HOSTS);
      herald = heraldOn(fabric, over);
      const peer = { address: HERALD[over], asn: 65001, passive: true, families: [over], bfdIntervalMillis: INTERVAL_MILLIS };
      router = new Frr(fabric.host("router"), { asn: 65000, routerId: ROUTER.IPv4, address: ROUTER[over], peers: [peer] });
      cut = new LinkCut(fabric.host("router"));
      await router.start();
      await herald.start();
    });
    afterAll(async () => fabric?.close());

    const up = async (): Promise<void> => {
      await until("BFD is up here", async () => (await bfdState(herald)) === "Up");
      await until("BFD is up there", async () => router.bfd(HERALD[over])?.["status"] === "up");
      await until("the session is up", async () => (await state(herald)) === "Established");
    };

    it("comes up once on both sides, and says so in the API and the metrics", async () => {
      await up();
      expect(router.bfdChanges(HERALD[over])).toEqual({ ups: 1, downs: 0 });
      expect((await herald.peer("tor"))["flaps"]).toBe(0);
      expect(await herald.metrics()).toContain('herald_bfd_session_up{peer="tor"} 1');
      expect(await herald.metrics()).toContain('herald_bfd_detections_total{peer="tor"} 0');
    });

    const interval = async (millis: number): Promise<void> => {
      herald.cluster.write("profiles.json", profile(millis));
      await until(`the router knows ${millis} ms`, async () => router.bfd(HERALD[over])?.["remote-transmit-interval"] === millis);
    };

    it("changes its intervals while it is up, by a poll sequence", async () => {
      const { flaps } = await herald.peer("tor");
      await interval(CALM_MILLIS);
      await interval(500);
      await interval(CALM_MILLIS);
      expect(timesOf(herald, "bfd.transition", isDetection)).toEqual([]);
      expect((await herald.peer("tor"))["flaps"]).toBe(flaps);
    });

    it("leaves BGP alone when the router takes its BFD down by hand (AdminDown)", async () => {
      const { flaps } = await herald.peer("tor");
      router.configureBfd(`peer ${HERALD[over]} local-address ${ROUTER[over]}`, "shutdown");
      await until("BFD is down here", async () => (await bfdState(herald)) === "Down");
      expect(await state(herald)).toBe("Established");
      router.configureBfd(`peer ${HERALD[over]} local-address ${ROUTER[over]}`, "no shutdown");
      await up();
      expect((await herald.peer("tor"))["flaps"]).toBe(flaps);
    });

    it(`ends the session with Cease/10 when the link is cut silently, ${CUTS} times, and seeks it again`, async () => {
      await interval(INTERVAL_MILLIS);
      const count = async (metric: string): Promise<number> => {
        const line = (await herald.metrics()).split("\n").find((text) => text.startsWith(metric));
        return Number(line?.split(" ").at(-1) ?? 0);
      };
      const detections = 'herald_bfd_detections_total{peer="tor"}';
      const ceases = 'herald_bgp_notifications_total{peer="tor",direction="sent",code="6",subcode="10"}';
      for (let n = 1; n <= CUTS; n++) {
        await up();
        const before = [await count(detections), await count(ceases)];
        cut.cut();
        await until("the session has ended", async () => (await state(herald)) !== "Established");
        expect(await count(detections)).toBeGreaterThan(before[0] ?? 0);
        expect(await count(ceases)).toBeGreaterThan(before[1] ?? 0);
        cut.mend();
      }
      await up();
    });

    it("tells the router AdminDown when Herald ends, so that the end is no failure", async () => {
      expect(await herald.stop()).toBe(0);
      await until("the router has heard it", async () => {
        const session = router.bfd(HERALD[over]);
        return session === undefined || text(session["remote-diagnostic"]).includes("administratively down");
      });
    });
  });
}

requireTools(
  "root",
  "ip",
  "nft",
  "bird",
  "birdc",
)("BFD with BIRD", () => {
  let fabric: Fabric;
  let herald: Herald;
  let router: Bird;
  let cut: LinkCut;

  beforeAll(async () => {
    fabric = new Fabric("bfdbird", HOSTS);
    herald = heraldOn(fabric, "IPv4");
    const peer = { address: HERALD.IPv4, asn: 65001, passive: true, families: ["IPv4"] as const, bfdIntervalMillis: INTERVAL_MILLIS };
    router = new Bird(fabric.host("router"), { asn: 65000, routerId: ROUTER.IPv4, address: ROUTER.IPv4, peers: [peer] });
    cut = new LinkCut(fabric.host("router"));
    await router.start();
    await herald.start();
  });
  afterAll(async () => fabric?.close());

  it("comes up, finds a silent cut, and comes up again", async () => {
    const up = async (): Promise<void> => {
      await until("the session is up", async () => (await state(herald)) === "Established");
      await until("BFD is up on both sides", async () => (await bfdState(herald)) === "Up" && router.bfdIs(HERALD.IPv4, "Up"));
    };
    await up();
    cut.cut();
    await until("the session has ended", async () => (await state(herald)) !== "Established");
    cut.mend();
    await up();
    expect(timesOf(herald, "bfd.transition", isDetection).length).toBeGreaterThan(0);
  });
});
