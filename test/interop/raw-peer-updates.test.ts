import { afterEach, describe, expect, it } from "vitest";
import { KEEPALIVE, message, RawPeer, TYPE, update } from "../support/raw-peer.ts";
import { Cleanup, eventually, type Rig, shown, startListening } from "../support/speaker-rig.ts";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const ORIGIN = "40010100";
const AS_PATH = "4002060201 0000fde8";
const NEXT_HOP = "400304 0a000002";
const GOOD = `${ORIGIN} ${AS_PATH} ${NEXT_HOP}`;
const NLRI = "20 c0000202";
const MP_REACH = "800e26 0002 01 10 20010db8000000000000000000000002 00 80 20010db8000000000000000000000001";

async function session(spec: Readonly<Record<string, unknown>> = {}): Promise<{ readonly rig: Rig; readonly peer: RawPeer }> {
  const rig = await startListening(cleanup, { spec: { families: ["IPv4", "IPv6"], ...spec } });
  const peer = cleanup.add(await RawPeer.dial(rig.port), (made) => made.destroy());
  await peer.establish({ capabilities: "0104 0001 0001 0104 0002 0001 0200 4104 0000fde8" });
  await peer.message(TYPE.update, 1);
  return { rig, peer };
}

type Counted = "accepted" | "treatAsWithdraw" | "attributeDiscard";

