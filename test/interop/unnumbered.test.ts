import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { Bird } from "../support/lab/bird.ts";
import { serviceAt } from "../support/lab/cluster.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Frr } from "../support/lab/frr.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, record, text } from "../support/lab/json.ts";
import { until } from "../support/lab/wait.ts";
import { projectFile } from "../support/project.ts";
import { requireTools } from "../support/requirements.ts";

/** The kernel gives a neighbour up in its own time, between the dials to it. */
const PATIENCE_MILLIS = 120_000;
const TEST_MILLIS = 3 * PATIENCE_MILLIS;
const SERVICE = serviceAt(1, "plain");
const PREFIX = { IPv4: `${SERVICE.ipv4}/32`, IPv6: `${SERVICE.ipv6}/128` };

/** What makes the lab start bfdd; the sessions themselves stand in the configuration. */
const BFD_PEER = { address: "eth0", asn: 65001, passive: false, families: ["IPv4"] } as const;

/** The n-th block of a language in docs/fabrics.md. */
function block(language: string, n = 0): string {
  const page = readFileSync(projectFile("docs/fabrics.md"), "utf8");
  const found = [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))][n]?.[1];
  if (found === undefined) throw new Error(`docs/fabrics.md has no block ${n} of ${language}`);
  return found;
}

function linkLocal(fabric: Fabric, host: string): string {
  const output = JSON.parse(fabric.host(host).run("ip", ["-j", "-6", "addr", "show", "dev", "eth0", "scope", "link"]));
  return list(output)
    .flatMap((link) => list(record(link)["addr_info"]))
    .flatMap((entry) => (record(entry)["local"] === undefined ? [] : [text(record(entry)["local"])]))
    .join();
}

/** `fe80::1` of `via inet6 fe80::1`, as the host's kernel has the route; "" = it has none. */
function via(fabric: Fabric, host: string, prefix: string): string {
  const output = fabric
    .host(host)
    .run("ip", ["-j", prefix.includes(":") ? "-6" : "-4", "route", "show", "exact", prefix])
    .trim();
  const [route] = list(output === "" ? [] : JSON.parse(output)).map(record);
  if (route === undefined) return "";
  return text(route["gateway"] ?? record(route["via"])["host"]);
}

