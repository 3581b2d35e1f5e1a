import { cpSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Bird } from "../support/lab/bird.ts";
import { type PeerSpec, serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, num, record, text } from "../support/lab/json.ts";
import type { Router, RouterConstructor, RouterPeer } from "../support/lab/router.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

type Family = "IPv4" | "IPv6";

const HERALD = { IPv4: "10.88.0.10", IPv6: "fd88::10" };
const ROUTER = { IPv4: "10.88.0.2", IPv6: "fd88::2" };
const HOSTS = [
  { name: "node", addresses: [`${HERALD.IPv4}/24`, `${HERALD.IPv6}/64`] },
  { name: "router", addresses: [`${ROUTER.IPv4}/24`, `${ROUTER.IPv6}/64`] },
];
/** Distinct enough to be found in any output that lets them out. */
const RIGHT = "correct-horse-battery";
const WRONG = "incorrect-mule-capacitor";
const NEXT = "next-zebra-condenser";

interface Example {
  readonly name: string;
  readonly Router: RouterConstructor;
  readonly tools: readonly string[];
  readonly over: Family;
  readonly heraldDials: boolean;
}

const FRR = { Router: Frr, tools: ["bgpd", "zebra", "vtysh"] };
const BIRD = { Router: Bird, tools: ["bird", "birdc"] };
const EXAMPLES: readonly Example[] = [
  { name: "FRR over IPv4, Herald dials", ...FRR, over: "IPv4", heraldDials: true },
  { name: "FRR over IPv6, the router dials", ...FRR, over: "IPv6", heraldDials: false },
  { name: "BIRD over IPv6, Herald dials", ...BIRD, over: "IPv6", heraldDials: true },
  { name: "BIRD over IPv4, the router dials", ...BIRD, over: "IPv4", heraldDials: false },
];

function heraldOn(fabric: Fabric, over: Family, spec: Partial<PeerSpec>): Herald {
  const herald = new Herald(fabric.host("node"), {
    node: "node",
    listen: spec.passive === true ? [HERALD[over]] : [],
    record: true,
    configuration: { resetSpread: "0s", log: { level: "debug", format: "json" } },
  });
  herald.cluster.node("node", [HERALD.IPv4, HERALD.IPv6]);
  herald.cluster.attributes([{ name: "plain" }]);
  herald.cluster.services([serviceAt(1, "plain")]);
  herald.cluster.peers([peerOf(over, spec)]);
  return herald;
}

function peerOf(over: Family, spec: Partial<PeerSpec>): PeerSpec {
  return { name: "tor", myASN: 65001, peerASN: 65000, peerAddress: ROUTER[over], families: [over], connectTime: "1s", ...spec };
}

function routerOn(fabric: Fabric, { Router, over, heraldDials }: Example, spec: Partial<RouterPeer>): Router {
  const peer: RouterPeer = { address: HERALD[over], asn: 65001, passive: heraldDials, families: [over], ...spec };
  return new Router(fabric.host("router"), { asn: 65000, routerId: ROUTER.IPv4, address: ROUTER[over], peers: [peer] });
}

async function isEstablished(herald: Herald): Promise<boolean> {
  return (await herald.peer("tor"))["state"] === "Established";
}

async function lastError(herald: Herald): Promise<string> {
  const error = (await herald.peer("tor"))["lastError"];
  return error === null ? "" : text(record(error)["text"]);
}

/** Everything the process lets out, in one text. */
async function everything(herald: Herald): Promise<string> {
  const views = await Promise.all(["peers", "routes", "services", "events"].map((name) => herald.get(`/api/v1/${name}`)));
  return [herald.output(), herald.recorded(), await herald.metrics(), JSON.stringify(views)].join("\n");
}

async function expectNoPassword(herald: Herald): Promise<void> {
  const output = await everything(herald);
  expect(output.length).toBeGreaterThan(2000);
  for (const password of [RIGHT, WRONG, NEXT]) {
    expect(output).not.toContain(password);
    expect(output).not.toContain(Buffer.from(password).toString("base64"));
  }
}

