import { afterAll, beforeAll, expect, it } from "vitest";
import { Capture } from "../support/lab/capture.ts";
import { serviceAt } from "../support/lab/cluster.ts";
import { Exabgp } from "../support/lab/exabgp.ts";
import { Fabric } from "../support/lab/fabric.ts";
import { Herald } from "../support/lab/herald.ts";
import { list, record } from "../support/lab/json.ts";
import { until } from "../support/lab/wait.ts";
import { requireTools } from "../support/requirements.ts";

const HERALD = "10.88.0.10";
const PEER = "10.88.0.5";

requireTools(
  "root",
  "ip",
  "dumpcap",
  "tshark",
  "exabgp",
)("a peer that knows two-octet AS numbers only (RFC 6793), by ExaBGP", () => {
  let fabric: Fabric;
  let herald: Herald;
  let exabgp: Exabgp;
  let capture: Capture;

  beforeAll(async () => {
    fabric = new Fabric("exabgp", [
      { name: "node", addresses: [`${HERALD}/24`, "fd88::10/64"] },
      { name: "peer", addresses: [`${PEER}/24`, "fd88::5/64"] },
    ]);
    // To an OLD speaker Herald's AS is AS_TRANS.
    exabgp = new Exabgp(fabric.host("peer"), {
      asn: 65000,
      routerId: PEER,
      address: PEER,
      peers: [{ address: HERALD, asn: 23456, passive: false, families: ["IPv4", "IPv6"], holdTimeSeconds: 3, asn2: true }],
    });
    herald = new Herald(fabric.host("node"), { node: "node", listen: [HERALD] });
    herald.cluster.node("node", [HERALD, "fd88::10"]);
    herald.cluster.peers([
      { name: "old", myASN: 4_200_000_001, peerASN: 65000, peerAddress: PEER, passive: true, families: ["IPv4", "IPv6"] },
    ]);
    herald.cluster.attributes([{ name: "plain" }]);
    herald.cluster.services([serviceAt(1, "plain"), serviceAt(2, "plain")]);
    capture = await Capture.start(fabric.host("node"), "old");
    await herald.start();
    await exabgp.start();
    await until("the session is established", async () => (await herald.peer("old"))["state"] === "Established");
  });
  afterAll(async () => fabric?.close());

  const updates = (): readonly Record<string, unknown>[] =>
    exabgp
      .messages()
      .filter((message) => message["type"] === "update")
      .map((message) => record(record(record(message["neighbor"])["message"])["update"] ?? record(record(message["neighbor"])["message"])));

  it("hears both families, the path being AS_TRANS or the real AS put back from AS4_PATH", async () => {
    await until("four prefixes were heard", async () => prefixes(updates()).length === 4);
    expect(prefixes(updates()).sort()).toEqual(["198.18.0.1/32", "198.18.0.2/32", "2001:db8::1/128", "2001:db8::2/128"]);
    const paths = updates()
      .filter((update) => update["announce"] !== undefined)
      .map((update) => record(update["attribute"])["as-path"]);
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) expect([[23456], [4_200_000_001]]).toContainEqual(path);
  });

  it("hears one End-of-RIB per family", async () => {
    const ends = (): string[] => updates().flatMap((update) => (update["eor"] === undefined ? [] : [JSON.stringify(update["eor"])]));
    await until("both came", async () => ends().length >= 2);
    expect(ends().length).toBe(2);
  });

  it("keeps a session with a hold time of 3 s", async () => {
    const keepalives = async (): Promise<number> => Number(record((await herald.peer("old"))["sent"])["keepalives"]);
    const before = await keepalives();
    await until("five more keepalives were sent", async () => (await keepalives()) >= before + 5);
    const view = await herald.peer("old");
    expect([view["state"], view["holdTimeSeconds"], view["flaps"]]).toEqual(["Established", 3, 0]);
  });

  it("was sent AS4_PATH, and nothing malformed", async () => {
    const decoded = await capture.decode(HERALD, 4);
    expect(decoded.malformed).toEqual([]);
    expect(decoded.attributes).toContain(17);
  });
});

function prefixes(updates: readonly Record<string, unknown>[]): string[] {
  return updates.flatMap((update) =>
    Object.values(record(update["announce"] ?? {})).flatMap((hops) =>
      Object.values(record(hops)).flatMap((routes) => list(routes).map((route) => String(record(route)["nlri"]))),
    ),
  );
}
