import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BGPPeer } from "../../../src/objects/kinds.ts";
import { needsReset } from "../../../src/speaker/peer-settings.ts";
import { ip, peer } from "../../support/cluster-objects.ts";

const PAGE = readFileSync(new URL("../../../docs/sessions.md", import.meta.url), "utf8");
const SECRET = { name: "bgp", namespace: "herald-system" };

/** For every field of a BGPPeer a value that is not its default. */
const OTHER: { readonly [Field in keyof Omit<BGPPeer, "kind" | "metadata">]: BGPPeer[Field] } = {
  myASN: 65009,
  peerASN: 65010,
  peerAddress: ip("192.0.2.9"),
  interface: "eth1",
  defaultGateway: "IPv4",
  peerPort: 1179,
  sourceAddress: ip("192.0.2.10"),
  vrf: "red",
  holdTimeSeconds: 30,
  keepaliveTimeSeconds: 7,
  sendHoldTimeSeconds: 600,
  connectTimeSeconds: 9,
  ebgpMultiHop: true,
  multihopTTL: 3,
  ttlSecurityHops: 1,
  password: "secret",
  passwordSecret: SECRET,
  tcpAO: [{ id: 1, receiveID: null, algorithm: "HMAC-SHA-1-96", passwordSecret: SECRET }],
  bfdProfile: "fast",
  gracefulRestart: { enabled: false, restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: null },
  families: ["IPv4", "IPv6"],
  extendedNextHop: true,
  nextHopSource: "NodeInternalIP",
  nextHop: { ipv4: ip("10.0.0.1"), ipv6: null },
  routerID: 9,
  role: "customer",
  passive: true,
  announceLimit: { ipv4: 5, ipv6: 5 },
  extendedMessages: true,
  omitCapabilities: [65],
  nodeSelectors: [{ matchLabels: { rack: "r1" }, matchExpressions: [] }],
  adminDown: { reason: "maintenance" },
};

/** As a person writes it. */
const WRITTEN: ReadonlyMap<string, string> = new Map([["holdTimeSeconds", "holdTime"]]);

describe("docs/sessions.md", () => {
  it("names every field of a BGPPeer whose change needs a new session, and no other, in the two rows about them", () => {
    const cells = PAGE.split("\n")
      .filter((line) => line.startsWith("| a field that the OPEN says") || line.startsWith("| an end of the connection"))
      .map((line) => line.split("|")[1] ?? "");
    expect(cells).toHaveLength(2);
    const named = cells.join(" ").replaceAll(/`herald [^`]*`/g, "");
    const words = [...named.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word);
    const before = peer("tor");
    const resetting = Object.entries(OTHER).filter(([field, value]) => {
      const changed = { ...before, [field]: value };
      return needsReset({ peer: before, routerId: 1 }, { peer: changed, routerId: 1 });
    });
    expect(resetting.length).toBeGreaterThan(15);
    expect(words.sort()).toEqual(resetting.map(([field]) => WRITTEN.get(field) ?? field).sort());
  });
});