describe("UPDATEs with errors that leave the session up (RFC 7606 §3, §7)", () => {
  const rows: readonly (readonly [string, Buffer, Counted])[] = [
    ["a good route", update({ attributes: GOOD, nlri: NLRI }), "accepted"],
    ["attributes in any order", update({ attributes: `${NEXT_HOP} ${AS_PATH} ${ORIGIN}`, nlri: NLRI }), "accepted"],
    ["a short attribute with an extended length", update({ attributes: `5001000100 ${AS_PATH} ${NEXT_HOP}`, nlri: NLRI }), "accepted"],
    ["host bits beyond the prefix length", update({ attributes: GOOD, nlri: "08 0a ff".replace("ff", "") }), "accepted"],
    ["an End-of-RIB", update({}), "accepted"],
    ["an unknown optional transitive attribute", update({ attributes: `${GOOD} c0c8 02 beef`, nlri: NLRI }), "accepted"],
    ["an unknown optional non-transitive attribute", update({ attributes: `${GOOD} 80c8 02 beef`, nlri: NLRI }), "accepted"],
    ["attribute code 0", update({ attributes: `${GOOD} c000 01 00`, nlri: NLRI }), "accepted"],
    ["a reserved Prefix-SID attribute of zeros", update({ attributes: `${GOOD} c028 00`, nlri: NLRI }), "attributeDiscard"],
    ["a second ORIGIN", update({ attributes: `${GOOD} 40010102`, nlri: NLRI }), "attributeDiscard"],
    ["a LOCAL_PREF from outside the AS", update({ attributes: `${GOOD} 400504 00000064`, nlri: NLRI }), "attributeDiscard"],
    ["an ATOMIC_AGGREGATE with content", update({ attributes: `${GOOD} 400601 00`, nlri: NLRI }), "attributeDiscard"],
    ["an AGGREGATOR of five octets", update({ attributes: `${GOOD} c00705 0000000000`, nlri: NLRI }), "attributeDiscard"],
    ["an AS4_PATH from a four-octet speaker", update({ attributes: `${GOOD} c01106 0201 0000fde8`, nlri: NLRI }), "attributeDiscard"],
    ["an ORIGIN of 3", update({ attributes: `40010103 ${AS_PATH} ${NEXT_HOP}`, nlri: NLRI }), "treatAsWithdraw"],
    ["an ORIGIN without a value", update({ attributes: `400100 ${AS_PATH} ${NEXT_HOP}`, nlri: NLRI }), "treatAsWithdraw"],
    [
      "an ORIGIN with the flags of an optional attribute",
      update({ attributes: `c0010100 ${AS_PATH} ${NEXT_HOP}`, nlri: NLRI }),
      "treatAsWithdraw",
    ],
    ["no ORIGIN", update({ attributes: `${AS_PATH} ${NEXT_HOP}`, nlri: NLRI }), "treatAsWithdraw"],
    ["no AS_PATH", update({ attributes: `${ORIGIN} ${NEXT_HOP}`, nlri: NLRI }), "treatAsWithdraw"],
    ["no NEXT_HOP", update({ attributes: `${ORIGIN} ${AS_PATH}`, nlri: NLRI }), "treatAsWithdraw"],
    ["a NEXT_HOP of three octets", update({ attributes: `${ORIGIN} ${AS_PATH} 400303 0a0000`, nlri: NLRI }), "treatAsWithdraw"],
    ["AS 0 in AS_PATH", update({ attributes: `${ORIGIN} 4002060201 00000000 ${NEXT_HOP}`, nlri: NLRI }), "treatAsWithdraw"],
    [
      "an AS_PATH segment of an unknown type",
      update({ attributes: `${ORIGIN} 4002060901 0000fde8 ${NEXT_HOP}`, nlri: NLRI }),
      "treatAsWithdraw",
    ],
    [
      "an AS_PATH segment beyond the attribute",
      update({ attributes: `${ORIGIN} 4002060202 0000fde8 ${NEXT_HOP}`, nlri: NLRI }),
      "treatAsWithdraw",
    ],
    ["an AS_PATH segment without AS numbers", update({ attributes: `${ORIGIN} 4002020200 ${NEXT_HOP}`, nlri: NLRI }), "treatAsWithdraw"],
    ["a MED of three octets", update({ attributes: `${GOOD} 800403 000000`, nlri: NLRI }), "treatAsWithdraw"],
    ["COMMUNITIES of five octets", update({ attributes: `${GOOD} c00805 fde8000100`, nlri: NLRI }), "treatAsWithdraw"],
    ["empty COMMUNITIES", update({ attributes: `${GOOD} c00800`, nlri: NLRI }), "treatAsWithdraw"],
    ["extended communities of nine octets", update({ attributes: `${GOOD} c01009 0002fde80000006400`, nlri: NLRI }), "treatAsWithdraw"],
    ["large communities of eleven octets", update({ attributes: `${GOOD} c0200b 0000000100000002000000`, nlri: NLRI }), "treatAsWithdraw"],
    ["an OTC of three octets", update({ attributes: `${GOOD} c02303 000000`, nlri: NLRI }), "treatAsWithdraw"],
    ["an attribute that runs over the attributes' end", update({ attributes: `${GOOD} c008ff fde80001`, nlri: NLRI }), "treatAsWithdraw"],
    ["two octets left behind the last attribute", update({ attributes: `${GOOD} c008`, nlri: NLRI }), "treatAsWithdraw"],
  ];

  it("counts each of them as what it is, and goes on", async () => {
    const { rig, peer } = await session();
    const wrong: string[] = [];
    for (const [what, octets, expected] of rows) {
      const before = shown(rig).received;
      peer.send(octets, KEEPALIVE);
      await eventually(what, () => shown(rig).received.keepalives > before.keepalives || peer.ended);
      const { treatAsWithdraw, attributeDiscard, updates } = shown(rig).received;
      const was: Counted =
        treatAsWithdraw > before.treatAsWithdraw
          ? "treatAsWithdraw"
          : attributeDiscard > before.attributeDiscard
            ? "attributeDiscard"
            : "accepted";
      if (peer.ended) wrong.push(`${what}: ended the session with ${await peer.notification()}`);
      else if (was !== expected || updates !== before.updates + 1) wrong.push(`${what}: ${was}, not ${expected}`);
      if (peer.ended) break;
    }
    expect(wrong).toEqual([]);
    expect(rows).toHaveLength(33);
    expect(shown(rig)).toMatchObject({ state: "Established", flaps: 0 });
    expect(await rig.metrics.text()).toContain('herald_bgp_update_errors_total{peer="tor",action="treatAsWithdraw"} 19');
  });

  it("survives every attribute code with nonsense inside, but for those that end a session by the RFC", async () => {
    const { rig, peer } = await session();
    let sent = 0;
    for (let code = 0; code <= 255; code++) {
      if (code === 14 || code === 15) continue;
      for (const length of [0, 1, 3, 7]) {
        const value = "ab".repeat(length);
        const octets = [code, length].map((octet) => octet.toString(16).padStart(2, "0")).join("");
        peer.send(update({ attributes: `${GOOD} c0${octets}${value}`, nlri: NLRI }));
        sent++;
      }
    }
    peer.send(KEEPALIVE);
    await eventually("all of them", () => shown(rig).received.updates === sent || peer.ended);
    expect(peer.ended).toBe(false);
    expect(sent).toBe(254 * 4);
    expect(shown(rig).state).toBe("Established");
  });
});