for (const example of EXAMPLES) {
  requireTools(
    "root",
    "ip",
    ...example.tools,
  )(`TCP-MD5 with ${example.name}`, () => {
    let fabric: Fabric;
    let herald: Herald;
    let router: Router;

    beforeAll(async () => {
      fabric = new Fabric("md5", HOSTS);
      herald = heraldOn(fabric, example.over, { passwordSecret: { name: "tor-password" }, passive: !example.heraldDials });
      router = routerOn(fabric, example, { password: RIGHT });
      await router.start();
      await herald.start();
    });
    afterAll(async () => fabric?.close());

    it("holds the peer down while the Secret with its password is not there, and says which", async () => {
      await until("the peer is held", async () => (await lastError(herald)).includes("there is no Secret herald-system/tor-password"));
      expect((await herald.peer("tor"))["state"]).toBe("Idle");
    });

    it("gets no answer under a wrong password, and names the password among the causes", async () => {
      herald.cluster.secrets({ "tor-password": WRONG });
      if (example.heraldDials) {
        await until("the dial is given up", async () => (await lastError(herald)).includes("the password"));
      } else {
        await until("the peer waits", async () => (await herald.peer("tor"))["lastError"] === null);
      }
      expect(await isEstablished(herald)).toBe(false);
      expect(router.established(HERALD[example.over])).toBe(false);
    });

    it("is established under the right one without a restart, and the router gets the routes", async () => {
      herald.cluster.secrets({ "tor-password": RIGHT });
      await until("the session is up", async () => isEstablished(herald));
      await until("the router holds the route", async () => router.table(example.over).size === 1);
    });

    it("lets no password out, in whatever it logs, shows or records", async () => {
      await expectNoPassword(herald);
    });
  });
}

requireTools(
  "root",
  "ip",
  "ss",
)("A TCP-MD5 key that is rotated", () => {
  let fabric: Fabric;
  let herald: Herald;
  let other: Herald;

  beforeAll(async () => {
    fabric = new Fabric("rotate", HOSTS);
    herald = heraldOn(fabric, "IPv4", { passwordSecret: { name: "tor-password" }, holdTime: "9s" });
    herald.cluster.secrets({ "tor-password": RIGHT });
    // Routers end a session when their own key is configured anew; a second Herald does not.
    other = new Herald(fabric.host("router"), { node: "router", listen: [ROUTER.IPv4] });
    other.cluster.node("router", [ROUTER.IPv4]);
    other.cluster.secrets({ "node-password": RIGHT });
    const passwordSecret = { name: "node-password" };
    other.cluster.peers([{ name: "node", myASN: 65000, peerASN: 65001, peerAddress: HERALD.IPv4, passive: true, passwordSecret }]);
    await other.start();
    await herald.start();
    await until("the session is up", async () => isEstablished(herald));
  });
  afterAll(async () => fabric?.close());

  it("changes under the session when both sides change it: no flap, and routes go on under the new key", async () => {
    const before = await herald.peer("tor");
    herald.cluster.secrets({ "tor-password": NEXT });
    other.cluster.secrets({ "node-password": NEXT });
    for (const [end, host] of [
      [herald, "node"],
      [other, "router"],
    ] as const) {
      await until(`${host} signs with the new key`, async () => fabric.host(host).run("ss", ["-tnei"]).includes(NEXT));
      await until(`${host} says so`, async () => end.output().includes("peer.keyChanged"));
    }
    herald.cluster.services([serviceAt(1, "plain"), serviceAt(2, "plain")]);
    await until("the new route arrives", async () => {
      const received = record((await other.peer("node"))["received"]);
      return num(received["prefixes"]) >= 2;
    });
    const after = await herald.peer("tor");
    expect([after["state"], after["flaps"], after["since"]]).toEqual(["Established", 0, before["since"]]);
    await expectNoPassword(herald);
  });
});

for (const example of EXAMPLES) {
  requireTools(
    "root",
    "ip",
    "dumpcap",
    "tshark",
    ...example.tools,
  )(`GTSM (RFC 5082) with ${example.name}`, () => {
    let fabric: Fabric;
    let herald: Herald;
    let router: Router;

    beforeAll(async () => {
      fabric = new Fabric("gtsm", HOSTS);
      herald = heraldOn(fabric, example.over, { ttlSecurityHops: 1, passive: !example.heraldDials });
      // As a router that was not told: its packets come with a TTL of 1 (FRR, BIRD).
      router = routerOn(fabric, example, {});
      await router.start();
      await herald.start();
    });
    afterAll(async () => fabric?.close());

    it("has no session with a router whose packets could come from anywhere", async () => {
      if (example.heraldDials) await until("a dial is given up", async () => (await lastError(herald)).includes("check TTL security"));
      else await until("the kernel has dropped a call", async () => /,d[1-9]\d*\)/.test(fabric.host("node").run("ss", ["-tlnm"])));
      expect(await isEstablished(herald)).toBe(false);
      const { sent } = await herald.peer("tor");
      expect(record(sent)["updates"]).toBe(0);
    });

    it("is established once the router sends with a TTL of 255 too", async () => {
      expect(router.established(HERALD[example.over])).toBe(false);
      await router.stop("crash");
      router = routerOn(fabric, example, { ttlSecurityHops: 1 });
      await router.start();
      await until("the session is up", async () => isEstablished(herald));
      await until("the router holds the route", async () => router.table(example.over).size === 1);
    });

    it("sends with a TTL of 255 and as internetwork control (CS6)", async () => {
      const file = `${fabric.host("node").directory}/ttl.pcap`;
      const filter = ["-q", "-P", "-i", "eth0", "-c", "4", "-f", `tcp port 179 and src host ${HERALD[example.over]}`, "-w", file];
      const capture = fabric.host("node").start("dumpcap", filter);
      await until("dumpcap captures", async () => capture.output().includes("File:"));
      let n = 1;
      await until("four packets are captured", async () => {
        n = 3 - n;
        herald.cluster.services([serviceAt(1, "plain"), ...(n === 2 ? [serviceAt(2, "plain")] : [])]);
        return !capture.running;
      });
      const fields = example.over === "IPv4" ? ["ip.ttl", "ip.dsfield.dscp"] : ["ipv6.hlim", "ipv6.tclass.dscp"];
      const lines = fabric.host("node").run("tshark", ["-r", file, "-T", "fields", ...fields.flatMap((field) => ["-e", field])]);
      expect(lines.trim().split("\n")).toEqual(Array.from({ length: 4 }, () => "255\t48"));
    });
  });
}