requireTools(
  "root",
  "ip",
  "bgpd",
  "zebra",
  "vtysh",
)("an unnumbered session with FRR", () => {
  let fabric: Fabric;
  let router: Frr;
  let herald: Herald;

  beforeAll(async () => {
    fabric = new Fabric("unnumbered", [
      { name: "node", addresses: [] },
      { name: "router", addresses: [] },
    ]);
    router = new Frr(
      fabric.host("router"),
      { asn: 65000, routerId: "192.0.2.1", address: "", peers: [] },
      `frr defaults datacenter\nlog stdout debugging\n${block("frr")}`,
    );
    herald = new Herald(fabric.host("node"), { node: "node", listen: ["::"], configuration: { resetSpread: "0s" } });
    herald.cluster.node("node", []);
    herald.cluster.write("peers.json", [parseDocument(block("yaml")).toJS()]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([SERVICE]);
    await router.start();
    herald.launch();
  });
  afterAll(async () => fabric?.close());

  /** The session is up, over these two addresses, and the router's kernel sends the traffic through it. */
  const carries = async (): Promise<void> => {
    const [node, far] = [linkLocal(fabric, "node"), linkLocal(fabric, "router")];
    await until(
      "the session is up over the link-local addresses of now",
      async () => {
        const { state, peerAddress } = await herald.peer("uplink");
        return state === "Established" && peerAddress === `${far}%eth0`;
      },
      PATIENCE_MILLIS,
    );
    for (const family of ["IPv4", "IPv6"] as const) {
      await until(
        `the router holds ${PREFIX[family]} through the node`,
        async () => router.table(family).get(PREFIX[family])?.[0]?.nextHop === node && via(fabric, "router", PREFIX[family]) === node,
        PATIENCE_MILLIS,
      );
    }
  };

  it("comes up from cold, and IPv4 and IPv6 routes stand in the kernel through the node's link-local address", async () => {
    await carries();
    expect(await herald.peer("uplink")).toMatchObject({ peerASN: 65000, families: ["IPv4", "IPv6"] });
    expect(router.neighbor("eth0")).toMatchObject({ remoteAs: 65001, bgpState: "Established" });
  });

  it(
    "follows a link that goes down and comes up",
    async () => {
      fabric.host("router").run("ip", ["link", "set", "eth0", "down"]);
      await until("the session has ended", async () => (await herald.peer("uplink"))["state"] !== "Established", PATIENCE_MILLIS);
      fabric.host("router").run("ip", ["link", "set", "eth0", "up"]);
      await carries();
    },
    TEST_MILLIS,
  );

  it("holds the peer down while the node's own link is down, says so, and follows when it is back", async () => {
    fabric.host("node").run("ip", ["link", "set", "eth0", "down"]);
    const { lastError } = await until("the peer is held down", async () => {
      const peer = await herald.peer("uplink");
      return peer["state"] === "Idle" && peer["peerAddress"] === null ? peer : undefined;
    });
    expect(record(lastError)["text"]).toBe("held down: there is no interface eth0 on this host that is up and has a carrier");
    fabric.host("node").run("ip", ["link", "set", "eth0", "up"]);
    await carries();
  });

  it(
    "follows a router that is replaced: another link-layer and another link-local address",
    async () => {
      const before = linkLocal(fabric, "router");
      const host = fabric.host("router");
      // The kernel is kept from ever giving the old router up: the new one is found without that.
      const { lladdr } = record(list(JSON.parse(fabric.host("node").run("ip", ["-j", "-6", "neigh", "show", before, "dev", "eth0"])))[0]);
      const old = ["lladdr", text(lladdr), "dev", "eth0", "nud", "permanent", "router"];
      fabric.host("node").run("ip", ["-6", "neigh", "replace", before, ...old]);
      host.run("ip", ["link", "set", "eth0", "down"]);
      host.run("ip", ["link", "set", "eth0", "address", "02:00:5e:00:00:77"]);
      host.run("ip", ["link", "set", "eth0", "up"]);
      await until("the router has another address", async () => ![before, ""].includes(linkLocal(fabric, "router")));
      await carries();
    },
    TEST_MILLIS,
  );
});

requireTools(
  "root",
  "ip",
  "bgpd",
  "zebra",
  "bfdd",
  "vtysh",
)("a session by interface from a node that has a global address on the link", () => {
  let fabric: Fabric;
  let router: Frr;
  let herald: Herald;

  beforeAll(async () => {
    fabric = new Fabric("global", [
      { name: "node", addresses: ["fd88::10/64"] },
      { name: "router", addresses: [] },
    ]);
    router = new Frr(
      fabric.host("router"),
      { asn: 65000, routerId: "192.0.2.1", address: "", peers: [{ ...BFD_PEER, bfdIntervalMillis: 400 }] },
      `frr defaults datacenter\nlog stdout debugging\n${block("frr")}router bgp 65000\n neighbor eth0 bfd 3 400 400\n`,
    );
    herald = new Herald(fabric.host("node"), { node: "node", configuration: { resetSpread: "0s" } });
    herald.cluster.node("node", []);
    const uplink = record(parseDocument(block("yaml")).toJS());
    herald.cluster.write("peers.json", [{ ...uplink, spec: { ...record(uplink["spec"]), bfdProfile: "calm" } }]);
    herald.cluster.write("profiles.json", [
      {
        apiVersion: "herald.dev/v1alpha1",
        kind: "BFDProfile",
        metadata: { name: "calm", namespace: "herald-system" },
        spec: { receiveInterval: 400, transmitInterval: 400 },
      },
    ]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([SERVICE]);
    await router.start();
    herald.launch();
  });
  afterAll(async () => fabric?.close());

  it("names the global address as next hop beside the link-local one, to a router that it calls", async () => {
    await until("the session is up", async () => (await herald.peer("uplink"))["state"] === "Established", PATIENCE_MILLIS);
    const node = linkLocal(fabric, "node");
    for (const family of ["IPv4", "IPv6"] as const) {
      await until(
        `the router's kernel sends ${PREFIX[family]} to the node`,
        async () => via(fabric, "router", PREFIX[family]) === node,
        PATIENCE_MILLIS,
      );
    }
    const hops = list(router.path("IPv6", PREFIX.IPv6)["nexthops"]).map((hop) => text(record(hop)["ip"]));
    expect(hops.sort()).toEqual(["fd88::10", node].sort());
  });

  it("is watched by BFD over the link-local addresses", async () => {
    await until("BFD is up on both sides", async () => {
      const bfd = record((await herald.peer("uplink"))["bfd"]);
      if (bfd["state"] !== "Up") throw new Error(JSON.stringify(bfd));
      return router.bfd(linkLocal(fabric, "node"))?.["status"] === "up";
    });
  });
});

requireTools(
  "root",
  "ip",
  "setpriv",
)("a process that may not send router advertisements", () => {
  let fabric: Fabric;
  let herald: Herald;

  beforeAll(async () => {
    fabric = new Fabric("unraw", [{ name: "node", addresses: [] }]);
    herald = new Herald(fabric.host("node"), { node: "node", under: ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"] });
    herald.cluster.node("node", []);
    herald.cluster.write("peers.json", [parseDocument(block("yaml")).toJS()]);
    herald.launch();
  });
  afterAll(async () => fabric?.close());

  it("says so, and what it lacks, while the peer waits for a router", async () => {
    const line = await until("the log says so", async () =>
      herald
        .output()
        .split("\n")
        .find((text) => text.includes("link.notAdvertised")),
    );
    expect(record(JSON.parse(line))["why"]).toBe(
      "no router advertisement can be sent (socket: EPERM): give the process the capability NET_RAW",
    );
    expect(text(record((await herald.peer("uplink"))["lastError"])["text"])).toContain("held down: no router has been seen on eth0");
  });
});

requireTools(
  "root",
  "ip",
  "sysctl",
  "bird",
  "birdc",
)("an unnumbered session with BIRD", () => {
  let fabric: Fabric;
  let herald: Herald;
  let bird: Bird;

  beforeAll(async () => {
    fabric = new Fabric("birdlink", [
      { name: "node", addresses: [] },
      { name: "router", addresses: [] },
    ]);
    const router = fabric.host("router");
    // A router says in its neighbour advertisements that it is one, and BIRD sends no router advertisements that a kernel keeps.
    router.run("sysctl", ["-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.eth0.forwarding=1"]);
    await until("both ends have a link-local address", async () => ["node", "router"].every((host) => linkLocal(fabric, host) !== ""));
    const peer = { address: linkLocal(fabric, "node"), asn: 65001, passive: false, families: ["IPv4", "IPv6"] as const };
    bird = new Bird(router, {
      asn: 65000,
      routerId: "192.0.2.1",
      address: linkLocal(fabric, "router"),
      peers: [{ ...peer, interface: "eth0" }],
    });
    herald = new Herald(fabric.host("node"), { node: "node", listen: ["::"], configuration: { resetSpread: "0s" } });
    herald.cluster.node("node", []);
    herald.cluster.write("peers.json", [parseDocument(block("yaml")).toJS()]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([SERVICE]);
    await bird.start();
    herald.launch();
  });
  afterAll(async () => fabric?.close());

  it("comes up with a router that has the node's link-local address, and carries IPv4 with a link-local next hop", async () => {
    const node = linkLocal(fabric, "node");
    await until("the session is up", async () => (await herald.peer("uplink"))["state"] === "Established", PATIENCE_MILLIS);
    for (const family of ["IPv4", "IPv6"] as const) {
      const path = await until(`the router holds ${PREFIX[family]}`, async () => bird.table(family).get(PREFIX[family])?.[0]);
      expect(path.nextHop, family).toBe(node);
    }
  });
});