describe("UPDATEs that end the session (RFC 7606 §3, §5; RFC 4271 §6.3)", () => {
  const rows: readonly (readonly [string, Buffer, RegExp])[] = [
    ["withdrawn routes longer than the message", message(TYPE.update, "ffff 0000"), /^3\/1/],
    ["attributes longer than the message", message(TYPE.update, "0000 ffff"), /^3\/1/],
    ["an unknown well-known attribute", update({ attributes: `${GOOD} 40c800`, nlri: NLRI }), /^3\/2/],
    ["two MP_REACH_NLRI", update({ attributes: `${MP_REACH} ${MP_REACH} ${ORIGIN} ${AS_PATH}` }), /^3\/1/],
    [
      "an MP_REACH_NLRI with a next hop of five octets",
      update({ attributes: `800e0e 0002 01 05 2001000000 00 20 20010db8`.replace("0e0e", "0e0e") }),
      /^3\//,
    ],
    ["an MP_UNREACH_NLRI of two octets", update({ attributes: "800f02 0002" }), /^3\//],
    [
      "an MP_UNREACH_NLRI with a prefix of 129 bits",
      update({ attributes: "800f15 0002 01 81 20010db8000000000000000000000001 00" }),
      /^3\//,
    ],
    ["an IPv4 prefix of 33 bits", update({ attributes: GOOD, nlri: "21 c000020200" }), /^3\/10/],
    ["an IPv4 prefix that is cut off", update({ attributes: GOOD, nlri: "20 c00002" }), /^3\/10/],
    ["a withdrawn prefix of 33 bits", update({ withdrawn: "21 c000020200" }), /^3\/10/],
    ["attributes with an error and no route at all", update({ attributes: `${ORIGIN} ${AS_PATH} 800403 000000` }), /^3\//],
    ["an UPDATE of 22 octets", message(TYPE.update, "000000"), /^1\/2 0016/],
    ["a ROUTE-REFRESH of 22 octets", message(TYPE.refresh, "000100"), /^(7\/1|1\/2)/],
  ];

  it.each(rows)("answers %s with a NOTIFICATION", async (_what, octets, answer) => {
    const { rig, peer } = await session();
    peer.send(octets);
    expect(await peer.notification()).toMatch(answer);
    await peer.end();
    expect(shown(rig).lastError).toMatchObject({ direction: "sent" });
    expect(shown(rig).state).not.toBe("Established");
  });

  it("ignores a NOTIFICATION that is too short for words, and answers none with another", async () => {
    const { rig, peer } = await session();
    peer.send(message(TYPE.notification, "0600"));
    await peer.end();
    expect(peer.count(TYPE.notification)).toBe(0);
    expect(shown(rig).lastError).toMatchObject({ direction: "received", code: 6, subcode: 0 });
  });
});