requireTools(
  "root",
  "ip",
  "bgpd",
  "zebra",
  "vtysh",
)("A Herald without the package koffi", () => {
  let fabric: Fabric;
  afterAll(async () => fabric?.close());

  it("runs a peer that asks for no socket option, and holds every other down with the reason", async () => {
    fabric = new Fabric("plain", HOSTS);
    const host = fabric.host("node");
    const bundle = `${host.directory}/dist/herald.mjs`;
    cpSync(new URL("../../dist", import.meta.url), `${host.directory}/dist`, { recursive: true });
    const router = routerOn(fabric, { name: "", ...FRR, over: "IPv4", heraldDials: true }, {});
    const herald = new Herald(host, { node: "node", bundle, listen: [HERALD.IPv4] });
    herald.cluster.node("node", [HERALD.IPv4, HERALD.IPv6]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([serviceAt(1, "plain")]);
    const asking: readonly Partial<PeerSpec>[] = [
      { password: RIGHT },
      { ttlSecurityHops: 1 },
      { multihopTTL: 3 },
      { vrf: "red" },
      { bfdProfile: "fast" },
    ];
    herald.cluster.peers([
      peerOf("IPv4", {}),
      ...asking.map((spec, n) => peerOf("IPv4", { name: `asks-${n}`, peerAddress: `10.88.0.${100 + n}`, ...spec })),
    ]);
    await router.start();
    await herald.start();
    await until("the plain session is up", async () => isEstablished(herald));
    let held = 0;
    for (const [n, spec] of asking.entries()) {
      const { state, lastError } = await herald.peer(`asks-${n}`);
      const [field = ""] = Object.keys(spec);
      expect(state).toBe("Idle");
      expect(text(record(lastError)["text"])).toMatch(
        new RegExp(`^held down: ${field} needs socket options: the package koffi does not load`),
      );
      held++;
    }
    expect(held).toBe(5);
  });
});

requireTools("root", "ip")("A caller that is no peer", () => {
  let fabric: Fabric;
  let herald: Herald;
  beforeAll(async () => {
    fabric = new Fabric("stranger", HOSTS);
    herald = heraldOn(fabric, "IPv4", { passive: true, password: RIGHT });
    await herald.start();
  });
  afterAll(async () => fabric?.close());

  it("gets nothing: the connection is closed without an octet", async () => {
    const stranger = `
      const socket = require("node:net").connect({ host: "${HERALD.IPv4}", port: 179, localAddress: "${ROUTER.IPv4.replace(".2", ".3")}" });
      let octets = 0;
      socket.on("data", (chunk) => { octets += chunk.length; });
      socket.on("error", () => {});
      socket.on("close", () => { console.log("closed after " + octets); });`;
    fabric.host("router").run("ip", ["addr", "add", `${ROUTER.IPv4.replace(".2", ".3")}/24`, "dev", "eth0"]);
    expect(fabric.host("router").run(process.execPath, ["-e", stranger]).trim()).toBe("closed after 0");
    // Nor does the peer itself without its key: its SYN is not answered.
    const peer = `
      const socket = require("node:net").connect({ host: "${HERALD.IPv4}", port: 179, localAddress: "${ROUTER.IPv4}" });
      socket.on("connect", () => { console.log("connected"); process.exit(); });
      socket.on("error", (error) => { console.log(error.code); process.exit(); });
      setTimeout(() => { console.log("silence"); process.exit(); }, 1500);`;
    expect(fabric.host("router").run(process.execPath, ["-e", peer]).trim()).toBe("silence");
    expect(list((await herald.get("/api/v1/peers"))["items"]).length).toBe(1);
    await expectNoPassword(herald);
  });
});
